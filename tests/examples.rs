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

/// An example's end, and what it showed, where of the SDK's variables these are set.
fn run(name: &str, variables: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new(program(name));
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("BOXD_") {
            command.env_remove(variable);
        }
    }
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let shown = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&shown).into_owned())
}

/// Runs an example as somebody does who has no account, and insists on what it shows.
#[track_caller]
fn shows(name: &str, lines: &[&str]) {
    let (success, shown) = run(name, &[]);
    assert!(success, "{name} failed:\n{shown}");
    for line in lines {
        assert!(shown.contains(line), "{name} does not show {line:?}:\n{shown}");
    }
}

#[tokio::test]
async fn the_environment_names_the_cluster() {
    let cluster = boxd_local::Cluster::start().await.unwrap();
    let (api, exchange) = (cluster.api_url(), cluster.exchange_url());
    let urls = [("BOXD_API_URL", api.as_str()), ("BOXD_EXCHANGE_URL", exchange.as_str())];
    let compute = boxd::Compute::builder().api_key(cluster.api_key()).api_url(&api).exchange_url(&exchange);
    let compute = compute.build().unwrap();
    let token = compute.tokens().create().await.unwrap();
    let (key, token) = (("BOXD_API_KEY", cluster.api_key()), ("BOXD_TOKEN", token.token()));
    for credentials in [vec![key], vec![token], vec![token, ("BOXD_API_KEY", "bxk_wrong")]] {
        let (success, shown) = run("files", &[&urls[..], &credentials].concat());
        assert!(success && shown.contains("read  text content"), "{shown}");
        assert!(!shown.contains("starting a cluster"), "it took the one that was named: {shown}");
    }
    // The token goes before the key.
    let (success, shown) = run("files", &[&urls[..], &[key, ("BOXD_TOKEN", "eyJ.wrong")]].concat());
    assert!(!success && shown.contains("UNAUTHENTICATED"), "{shown}");
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
fn templates() {
    shows("templates", &["2 vCPU, 4G", "of image ubuntu:latest"]);
}

#[test]
fn disks() {
    shows("disks", &["1073741824 bytes", "at /mnt/data", "read  carried over", "Read-only file system"]);
}

#[test]
fn networks() {
    shows("networks", &["default  ", "unnamed  ", "staging  "]);
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

#[cfg(feature = "blocking")]
#[test]
fn blocking() {
    shows("blocking", &["streamed  line 3", "shell  hello from sh", "shell  exit code 7", "read  kept"]);
}

#[cfg(feature = "mock")]
#[test]
fn mock() {
    shows("mock", &["call  CreateVm(CreateVmRequest { name: \"ci-main\"", "call  DestroyVm("]);
}
