//! What can go wrong, and what an error tells of it.
//!
//! ```sh
//! cargo run --example errors
//! ```

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use std::time::Duration;

use boxd::{BoxHandle, Compute, Error, ErrorKind};
use common::{Outcome, step};

#[tokio::main]
async fn main() -> Outcome {
    common::run(async |compute: &Compute| {
        common::with_box(compute, async |b: &BoxHandle| failures(compute, b).await).await
    })
    .await
}

async fn failures(compute: &Compute, b: &BoxHandle) -> Outcome {
    tell(compute.boxes().get("nope").await.map(drop))?;
    tell(compute.boxes().create(b.name()).await.map(drop))?;

    // What cannot be right is refused before anything is sent, by the argument's name.
    tell(b.exec(["true"]).env("NOT A NAME", "").await.map(drop))?;

    // A command that takes too long is ended; what it had written comes along.
    let slow = b.exec_shell("echo so far; sleep 60").timeout(Duration::from_secs(2));
    if let Err(error) = slow.await {
        let output = error.output().map(|output| output.stdout_text().into_owned());
        step("output", &format!("{output:?}"));
        tell(Err(error))?;
    }

    // A command that fails is no error: it has an exit code.
    let result = b.exec(["false"]).await?;
    step("exit code", &format!("{}, success: {}", result.exit_code, result.success()));

    // Nobody listens there. It is known that nothing was sent, so it may be tried again.
    let nobody = Compute::builder().token("any").api_url("http://127.0.0.1:9").retries(0, Duration::ZERO);
    tell(nobody.build()?.boxes().create("web").await.map(drop))
}

/// What programs decide by, and what people read.
fn tell(outcome: boxd::Result<()>) -> Outcome {
    let error: Error = outcome.err().ok_or("it should have failed")?;
    let advice = match error.kind() {
        ErrorKind::NotFound => "create it",
        ErrorKind::InvalidArgument => "correct it",
        ErrorKind::Timeout => "give it more time",
        ErrorKind::Connection if error.retryable() => "try again",
        _ if error.outcome_unknown() => "look before doing it again",
        _ => "tell somebody",
    };
    step("error", &format!("{:?} {:?}: {error} -> {advice}", error.kind(), error.grpc_code()));
    Ok(())
}
