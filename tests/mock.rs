//! The mock transport, used as in a user's tests: the SDK on top of it is the real one.

// What a test expects, it may insist on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use boxd::mock::{Answer, MockTransport, Outcome};
use boxd::transport::{Capabilities, Code, Metadata, Status, Transport};
use boxd::wire::{self, methods};
use boxd::{BoxHandle, BoxStatus, Compute, Content, ErrorKind};
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::AsyncWriteExt;

const SECRET: &str = "canary-token";

fn compute(mock: &MockTransport) -> Compute<MockTransport> {
    Compute::builder()
        .token(SECRET)
        .retries(2, Duration::ZERO)
        .transport(mock.clone())
        .build()
        .expect("nothing of it can be wrong")
}

fn ferris() -> wire::WhoamiResponse {
    wire::WhoamiResponse { user_id: "gh-ferris".to_owned(), ..Default::default() }
}

/// A mock with a box, and a handle to that.
async fn a_box() -> (MockTransport, BoxHandle) {
    let mock = MockTransport::new();
    mock.add_box("web");
    let b = compute(&mock).boxes().get("web").await.unwrap();
    (mock, b)
}

#[tokio::test]
async fn answers_are_used_up_in_order_and_standing_ones_stay() {
    let mock = MockTransport::new();
    let denied = Status::new(Code::PermissionDenied, "not today");
    mock.on(methods::WHOAMI).always(ferris()).reply(wire::WhoamiResponse::default()).reply(denied);
    let compute = compute(&mock);
    assert_eq!(compute.whoami().await.unwrap().user_id, "");
    assert_eq!(compute.whoami().await.unwrap_err().kind(), ErrorKind::Authentication);
    for _ in 0..3 {
        assert_eq!(compute.whoami().await.unwrap().user_id, "gh-ferris");
    }
    mock.verify().unwrap();
}

#[tokio::test]
async fn answers_go_by_what_is_asked_for() {
    let (mock, b) = a_box().await;
    mock.on(methods::EXEC)
        .when(|first| first.command == "uname")
        .always(Answer::new().stdout("Linux\n").exit(0));
    mock.on(methods::EXEC)
        .reply_with(|first| Answer::new().stderr(format!("{}: not found\n", first.command)).exit(127));
    assert_eq!(b.exec(["uname"]).await.unwrap().stdout_text(), "Linux\n");
    let result = b.exec(["dir"]).await.unwrap();
    assert_eq!((result.stderr_text().as_ref(), result.exit_code), ("dir: not found\n", 127));
}

#[tokio::test]
async fn a_box_lives_through_what_is_done_to_it() {
    let mock = MockTransport::new();
    let id = mock.add_box("web");
    mock.add_box("db");
    let compute = compute(&mock);
    let b = compute.boxes().create("web").await.unwrap();
    b.wait_until_ready().await.unwrap();
    b.stop().await.unwrap();
    b.start().await.unwrap();
    b.suspend().await.unwrap();
    b.resume().await.unwrap();
    assert_eq!((b.id(), b.refresh().await.unwrap().status), (id.as_str(), BoxStatus::Running));
    let names: Vec<_> = compute.boxes().list().await.unwrap().iter().map(BoxHandle::name).collect();
    assert_eq!(names, ["web", "db"]);
    // What is scripted for one call goes first.
    mock.on(methods::DESTROY_VM).reply(Status::new(Code::FailedPrecondition, "locked"));
    assert_eq!(b.destroy().await.unwrap_err().grpc_code(), Some(Code::FailedPrecondition));
    b.destroy().await.unwrap();
    mock.verify().unwrap();
}

#[tokio::test]
async fn a_wait_tells_the_handle_what_it_saw() {
    let mock = MockTransport::new();
    let b = compute(&mock).boxes().attach("vm-1", "kept");
    let unknown = b.info();
    assert_eq!((unknown.status.as_str(), unknown.disk_bytes, unknown.auto_suspend_timeout), ("", None, None));
    let vm = |status: &str| wire::GetVmResponse {
        vm_id: "vm-1".into(),
        name: "web".into(),
        status: status.into(),
        disk_bytes: 5,
        ..Default::default()
    };
    mock.on(methods::GET_VM).reply(vm("starting")).reply(vm("running"));
    mock.on(methods::EXEC).when(|first| first.command == "true").reply(Answer::new().exit(0));
    b.wait_until_ready().await.unwrap();
    assert_eq!((b.name().as_str(), b.status(), b.disk_bytes()), ("web", BoxStatus::Running, Some(5)));

    mock.on(methods::GET_VM).reply(vm("failed"));
    let error = b.wait_until_ready().await.unwrap_err();
    assert_eq!(b.status(), BoxStatus::Failed);
    assert_eq!(
        error.to_string(),
        "wait until box \"web\" (vm-1) is ready: the box is failed, and will not become ready by itself \
         (FAILED_PRECONDITION)"
    );

    mock.on(methods::GET_VM).always(vm("starting"));
    let error = b.wait_until_ready().timeout(Duration::from_millis(20)).await.unwrap_err();
    let said = "not ready within 20 ms; its status is starting (DEADLINE_EXCEEDED)";
    assert!(error.to_string().ends_with(said), "{error}");
    mock.verify().unwrap();
}

#[tokio::test]
async fn a_wait_in_which_no_call_is_answered_is_not_ready() {
    let mock = MockTransport::new();
    let b = compute(&mock).boxes().attach("vm-1", "web");
    mock.on(methods::GET_VM).always(Answer::new().then_hang());
    let error = b.wait_until_ready().timeout(Duration::from_millis(20)).await.unwrap_err();
    assert!(error.to_string().contains("not ready within 20 ms; its status is not known"), "{error}");
}

#[tokio::test]
async fn a_call_without_an_answer_says_which_it_was() {
    let (mock, b) = a_box().await;
    let error = b.exec(["rm", "-rf", "/"]).await.unwrap_err();
    assert_eq!((error.kind(), error.grpc_code()), (ErrorKind::Other, Some(Code::Unimplemented)), "{error}");
    assert!(error.to_string().contains("no answer is scripted for Exec(ExecChunk {"), "{error}");
    assert!(error.to_string().contains("rm -rf /"), "{error}");
    let error = compute(&mock).boxes().create("other").await.unwrap_err();
    assert!(error.to_string().contains("name: \"other\""), "{error}");

    mock.on(methods::GET_CONFIG).reply(wire::GetConfigResponse::default());
    let unmet = mock.verify().unwrap_err().to_string();
    for expected in ["an answer to GetConfig was not asked for", "rm -rf /", "CreateVm(CreateVmRequest {"] {
        assert!(unmet.contains(expected), "{unmet}");
    }
}

#[tokio::test]
async fn streams_go_on_until_they_fail_or_end() {
    let (mock, b) = a_box().await;
    let cut = || Status::unavailable("connection reset");
    mock.on(methods::EXEC)
        .reply(Answer::new().stdout("so ").stdout("far").then_fail(cut()))
        .reply(Answer::new().stdout("no end"))
        .reply(Answer::new());
    let error = b.exec(["make"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(error.outcome_unknown() && !error.retryable());
    assert_eq!(error.output().unwrap().stdout_text(), "so far");
    // OK after output reads as exit 0, which is what a server says that way; OK alone says nothing.
    assert_eq!(b.exec(["make"]).await.unwrap().exit_code, 0);
    assert_eq!(b.exec(["make"]).await.unwrap_err().kind(), ErrorKind::Internal);

    mock.on(methods::STREAM_LOGS).reply(Answer::new().log("one\n").log("two\n").then_fail(cut()));
    let mut log = b.stream_logs().follow(true);
    assert_eq!(log.next().await.unwrap().unwrap(), "one\n");
    assert_eq!(log.next().await.unwrap().unwrap(), "two\n");
    assert_eq!(log.next().await.unwrap().unwrap_err().kind(), ErrorKind::Connection);
    assert!(log.next().await.is_none());
    assert!(mock.requests(methods::STREAM_LOGS)[0].follow);
}

#[tokio::test]
async fn files_go_both_ways() {
    let (mock, b) = a_box().await;
    mock.on(methods::UPLOAD_FILE_STREAM).reply(wire::UploadFileResponse { bytes_written: 5 });
    assert_eq!(b.write_file(Content::reader(&b"hello"[..], 5), "/srv/x").await.unwrap(), 5);
    let sent = mock.requests(methods::UPLOAD_FILE_STREAM);
    assert_eq!((sent[0].path.as_str(), sent[0].total_size), ("/srv/x", 5));
    assert_eq!(sent[1].data, "hello");

    let short = wire::DownloadFileChunk { total_size: 9, data: "hello".into() };
    mock.on(methods::DOWNLOAD_FILE_STREAM).reply(Answer::new().content("hello")).reply(short);
    assert_eq!(b.read_file("/srv/x").await.unwrap(), "hello");
    assert_eq!(b.read_file("/srv/x").await.unwrap_err().grpc_code(), Some(Code::DataLoss));
    mock.verify().unwrap();
}

#[tokio::test]
async fn what_a_shell_is_told_is_recorded_as_it_comes() {
    let (mock, b) = a_box().await;
    mock.on(methods::EXEC).reply(Answer::new().stdout("$ ").after_input().stdout("bye\n").exit(7));
    let mut shell = b.exec(["sh"]).tty(100, 30).interactive().await.unwrap();
    let (mut stdin, mut stdout) = (shell.take_stdin().unwrap(), shell.take_stdout().unwrap());
    assert_eq!(stdout.next().await.unwrap().unwrap(), "$ ");
    stdin.write_all(b"exit 7\n").await.unwrap();
    shell.resize(120, 40);
    stdin.shutdown().await.unwrap();
    assert_eq!(stdout.try_collect::<Vec<_>>().await.unwrap().concat(), b"bye\n");
    assert_eq!(shell.wait().await.unwrap(), 7);

    let call = mock.calls().pop().unwrap();
    assert_eq!((call.name(), call.input_ended(), call.outcome()), ("Exec", true, Outcome::Done));
    let sent = call.messages(methods::EXEC);
    assert!(sent[0].tty && (sent[0].cols, sent[0].rows) == (100, 30), "{call}");
    assert!(sent[1].stdin && sent[1].data == "exit 7\n", "{call}");
    assert!(call.messages(methods::GET_VM).is_empty());
}

#[tokio::test]
async fn dropping_cancels_and_shows() {
    let (mock, b) = a_box().await;
    mock.on(methods::EXEC).always(Answer::new().stdout("up\n").then_hang());
    let mut process = b.exec(["serve"]).stream().await.unwrap();
    let mut stdout = process.take_stdout().unwrap();
    assert_eq!(stdout.next().await.unwrap().unwrap(), "up\n");
    assert_eq!(mock.calls().last().unwrap().outcome(), Outcome::Open);
    process.kill();
    assert_eq!(mock.calls().last().unwrap().outcome(), Outcome::Dropped);

    let error = b.exec(["serve"]).timeout(Duration::from_millis(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(mock.calls().last().unwrap().timeout(), Some(Duration::from_millis(1)));
}

#[tokio::test]
async fn retries_are_the_sdks_own() {
    let mock = MockTransport::new();
    let down = Status::unavailable("down");
    mock.on(methods::WHOAMI).reply(down.clone()).reply(down.clone()).reply(ferris());
    mock.on(methods::CREATE_VM).reply(down.clone()).reply(down.not_sent());
    let compute = compute(&mock);
    assert_eq!(compute.whoami().await.unwrap().user_id, "gh-ferris");
    let error = compute.boxes().create("web").await.unwrap_err();
    assert!(error.outcome_unknown() && mock.requests(methods::CREATE_VM).len() == 1, "{error}");
    assert_eq!(mock.calls().iter().filter(|call| call.name() == "Whoami").count(), 3);
    assert_eq!(mock.calls()[0].outcome(), Outcome::Failed(Code::Unavailable));
}

#[tokio::test]
async fn records_are_readable_and_hold_no_secret() {
    let (mock, b) = a_box().await;
    b.stop().await.unwrap();
    let shown = format!("{mock:?}");
    assert!(shown.contains("StopVm(StopVmRequest { vm_id: \"vm-web\" }) -> Done"), "{shown}");
    let calls = mock.calls();
    assert_eq!(calls[0].metadata().get("authorization"), Some("[redacted]"));
    assert!(calls[0].metadata().get("x-boxd-rust-sdk-version").is_some());
    let all: Vec<Metadata> = calls.iter().map(|call| call.metadata().clone()).collect();
    assert!(!shown.contains(SECRET) && !format!("{all:?}").contains(SECRET));
}

#[tokio::test]
async fn what_no_server_can_answer_is_an_error_too() {
    let mock = MockTransport::new();
    let two = Answer::new().then(&ferris()).then(&ferris());
    mock.on(methods::WHOAMI).reply(two).reply(Answer::new());
    let compute = compute(&mock);
    for count in ["2 messages", "0 messages"] {
        let error = compute.whoami().await.unwrap_err();
        assert!(error.kind() == ErrorKind::Internal && error.message().contains(count), "{error}");
    }
}

#[tokio::test]
async fn a_browsers_transport_is_half_duplex() {
    let (mock, _) = a_box().await;
    let web = mock.with_capabilities(Capabilities::HALF_DUPLEX);
    assert!(!web.capabilities().full_duplex);
    let b = compute(&web).boxes().get("web").await.unwrap();
    let error = b.exec(["sh"]).interactive().await.unwrap_err();
    assert_eq!(error.grpc_code(), Some(Code::Unimplemented), "{error}");
    assert!(web.requests(methods::EXEC).is_empty());
}

#[test]
fn beneath_the_blocking_surface() {
    let mock = MockTransport::new();
    mock.add_box("web");
    mock.on(methods::EXEC).reply(Answer::new().stdout("hi\n").exit(0));
    let compute = boxd::blocking::Compute::builder().token(SECRET).transport(mock.clone()).build().unwrap();
    let b = compute.boxes().get("web").unwrap();
    assert_eq!(b.exec(["echo", "hi"]).call().unwrap().stdout_text(), "hi\n");
    mock.verify().unwrap();
}
