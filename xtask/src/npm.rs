//! `cargo xtask npm`: builds the npm package `boxd` and packs it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::{command, output_of, quietly};
use crate::setup::{self, node_modules, wasm_std, wasm_tools};
use crate::workspace;

/// `cargo xtask npm`
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if let Some(unknown) = arguments.first() {
        bail!("`npm` takes no arguments, not `{unknown}`");
    }
    setup::ensure(&[
        &wasm_std::WasmStd,
        &wasm_tools::WasmBindgen,
        &wasm_tools::WasmPack,
        &node_modules::PACKAGE,
    ])?;
    println!("packed {}", build()?.display());
    Ok(())
}

/// Builds and packs the package, and answers the tarball's path. What it needs must have been set up.
pub(crate) fn build() -> Result<PathBuf> {
    let package = workspace::root().join("web/package");
    check_version(&package)?;
    wasm_pack(&package.join("pkg"))?;
    quietly(command("node").arg("build.mjs").current_dir(&package))?;
    pack(&package, &workspace::root().join("target/npm"))
}

/// The crate and the package are released together, under one version.
fn check_version(package: &Path) -> Result<()> {
    let path = package.join("package.json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest: Value = serde_json::from_str(&text).with_context(|| format!("{}", path.display()))?;
    let crate_version = workspace::locked_version("boxd").context("Cargo.lock holds no boxd")?;
    if manifest["version"] != crate_version {
        bail!("web/package/package.json says version {}, the crate is {crate_version}", manifest["version"]);
    }
    Ok(())
}

fn wasm_pack(out: &Path) -> Result<()> {
    let toolchain = wasm_std::toolchain().context("no toolchain here compiles for a browser")?;
    let mut build = command("wasm-pack");
    build
        .args(["build", "web", "--target=web", "--no-pack", "--mode=no-install", "--profile=wasm"])
        .arg("--out-name=core")
        .arg("--out-dir")
        .arg(out)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", rustflags())
        .args(["--", "--locked"]);
    quietly(toolchain.apply(&mut build))
}

/// What a page loads names arguments as the npm package's TypeScript does (`named` in src/error.rs).
///
/// Panic messages name source files: they are not to name this machine's folders, and are smaller without.
fn rustflags() -> String {
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let sources = cargo_home.map(|home| home.join("registry/src"));
    let registries = sources.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut flags = vec!["--cfg=boxd_page".to_owned()];
    flags.extend(registries.map(|registry| format!("--remap-path-prefix={}/=", registry.path().display())));
    flags.push(format!("--remap-path-prefix={}/=", workspace::root().display()));
    flags.join(" ")
}

fn pack(package: &Path, into: &Path) -> Result<PathBuf> {
    // An older version's tarball would be taken for this one's.
    if into.exists() {
        fs::remove_dir_all(into).with_context(|| format!("cannot empty {}", into.display()))?;
    }
    fs::create_dir_all(into).with_context(|| format!("cannot make {}", into.display()))?;
    let mut npm = command("npm");
    npm.args(["pack", "--json", "--pack-destination"]).arg(into).current_dir(package);
    output_of(&mut npm)?;
    let packed = fs::read_dir(into)?.flatten().map(|entry| entry.path());
    packed.into_iter().next().context("npm has packed nothing")
}
