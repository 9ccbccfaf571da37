//! Faults on purpose, as a client without retries meets them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;

use std::num::NonZeroU32;
use std::time::Duration;

use boxd_local::Cluster;
use boxd_local::faults::{Action, Fault};
use bytes::Bytes;
use common::server::Server;
use common::wire::{CreateVmRequest, ExecChunk, ListVmsRequest};
use common::{Client, client, create, eventually, exchange, first, sh};
use futures_channel::mpsc;
use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tonic::{Code, Request, Status, Streaming};

async fn names(client: &mut Client) -> Result<Vec<String>, Status> {
    let list = client.list_vms(ListVmsRequest::default()).await?.into_inner();
    Ok(list.vms.into_iter().map(|vm| vm.name).collect())
}

/// The names, once a connection was lost: this client may take one or two calls to notice.
async fn names_again(client: &mut Client) -> Vec<String> {
    let mut found = None;
    eventually("a new connection", async || {
        found = names(client).await.ok();
        found.is_some()
    })
    .await;
    found.unwrap()
}

async fn try_create(client: &mut Client, name: &str) -> Result<(), Status> {
    let request = CreateVmRequest { name: name.to_owned(), ..Default::default() };
    client.create_vm(request).await.map(drop)
}

/// Starts a command whose input stays open.
async fn start(client: &mut Client, id: &str, line: &str) -> (mpsc::Sender<ExecChunk>, Streaming<ExecChunk>) {
    let (mut sender, receiver) = mpsc::channel(4);
    sender.send(first(id, line)).await.unwrap();
    (sender, client.exec(receiver).await.unwrap().into_inner())
}

#[tokio::test]
async fn calls_fail_as_often_as_asked_and_do_nothing() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let faults = cluster.faults();
    faults.inject(Fault::new("CreateVm", Action::fail(Code::ResourceExhausted, "füll")).times(2)).unwrap();
    for _ in 0..2 {
        let refused = try_create(&mut client, "one").await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::ResourceExhausted, "füll"));
    }
    assert_eq!(names(&mut client).await.unwrap(), [""; 0]);
    try_create(&mut client, "one").await.unwrap();
    assert_eq!((faults.calls("CreateVm"), faults.pending()), (3, 0));

    faults.inject(Fault::new("*", Action::fail(Code::Unavailable, "")).skip(1).times(u64::MAX)).unwrap();
    names(&mut client).await.unwrap();
    assert_eq!(names(&mut client).await.unwrap_err().code(), Code::Unavailable);
    faults.clear();
    assert_eq!(names(&mut client).await.unwrap(), ["one"]);
}

#[tokio::test]
async fn an_answer_is_lost_after_the_call_took_effect() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    cluster.faults().inject(Fault::new("CreateVm", Action::LoseAnswer)).unwrap();
    let lost = try_create(&mut client, "one").await.unwrap_err();
    assert!(lost.code() != Code::AlreadyExists, "{lost}");
    assert_eq!(names_again(&mut client).await, ["one"]);
    assert_eq!(cluster.faults().calls("CreateVm"), 1);
    // A stream has its effects too.
    let id = create(&mut client, "two").await.vm_id;
    cluster.faults().inject(Fault::new("Exec", Action::LoseAnswer)).unwrap();
    let lost = client.exec(futures_util::stream::iter([first(&id, "echo done > effect")])).await;
    assert!(lost.is_err());
    names_again(&mut client).await;
    assert_eq!(sh(&mut client, &id, "cat effect").await.stdout, "done\n");
}

#[tokio::test]
async fn a_refused_call_was_not_carried_out() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    cluster.faults().inject(Fault::new("CreateVm", Action::Refuse)).unwrap();
    let refused = try_create(&mut client, "one").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "as gRPC maps REFUSED_STREAM: {refused}");
    assert_eq!(names(&mut client).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn an_answer_ends_where_it_is_cut() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "one").await.vm_id;
    for (action, messages) in [
        (Action::CutAfterMessages(0), 0),
        (Action::CutAfterMessages(1), 1),
        // The exit code comes, and the status does not.
        (Action::CutAfterMessages(2), 2),
        (Action::CutAfterBytes(0), 0),
        (Action::CutAfterBytes(8), 0),
        (Action::CutAfterBytes(1 << 20), 2),
    ] {
        cluster.faults().inject(Fault::new("Exec", action.clone())).unwrap();
        let mut output = client.exec(futures_util::stream::iter([first(&id, "echo hello")])).await.unwrap();
        let mut seen = 0;
        let end = loop {
            match output.get_mut().message().await {
                Ok(Some(chunk)) => {
                    seen += 1;
                    assert!(chunk.data.is_empty() || chunk.data == "hello\n", "{chunk:?}");
                }
                end => break end,
            }
        };
        assert!(end.is_err(), "{action:?}: {end:?}");
        assert_eq!(seen, messages, "{action:?}");
    }
}

#[tokio::test]
async fn a_delayed_call_meets_its_deadline() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    cluster.faults().inject(Fault::new("CreateVm", Action::Delay(Duration::from_secs(600)))).unwrap();
    let mut request = Request::new(CreateVmRequest { name: "late".into(), ..Default::default() });
    request.set_timeout(Duration::from_millis(50));
    let late = client.create_vm(request).await.unwrap_err();
    assert!(matches!(late.code(), Code::DeadlineExceeded | Code::Cancelled), "{late}");
    assert_eq!(names(&mut client).await.unwrap(), [""; 0]);
    cluster.faults().inject(Fault::new("ListVms", Action::Delay(Duration::from_millis(1)))).unwrap();
    names(&mut client).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_goes_away_ends_what_it_carries() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "one").await.vm_id;
    let (mut input, mut output) = start(&mut client, &id, "echo up; cat").await;
    assert_eq!(output.message().await.unwrap().unwrap().data, "up\n");
    cluster.faults().go_away();
    // New calls find a new connection while the old one is still in use.
    names_again(&mut client).await;
    input.send(ExecChunk { stdin: true, data: "late\n".into(), ..Default::default() }).await.unwrap();
    assert_eq!(output.message().await.unwrap().unwrap().data, "late\n");
    drop(input);
    assert_eq!(output.message().await.unwrap().unwrap().exit_code, 0);
    assert!(output.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_cut_connection_takes_its_calls_along() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "one").await.vm_id;
    let (_input, mut output) = start(&mut client, &id, "echo up; cat").await;
    assert_eq!(output.message().await.unwrap().unwrap().data, "up\n");
    cluster.faults().disconnect();
    assert!(output.message().await.is_err());
}

#[tokio::test]
async fn streams_are_limited_from_the_next_connection_on() {
    let cluster = Cluster::start().await.unwrap();
    cluster.faults().limit_streams(NonZeroU32::new(7));
    let address = cluster.api_url();
    let address = address.strip_prefix("http://").unwrap();
    let limits = async || {
        let socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut calls, mut connection) = h2::client::handshake(socket).await.unwrap();
        // Its SETTINGS have come once it answers a ping.
        let mut ping = connection.ping_pong().unwrap();
        let driver = tokio::spawn(async move {
            tokio::select! {
                answer = ping.ping(h2::Ping::opaque()) => answer.map(drop).unwrap(),
                ended = &mut connection => panic!("{ended:?}"),
            }
            connection.max_concurrent_send_streams()
        });
        let limit = driver.await.unwrap();
        std::future::poll_fn(|context| calls.poll_ready(context)).await.ok();
        limit
    };
    assert_eq!(limits().await, 7);
    cluster.faults().clear();
    assert!(limits().await > 1_000_000);
}

/// A gRPC-web call: the answer's body, or that the connection broke.
async fn web(cluster: &Cluster, token: &str, rpc: &str, message: &[u8]) -> reqwest::Result<Bytes> {
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    let http = reqwest::Client::builder().http1_only().no_proxy().build().unwrap();
    let call = http
        .post(format!("{}/boxd.api.v1.BoxdApi/{rpc}", cluster.api_url()))
        .header("content-type", "application/grpc-web+proto")
        .bearer_auth(token)
        .body(frame);
    call.send().await?.bytes().await
}

#[tokio::test]
async fn grpc_web_meets_the_same_faults() {
    let cluster = Cluster::start().await.unwrap();
    let token = exchange(&cluster.exchange_url(), cluster.api_key()).await;
    let faults = cluster.faults();
    let text = |body: Bytes| String::from_utf8_lossy(&body).into_owned();

    faults.inject(Fault::new("ListVms", Action::fail(Code::Unavailable, "busy"))).unwrap();
    let http = reqwest::Client::builder().http1_only().no_proxy().build().unwrap();
    let failed = http
        .post(format!("{}/boxd.api.v1.BoxdApi/ListVms", cluster.api_url()))
        .header("content-type", "application/grpc-web+proto")
        .bearer_auth(&token)
        .body(vec![0; 5])
        .send()
        .await
        .unwrap();
    assert_eq!(failed.headers()["grpc-status"], "14");

    // A create of a box named "web".
    let create = b"\x0a\x03web";
    for (action, boxes) in [(Action::Refuse, 0), (Action::LoseAnswer, 1)] {
        faults.inject(Fault::new("CreateVm", action.clone())).unwrap();
        assert!(web(&cluster, &token, "CreateVm", create).await.is_err(), "{action:?}");
        let list = text(web(&cluster, &token, "ListVms", b"").await.unwrap());
        assert_eq!(list.matches("web").count().min(1), boxes, "{action:?}: {list:?}");
        assert!(list.contains("grpc-status:0"), "{list:?}");
    }
    faults.inject(Fault::new("ListVms", Action::CutAfterMessages(1))).unwrap();
    let cut = text(web(&cluster, &token, "ListVms", b"").await.unwrap());
    assert!(cut.contains("web") && !cut.contains("grpc-status"), "{cut:?}");
}

/// The status and body of a call of the control endpoint.
async fn told(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
}

#[tokio::test]
async fn the_program_takes_faults_over_http_when_asked_to() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--faults"]);
    let key = std::fs::read_to_string(data.path().join("api-key")).unwrap();
    let key = key.trim_end();
    let mut client = server.client(data.path()).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/faults", server.web);
    let fault = json!({ "rpc": "ListVms", "times": 1,
                        "action": { "fail": { "code": "UNAVAILABLE", "message": "busy" } } });

    for stranger in [http.post(&url), http.post(&url).bearer_auth("bxk_wrong")] {
        assert_eq!(told(stranger.json(&fault)).await.0, 401);
    }
    let page = http.post(&url).bearer_auth(key).header("origin", "https://example.com");
    assert_eq!(told(page.json(&fault)).await.0, 403);
    assert_eq!(told(http.post(&url).bearer_auth(key).json(&fault)).await, (204, Value::Null));
    assert_eq!(names(&mut client).await.unwrap_err().message(), "busy");
    names(&mut client).await.unwrap();
    let (status, state) = told(http.get(&url).bearer_auth(key)).await;
    assert_eq!((status, &state["calls"]["ListVms"]), (200, &json!(2)));
    assert_eq!(state["faults"][0]["hits"], 1);
    assert_eq!(state["faults"][0]["fault"]["action"], fault["action"]);

    for (bad, says) in [
        (json!({ "rpc": "ListVMs", "action": "lose_answer" }), "no RPC is named"),
        (json!({ "rpc": "ListVms", "action": "explode" }), "explode"),
        (json!({ "rpc": "ListVms", "action": { "fail": { "code": "OK" } } }), "OK"),
    ] {
        let (status, answer) = told(http.post(&url).bearer_auth(key).json(&bad)).await;
        assert!(matches!(status, 400 | 422), "{bad}: {status}");
        assert!(answer["error"].as_str().unwrap().contains(says), "{bad}: {answer}");
    }
    assert_eq!(told(http.delete(&url).bearer_auth(key)).await.0, 204);
    assert_eq!(told(http.get(&url).bearer_auth(key)).await.1["faults"], json!([]));

    let connections = format!("{url}/connections");
    for what in [json!({ "limit_streams": 100 }), json!({ "limit_streams": null })] {
        assert_eq!(told(http.post(&connections).bearer_auth(key).json(&what)).await.0, 204, "{what}");
    }
    let id = create(&mut client, "one").await.vm_id;
    let (mut input, mut output) = start(&mut client, &id, "echo up; cat").await;
    assert_eq!(output.message().await.unwrap().unwrap().data, "up\n");
    assert_eq!(told(http.post(&connections).bearer_auth(key).json(&json!("go_away"))).await.0, 204);
    input.send(ExecChunk { stdin: true, data: "late\n".into(), ..Default::default() }).await.unwrap();
    assert_eq!(output.message().await.unwrap().unwrap().data, "late\n");
    assert_eq!(told(http.post(&connections).bearer_auth(key).json(&json!("disconnect"))).await.0, 204);
    assert!(output.message().await.is_err());
    server.kill();

    let server = Server::start(data.path(), &[]);
    assert_eq!(told(http.get(format!("{}/faults", server.web)).bearer_auth(key)).await.0, 404);
}
