//! Every example runs, against a cluster that it starts by itself.

// What a test expects, it may insist on.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;
use std::process::Command;

/// `cargo test` builds the examples beside the tests.
fn program(name: &str) -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    let built = deps.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(
        built.exists(),
        "{} is not built: `cargo build --examples`, which a plain `cargo test` does too",
        built.display()
    );
    built
}

/// Runs an example as somebody does who has no account, and insists on what it shows.
#[track_caller]
fn shows(name: &str, lines: &[&str]) {
    let mut command = Command::new(program(name));
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("BOXD_") {
            command.env_remove(variable);
        }
    }
    let output = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {}\n{stdout}\n{stderr}", output.status);
    for line in lines {
        assert!(stdout.contains(line), "{name} does not show {line:?}:\n{stdout}\n{stderr}");
    }
}

#[test]
fn quickstart() {
    shows(
        "quickstart",
        &["exec  echo hello -> \"hello\\n\", exit code 0", "stream  line 3", "gone  get box"],
    );
}

#[test]
fn exec_streaming() {
    shows("exec_streaming", &["stdout  line 1", "ended  with exit code 3", "sorted  8 9 10", "30 100"]);
}

#[test]
fn files() {
    shows(
        "files",
        &["read  text content", "listed  -rw-r--r--     4 data.bin", "listed  -rw-r--r--    12 file.txt"],
    );
}

#[test]
fn logs() {
    shows("logs", &["followed  tick 0", "followed  tick 2", "so far  3 lines or more"]);
}

#[test]
fn proxies() {
    shows(
        "proxies",
        &["proxy  default: example-", "proxy  api: api.example-", " -> port 3002", "domain  example-"],
    );
}

#[test]
fn tokens() {
    shows("tokens", &["token: \"[redacted]\"", "revoked  ", "API key  example bx"]);
}

#[test]
fn errors() {
    shows(
        "errors",
        &[
            "NotFound Some(NotFound): get box \"nope\"",
            "InvalidArgument Some(AlreadyExists)",
            "InvalidArgument None: ",
            "output  Some(\"so far\\n\")",
            "Timeout Some(DeadlineExceeded)",
            "exit code  1, success: false",
            "Connection Some(Unavailable)",
            "-> try again",
        ],
    );
}
