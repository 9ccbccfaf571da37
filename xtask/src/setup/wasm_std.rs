//! Rust's standard library for `wasm32-unknown-unknown`.
//!
//! The ordinary way is rustup's. Where its server cannot be reached, Debian's packages carry a current
//! compiler and the sources of the standard library, which is built once and linked as the toolchain
//! [`LINKED`].

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Part;
use super::apt::{self, as_root};
use crate::process::{cargo, command, on_path, output_of, quietly};
use crate::workspace;

const TARGET: &str = "wasm32-unknown-unknown";
/// The name under which rustup knows Debian's compiler.
const LINKED: &str = "debian-wasm";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_LIBRARY: &str = "/usr/lib/rustlib/wasm32-unknown-unknown/lib";

pub(crate) struct WasmStd;

impl Part for WasmStd {
    fn name(&self) -> &'static str {
        "wasm-std"
    }

    fn how(&self) -> String {
        format!("adding {TARGET} by rustup, or else building it with Debian's compiler (about 2 minutes)")
    }

    fn is_there(&self) -> bool {
        toolchain().is_some()
    }

    fn install(&self) -> Result<()> {
        let Err(ordinary) = quietly(command("rustup").args(["target", "add", TARGET])) else { return Ok(()) };
        let elsewhere = format!("Install Rust's standard library for {TARGET}. rustup said: {ordinary:#}");
        apt::install(&["rustc-web", "cargo-web", "rust-web-src"], &elsewhere)?;
        build()?;
        quietly(command("rustup").args(["toolchain", "link", LINKED, "/usr"]))?;
        link_linker()
    }
}

/// A toolchain that compiles for the browser.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Toolchain {
    /// The one in use.
    Active,
    /// Debian's, linked; it has no clippy.
    Linked,
}

impl Toolchain {
    /// Makes `command` (cargo, wasm-pack) use it.
    pub(crate) fn apply(self, command: &mut Command) -> &mut Command {
        match self {
            Toolchain::Active => command,
            Toolchain::Linked => command.env("RUSTUP_TOOLCHAIN", LINKED),
        }
    }

    pub(crate) fn has_clippy(self) -> bool {
        output_of(self.apply(&mut cargo(["clippy", "--version"]))).is_ok()
    }
}

/// The toolchain to build for the browser with; the active one where it can.
pub(crate) fn toolchain() -> Option<Toolchain> {
    [Toolchain::Active, Toolchain::Linked].into_iter().find(|toolchain| builds(*toolchain))
}

/// Tried, not looked up: a library of another compiler's version is there too, and so is a half-copied one.
fn builds(toolchain: Toolchain) -> bool {
    let folder = workspace::target().join("xtask");
    let program = folder.join("probe.rs");
    let written = fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&program, "#[test]\nfn links() { assert!(std::env::args().len() < 9); }\n"));
    let mut rustc = command("rustc");
    rustc.args(["--test", "--target", TARGET, "-o"]).arg(folder.join("probe.wasm")).arg(&program);
    written.is_ok() && quietly(toolchain.apply(&mut rustc)).is_ok()
}

fn active_sysroot() -> Result<PathBuf> {
    output_of(command("rustc").args(["--print", "sysroot"])).map(PathBuf::from)
}

/// Builds the standard library with Debian's compiler and lays it where that compiler looks for it.
fn build() -> Result<()> {
    let folder = workspace::target().join("xtask/wasm-std");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let written = fs::create_dir_all(folder.join("src"))
        .and_then(|()| fs::write(folder.join("src/lib.rs"), "#![no_std]\n"))
        .and_then(|()| {
            // `[workspace]`: it belongs to no other.
            let manifest =
                "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n";
            fs::write(folder.join("Cargo.toml"), manifest)
        });
    written.with_context(|| format!("cannot write to {}", folder.display()))?;

    let mut build = command(DEBIAN_CARGO);
    build
        .current_dir(&folder)
        .args(["build", "--release", "--target", TARGET, "-Zbuild-std=std,panic_abort,proc_macro,test"])
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("RUSTC", DEBIAN_RUSTC)
        // `-Z` on a stable compiler.
        .env("RUSTC_BOOTSTRAP", "1")
        // With bitcode one library serves plain builds and fat LTO.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes");
    quietly(&mut build).context("cannot build the standard library")?;

    let libraries = libraries(&folder.join("target").join(TARGET).join("release/deps"))?;
    // Beside what an older compiler built, `std` would be ambiguous.
    quietly(as_root("rm")?.args(["-rf", DEBIAN_LIBRARY]))?;
    quietly(as_root("install")?.args(["-m", "644", "-D", "-t", DEBIAN_LIBRARY]).args(libraries))?;
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))
}

/// The standard library's crates in a build's `deps`, without the empty crate that was built for them.
fn libraries(deps: &Path) -> Result<Vec<PathBuf>> {
    let files = fs::read_dir(deps).with_context(|| format!("cannot read {}", deps.display()))?;
    let libraries: Vec<PathBuf> = files
        .flatten()
        .filter(|file| {
            let name = file.file_name();
            let name = name.to_string_lossy();
            name.ends_with(".rlib") && !name.starts_with("libempty-")
        })
        .map(|file| file.path())
        .collect();
    if libraries.is_empty() {
        bail!("the build left no library in {}", deps.display());
    }
    Ok(libraries)
}

/// Debian's compiler looks for `rust-lld` on PATH; rustup's toolchains carry one.
fn link_linker() -> Result<()> {
    if on_path("rust-lld").is_some() {
        return Ok(());
    }
    let version = output_of(command("rustc").arg("-vV"))?;
    let host =
        version.lines().find_map(|line| line.strip_prefix("host: ")).context("`rustc -vV` names no host")?;
    let linker = active_sysroot()?.join("lib/rustlib").join(host).join("bin/rust-lld");
    if !linker.is_file() {
        bail!("the linker for {TARGET} is missing: there is no {}", linker.display());
    }
    quietly(as_root("ln")?.arg("-sf").arg(&linker).arg("/usr/local/bin/rust-lld"))
}
