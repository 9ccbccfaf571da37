//! A program without a runtime: `boxd::blocking` does what the rest of the SDK does, without await.
//!
//! With `BOXD_API_KEY` or `BOXD_TOKEN` set it talks to that cluster. Without, it starts one on this machine.
//!
//! ```sh
//! cargo run --example blocking --features blocking
//! ```

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::thread;

use boxd::blocking::{BoxHandle, Compute};
use common::{Outcome, step, unique};

fn main() -> Outcome {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_set("BOXD_API_KEY") || is_set("BOXD_TOKEN") {
        return run(&Compute::from_env()?);
    }
    step("start", "no BOXD_API_KEY is set: starting a cluster on this machine");
    // The one thing here that is started with await.
    let cluster = tokio::runtime::Runtime::new()?.block_on(boxd_local::Cluster::start())?;
    let compute = Compute::builder()
        .api_key(cluster.api_key())
        .api_url(cluster.api_url())
        .exchange_url(cluster.exchange_url())
        .build()?;
    run(&compute)
}

fn run(compute: &Compute) -> Outcome {
    let b = compute.boxes().create(unique("blocking")).call()?;
    b.wait_until_ready().call()?;
    let outcome = use_box(&b);
    b.destroy()?;
    outcome
}

fn use_box(b: &BoxHandle) -> Outcome {
    let result = b.exec(["uname", "-sm"]).call()?;
    step("collected", result.stdout_text().trim_end());

    // An iterator over pieces as they come.
    let mut process = b.exec_shell("for i in 1 2 3; do echo line $i; sleep 0.1; done").stream()?;
    for piece in process.take_stdout().ok_or("stdout is there once")? {
        step("streamed", String::from_utf8_lossy(&piece?).trim_end());
    }
    step("streamed", &format!("exit code {}", process.wait()?));

    // A conversation: one thread writes, this one reads.
    let mut shell = b.exec(["sh"]).stream()?;
    let mut stdin = shell.take_stdin().ok_or("stdin is there once")?;
    let stdout = shell.take_stdout().ok_or("stdout is there once")?;
    let writer = thread::spawn(move || writeln!(stdin, "echo hello from $0; exit 7"));
    for line in BufReader::new(stdout).lines() {
        step("shell", &line?);
    }
    writer.join().map_err(|_| "the writer panicked")??;
    step("shell", &format!("exit code {}", shell.wait()?));

    b.write_file("kept", "/tmp/file").call()?;
    step("read", &String::from_utf8_lossy(&b.read_file("/tmp/file").call()?));
    Ok(())
}
