//! The program `openssl`: makes the certificate of a test's server.

use anyhow::Result;

use super::{Part, apt};
use crate::process::on_path;

pub(crate) struct Openssl;

impl Part for Openssl {
    fn name(&self) -> &'static str {
        "openssl"
    }

    fn how(&self) -> String {
        "installing the package openssl".to_owned()
    }

    fn is_there(&self) -> bool {
        on_path("openssl").is_some()
    }

    fn install(&self) -> Result<()> {
        apt::install(&["openssl"], "Install the program `openssl` with your package manager")
    }
}
