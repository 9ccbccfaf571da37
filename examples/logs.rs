//! The console log of a box: what is there, and what comes.
//!
//! ```sh
//! cargo run --example logs
//! ```

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use boxd::{BoxConfig, Compute};
use common::{Outcome, step};
use futures_util::TryStreamExt;

#[tokio::main]
async fn main() -> Outcome {
    common::run(logs).await
}

async fn logs(compute: &Compute) -> Outcome {
    // The log is what the main process writes.
    let clock = ["sh", "-c", "i=0; while :; do echo tick $i; i=$((i+1)); sleep 0.1; done"];
    let b = compute.boxes().create(common::unique("logs")).config(BoxConfig::new().cmd(clock)).await?;
    let outcome = async {
        let mut seen = String::new();
        let mut log = b.stream_logs().follow(true);
        while seen.lines().count() < 3 {
            let chunk = log.try_next().await?.ok_or("the box ended")?;
            seen.push_str(&String::from_utf8_lossy(&chunk));
        }
        for line in seen.lines().take(3) {
            step("followed", line);
        }

        let snapshot: Vec<_> = b.stream_logs().try_collect().await?;
        let snapshot = String::from_utf8_lossy(&snapshot.concat()).into_owned();
        step("so far", &format!("{} lines or more", snapshot.lines().count().min(3)));
        Ok(())
    };
    let outcome = outcome.await;
    b.destroy().await?;
    outcome
}
