//! What a subscriber of `tracing` is told of calls, and what it is never told.
#![cfg(feature = "tracing")]
// What a test expects, it may insist on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use boxd::transport::EncodedMessage;
use boxd::wire::ListVmsResponse;
use boxd::{BoxConfig, Compute};
use common::{Scripted, cluster, grpc_whole};
use futures_util::{FutureExt, StreamExt};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What was recorded on this thread; the tests' runtimes have no other.
#[derive(Clone, Default)]
struct Recording(Arc<Mutex<Vec<u8>>>);

impl Recording {
    /// Records until the guard is dropped.
    fn start(level: LevelFilter) -> (Self, tracing::subscriber::DefaultGuard) {
        let recording = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(recording.clone())
            .with_max_level(level)
            .with_ansi(false)
            .without_time()
            .finish();
        (recording, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The one line that tells of the end of a call of `method`.
    #[track_caller]
    fn end_of(&self, method: &str) -> String {
        let text = self.text();
        let method = format!("method=\"{method}\"");
        let mut ends = text.lines().filter(|line| line.contains("the call ended") && line.contains(&method));
        let end = ends.next().unwrap_or_else(|| panic!("no end of {method} in:\n{text}"));
        assert_eq!(ends.next(), None);
        end.to_owned()
    }
}

impl Write for Recording {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Recording {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
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
    let server = Scripted::grpc(|number, _| {
        async move {
            let vm = boxd::wire::GetVmResponse { name: "web".into(), ..Default::default() };
            let boxes = EncodedMessage::encode(&ListVmsResponse { vms: vec![vm], ..Default::default() });
            if number < 2 { grpc_whole(&[], 14, "words") } else { grpc_whole(&[boxes], 0, "") }
        }
        .boxed()
    })
    .await;
    let (recording, _guard) = Recording::start(LevelFilter::DEBUG);
    let compute = server.client().retries(2, Duration::from_millis(1)).build().unwrap();
    compute.boxes().list().await.unwrap();
    let end = recording.end_of("ListVms");
    has(&end, &["DEBUG", "boxd: ", "attempts=3", "status=\"OK\"", "sent_bytes=0", "received_bytes=7"]);
    assert!(number(&end, "duration_ms") > 0.0);
    let text = recording.text();
    let failed: Vec<_> = text.lines().filter(|line| line.contains("this attempt failed")).collect();
    assert_eq!(failed.len(), 2, "{text}");
    for (attempt, line) in (1..).zip(failed) {
        has(line, &[&format!(" attempt={attempt} "), "status=\"UNAVAILABLE\""]);
        assert!(number(line, "pause_ms") > 0.0);
    }

    let server = Scripted::grpc(|_, _| async { grpc_whole(&[], 14, "the server's words") }.boxed()).await;
    server.compute().boxes().create("web").await.unwrap_err();
    let end = recording.end_of("CreateVm");
    has(&end, &["attempts=1", "status=\"UNAVAILABLE\"", "received_bytes=0"]);
    assert!(number(&end, "sent_bytes") > 5.0);
    assert!(!recording.text().contains("words"), "the server's words are its own");
}

#[tokio::test]
async fn a_call_on_a_box_names_it_and_a_stream_ends_as_it_ended() {
    let (_cluster, compute) = cluster().await;
    let b = compute.boxes().create("web").await.unwrap();
    b.wait_until_ready().await.unwrap();
    let in_box = format!("box_id=\"{}\"", b.id());

    let (recording, guard) = Recording::start(LevelFilter::DEBUG);
    let result = b.exec(["cat"]).stdin(vec![b'x'; 100_000]).await.unwrap();
    assert_eq!(result.stdout.len(), 100_000);
    let end = recording.end_of("Exec");
    has(&end, &[&in_box, "attempts=1", "status=\"OK\""]);
    assert!(number(&end, "sent_bytes") > 100_000.0 && number(&end, "received_bytes") > 100_000.0, "{end}");
    b.suspend().await.unwrap();
    has(&recording.end_of("SuspendVm"), &[&in_box, "status=\"OK\""]);
    b.resume().await.unwrap();
    drop(guard);

    let (recording, _guard) = Recording::start(LevelFilter::DEBUG);
    let mut process = b.exec_shell("echo up; sleep 1000").stream().await.unwrap();
    let mut stdout = process.take_stdout().unwrap();
    assert_eq!(stdout.next().await.unwrap().unwrap(), "up\n");
    drop((process, stdout));
    has(&recording.end_of("Exec"), &[&in_box, "status=\"CANCELLED\""]);
    b.read_file("/no/such").await.unwrap_err();
    has(&recording.end_of("DownloadFileStream"), &[&in_box, "status=\"NOT_FOUND\""]);
}

#[tokio::test]
async fn no_level_tells_a_secret() {
    let (cluster, compute) = cluster().await;
    let key = compute.api_keys().create("canary").await.unwrap();
    let token = compute.tokens().create().await.unwrap();

    let (recording, _guard) = Recording::start(LevelFilter::TRACE);
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

    let text = recording.text();
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
