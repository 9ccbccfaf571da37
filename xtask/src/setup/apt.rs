//! Debian's packages, and what needs root.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{command, on_path, output_of, quietly};

/// Installs packages with apt-get; `elsewhere` is the advice for a machine that has none.
pub(super) fn install(packages: &[&str], elsewhere: &str) -> Result<()> {
    if on_path("apt-get").is_none() {
        bail!("this machine has no apt-get. {elsewhere}");
    }
    let install = || {
        let mut apt = as_root("apt-get")?;
        // Nothing of the user's is removed to make room; another apt that runs meanwhile is waited for.
        apt.args(["install", "-y", "--no-install-recommends", "--no-remove", "-oDPkg::Lock::Timeout=300"]);
        quietly(apt.args(packages))
    };
    if install().is_ok() {
        return Ok(());
    }
    // On a new machine the lists are empty, on an old one out of date.
    quietly(as_root("apt-get")?.arg("update"))?;
    install().with_context(|| format!("apt-get could not install {}", packages.join(", ")))
}

/// A command that runs as root: by itself where this user is root, else through sudo.
pub(super) fn as_root(program: &str) -> Result<Command> {
    if output_of(command("id").arg("-u"))? == "0" {
        let mut direct = command(program);
        direct.env("DEBIAN_FRONTEND", "noninteractive");
        return Ok(direct);
    }
    if on_path("sudo").is_none() {
        bail!(
            "`{program}` has to run as root, and this machine has no sudo; run `cargo xtask setup` as root once"
        );
    }
    let mut sudo = command("sudo");
    sudo.args(["DEBIAN_FRONTEND=noninteractive", program]);
    Ok(sudo)
}
