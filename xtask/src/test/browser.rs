//! The core where a browser runs it: over the real `fetch` and `WebSocket`, in Chromium and in Node.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use super::report::Report;
use super::steps::Step;
use crate::process::{cargo, command, line};
use crate::setup::{bubblewrap::Bubblewrap, chromium, wasm_std, wasm_std::WasmStd, wasm_tools::WasmBindgen};
use crate::workspace;

pub(super) const STEP: Step = Step {
    name: "browser",
    about: "the core over fetch and WebSockets, in Chromium and in Node",
    needs: &[&Bubblewrap, &WasmStd, &WasmBindgen, &chromium::Chromium],
    run,
};

const API_KEY: &str = "bxk_a-key-for-the-browser-tests";
/// Seconds: the walk is one test.
const TEST_TIMEOUT: &str = "240";

fn run(report: &mut Report) -> Result<()> {
    let toolchain = wasm_std::toolchain().context("no toolchain here compiles for a browser")?;
    let driver = chromium::driver().context("there is no chromedriver")?;
    super::steps::build_local(report);

    let data = workspace::target().join("xtask/browser-cluster");
    if data.exists() {
        fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))?;
    }
    let mut serve = command(workspace::target().join("debug/boxd-local"));
    serve.args(["serve", "--api=127.0.0.1:0", "--web=127.0.0.1:0", "--exchange-limit=0", "--data"]);
    let cluster = Server::start(serve.arg(&data).env("BOXD_LOCAL_API_KEY", API_KEY))?;
    let scripted = Server::start(command("node").arg("tests/browser/scripted.mjs"))?;
    let word = |server: &Server, prefix: &str| -> Result<String> {
        let found = server.ready.split(' ').find_map(|word| word.strip_prefix(prefix));
        Ok(found.with_context(|| format!("a server said `{}` when it was ready", server.ready))?.to_owned())
    };

    for host in ["WASM_BINDGEN_USE_BROWSER", "WASM_BINDGEN_USE_NODE_EXPERIMENTAL"] {
        let mut test = cargo(["test", "--locked", "--package=boxd", "--lib", "--test=browser"]);
        test.args(["--no-default-features", "--features=grpc-service", "--target=wasm32-unknown-unknown"])
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", "wasm-bindgen-test-runner")
            .env("CHROMEDRIVER", &driver)
            .env("WASM_BINDGEN_TEST_TIMEOUT", TEST_TIMEOUT)
            .env(host, "1")
            // Node 20 has a WebSocket for those who ask.
            .env("NODE_OPTIONS", "--experimental-websocket")
            .env("BOXD_TEST_API_URL", word(&cluster, "api=")?)
            .env("BOXD_TEST_EXCHANGE_URL", format!("{}/api/v1/auth/token", word(&cluster, "web=")?))
            .env("BOXD_TEST_API_KEY", API_KEY)
            .env("BOXD_TEST_SCRIPTED_URL", word(&scripted, "http://").map(|host| format!("http://{host}"))?);
        report.tests(toolchain.apply(&mut test));
    }
    Ok(())
}

/// A program that says on its first line that it is ready, and ends with this value.
struct Server {
    child: Child,
    ready: String,
}

impl Server {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run `{}`", line(command)))?;
        let stdout = child.stdout.take().context("the program's output is a pipe")?;
        let mut server = Self { child, ready: String::new() };
        BufReader::new(stdout).read_line(&mut server.ready).context("cannot read what a server says")?;
        server.ready.truncate(server.ready.trim_end().len());
        if !server.ready.starts_with("ready ") {
            bail!("`{}` said `{}` and not that it is ready", line(command), server.ready);
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
