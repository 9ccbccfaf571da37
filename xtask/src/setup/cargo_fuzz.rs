//! The fuzzer, libFuzzer behind cargo.

use anyhow::Result;

use super::Part;
use super::wasm_tools::cargo_install;
use crate::process::{cargo, output_of};

pub(crate) struct CargoFuzz;

const VERSION: &str = "0.13.2";

impl Part for CargoFuzz {
    fn name(&self) -> &'static str {
        "cargo-fuzz"
    }

    fn how(&self) -> String {
        format!("building cargo-fuzz {VERSION} (about 1 minute)")
    }

    fn is_there(&self) -> bool {
        output_of(&mut cargo(["fuzz", "--version"])).is_ok_and(|said| said == format!("cargo-fuzz {VERSION}"))
    }

    fn install(&self) -> Result<()> {
        cargo_install("cargo-fuzz", VERSION)
    }
}
