//! What the workspace says about itself.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{cargo, output_of};

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// The version of a package that Cargo.lock holds; the highest, should there be several.
pub(crate) fn locked_version(package: &str) -> Option<String> {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).ok()?;
    version_in_lock(&lock, package)
}

fn version_in_lock(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines();
    let mut found = None;
    while lines.any(|line| line == name) {
        let version = lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')?;
        found = Some(version.to_owned()).max(found);
    }
    found
}

/// The features of a workspace member, `default` left out.
pub(crate) fn features(package: &str) -> Result<Vec<String>> {
    let text = output_of(&mut cargo(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&text).context("cannot read what `cargo metadata` prints")?;
    let features = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|member| member["name"] == package)
        .and_then(|member| member["features"].as_object())
        .with_context(|| format!("the workspace has no package `{package}`"))?;
    Ok(features.keys().filter(|name| *name != "default").cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_the_lock_file() {
        let lock = "\
[[package]]
name = \"wasm-bindgen\"
version = \"0.2.130\"

[[package]]
name = \"wasm-bindgen-macro\"
version = \"0.2.131\"
";
        assert_eq!(version_in_lock(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(version_in_lock(lock, "wasm"), None);
    }

    #[test]
    fn the_sdk_has_its_features() {
        let features = features("boxd").unwrap();
        assert!(features.iter().any(|name| name == "tls-native-roots"), "{features:?}");
        assert!(!features.iter().any(|name| name == "default"), "{features:?}");
        assert!(super::features("no-such-member").is_err());
    }
}
