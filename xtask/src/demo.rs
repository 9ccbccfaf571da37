//! `cargo xtask demo`: a real box, from nothing, in one command.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::process::cargo;
use crate::setup;

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    setup::ensure(&[&setup::bubblewrap::Bubblewrap])?;
    let status = cargo(["run", "--example", "quickstart", "--"])
        .args(arguments)
        .status()
        .context("cannot run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
