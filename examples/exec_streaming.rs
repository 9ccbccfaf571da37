//! A command's output as it comes, its input as it goes, and a terminal.
//!
//! ```sh
//! cargo run --example exec_streaming
//! ```

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use boxd::{BoxHandle, Compute};
use common::{Outcome, step};
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

#[tokio::main]
async fn main() -> Outcome {
    common::run(async |compute: &Compute| common::with_box(compute, streams).await).await
}

async fn streams(b: &BoxHandle) -> Outcome {
    let mut process = b.exec_shell("for i in 1 2 3; do echo line $i; done; exit 3").stream().await?;
    let mut stdout = process.take_stdout().ok_or("stdout is there once")?;
    while let Some(chunk) = stdout.next().await {
        step("stdout", String::from_utf8_lossy(&chunk?).trim_end());
    }
    step("ended", &format!("with exit code {}", process.wait().await?));

    // Input can be written while output is read; dropping it is the end of the input.
    let mut process = b.exec(["sort", "-n"]).stream().await?;
    let mut stdin = process.take_stdin().ok_or("stdin is there once")?;
    stdin.write_all(b"10\n9\n8\n").await?;
    drop(stdin);
    step("sorted", &process.wait_with_output().await?.stdout_text().replace('\n', " "));

    // A terminal: the two outputs are one, and it has a size.
    let mut shell = b.exec(["sh"]).interactive().await?;
    shell.resize(100, 30);
    let mut stdin = shell.take_stdin().ok_or("stdin is there once")?;
    stdin.write_all(b"stty size; exit\n").await?;
    for line in shell.wait_with_output().await?.stdout_text().lines().filter(|line| !line.is_empty()) {
        step("terminal", line.trim_end());
    }

    // Dropping a process ends it in the box, with all that it started.
    drop(b.exec(["sleep", "1000"]).stream().await?);
    Ok(())
}
