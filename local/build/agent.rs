//! Builds the program that runs inside boxes, so that it travels within this one, as a library too.

use std::{env, error::Error, fs, hash::Hasher as _, path::PathBuf, process::Command};

/// What speaks of this build and would leak into that one.
const FOREIGN: [&str; 8] = [
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CLIPPY_ARGS",
    "LLVM_PROFILE_FILE",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
];

pub(crate) fn build() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=DOCS_RS");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let embedded = out.join("boxd-agent");
    if env::var_os("DOCS_RS").is_some() {
        // Nothing is run there, and nothing can be fetched.
        fs::write(&embedded, "")?;
        println!("cargo::rustc-env=BOXD_AGENT_HASH=none");
        return Ok(());
    }
    let source =
        PathBuf::from(env::var_os("DEP_BOXD_AGENT_MANIFEST_DIR").ok_or("boxd-agent says where it is")?);
    for part in ["src", "Cargo.toml"] {
        println!("cargo::rerun-if-changed={}", source.join(part).display());
    }
    let target = env::var("TARGET")?;
    let target_dir = out.join("agent");
    let mut cargo = Command::new(env::var_os("CARGO").ok_or("cargo sets CARGO")?);
    cargo.args(["build", "--release", "--bin", "boxd-agent", "--target", &target]);
    cargo.arg("--manifest-path").arg(source.join("Cargo.toml")).arg("--target-dir").arg(&target_dir);
    for variable in FOREIGN {
        cargo.env_remove(variable);
    }
    cargo.env("CARGO_PROFILE_RELEASE_STRIP", "true");
    let built = cargo.output()?;
    if !built.status.success() {
        return Err(format!("boxd-agent does not build:\n{}", String::from_utf8_lossy(&built.stderr)).into());
    }
    let program = fs::read(target_dir.join(&target).join("release").join("boxd-agent"))?;
    fs::write(&embedded, &program)?;
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(&program);
    println!("cargo::rustc-env=BOXD_AGENT_HASH={:016x}", hasher.finish());
    Ok(())
}
