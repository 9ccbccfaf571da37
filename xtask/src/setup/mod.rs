//! `cargo xtask setup`: what a machine needs beside Rust and Node, each thing once.
//!
//! A [`Part`] is one thing that is set up. To add one: a file here, a line in [`GROUPS`], and its name in
//! the `needs` of the test steps that use it.

use anyhow::{Context, Result, bail};

mod apt;
pub(crate) mod bubblewrap;
pub(crate) mod cargo_fuzz;
pub(crate) mod chromium;
pub(crate) mod node_modules;
pub(crate) mod openssl;
pub(crate) mod protoc;
pub(crate) mod python;
pub(crate) mod wasm_std;
pub(crate) mod wasm_tools;

/// One thing that is set up.
pub(crate) trait Part: Sync {
    fn name(&self) -> &'static str;

    /// What [`install`](Part::install) does and how long it takes, for the line a person reads meanwhile.
    fn how(&self) -> String;

    /// Whether anything in this workspace uses it.
    fn is_needed(&self) -> bool {
        true
    }

    /// Whether it is there, and of the right version. Quick: asked at every run.
    fn is_there(&self) -> bool;

    fn install(&self) -> Result<()>;
}

struct Group {
    name: &'static str,
    parts: &'static [&'static dyn Part],
}

const GROUPS: &[Group] = &[
    Group {
        name: "native",
        parts: &[&bubblewrap::Bubblewrap, &openssl::Openssl, &python::PythonClients, &cargo_fuzz::CargoFuzz],
    },
    Group {
        name: "web",
        parts: &[
            &wasm_std::WasmStd,
            &wasm_tools::WasmBindgen,
            &wasm_tools::WasmPack,
            &chromium::Chromium,
            &node_modules::PACKAGE,
            &node_modules::TESTS,
            &node_modules::BENCHES,
            &protoc::Protoc,
        ],
    },
];

/// `cargo xtask setup [WHAT…]`
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if arguments == ["--list"] {
        for group in GROUPS {
            for part in group.parts {
                println!("{:<8} {:<14} {}", group.name, part.name(), state(*part));
            }
        }
        return Ok(());
    }
    for part in chosen(arguments)? {
        ensure(&[part])?;
        println!("{:<14} {}", part.name(), state(part));
    }
    Ok(())
}

fn state(part: &dyn Part) -> &'static str {
    match (part.is_needed(), part.is_there()) {
        (_, true) => "there",
        (true, false) => "missing",
        (false, false) => "not needed",
    }
}

fn chosen(names: &[String]) -> Result<Vec<&'static dyn Part>> {
    let all = || GROUPS.iter().flat_map(|group| group.parts).copied();
    if names.is_empty() {
        return Ok(all().collect());
    }
    let mut chosen: Vec<&'static dyn Part> = Vec::new();
    for name in names {
        let group = GROUPS.iter().find(|group| group.name == name);
        let parts: Vec<_> = match group {
            Some(group) => group.parts.to_vec(),
            None => all().filter(|part| part.name() == name).collect(),
        };
        if parts.is_empty() {
            bail!(
                "there is nothing called `{name}` to set up; `cargo xtask setup --list` shows what there is"
            );
        }
        chosen.extend(parts);
    }
    Ok(chosen)
}

/// Sets up those of the parts that are missing.
pub(crate) fn ensure(parts: &[&dyn Part]) -> Result<()> {
    for part in parts {
        if !part.is_needed() || part.is_there() {
            continue;
        }
        println!("setting up {}: {}", part.name(), part.how());
        part.install().with_context(|| format!("cannot set up {}", part.name()))?;
        if !part.is_there() {
            bail!("{} was set up, and still is not found", part.name());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Result<Vec<&'static str>> {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        Ok(chosen(&words)?.into_iter().map(Part::name).collect())
    }

    #[test]
    fn groups_and_parts_are_chosen_by_name() {
        assert_eq!(names(&["native"]).unwrap(), ["bubblewrap", "openssl", "python", "cargo-fuzz"]);
        assert_eq!(names(&["wasm-pack", "bubblewrap"]).unwrap(), ["wasm-pack", "bubblewrap"]);
        let everything: usize = GROUPS.iter().map(|group| group.parts.len()).sum();
        assert_eq!(names(&[]).unwrap().len(), everything);
        assert!(names(&["nothing-of-the-kind"]).is_err());
    }

    #[test]
    fn a_part_that_does_not_appear_is_an_error() {
        struct Vanishing;
        impl Part for Vanishing {
            fn name(&self) -> &'static str {
                "vanishing"
            }
            fn how(&self) -> String {
                "doing nothing".to_owned()
            }
            fn is_there(&self) -> bool {
                false
            }
            fn install(&self) -> Result<()> {
                Ok(())
            }
        }
        let error = ensure(&[&Vanishing]).unwrap_err();
        assert!(error.to_string().contains("vanishing was set up, and still is not found"), "{error}");
    }
}
