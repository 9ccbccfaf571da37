//! bubblewrap: what a box of the local cluster runs in.

use anyhow::Result;

use super::{Part, apt};
use crate::process::on_path;

pub(crate) struct Bubblewrap;

impl Part for Bubblewrap {
    fn name(&self) -> &'static str {
        "bubblewrap"
    }

    fn how(&self) -> String {
        "installing the package bubblewrap".to_owned()
    }

    fn is_there(&self) -> bool {
        on_path("bwrap").is_some()
    }

    fn install(&self) -> Result<()> {
        let elsewhere = "Install bubblewrap (the program `bwrap`) with your package manager: \
            `dnf install bubblewrap`, `pacman -S bubblewrap`, `apk add bubblewrap`";
        apt::install(&["bubblewrap"], elsewhere)
    }
}
