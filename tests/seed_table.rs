//! `docs/seed.md` tells the truth: every test that it names exists, and no row is left open in a form that is complete.

// What a test expects, it may insist on.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{HashMap, HashSet};
use std::path::Path;

/// The rows that a form has not by nature: a page knows no waiting without await, and has its network panel.
const NOT_IN: [(&str, &str); 4] =
    [("Z1", "blocking"), ("Z2", "Rust"), ("Z2", "TypeScript"), ("S8", "TypeScript")];

fn read(path: &str) -> String {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&whole).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The tests that a Rust file has: functions under a test's attribute, and bodies that a macro makes tests of.
fn rust_tests(source: &str) -> HashSet<String> {
    let mut tests = HashSet::new();
    let mut attribute = false;
    for line in source.lines().map(str::trim) {
        match line.split_once("fn ") {
            Some((_, rest)) if attribute => {
                tests.extend(rest.split('(').next().map(str::to_owned));
                attribute = false;
            }
            _ if line.starts_with("#[") => attribute |= line.contains("test]") || line.contains("test("),
            _ => {}
        }
    }
    for bodies in source.split("over_each_transport!(").skip(1) {
        let bodies = bodies.split(')').next().unwrap_or_default();
        tests.extend(bodies.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()));
    }
    tests
}

/// Whether a file has a test: in JavaScript a step of the walk, or a test of Node's runner, by its title.
fn exists(file: &str, name: &str, known: &mut HashMap<String, (String, HashSet<String>)>) -> bool {
    let (source, tests) = known.entry(file.to_owned()).or_insert_with(|| {
        let source = read(file);
        let tests = rust_tests(&source);
        (source, tests)
    });
    if Path::new(file).extension().is_some_and(|extension| extension == "rs") {
        return tests.contains(name);
    }
    [format!("  async \"{name}\"("), format!("test(\"{name}\", ")].iter().any(|title| source.contains(title))
}

#[test]
fn every_test_that_the_table_names_exists() {
    let document = read("docs/seed.md");
    let (mut ids, mut known, mut wrong) = (HashSet::new(), HashMap::new(), Vec::new());
    let mut forms: Vec<&str> = Vec::new();
    for line in document.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---")) {
        // Tests and calls stand in backquotes, where a bar is one.
        let cells: Vec<&str> = line.trim_matches('|').split(" |").map(str::trim).collect();
        if cells[0] == "id" {
            forms = cells[2..].to_vec();
            assert_eq!(forms, ["Rust", "blocking", "TypeScript"], "{line}");
            continue;
        }
        let id = cells[0];
        assert!(ids.insert(id), "{id} stands twice");
        assert_eq!(cells.len(), 2 + forms.len(), "{line}");
        for (form, cell) in forms.iter().zip(&cells[2..]) {
            let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
            if names.is_empty() != NOT_IN.contains(&(id, form)) {
                let what = if names.is_empty() { "no test" } else { "tests" };
                wrong.push(format!("{id} names {what} in {form}"));
            }
            for name in names {
                match name.split_once("::") {
                    Some((file, test)) if exists(file, test, &mut known) => {}
                    _ => wrong.push(format!("{id}: there is no test {name}")),
                }
            }
        }
    }
    assert!(ids.len() > 80, "the table has {} rows; was it read?", ids.len());
    assert!(wrong.is_empty(), "docs/seed.md:\n{}", wrong.join("\n"));
}

#[test]
fn a_test_that_is_not_there_would_be_noticed() {
    let source = "#[tokio::test]\nasync fn one() {}\nfn helper() {}\n#[test]\n#[ignore]\nfn two() {}\n\
                  over_each_transport!(three, four);\nfn five() { /* #[test] */ }\n";
    let tests = rust_tests(source);
    assert_eq!(tests, ["one", "two", "three", "four"].map(str::to_owned).into());
}
