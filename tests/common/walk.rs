//! The walk through everything that a box can do with half duplex: one body for every transport and platform.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use boxd::transport::{Code, Transport};
use boxd::{BoxConfig, BoxHandle, BoxStatus, Compute, ErrorKind, Progress};
use futures_util::future::{join_all, join3};
use futures_util::{StreamExt, TryStreamExt};

const MIB: usize = 1024 * 1024;

/// Walks through a box called `name`, which the cluster must not have yet.
pub(crate) async fn walk<T: Transport>(compute: &Compute<T>, name: &str) {
    account(compute).await;

    let config = BoxConfig::new().cmd(["sh", "-c", "mkfifo /tmp/say; exec cat <>/tmp/say"]);
    let b = compute.boxes().create(name).config(config).await.expect("a box is created");
    b.wait_until_ready().await.expect("it gets ready");
    assert_eq!(b.name(), name);
    assert_eq!(compute.boxes().get(name).await.expect("it is found by name").id(), b.id());
    let listed = compute.boxes().list().await.expect("boxes are listed");
    assert!(listed.iter().any(|other| other.id() == b.id()), "{listed:?}");

    commands(&b).await;
    overdue(&b).await;
    overlapping(&b).await;
    dropped(&b).await;
    files(&b).await;
    log(&b).await;
    failures(compute, name).await;
    standing_still(&b).await;

    b.destroy().await.expect("it is destroyed");
    let error = compute.boxes().get(name).await.expect_err("it is gone");
    assert_eq!((error.kind(), error.grpc_code()), (ErrorKind::NotFound, Some(Code::NotFound)), "{error}");
}

async fn account<T: Transport>(compute: &Compute<T>) {
    assert!(!compute.whoami().await.expect("whoami").user_id.is_empty());
    assert!(!compute.config().await.expect("config").default_image.is_empty());
}

async fn commands(b: &BoxHandle) {
    let result = b.exec(["echo", "it's", "a  b", ""]).await.expect("a command runs");
    assert_eq!((result.stdout_text().as_ref(), result.exit_code), ("it's a  b \n", 0));
    let result = b
        .exec_shell("pwd; echo $GREETING; echo oops >&2; exit 3")
        .env("GREETING", "h i")
        .current_dir("/tmp")
        .await
        .expect("a line runs");
    assert_eq!(result.stdout_text(), "/tmp\nh i\n");
    assert_eq!((result.stderr_text().as_ref(), result.exit_code), ("oops\n", 3));

    let input: Vec<u8> = (0..=252).cycle().take(300_000).collect();
    let result = b.exec(["cat"]).stdin(input.clone()).await.expect("input goes through");
    assert!(result.stdout == input, "{} bytes came back", result.stdout.len());

    let mut process = b
        .exec_shell("echo one; cat; echo two >&2; exit 7")
        .stdin("in\n")
        .stream()
        .await
        .expect("a stream opens");
    let (stdout, stderr) = (process.take_stdout().expect("stdout"), process.take_stderr().expect("stderr"));
    let (out, err, code) =
        join3(stdout.try_collect::<Vec<_>>(), stderr.try_collect::<Vec<_>>(), process.wait()).await;
    assert_eq!(out.expect("stdout ends well").concat(), b"one\nin\n");
    assert_eq!(err.expect("stderr ends well").concat(), b"two\n");
    assert_eq!(code.expect("it exits"), 7);
}

/// A command that takes too long is ended, and what it had written comes along.
async fn overdue(b: &BoxHandle) {
    let limit = Duration::from_millis(1500);
    let error = b.exec_shell("echo so far; sleep 30").timeout(limit).await.expect_err("it takes too long");
    assert_eq!(
        (error.kind(), error.grpc_code()),
        (ErrorKind::Timeout, Some(Code::DeadlineExceeded)),
        "{error}"
    );
    assert_eq!(error.output().expect("its output comes along").stdout_text(), "so far\n");
}

async fn overlapping(b: &BoxHandle) {
    let results = join_all((0..12).map(|n| b.exec_shell(format!("echo {n}; exit {n}")).into_future())).await;
    for (n, result) in results.into_iter().enumerate() {
        let result = result.expect("it runs beside the others");
        assert_eq!(result.stdout_text(), format!("{n}\n"));
        assert_eq!(usize::try_from(result.exit_code), Ok(n));
    }
}

/// Dropping a running command ends it in the box.
async fn dropped(b: &BoxHandle) {
    let mut process =
        b.exec_shell("echo up; exec sleep 98765").stdin("").stream().await.expect("a stream opens");
    let mut output = process.take_stdout().expect("stdout");
    assert_eq!(output.next().await.expect("it says something").expect("it runs"), "up\n");
    drop((process, output));
    for _ in 0..500 {
        if !b.exec(["pgrep", "-fx", "sleep 98765"]).await.expect("pgrep runs").success() {
            return;
        }
    }
    panic!("the command runs on though its stream was dropped");
}

async fn files(b: &BoxHandle) {
    let content: Vec<u8> = (0..=250).cycle().take(9 * MIB + 17).collect();
    let reports: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let seen = reports.clone();
    let written = b
        .write_file(content.clone(), "/tmp/file")
        .progress(move |p| seen.lock().expect("lock").push(p))
        .await;
    assert_eq!(written.expect("a file goes up"), content.len() as u64);
    let last = reports.lock().expect("lock").last().map(|progress| progress.bytes);
    assert_eq!(last, Some(content.len() as u64));
    assert!(b.read_file("/tmp/file").await.expect("and comes down") == content);

    assert_eq!(b.write_file("", "empty").await.expect("an empty file goes up"), 0);
    assert!(b.read_file("empty").await.expect("and comes down").is_empty());
    let error = b.read_file("/no/such/file").await.expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains("/no/such/file"), "{error}");
}

/// Follows the log while other calls write to it.
async fn log(b: &BoxHandle) {
    let mut lines = b.stream_logs().follow(true);
    for word in ["first", "second"] {
        // The log of a box is what its main process writes.
        let line = format!("echo {word} > /tmp/say");
        assert!(b.exec_shell(line).await.expect("a line is written").success());
        let mut seen = String::new();
        while !seen.ends_with(&format!("{word}\n")) {
            let piece = lines.next().await.expect("the log goes on").expect("the log is read");
            seen.push_str(&String::from_utf8_lossy(&piece));
        }
    }
}

async fn failures<T: Transport>(compute: &Compute<T>, taken: &str) {
    let error = compute.boxes().create(taken).await.expect_err("the name is taken");
    assert_eq!(
        (error.kind(), error.grpc_code()),
        (ErrorKind::InvalidArgument, Some(Code::AlreadyExists)),
        "{error}"
    );
    assert!(!error.outcome_unknown() && !error.retryable());
    let error = compute.boxes().get("no such box").await.expect_err("there is none");
    assert!(error.to_string().contains("no such box"), "{error}");
}

async fn standing_still(b: &BoxHandle) {
    b.suspend().await.expect("it is suspended");
    assert_eq!(b.refresh().await.expect("it is looked at").status, BoxStatus::Suspended);
    b.resume().await.expect("it is resumed");
    assert_eq!(b.refresh().await.expect("it is looked at").status, BoxStatus::Running);
    assert!(b.exec(["true"]).await.expect("it runs on").success());
}
