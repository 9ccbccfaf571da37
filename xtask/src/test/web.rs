//! The npm package, as its users get it: packed, installed, and walked through in every runtime.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::report::Report;
use super::steps::Step;
use crate::process::command;
use crate::setup::{
    bubblewrap::Bubblewrap, chromium, node_modules, wasm_std::WasmStd, wasm_tools::WasmBindgen,
    wasm_tools::WasmPack,
};
use crate::{npm, workspace};

pub(super) const STEP: Step = Step {
    name: "web",
    about: "the npm package in Chromium, Node, Deno, Bun, workerd, and through every bundler",
    needs: &[
        &Bubblewrap,
        &WasmStd,
        &WasmBindgen,
        &WasmPack,
        &chromium::Chromium,
        &node_modules::PACKAGE,
        &node_modules::TESTS,
    ],
    run,
};

/// Generous: the longest test makes 20,000 calls.
const TEST_MINUTES: u32 = 15;

fn run(report: &mut Report) -> Result<()> {
    super::steps::build_local(report);
    let tarball = npm::build().context("cannot build the npm package")?;
    let chromium = chromium::browser().context("there is no Chromium")?;
    let folder = workspace::root().join("web/tests");
    let mut node = command("node");
    node.args(["--test", "--test-concurrency=1", "--test-reporter=./reporter.mjs"])
        .arg(format!("--test-timeout={}", TEST_MINUTES * 60_000))
        .args(test_files(&folder)?)
        .current_dir(&folder)
        .env("BOXD_LOCAL", workspace::target().join("debug/boxd-local"))
        .env("BOXD_PACKAGE", tarball)
        .env("CHROMIUM", chromium);
    report.tests(&mut node);
    Ok(())
}

/// Node 20 takes no pattern.
fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        bail!("there are no tests in {}", folder.display());
    }
    Ok(files)
}
