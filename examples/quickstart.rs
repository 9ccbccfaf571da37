//! A box from birth to death: create it, run commands, stream output, move files, follow its log, fork it, destroy it.
//!
//! With `BOXD_API_KEY` or `BOXD_TOKEN` set it talks to that cluster. Without, it starts one on this machine, with real
//! processes behind it.
//!
//! ```sh
//! cargo run --example quickstart
//! ```

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use std::time::{Duration, Instant};

use boxd::{BoxConfig, BoxHandle, Compute, ErrorKind};
use common::{Outcome, step};
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::AsyncWriteExt;

#[tokio::main]
async fn main() -> Outcome {
    common::run(walk).await
}

async fn walk(compute: &Compute) -> Outcome {
    let me = compute.whoami().await?;
    let config = compute.config().await?;
    step("whoami", &format!("{} (image {}, zone {})", me.user_id, config.default_image, config.zone));

    let name = common::unique("quickstart");
    let started = Instant::now();
    let greeting = BoxConfig::new().env("GREETING", "hello from the main process").cmd([
        "sh",
        "-c",
        "echo $GREETING; exec sleep infinity",
    ]);
    let b = compute.boxes().create(&name).config(greeting).await?;
    b.wait_until_ready().await?;
    step("create", &format!("{} ({}) ready after {:?}", b.name(), b.id(), started.elapsed()));

    let outcome = use_box(compute, &b).await;
    b.destroy().await?;
    step("destroy", &name);
    outcome?;

    match compute.boxes().get(&name).await {
        Err(error) if error.kind() == ErrorKind::NotFound => step("gone", &error.to_string()),
        other => return Err(format!("the box should be gone: {other:?}").into()),
    }
    Ok(())
}

async fn use_box(compute: &Compute, b: &BoxHandle) -> Outcome {
    let result = b.exec(["echo", "hello"]).await?;
    step("exec", &format!("echo hello -> {:?}, exit code {}", result.stdout_text(), result.exit_code));

    let result = b
        .exec_shell("echo \"$FOO in $PWD\"; echo oops >&2; exit 3")
        .env("FOO", "bar")
        .current_dir("/tmp")
        .timeout(Duration::from_secs(30))
        .await?;
    step(
        "exec",
        &format!(
            "stdout {:?}, stderr {:?}, exit code {}",
            result.stdout_text(),
            result.stderr_text(),
            result.exit_code
        ),
    );

    let mut process = b.exec_shell("for i in 1 2 3; do echo line $i; sleep 0.1; done").stream().await?;
    let mut stdout = process.take_stdout().ok_or("stdout is there once")?;
    while let Some(chunk) = stdout.next().await {
        step("stream", String::from_utf8_lossy(&chunk?).trim_end());
    }
    step("stream", &format!("exit code {}", process.wait().await?));

    let mut shell = b.exec(["sh"]).interactive().await?;
    let mut stdin = shell.take_stdin().ok_or("stdin is there once")?;
    shell.resize(100, 30);
    stdin.write_all(b"tty; stty size; exit\n").await?;
    let result = shell.wait_with_output().await?;
    for line in result.stdout_text().lines().filter(|line| !line.is_empty()) {
        step("terminal", line.trim_end());
    }

    let written = b.write_file("print(6 * 7)\n", "/tmp/answer.py").await?;
    let read = b.read_file("/tmp/answer.py").await?;
    step("files", &format!("wrote {written} bytes, read back {:?}", String::from_utf8_lossy(&read)));

    let mut log = b.stream_logs();
    while let Some(chunk) = log.try_next().await? {
        step("log", String::from_utf8_lossy(&chunk).trim_end());
    }

    let suspended = b.suspend().await?;
    let resumed = b.resume().await?;
    step("suspend", &format!("took {:?}; resume took {:?}", suspended.duration, resumed.duration));

    let fork = compute.boxes().fork(b).name(format!("{}-fork", b.name())).await?;
    fork.wait_until_ready().await?;
    let kept = fork.read_file("/tmp/answer.py").await;
    fork.destroy().await?;
    step("fork", &format!("{} has the file: {:?}", fork.name(), String::from_utf8_lossy(&kept?)));

    let names: Vec<_> = compute.boxes().list().await?.iter().map(BoxHandle::name).collect();
    step("list", &names.join(", "));
    Ok(())
}
