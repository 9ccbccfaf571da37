//! The browser that the tests drive.

use std::path::PathBuf;

use anyhow::Result;

use super::{Part, apt};
use crate::process::on_path;

pub(crate) struct Chromium;

impl Part for Chromium {
    fn name(&self) -> &'static str {
        "chromium"
    }

    fn how(&self) -> String {
        "installing the packages chromium and chromium-driver".to_owned()
    }

    fn is_there(&self) -> bool {
        browser().is_some() && driver().is_some()
    }

    fn install(&self) -> Result<()> {
        let elsewhere = "Install Chromium or Chrome and the chromedriver of the same version, \
            or name them in the environment variables CHROMIUM and CHROMEDRIVER";
        apt::install(&["chromium", "chromium-driver"], elsewhere)
    }
}

/// Chromium, or Chrome where a machine has that.
pub(crate) fn browser() -> Option<PathBuf> {
    named("CHROMIUM", &["chromium", "google-chrome", "google-chrome-stable"])
}

/// The WebDriver of that browser.
pub(crate) fn driver() -> Option<PathBuf> {
    named("CHROMEDRIVER", &["chromedriver"])
}

fn named(variable: &str, programs: &[&str]) -> Option<PathBuf> {
    match std::env::var_os(variable) {
        Some(path) => Some(PathBuf::from(path)).filter(|path| path.is_file()),
        None => programs.iter().find_map(|program| on_path(program)),
    }
}
