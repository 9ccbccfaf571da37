//! What becomes of a call when the server or the way to it misbehaves: a scripted server, the real transport.

// What a test expects, it may insist on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::{Duration, Instant};

use boxd::transport::{Code, EncodedMessage};
use boxd::wire::{
    AddCustomDomainRequest, AddCustomDomainResponse, CustomDomainInfo, DownloadFileChunk,
    DownloadFileResponse, ExecChunk, ExposePortResponse, GetConfigResponse, GetVmResponse,
    ListCustomDomainsResponse, ListExposedPortsResponse, ListVmsResponse, LogChunk, UploadFileChunk,
    UploadFileResponse, WhoamiResponse,
};
use boxd::{BoxConfig, BoxHandle, Compute, Content, ErrorKind};
use common::{Body, Scripted, grpc_answer, grpc_whole, http_answer, message, trailers};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use http_body_util::BodyExt;
use hyper::Response;
use tokio::sync::oneshot;

fn encode(message: &impl prost::Message) -> EncodedMessage {
    EncodedMessage::encode(message)
}

fn rpc(request: &hyper::Request<hyper::body::Incoming>) -> String {
    request.uri().path().rsplit('/').next().unwrap().to_owned()
}

/// Answers `GetVm`; everything else as the script says.
async fn with_box<F>(script: F) -> (Scripted, BoxHandle)
where
    F: Fn(&str, hyper::body::Incoming) -> futures_util::future::BoxFuture<'static, Response<Body>>
        + Send
        + Sync
        + 'static,
{
    let server = Scripted::grpc(move |_, request| {
        let name = rpc(&request);
        if name == "GetVm" {
            let vm = GetVmResponse {
                vm_id: "vm-1".into(),
                name: "web".into(),
                status: "running".into(),
                ..GetVmResponse::default()
            };
            return async move { grpc_whole(&[encode(&vm)], 0, "") }.boxed();
        }
        script(&name, request.into_body())
    })
    .await;
    let b = server.compute().boxes().get("vm-1").await.unwrap();
    (server, b)
}

fn out(data: &'static str, exit_code: i32) -> EncodedMessage {
    encode(&ExecChunk { data: data.into(), exit_code, ..ExecChunk::default() })
}

#[tokio::test]
async fn a_call_carries_one_credential_and_the_sdk_version() {
    let server =
        Scripted::grpc(|_, _| async { grpc_whole(&[encode(&WhoamiResponse::default())], 0, "") }.boxed())
            .await;
    server.compute().whoami().await.unwrap();
    let (path, headers) = server.requests.lock().unwrap()[0].clone();
    assert_eq!(path, "/boxd.api.v1.BoxdApi/Whoami");
    let values =
        |name: &str| headers.get_all(name).iter().map(|v| v.to_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(values("authorization"), ["Bearer canary-token"]);
    assert_eq!(values("x-boxd-rust-sdk-version"), [env!("CARGO_PKG_VERSION")]);
    assert!(values("user-agent")[0].starts_with(concat!("boxd-rust/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(values("te"), ["trailers"]);
    assert_eq!(values("grpc-timeout"), ["60000m"]);
}

#[tokio::test]
async fn each_status_is_its_class() {
    let server = Scripted::grpc(|_, request| {
        async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            // The id asked for, which is the first field of every request here, is the status wanted.
            let wanted: boxd::wire::GetVmRequest = prost::Message::decode(body.slice(5..)).unwrap();
            let code = wanted.vm_id.parse().unwrap();
            grpc_whole(&[], code, "the server%27s words")
        }
        .boxed()
    })
    .await;
    let compute = server.client().retries(0, Duration::ZERO).build().unwrap();
    for (code, kind) in [
        (1, ErrorKind::Other),
        (2, ErrorKind::Internal),
        (3, ErrorKind::InvalidArgument),
        (4, ErrorKind::Timeout),
        (5, ErrorKind::NotFound),
        (6, ErrorKind::InvalidArgument),
        (7, ErrorKind::Authentication),
        (8, ErrorKind::QuotaExceeded),
        (9, ErrorKind::Other),
        (10, ErrorKind::Other),
        (11, ErrorKind::Other),
        (12, ErrorKind::Other),
        (13, ErrorKind::Internal),
        (14, ErrorKind::Connection),
        (15, ErrorKind::Other),
        (16, ErrorKind::Authentication),
    ] {
        let b = compute.boxes().attach(code.to_string(), "web");
        let read = b.refresh().await.unwrap_err();
        let write = b.stop().await.unwrap_err();
        let stream = b.stream_logs().next().await.unwrap().unwrap_err();
        for error in [&read, &write, &stream] {
            assert_eq!((error.kind(), error.grpc_code().map(Code::number)), (kind, Some(code)), "{error}");
            assert_eq!(error.message(), "the server's words");
            assert_eq!(error.status().map(|status| status.code().number()), Some(code));
            assert!(std::error::Error::source(error).is_some());
            // For people: what was being done, on which box, the server's words, and the status by its name.
            let name = format!("({})", Code::from_number(code).name());
            for part in ["box \"web\"", "the server's words", &name] {
                assert!(error.to_string().contains(part), "{part} is not in: {error}");
            }
        }
        assert!(!read.outcome_unknown() && !stream.outcome_unknown(), "a read has no outcome: {read}");
        assert_eq!((read.retryable(), write.retryable()), (code == 14, false), "{read}");
        // These come about on the way as well, after the server may have done it.
        assert_eq!(write.outcome_unknown(), matches!(code, 1 | 4 | 14), "{write}");
    }
    // One that gRPC does not know.
    let error = compute.boxes().attach("42", "web").refresh().await.unwrap_err();
    assert_eq!((error.kind(), error.grpc_code()), (ErrorKind::Internal, Some(Code::Unknown)), "{error}");
}

#[tokio::test]
async fn http_answers_become_classes() {
    for (status, kind) in [
        (401, ErrorKind::Authentication),
        (403, ErrorKind::Authentication),
        (404, ErrorKind::Other),
        (429, ErrorKind::Connection),
        (502, ErrorKind::Connection),
        (503, ErrorKind::Connection),
        (504, ErrorKind::Connection),
    ] {
        let server =
            Scripted::grpc(move |_, _| async move { http_answer(status, &[], "<html>") }.boxed()).await;
        let compute = server.client().retries(0, Duration::ZERO).build().unwrap();
        let error = compute.whoami().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(&status.to_string()), "{error}");
    }
    let server =
        Scripted::grpc(|_, _| async { http_answer(200, &[("content-type", "text/html")], "hi") }.boxed())
            .await;
    let error = server.compute().whoami().await.unwrap_err();
    assert!(error.message().contains("text/html"), "{error}");
}

#[tokio::test]
async fn reads_are_repeated_and_writes_are_not() {
    let server = Scripted::grpc(|number, _| {
        async move {
            if number < 2 {
                grpc_whole(&[], 14, "busy")
            } else {
                grpc_whole(&[encode(&ListVmsResponse::default())], 0, "")
            }
        }
        .boxed()
    })
    .await;
    let compute = server.client().retries(2, Duration::from_millis(1)).build().unwrap();
    assert_eq!(compute.boxes().list().await.unwrap().len(), 0);
    assert_eq!(server.count(), 3);

    let server = Scripted::grpc(|_, _| async { grpc_whole(&[], 14, "busy") }.boxed()).await;
    let compute = server.client().retries(5, Duration::from_millis(1)).build().unwrap();
    let error = compute.boxes().create("web").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome_unknown(), error.retryable()),
        (ErrorKind::Connection, true, false)
    );
    assert!(error.to_string().contains("\"web\"") && error.to_string().contains("carried out"), "{error}");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn an_answer_that_is_lost_leaves_the_outcome_unknown() {
    let server = Scripted::grpc(|_, _| {
        async {
            let (_, response) = grpc_answer();
            response // The body ends without a verdict.
        }
        .boxed()
    })
    .await;
    let error = server.compute().boxes().create("web").await.unwrap_err();
    assert!(error.outcome_unknown(), "{error}");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_refused_connection_is_known_to_have_done_nothing() {
    let server = Scripted::grpc(|_, _| async { unreachable!() }.boxed()).await;
    let compute = server.client().retries(1, Duration::from_millis(1)).build().unwrap();
    server.kill();
    // The port is free again once the listener has gone.
    while tokio::net::TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let error = compute.boxes().create("web").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(!error.outcome_unknown() && error.retryable(), "{error}");
}

#[tokio::test]
async fn a_lost_connection_is_made_again() {
    let whoami = |_, _| async { grpc_whole(&[encode(&WhoamiResponse::default())], 0, "") }.boxed();
    let server = Scripted::grpc(whoami).await;
    let compute = server.compute();
    compute.whoami().await.unwrap();
    server.kill();
    let again = Scripted::grpc_again(server.address, whoami).await;
    // A read comes through by itself; what changes something, the caller may send again.
    compute.whoami().await.unwrap();
    compute.whoami().await.unwrap();
    assert!(again.count() >= 2);
}

#[tokio::test]
async fn all_clones_share_one_connection() {
    let server =
        Scripted::grpc(|_, _| async { grpc_whole(&[encode(&WhoamiResponse::default())], 0, "") }.boxed())
            .await;
    let compute = server.compute();
    let calls = (0..50).map(|_| {
        let compute = compute.clone();
        async move { compute.whoami().await }
    });
    futures_util::future::try_join_all(calls).await.unwrap();
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_unanswered_call_ends_in_time() {
    let server = Scripted::grpc(|_, _| std::future::pending().boxed()).await;
    let compute = server.client().request_timeout(Duration::from_millis(100)).build().unwrap();
    let started = Instant::now();
    let error = compute.boxes().create("web").await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Timeout, true));
}

#[tokio::test]
async fn a_body_that_never_comes_ends_in_time() {
    let (hold, release) = oneshot::channel::<()>();
    let release = release.shared();
    let server = Scripted::grpc(move |_, _| {
        let release = release.clone();
        async move {
            let (sender, response) = grpc_answer();
            tokio::spawn(async move {
                let _ = release.await;
                drop(sender);
            });
            response
        }
        .boxed()
    })
    .await;
    let compute = server.client().request_timeout(Duration::from_millis(100)).build().unwrap();
    assert_eq!(compute.whoami().await.unwrap_err().kind(), ErrorKind::Timeout);
    drop(hold);
}

#[tokio::test]
async fn silent_streams_end_by_their_clocks() {
    let (server, b) = with_box(|_, _| std::future::pending().boxed()).await;
    let id = b.id().to_owned();
    let compute = server.client().open_timeout(Duration::from_millis(50)).build().unwrap();
    let b = compute.boxes().get(&id).await.unwrap();
    let error = b.stream_logs().follow(true).next().await.unwrap().unwrap_err();
    assert!(error.kind() == ErrorKind::Timeout && error.message().contains("open_timeout"), "{error}");

    let (hold, release) = oneshot::channel::<()>();
    let release = release.shared();
    let (server, b) = with_box(move |_, _| {
        let release = release.clone();
        async move {
            let (sender, response) = grpc_answer();
            tokio::spawn(async move {
                sender.send(message(&encode(&LogChunk { data: "one".into() }))).await.unwrap();
                let _ = release.await;
            });
            response
        }
        .boxed()
    })
    .await;
    let id = b.id().to_owned();
    // Long enough for the message behind the headers on a machine under load.
    let compute = server.client().idle_timeout(Duration::from_secs(2)).build().unwrap();
    let mut log = compute.boxes().get(&id).await.unwrap().stream_logs();
    assert_eq!(log.next().await.unwrap().unwrap(), "one");
    let error = log.next().await.unwrap().unwrap_err();
    assert!(error.kind() == ErrorKind::Timeout && error.message().contains("idle_timeout"), "{error}");
    assert!(log.next().await.is_none(), "the end is terminal");
    drop(hold);
}

#[tokio::test]
async fn an_exec_that_is_cut_is_never_a_success() {
    for cut in ["no trailers", "reset", "no chunk", "middle of a message"] {
        let (_server, b) = with_box(move |_, _| {
            async move {
                let (sender, response) = grpc_answer();
                tokio::spawn(async move {
                    match cut {
                        "no chunk" => sender.send(trailers(0, "")).await.unwrap(),
                        "middle of a message" => {
                            let whole = out("partial", 0);
                            let half = whole.framed().slice(..whole.framed().len() - 2);
                            sender.send(hyper::body::Frame::data(half)).await.unwrap();
                            sender.send(trailers(0, "")).await.unwrap();
                        }
                        _ => sender.send(message(&out("partial", 0))).await.unwrap(),
                    }
                    if cut == "reset" {
                        sender.send(trailers(14, "gone")).await.unwrap();
                    }
                });
                response
            }
            .boxed()
        })
        .await;
        let error = b.exec(["true"]).await.unwrap_err();
        let output = error.output().expect("the output so far");
        let expected = if cut.starts_with("no chunk") || cut.starts_with("middle") { "" } else { "partial" };
        assert_eq!(output.stdout_text(), expected, "{cut}: {error}");
        assert!(error.to_string().contains("\"web\" (vm-1)"), "{error}");

        let mut process = b.exec(["true"]).stream().await.unwrap();
        let streamed = process.take_stdout().unwrap().try_collect::<Vec<_>>().await;
        assert!(streamed.is_err(), "{cut}: {streamed:?}");
        assert!(process.wait().await.is_err(), "{cut}");
        assert!(process.wait().await.is_err(), "{cut}: asked again");
    }
}

#[tokio::test]
async fn a_server_killed_mid_exec_is_a_connection_error() {
    let (started, running) = oneshot::channel();
    let started = std::sync::Mutex::new(Some(started));
    let (server, b) = with_box(move |_, _| {
        let started = started.lock().unwrap().take();
        async move {
            let (sender, response) = grpc_answer();
            tokio::spawn(async move {
                sender.send(message(&out("so far", 0))).await.unwrap();
                started.unwrap().send(sender).unwrap();
            });
            response
        }
        .boxed()
    })
    .await;
    let mut process = b.exec(["sleep", "100"]).stream().await.unwrap();
    let mut stdout = process.take_stdout().unwrap();
    assert_eq!(stdout.next().await.unwrap().unwrap(), "so far");
    let _sender = running.await.unwrap();
    server.kill();
    for error in [stdout.next().await.unwrap().unwrap_err(), process.wait().await.unwrap_err()] {
        assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Connection, true), "{error}");
    }
}

#[tokio::test]
async fn a_short_download_is_an_error_and_leaves_nothing() {
    let (_server, b) = with_box(|_, _| {
        async {
            let chunk = DownloadFileChunk { total_size: 10, data: "short".into() };
            grpc_whole(&[encode(&chunk)], 0, "")
        }
        .boxed()
    })
    .await;
    let error = b.read_file("/x").await.unwrap_err();
    assert!(error.message().contains("5 of 10 bytes") && error.to_string().contains("\"/x\""), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("x");
    std::fs::write(&local, "old").unwrap();
    b.read_file("/x").to_path(&local).await.unwrap_err();
    assert_eq!(std::fs::read_to_string(&local).unwrap(), "old");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no partial file is left");
}

#[tokio::test]
async fn an_older_server_is_served_by_whole_messages() {
    let (server, b) = with_box(|name, body| {
        let name = name.to_owned();
        async move {
            match name.as_str() {
                "UploadFile" => {
                    let request = body.collect().await.unwrap().to_bytes();
                    let request: boxd::wire::UploadFileRequest =
                        prost::Message::decode(request.slice(5..)).unwrap();
                    let answer = UploadFileResponse { bytes_written: request.data.len() as u64 };
                    grpc_whole(&[encode(&answer)], 0, "")
                }
                "DownloadFile" => {
                    grpc_whole(&[encode(&DownloadFileResponse { data: "content".into() })], 0, "")
                }
                other => grpc_whole(&[], 12, other),
            }
        }
        .boxed()
    })
    .await;
    let content = vec![7_u8; 3 << 20];
    let reader = std::io::Cursor::new(content.clone());
    assert_eq!(b.write_file(Content::reader(reader, 3 << 20), "/x").await.unwrap(), 3 << 20);
    assert_eq!(b.write_file(content, "/x").await.unwrap(), 3 << 20);
    assert_eq!(b.read_file("/x").await.unwrap(), "content");
    assert_eq!(b.read_file("/x").await.unwrap(), "content");
    let asked =
        |name: &str| server.requests.lock().unwrap().iter().filter(|(path, _)| path.ends_with(name)).count();
    assert_eq!((asked("UploadFileStream"), asked("UploadFile")), (1, 2), "what is missing is asked for once");
    assert_eq!((asked("DownloadFileStream"), asked("DownloadFile")), (1, 2));
}

#[tokio::test]
async fn content_that_is_not_what_was_announced_cancels_the_upload() {
    let (_server, b) = with_box(|_, body| {
        async move {
            // Whatever arrives is not whole; the client leaves before the end.
            let _ = body.collect().await;
            grpc_whole(&[], 3, "short")
        }
        .boxed()
    })
    .await;
    for (have, announced, says) in
        [(5_usize, 6_u64, "ended after 5 of 6 bytes"), (6, 5, "longer than the 5 bytes")]
    {
        let reader = std::io::Cursor::new(vec![0_u8; have]);
        let error = b.write_file(Content::reader(reader, announced), "/x").await.unwrap_err();
        assert!(error.message().contains(says), "{error}");
    }
}

#[tokio::test]
async fn a_write_that_the_box_confirms_in_part_is_an_error() {
    let (_server, b) = with_box(|_, body| {
        async move {
            let sent = body.collect().await.unwrap().to_bytes();
            assert!(prost::Message::encoded_len(&UploadFileChunk::default()) < sent.len());
            grpc_whole(&[encode(&UploadFileResponse { bytes_written: 3 })], 0, "")
        }
        .boxed()
    })
    .await;
    let error = b.write_file("four", "/x").await.unwrap_err();
    assert!(error.message().contains("3 of 4 bytes"), "{error}");
}

#[tokio::test]
async fn bad_arguments_never_reach_the_network() {
    let server = Scripted::grpc(|_, _| async { unreachable!() }.boxed()).await;
    let compute = server.compute();
    let (boxes, templates, disks) = (compute.boxes(), compute.templates(), compute.disks());
    let b = boxes.attach("vm-1", "web");
    for (argument, error) in [
        ("name_or_id", boxes.get("").await.unwrap_err()),
        ("memory", boxes.create("x").config(BoxConfig::new().memory("much")).await.unwrap_err()),
        ("config", boxes.fork("x").config(BoxConfig::new().env("A", "b")).await.unwrap_err()),
        ("new_name", b.rename("").await.unwrap_err()),
        ("name", b.create_proxy("", 3000).await.unwrap_err()),
        ("name", b.delete_proxy("").await.unwrap_err()),
        ("port", b.expose_port(0).await.unwrap_err()),
        ("path", b.list_dir("").await.unwrap_err()),
        ("path", b.create_dir("a\0b").await.unwrap_err()),
        ("path", b.remove_path("").await.unwrap_err()),
        ("from", b.rename_path("", "/x").await.unwrap_err()),
        ("to", b.copy_path("/x", "").await.unwrap_err()),
        ("name", templates.create("").await.unwrap_err()),
        ("config", templates.create("t").config(BoxConfig::new().cmd(["true"])).await.unwrap_err()),
        ("template", templates.create_vm("", "web").await.unwrap_err()),
        ("template", templates.delete("").await.unwrap_err()),
        ("name", disks.create("", "1G").await.unwrap_err()),
        ("size", disks.create("data", "big").await.unwrap_err()),
        ("name_or_id", disks.get("").await.unwrap_err()),
        ("domain", compute.domains().bind("", &b).await.unwrap_err()),
        ("domain", compute.domains().unbind("").await.unwrap_err()),
        ("jti", compute.tokens().revoke("").await.unwrap_err()),
        ("name", compute.api_keys().create("").await.unwrap_err()),
        ("id", compute.api_keys().delete("").await.unwrap_err()),
    ] {
        assert_eq!((error.kind(), error.grpc_code()), (ErrorKind::InvalidArgument, None), "{error}");
        assert!(error.message().starts_with(&format!("{argument}: ")), "{argument} is not named: {error}");
    }
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn an_oversized_message_is_refused_before_it_is_sent() {
    let (server, b) = with_box(|_, _| async { grpc_whole(&[], 12, "") }.boxed()).await;
    let id = b.id().to_owned();
    let small = server.client().message_limit(1024).build().unwrap();
    let b = small.boxes().get(&id).await.unwrap();
    let before = server.count();
    let error = b.exec(["echo", &"x".repeat(2048)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QuotaExceeded, "{error}");
    assert!(server.count() <= before + 1);
}

/// Servers since 0.2.19 call bound domains custom ones.
#[tokio::test]
async fn domains_of_newer_servers_are_bound_listed_and_unbound() {
    let server = Scripted::grpc(|_, request| {
        async move {
            match rpc(&request).as_str() {
                "AddCustomDomain" => {
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let asked: AddCustomDomainRequest = prost::Message::decode(body.slice(5..)).unwrap();
                    assert_eq!((asked.domain.as_str(), asked.vm_id.as_str()), ("app.example.com", "vm-1"));
                    grpc_whole(&[encode(&AddCustomDomainResponse::default())], 0, "")
                }
                "ListCustomDomains" => {
                    let domain = CustomDomainInfo {
                        domain: "app.example.com".into(),
                        vm_id: "vm-1".into(),
                        vm_name: "web".into(),
                        status: "failed".into(),
                        last_error: "no DNS".into(),
                    };
                    grpc_whole(&[encode(&ListCustomDomainsResponse { domains: vec![domain] })], 0, "")
                }
                "RemoveCustomDomain" => grpc_whole(&[], 5, "it is not bound"),
                _ => grpc_whole(&[], 12, "unknown"),
            }
        }
        .boxed()
    })
    .await;
    let compute = server.compute();
    let domains = compute.domains();
    domains.bind("app.example.com", &compute.boxes().attach("vm-1", "web")).await.unwrap();
    let listed = domains.list().await.unwrap();
    let [domain] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((domain.domain.as_str(), domain.box_id.as_str()), ("app.example.com", "vm-1"));
    assert_eq!(
        (domain.box_name.as_str(), domain.status.as_str(), domain.last_error.as_str()),
        ("web", "failed", "no DNS")
    );
    let error = domains.unbind("app.example.com").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains("unbind domain \"app.example.com\""), "{error}");
}

/// Servers before 0.2.19 list the ports of all boxes, by names alone.
#[tokio::test]
async fn ports_of_other_boxes_are_left_out() {
    let (_server, b) = with_box(|_, _| {
        async {
            let forward = |vm_name: &str, vm_port| ExposePortResponse {
                vm_name: vm_name.into(),
                vm_port,
                public_port: vm_port + 10_000,
                ..ExposePortResponse::default()
            };
            let forwards = vec![forward("web", 1), forward("other", 2), forward("web", 3)];
            grpc_whole(&[encode(&ListExposedPortsResponse { forwards })], 0, "")
        }
        .boxed()
    })
    .await;
    let ports: Vec<_> = b.ports().await.unwrap().into_iter().map(|at| (at.port, at.public_port)).collect();
    assert_eq!(ports, [(1, 10_001), (3, 10_003)]);
}

#[tokio::test]
async fn identity_and_defaults_tell_every_field() {
    let server = Scripted::grpc(|_, request| {
        async move {
            let answer = if rpc(&request) == "Whoami" {
                encode(&WhoamiResponse {
                    user_id: "gh-username".into(),
                    pubkey_fingerprints: vec!["SHA256:one".into(), "SHA256:two".into()],
                    default_network_id: "net-1".into(),
                    display_name: "A Name".into(),
                    ..WhoamiResponse::default()
                })
            } else {
                encode(&GetConfigResponse { default_image: "ubuntu:latest".into(), zone: "boxd.sh".into() })
            };
            grpc_whole(&[answer], 0, "")
        }
        .boxed()
    })
    .await;
    let me = server.compute().whoami().await.unwrap();
    assert_eq!((me.user_id.as_str(), me.display_name.as_str()), ("gh-username", "A Name"));
    assert_eq!(me.fingerprints, ["SHA256:one", "SHA256:two"]);
    assert_eq!(me.default_network_id, "net-1");
    let config = server.compute().config().await.unwrap();
    assert_eq!((config.default_image.as_str(), config.zone.as_str()), ("ubuntu:latest", "boxd.sh"));
}

#[test]
fn a_call_outside_a_runtime_is_an_error_not_a_panic() {
    let compute = Compute::builder().token("t").api_url("http://127.0.0.1:9").build().unwrap();
    let error = futures_util::future::FutureExt::now_or_never(compute.whoami()).unwrap().unwrap_err();
    assert!(error.message().contains("tokio runtime"), "{error}");
}

#[tokio::test]
async fn secrets_show_nowhere() {
    let server = Scripted::grpc(|_, _| async { grpc_whole(&[], 16, "who") }.boxed()).await;
    let compute = server.compute();
    let error = compute.whoami().await.unwrap_err();
    let shown = format!("{compute:?} {error} {error:?} {:?}", error.status());
    assert!(!shown.contains("canary"), "{shown}");
}
