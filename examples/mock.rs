//! Testing code that uses boxd without a cluster: `boxd::mock` answers as scripted and records every call.
//!
//! ```sh
//! cargo run --example mock --features mock
//! ```

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use std::time::Duration;

use boxd::mock::{Answer, MockTransport};
use boxd::transport::{Code, Status, Transport};
use boxd::wire::methods;
use boxd::{Compute, ErrorKind};
use common::{Outcome, step};

/// The code under test: runs the tests of a branch in a box of its own, and says whether they pass.
///
/// It takes a client of any transport; with a box or another handle it would need no parameter.
async fn ci<T: Transport>(compute: &Compute<T>, branch: &str) -> boxd::Result<bool> {
    let b = compute.boxes().create(format!("ci-{branch}")).await?;
    b.wait_until_ready().await?;
    let tests = b.exec(["make", "test"]).env("BRANCH", branch).await;
    // Whatever came of it.
    b.destroy().await?;
    Ok(tests?.success())
}

#[tokio::main]
async fn main() -> Outcome {
    let mock = MockTransport::new();
    mock.add_box("ci-main");
    mock.on(methods::EXEC)
        .when(|first| first.command.contains("make test"))
        .reply(Answer::new().stdout("12 passed\n").exit(0))
        .reply(Answer::new().stdout("11 passed\n").stderr("1 failed\n").exit(2))
        .reply(Answer::new().stdout("3 passed\n").then_fail(Status::unavailable("connection reset")));
    let compute =
        Compute::builder().token("test").retries(2, Duration::ZERO).transport(mock.clone()).build()?;

    assert!(ci(&compute, "main").await?);
    assert!(!ci(&compute, "main").await?);
    // A connection that breaks is neither: it is an error, with what came before, and the box is destroyed all the same.
    let error = ci(&compute, "main").await.err().ok_or("the connection broke")?;
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(error.output().map(|output| output.stdout_text().into_owned()).as_deref(), Some("3 passed\n"));
    assert_eq!(mock.requests(methods::DESTROY_VM).len(), 3);

    // What a test would not have thought of: the cluster is full.
    mock.on(methods::CREATE_VM).reply(Status::new(Code::ResourceExhausted, "no more boxes today"));
    let error = ci(&compute, "main").await.err().ok_or("the cluster is full")?;
    assert_eq!(error.kind(), ErrorKind::QuotaExceeded);

    mock.verify()?;
    for call in mock.calls() {
        step("call", &format!("{call:?}"));
    }
    Ok(())
}
