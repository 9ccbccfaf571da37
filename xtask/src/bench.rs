//! `cargo xtask bench`: the SDK beside what a user would pick instead.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::process::{cargo, command, line};
use crate::setup::{self, chromium, node_modules, protoc, wasm_std::WasmStd, wasm_tools};
use crate::{npm, workspace};

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    match arguments.split_first() {
        Some((what, rest)) if what == "native" => native(rest),
        Some((what, rest)) if what == "browser" => browser(rest),
        _ => bail!(
            "usage: cargo xtask bench native [--json]\n\
             \x20      cargo xtask bench browser [--rounds N] [--clients NAME,…] [--tests NAME,…] [--doc FILE]"
        ),
    }
}

/// The SDK against tonic's generated client.
fn native(arguments: &[String]) -> Result<ExitCode> {
    succeed(cargo(["run", "--locked", "--release", "--package=boxd-bench", "--"]).args(arguments))?;
    Ok(ExitCode::SUCCESS)
}

/// The npm package against connect-web, grpc-web and bare `fetch`, in Chromium.
fn browser(arguments: &[String]) -> Result<ExitCode> {
    setup::ensure(&[
        &WasmStd,
        &wasm_tools::WasmBindgen,
        &wasm_tools::WasmPack,
        &chromium::Chromium,
        &protoc::Protoc,
        &node_modules::PACKAGE,
        &node_modules::BENCHES,
    ])?;
    let chromium = chromium::browser().context("there is no Chromium")?;
    succeed(&mut cargo(["build", "--locked", "--release", "--package=boxd-bench-server"]))?;
    let mut node = command("node");
    node.arg("benches/browser/run.mjs")
        .arg("--server")
        .arg(workspace::target().join("release/boxd-bench-server"))
        .arg("--package")
        .arg(npm::build()?)
        .arg("--protoc")
        .arg(protoc::program())
        .arg("--chromium")
        .arg(chromium)
        .arg("--out")
        .arg(workspace::target().join("bench-browser"))
        .args(arguments);
    succeed(&mut node)?;
    Ok(ExitCode::SUCCESS)
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run `{}`", line(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}
