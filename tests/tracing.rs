//! What a subscriber of `tracing` is told of calls, and what it is never told.
#![cfg(feature = "tracing")]
// What a test expects, it may insist on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;
use std::time::Duration;

use boxd::transport::EncodedMessage;
use boxd::wire::ListVmsResponse;
use boxd::{BoxConfig, Compute};
use common::{Scripted, cluster, grpc_whole};
use futures_util::{FutureExt, StreamExt};
use tracing_subscriber::filter::LevelFilter;

thread_local! {
    static TOLD: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Records what is told on this thread from now on; runtimes of `#[tokio::test]` have no other.
fn record() {
    TOLD.set(Some(Vec::new()));
}

fn told() -> String {
    String::from_utf8(TOLD.with_borrow(Clone::clone).unwrap()).unwrap()
}

/// The one line that tells of the end of a call of `method`.
#[track_caller]
fn end_of(method: &str) -> String {
    let text = told();
    let method = format!("method=\"{method}\"");
    let mut ends = text.lines().filter(|line| line.contains("the call ended") && line.contains(&method));
    let end = ends.next().unwrap_or_else(|| panic!("no end of {method} in:\n{text}"));
    assert_eq!(ends.next(), None);
    end.to_owned()
}

/// What the thread that tells has recorded, if it records.
struct OfThread;

impl Write for OfThread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // A thread that ends may still tell something, when what belongs to it is gone.
        let _ = TOLD.try_with(|told| {
            if let Some(told) = &mut *told.borrow_mut() {
                told.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One subscriber for all threads, there before anything that it could be told of: every test begins with this. With one of
/// each thread's own, what a thread without one is first to come by is off for everybody.
fn subscribe() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_writer(|| OfThread)
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .without_time()
            .init();
    });
}

#[track_caller]
fn has(line: &str, fields: &[&str]) {
    for field in fields {
        assert!(line.contains(field), "{field} is not in: {line}");
    }
}

/// The number that `field` holds.
#[track_caller]
fn number(line: &str, field: &str) -> f64 {
    let (_, rest) =
        line.split_once(&format!("{field}=")).unwrap_or_else(|| panic!("{field} is not in: {line}"));
    rest.split([' ', '}']).next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_call_tells_method_attempts_status_bytes_and_duration() {
    subscribe();
    let server = Scripted::grpc(|number, _| {
        async move {
            let vm = boxd::wire::GetVmResponse { name: "web".into(), ..Default::default() };
            let boxes = EncodedMessage::encode(&ListVmsResponse { vms: vec![vm], ..Default::default() });
            if number < 2 { grpc_whole(&[], 14, "words") } else { grpc_whole(&[boxes], 0, "") }
        }
        .boxed()
    })
    .await;
    record();
    let compute = server.client().retries(2, Duration::from_millis(1)).build().unwrap();
    compute.boxes().list().await.unwrap();
    let end = end_of("ListVms");
    has(&end, &["DEBUG", "boxd: ", "attempts=3", "status=\"OK\"", "sent_bytes=0", "received_bytes=7"]);
    assert!(number(&end, "duration_ms") > 0.0);
    let text = told();
    let failed: Vec<_> = text.lines().filter(|line| line.contains("this attempt failed")).collect();
    assert_eq!(failed.len(), 2, "{text}");
    for (attempt, line) in (1..).zip(failed) {
        has(line, &[&format!(" attempt={attempt} "), "status=\"UNAVAILABLE\""]);
        assert!(number(line, "pause_ms") > 0.0);
    }

    let server = Scripted::grpc(|_, _| async { grpc_whole(&[], 14, "the server's words") }.boxed()).await;
    server.compute().boxes().create("web").await.unwrap_err();
    let end = end_of("CreateVm");
    has(&end, &["attempts=1", "status=\"UNAVAILABLE\"", "received_bytes=0"]);
    assert!(number(&end, "sent_bytes") > 5.0);
    assert!(!told().contains("words"), "the server's words are its own");
}

#[tokio::test]
async fn a_call_on_a_box_names_it_and_a_stream_ends_as_it_ended() {
    subscribe();
    let (_cluster, compute) = cluster().await;
    let b = compute.boxes().create("web").await.unwrap();
    b.wait_until_ready().await.unwrap();
    let in_box = format!("box_id=\"{}\"", b.id());

    record();
    let result = b.exec(["cat"]).stdin(vec![b'x'; 100_000]).await.unwrap();
    assert_eq!(result.stdout.len(), 100_000);
    let end = end_of("Exec");
    has(&end, &[&in_box, "attempts=1", "status=\"OK\""]);
    assert!(number(&end, "sent_bytes") > 100_000.0 && number(&end, "received_bytes") > 100_000.0, "{end}");
    b.suspend().await.unwrap();
    has(&end_of("SuspendVm"), &[&in_box, "status=\"OK\""]);
    b.resume().await.unwrap();

    record();
    let mut process = b.exec_shell("echo up; sleep 1000").stream().await.unwrap();
    let mut stdout = process.take_stdout().unwrap();
    assert_eq!(stdout.next().await.unwrap().unwrap(), "up\n");
    drop((process, stdout));
    has(&end_of("Exec"), &[&in_box, "status=\"CANCELLED\""]);
    b.read_file("/no/such").await.unwrap_err();
    has(&end_of("DownloadFileStream"), &[&in_box, "status=\"NOT_FOUND\""]);
}

#[tokio::test]
async fn no_level_tells_a_secret() {
    subscribe();
    let (cluster, compute) = cluster().await;
    let key = compute.api_keys().create("canary").await.unwrap();
    let token = compute.tokens().create().await.unwrap();

    record();
    let by_key = Compute::builder()
        .api_key(key.key())
        .api_url(cluster.api_url())
        .exchange_url(cluster.exchange_url())
        .build()
        .unwrap();
    let config = BoxConfig::new().env("CANARY", "canary-in-config");
    let b = by_key.boxes().create("web").config(config).await.unwrap();
    b.wait_until_ready().await.unwrap();
    let said =
        b.exec_shell("echo $CANARY").env("CANARY", "canary-in-env").stdin("canary-in-input").await.unwrap();
    assert_eq!(said.stdout_text(), "canary-in-env\n");
    b.write_file("canary-in-file", "canary").await.unwrap();
    assert_eq!(b.read_file("canary").await.unwrap(), "canary-in-file");

    let by_token = Compute::builder().token(token.token()).api_url(cluster.api_url()).build().unwrap();
    let secret = by_token.tokens().create().await.unwrap();
    let other_key = by_token.api_keys().create("second").await.unwrap();

    let text = told();
    has(&text, &["the call ended", "TRACE", "h2::"]);
    let secrets = [key.key(), token.token(), secret.token(), other_key.key()];
    // What the key was exchanged for isn't known here, but every token of the cluster starts so.
    let canaries =
        ["canary-in-config", "canary-in-env", "canary-in-input", "canary-in-file", "eyJ", "Bearer"];
    for canary in secrets.into_iter().chain(canaries) {
        let told = text.lines().find(|line| line.contains(canary));
        assert_eq!(told, None, "{canary} is told");
    }
}

/// Without await, the subscriber of the thread that calls is told.
#[cfg(feature = "blocking")]
#[test]
fn a_call_that_blocks_is_told_on_its_thread() {
    subscribe();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (cluster, _) = runtime.block_on(cluster());
    let client = || {
        let builder = boxd::blocking::Compute::builder();
        builder.api_url(cluster.api_url()).exchange_url(cluster.exchange_url())
    };
    record();
    client().api_key(cluster.api_key()).build().unwrap().whoami().unwrap();
    client().token("eyJ.wrong").build().unwrap().config().unwrap_err();
    has(&end_of("Whoami"), &["status=\"OK\""]);
    has(&end_of("GetConfig"), &["status=\"UNAUTHENTICATED\""]);
    let text = told();
    assert!(!text.contains("eyJ") && !text.contains(cluster.api_key()), "{text}");
}
