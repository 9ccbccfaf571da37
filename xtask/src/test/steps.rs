//! The steps of `cargo xtask test`, in the order in which they run. To add one, add it here.

// All steps have one signature.
#![allow(clippy::unnecessary_wraps)]

use anyhow::{Context, Result};

use super::report::Report;
use crate::fuzz;
use crate::process::cargo;
use crate::setup::{
    Part, bubblewrap::Bubblewrap, cargo_fuzz::CargoFuzz, openssl::Openssl, python::PythonClients, wasm_std,
    wasm_std::WasmStd,
};
use crate::workspace;

pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// What is set up before the first step runs.
    pub(super) needs: &'static [&'static dyn Part],
    /// Runs its checks and tests through the report. An error counts as one failure more.
    pub(super) run: fn(&mut Report) -> Result<()>,
}

pub(super) const STEPS: &[Step] = &[
    Step { name: "format", about: "rustfmt has nothing to change", needs: &[], run: format },
    Step {
        name: "clippy",
        about: "clippy finds nothing, in every target of every crate",
        needs: &[],
        run: clippy,
    },
    Step {
        name: "features",
        about: "the SDK with no feature, and with each one alone",
        needs: &[],
        run: features,
    },
    Step { name: "docs", about: "the documentation builds without a warning", needs: &[], run: docs },
    Step {
        name: "tests",
        about: "every unit, integration and documentation test",
        needs: &[&Bubblewrap, &Openssl, &PythonClients],
        run: tests,
    },
    Step {
        name: "fuzz",
        about: "random answers at the decoder, gRPC-web and WebSockets, 30 seconds each",
        needs: &[&CargoFuzz],
        run: fuzz,
    },
    Step {
        name: "wasm",
        about: "the SDK compiles for a browser without a warning",
        needs: &[&WasmStd],
        run: wasm,
    },
    super::browser::STEP,
    super::web::STEP,
];

/// The same features everywhere, so that one build of the dependencies serves every step.
const EVERYTHING: [&str; 3] = ["--locked", "--workspace", "--all-features"];
const DENY_WARNINGS: [&str; 3] = ["--", "-D", "warnings"];

fn format(report: &mut Report) -> Result<()> {
    report.check(&mut cargo(["fmt", "--all", "--check"]));
    Ok(())
}

fn clippy(report: &mut Report) -> Result<()> {
    report.check(cargo(["clippy"]).args(EVERYTHING).arg("--all-targets").args(DENY_WARNINGS));
    Ok(())
}

fn features(report: &mut Report) -> Result<()> {
    let alone = ["clippy", "--locked", "--package=boxd", "--lib", "--no-default-features"];
    report.check(cargo(alone).args(DENY_WARNINGS));
    for feature in workspace::features("boxd")? {
        report.check(cargo(alone).arg(format!("--features={feature}")).args(DENY_WARNINGS));
    }
    Ok(())
}

fn docs(report: &mut Report) -> Result<()> {
    report.check(cargo(["doc", "--no-deps"]).args(EVERYTHING).env("RUSTDOCFLAGS", "-D warnings"));
    Ok(())
}

/// Not `--all-targets`: that leaves the doctests out and runs the benchmarks, which clippy compiles.
fn tests(report: &mut Report) -> Result<()> {
    report.tests(cargo(["test", "--no-fail-fast"]).args(EVERYTHING));
    Ok(())
}

fn fuzz(report: &mut Report) -> Result<()> {
    for target in fuzz::TARGETS {
        report.check(&mut fuzz::fuzzer(target, fuzz::SECONDS)?);
    }
    Ok(())
}

/// The local cluster's program, as the tests' own build leaves it: with the features of that, nothing is compiled anew.
pub(super) fn build_local(report: &mut Report) {
    report.check(cargo(["test", "--no-run", "--test=serve"]).args(EVERYTHING));
}

fn wasm(report: &mut Report) -> Result<()> {
    let toolchain = wasm_std::toolchain().context("no toolchain here compiles for a browser")?;
    let what =
        ["--locked", "--package=boxd", "--package=boxd-web", "--lib", "--target=wasm32-unknown-unknown"];
    if toolchain.has_clippy() {
        report.check(toolchain.apply(cargo(["clippy"]).args(what).args(DENY_WARNINGS)));
    } else {
        report.check(toolchain.apply(cargo(["check"]).args(what).env("RUSTFLAGS", "-D warnings")));
    }
    Ok(())
}
