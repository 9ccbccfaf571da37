//! What the SDK makes of a real cluster's faults: nothing is done twice, nothing that failed is taken for a success.

// What a test expects, it may insist on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use boxd::transport::GrpcWebTransport;
use boxd::{BoxHandle, Compute, ErrorKind};
use boxd_local::Cluster;
use boxd_local::faults::{Action, Code, Fault};
use common::{cluster, compute_of};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A client that is quick to try again.
fn quick(cluster: &Cluster) -> Compute {
    let builder = Compute::builder().api_key(cluster.api_key()).exchange_url(cluster.exchange_url());
    builder.api_url(cluster.api_url()).retries(2, Duration::from_millis(20)).build().unwrap()
}

/// The same, over gRPC-web.
fn quick_web(cluster: &Cluster) -> Compute<GrpcWebTransport> {
    let builder = Compute::builder().api_key(cluster.api_key()).exchange_url(cluster.exchange_url());
    let transport = GrpcWebTransport::new(cluster.api_url()).unwrap();
    builder.transport(transport).retries(2, Duration::from_millis(20)).build().unwrap()
}

async fn names<T: boxd::transport::Transport>(compute: &Compute<T>) -> Vec<String> {
    compute.boxes().list().await.unwrap().iter().map(BoxHandle::name).collect()
}

/// What both protocols have to stand.
async fn unary_calls<T: boxd::transport::Transport>(cluster: &Cluster, compute: &Compute<T>) {
    let faults = cluster.faults();
    let before = |rpc: &str| faults.calls(rpc);

    // The answer to a create is lost: it was sent once, and nobody pretends to know.
    let sent = before("CreateVm");
    faults.inject(Fault::new("CreateVm", Action::LoseAnswer)).unwrap();
    let error = compute.boxes().create("lost").await.unwrap_err();
    assert!(error.outcome_unknown() && !error.retryable(), "{error}");
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert_eq!(before("CreateVm"), sent + 1);
    assert_eq!(names(compute).await, ["lost"]);

    // A create that the cluster was too busy for is the caller's to repeat.
    faults.inject(Fault::new("CreateVm", Action::fail(Code::Unavailable, "busy"))).unwrap();
    let error = compute.boxes().create("busy").await.unwrap_err();
    assert!(error.outcome_unknown(), "{error}");
    assert_eq!(before("CreateVm"), sent + 2);

    // A list is repeated with a pause, as long as that helps.
    let sent = before("ListVms");
    faults.inject(Fault::new("ListVms", Action::fail(Code::Unavailable, "busy")).times(2)).unwrap();
    let started = Instant::now();
    assert_eq!(names(compute).await, ["lost"]);
    assert!(started.elapsed() >= Duration::from_millis(10 + 20), "{:?}", started.elapsed());
    assert_eq!(before("ListVms"), sent + 3);
    faults.inject(Fault::new("ListVms", Action::LoseAnswer)).unwrap();
    assert_eq!(names(compute).await, ["lost"]);
    faults.inject(Fault::new("ListVms", Action::fail(Code::Unavailable, "busy")).times(3)).unwrap();
    let error = compute.boxes().list().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Connection, false), "{error}");
    assert_eq!(faults.pending(), 0);

    // Another failure is an answer.
    let sent = before("ListVms");
    faults.inject(Fault::new("ListVms", Action::fail(Code::Internal, "broken"))).unwrap();
    assert_eq!(compute.boxes().list().await.unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(before("ListVms"), sent + 1);
}

#[tokio::test]
async fn calls_are_repeated_only_where_that_is_safe() {
    let cluster = Cluster::start().await.unwrap();
    unary_calls(&cluster, &quick(&cluster)).await;
}

#[tokio::test]
async fn over_grpc_web_as_well() {
    let cluster = Cluster::start().await.unwrap();
    unary_calls(&cluster, &quick_web(&cluster)).await;
}

/// No cut of a command's answer is a success, and what came before the cut is told.
async fn cut_execs(cluster: &Cluster, b: &BoxHandle) {
    for (action, output) in [
        (Action::CutAfterMessages(0), ""),
        (Action::CutAfterMessages(1), "hello\n"),
        (Action::CutAfterMessages(2), "hello\n"),
        (Action::CutAfterBytes(0), ""),
        (Action::CutAfterBytes(4), ""),
        (Action::CutAfterBytes(5), ""),
        (Action::CutAfterBytes(9), ""),
        (Action::CutAfterBytes(1 << 20), "hello\n"),
    ] {
        let sent = cluster.faults().calls("Exec");
        cluster.faults().inject(Fault::new("Exec", action.clone()).times(2)).unwrap();
        let error = b.exec(["echo", "hello"]).await.unwrap_err();
        assert_eq!(error.output().unwrap().stdout_text(), output, "{action:?}: {error}");
        assert!(error.outcome_unknown(), "{action:?}: {error}");

        let mut process = b.exec(["echo", "hello"]).stdin("").stream().await.unwrap();
        assert!(process.wait().await.is_err(), "{action:?}");
        assert_eq!(cluster.faults().calls("Exec"), sent + 2, "{action:?}: sent once each");
    }
}

#[tokio::test]
async fn a_cut_exec_is_never_a_success() {
    let (cluster, compute) = cluster().await;
    let b = compute.boxes().create("web").await.unwrap();
    cut_execs(&cluster, &b).await;
    let b = quick_web(&cluster).boxes().get("web").await.unwrap();
    cut_execs(&cluster, &b).await;
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_of_an_exec_is_an_error() {
    let (cluster, compute) = cluster().await;
    let b = compute.boxes().create("web").await.unwrap();
    let mut process = b.exec_shell("echo so far; sleep 1000").stream().await.unwrap();
    let mut stdout = process.take_stdout().unwrap();
    assert_eq!(stdout.next().await.unwrap().unwrap(), "so far\n");
    cluster.faults().disconnect();
    for error in [stdout.next().await.unwrap().unwrap_err(), process.wait().await.unwrap_err()] {
        assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Connection, true), "{error}");
    }
    assert_eq!(cluster.faults().calls("Exec"), 1);
    // The next one finds a new connection.
    assert!(b.exec(["true"]).await.unwrap().success());
}

#[tokio::test]
async fn what_a_server_refused_untouched_is_sent_again() {
    let (cluster, compute) = cluster().await;
    let faults = cluster.faults();
    faults.inject(Fault::new("CreateVm", Action::Refuse).times(3)).unwrap();
    let b = compute.boxes().create("web").await.unwrap();
    assert_eq!(faults.calls("CreateVm"), 4);
    assert_eq!(names(&compute).await, ["web"]);

    faults.inject(Fault::new("Exec", Action::Refuse).times(3)).unwrap();
    let result = b.exec(["tee", "-a", "effect"]).stdin("once\n").await.unwrap();
    assert_eq!(result.stdout_text(), "once\n");
    assert_eq!(faults.calls("Exec"), 4);
    assert_eq!(b.exec(["cat", "effect"]).await.unwrap().stdout_text(), "once\n");

    faults.inject(Fault::new("DownloadFileStream", Action::Refuse)).unwrap();
    assert_eq!(b.read_file("effect").await.unwrap(), "once\n");
    faults.inject(Fault::new("UploadFileStream", Action::Refuse)).unwrap();
    b.write_file("content", "file").await.unwrap();
    assert_eq!(b.read_file("file").await.unwrap(), "content");

    // One that never takes it up ends in an error, and the caller knows that nothing was done.
    faults.inject(Fault::new("Exec", Action::Refuse).times(u64::MAX)).unwrap();
    let error = b.exec(["true"]).await.unwrap_err();
    assert!(!error.outcome_unknown() && error.retryable(), "{error}");
}

#[tokio::test]
async fn fifteen_hundred_execs_outlive_their_connections() {
    const EXECS: usize = 1500;
    let (cluster, compute) = cluster().await;
    let faults = cluster.faults();
    faults.limit_streams(NonZeroU32::new(100));
    let b = compute.boxes().create("web").await.unwrap();
    // The first connection was made before the limit holds for it.
    faults.go_away();
    for skip in [300, 700, 1100] {
        faults.inject(Fault::new("Exec", Action::GoAway).skip(skip)).unwrap();
    }
    let execs = (0..EXECS).map(|number| {
        let exec = b.exec_shell(format!("echo {number} | tee -a /tmp/effects"));
        async move {
            let result = exec.await?;
            assert_eq!((result.exit_code, result.stdout_text()), (0, format!("{number}\n").into()));
            Ok::<_, boxd::Error>(())
        }
    });
    let outcomes = futures_util::future::join_all(execs).await;
    let failures: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{} failures, the first: {}", failures.len(), failures[0]);
    assert_eq!(faults.pending(), 0);
    // Each took place once.
    let effects = b.exec(["sort", "-n", "/tmp/effects"]).await.unwrap();
    let expected: String = (0..EXECS).map(|number| number.to_string() + "\n").collect();
    assert!(effects.stdout_text() == expected, "an exec took place twice or never");
}

/// How a connection turns a call away after its first message has left.
#[derive(Clone, Copy, Debug)]
enum TurnAway {
    /// `GOAWAY` with a last stream before the call's.
    GoAway,
    /// `RST_STREAM` with `REFUSED_STREAM`.
    Refused,
}

/// Turns the calls of the first connections away, and carries those after to the cluster.
async fn front(cluster: &Cluster, turns: &'static [TurnAway]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let api = cluster.api_url().strip_prefix("http://").unwrap().to_owned();
    tokio::spawn(async move {
        for turn in turns {
            let (socket, _) = listener.accept().await.unwrap();
            turn_away(socket, *turn).await;
        }
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let api = api.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(api).await.unwrap();
                tokio::io::copy_bidirectional(&mut socket, &mut server).await.ok();
            });
        }
    });
    url
}

async fn turn_away(mut socket: TcpStream, turn: TurnAway) {
    const SETTINGS: u8 = 4;
    const DATA: u8 = 0;
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    };
    socket.read_exact(&mut [0; 24]).await.unwrap();
    socket.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    let stream = loop {
        let mut head = [0; 9];
        socket.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        socket.read_exact(&mut payload).await.unwrap();
        match head[3] {
            SETTINGS if head[4] == 0 => socket.write_all(&frame(SETTINGS, 1, 0, &[])).await.unwrap(),
            DATA => break u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            _ => {}
        }
    };
    match turn {
        TurnAway::GoAway => socket.write_all(&frame(7, 0, 0, &[0; 8])).await.unwrap(),
        TurnAway::Refused => {
            socket.write_all(&frame(3, 0, stream, &7_u32.to_be_bytes())).await.unwrap();
            // The connection is no longer good for the next try.
            socket.write_all(&frame(7, 0, 0, &[&stream.to_be_bytes()[..], &[0; 4]].concat())).await.unwrap();
        }
    }
    // Until the client has seen it.
    tokio::spawn(async move { socket.read_to_end(&mut Vec::new()).await });
}

#[tokio::test]
async fn a_call_whose_message_had_left_is_sent_again_when_it_was_not_taken_up() {
    let (cluster, compute) = cluster().await;
    compute.boxes().create("web").await.unwrap();
    for turns in [&[TurnAway::GoAway][..], &[TurnAway::Refused], &[TurnAway::GoAway, TurnAway::Refused]] {
        let url = front(&cluster, turns).await;
        let builder = Compute::builder().api_key(cluster.api_key()).exchange_url(cluster.exchange_url());
        let compute = builder.api_url(&url).retries(0, Duration::ZERO).build().unwrap();
        let id = compute_of(&cluster).boxes().get("web").await.unwrap().id().to_owned();
        let b = compute.boxes().attach(&id, "web");
        let effects = cluster.faults().calls("Exec");
        let result = b.exec(["cat"]).stdin("input").await.unwrap();
        assert_eq!((result.exit_code, result.stdout_text()), (0, "input".into()), "{turns:?}");
        assert_eq!(cluster.faults().calls("Exec"), effects + 1, "{turns:?}");
    }
}

#[tokio::test]
async fn a_command_waits_for_a_cluster_that_comes_back() {
    let (cluster, compute) = cluster().await;
    let id = compute.boxes().create("web").await.unwrap().id().to_owned();
    // A port where nobody listens until the first try has failed.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let builder = Compute::builder().api_key(cluster.api_key()).exchange_url(cluster.exchange_url());
    let builder = builder.api_url(format!("http://{free}"));
    let b = builder.clone().retries(0, Duration::ZERO).build().unwrap().boxes().attach(&id, "web");
    let error = b.exec(["true"]).await.unwrap_err();
    assert!(error.retryable() && !error.outcome_unknown(), "{error}");

    let b = builder.retries(8, Duration::from_millis(50)).build().unwrap().boxes().attach(&id, "web");
    let exec = tokio::spawn(async move { b.exec(["echo", "back"]).await });
    // By now the first try has failed; if not, there is one less to make.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let listener = TcpListener::bind(free).await.unwrap();
    let api = cluster.api_url().strip_prefix("http://").unwrap().to_owned();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(api).await.unwrap();
        tokio::io::copy_bidirectional(&mut socket, &mut server).await.ok();
    });
    assert_eq!(exec.await.unwrap().unwrap().stdout_text(), "back\n");
}
