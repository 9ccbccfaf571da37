//! What turns a `.wasm` into something that JavaScript can import.

use anyhow::{Context, Result};

use super::Part;
use crate::process::{cargo, command, output_of, quietly};
use crate::workspace;

/// The `wasm-bindgen` program and its test runner. They understand only what the crate of their own version wrote.
pub(crate) struct WasmBindgen;

impl Part for WasmBindgen {
    fn name(&self) -> &'static str {
        "wasm-bindgen"
    }

    fn how(&self) -> String {
        let version = wasm_bindgen_version().unwrap_or_default();
        format!("building wasm-bindgen-cli {version}, the version in Cargo.lock (about 3 minutes)")
    }

    fn is_needed(&self) -> bool {
        wasm_bindgen_version().is_some()
    }

    fn is_there(&self) -> bool {
        let Some(version) = wasm_bindgen_version() else { return false };
        ["wasm-bindgen", "wasm-bindgen-test-runner"].iter().all(|program| {
            output_of(command(program).arg("--version"))
                .is_ok_and(|said| said.ends_with(&format!(" {version}")))
        })
    }

    fn install(&self) -> Result<()> {
        let version = wasm_bindgen_version().context("Cargo.lock holds no wasm-bindgen")?;
        cargo_install("wasm-bindgen-cli", &version)
    }
}

fn wasm_bindgen_version() -> Option<String> {
    workspace::locked_version("wasm-bindgen")
}

pub(crate) struct WasmPack;

/// 0.15.0 leaves files out of the package and cannot read what a current wasm-bindgen writes.
const WASM_PACK: &str = "0.15.1";

impl Part for WasmPack {
    fn name(&self) -> &'static str {
        "wasm-pack"
    }

    fn how(&self) -> String {
        format!("building wasm-pack {WASM_PACK} (about 3 minutes)")
    }

    fn is_needed(&self) -> bool {
        WasmBindgen.is_needed()
    }

    fn is_there(&self) -> bool {
        output_of(command("wasm-pack").arg("--version"))
            .is_ok_and(|said| said == format!("wasm-pack {WASM_PACK}"))
    }

    fn install(&self) -> Result<()> {
        cargo_install("wasm-pack", WASM_PACK)
    }
}

/// Without `--locked`: the lock file that wasm-bindgen-cli was published with names a version that is gone.
pub(super) fn cargo_install(package: &str, version: &str) -> Result<()> {
    let mut install = cargo(["install", package, "--version", version, "--force"]);
    // In a folder of its own, which cargo removes.
    quietly(install.env_remove("CARGO_TARGET_DIR"))
}
