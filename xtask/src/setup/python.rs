//! The published Python clients, each in a virtual environment of its own: peers that nobody here wrote.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Part, apt};
use crate::process::{command, output_of, quietly};
use crate::workspace;

/// The versions of the PyPI package `boxd` that the tests use.
const VERSIONS: &[&str] = &["0.1.1.dev4", "0.1.9", "0.2.19"];

pub(crate) struct PythonClients;

impl Part for PythonClients {
    fn name(&self) -> &'static str {
        "python"
    }

    fn how(&self) -> String {
        let missing: Vec<_> = VERSIONS.iter().copied().filter(|version| !has(&folder(), version)).collect();
        format!("installing the Python clients boxd {} in virtual environments", missing.join(", "))
    }

    fn is_there(&self) -> bool {
        VERSIONS.iter().all(|version| has(&folder(), version))
    }

    fn install(&self) -> Result<()> {
        let python = interpreter()?;
        let folder = folder();
        for version in VERSIONS.iter().filter(|version| !has(&folder, version)) {
            let environment = folder.join(version);
            if environment.exists() {
                fs::remove_dir_all(&environment)
                    .with_context(|| format!("cannot remove the unfinished {}", environment.display()))?;
            }
            quietly(command(python).args(["-m", "venv"]).arg(&environment))?;
            let pip =
                ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"];
            quietly(command(environment.join("bin/python")).args(pip).arg(format!("boxd=={version}")))?;
        }
        Ok(())
    }
}

/// `BOXD_PYTHON_DIR`, where tests look too; `target/python` without it.
fn folder() -> PathBuf {
    std::env::var_os("BOXD_PYTHON_DIR")
        .map_or_else(|| workspace::root().join("target/python"), |folder| workspace::root().join(folder))
}

/// pip writes a package's `dist-info` when the package is whole, and `boxd` after what it depends on.
fn has(folder: &Path, version: &str) -> bool {
    let environment = folder.join(version);
    let Ok(pythons) = fs::read_dir(environment.join("lib")) else { return false };
    environment.join("bin/python").is_file()
        && pythons.flatten().any(|python| {
            python.path().join(format!("site-packages/boxd-{version}.dist-info/RECORD")).is_file()
        })
}

/// A Python that the clients run on and that can make virtual environments.
pub(super) fn interpreter() -> Result<&'static str> {
    const PYTHON: &str = "python3";
    let fits = "import sys, venv, ensurepip; assert sys.version_info >= (3, 10), sys.version";
    let fitting = || output_of(command(PYTHON).args(["-c", fits]));
    if fitting().is_err() {
        let elsewhere = "Install Python 3.10 or newer with its venv module";
        apt::install(&["python3", "python3-venv"], elsewhere)?;
        fitting().context("the published Python clients need Python 3.10 or newer as `python3`")?;
    }
    Ok(PYTHON)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_finished_environment_counts() {
        let folder = std::env::temp_dir().join(format!("xtask-python-{}", std::process::id()));
        let packages = folder.join("1.2.3/lib/python3.11/site-packages/boxd-1.2.3.dist-info");
        fs::create_dir_all(&packages).unwrap();
        fs::create_dir_all(folder.join("1.2.3/bin")).unwrap();
        assert!(!has(&folder, "1.2.3"), "nothing in it");
        fs::write(packages.join("RECORD"), "").unwrap();
        assert!(!has(&folder, "1.2.3"), "no interpreter");
        fs::write(folder.join("1.2.3/bin/python"), "").unwrap();
        assert!(has(&folder, "1.2.3"));
        assert!(!has(&folder, "1.2.4"), "another version");
        fs::remove_dir_all(folder).unwrap();
    }
}
