//! Upstreams that go away, turn calls away, or are not what they should be.

use boxd_local::Cluster;
use boxd_local::faults::{Action, Fault};
use reqwest::Client;

use crate::common::certificate::make_certificate;
use crate::common::socket::{Call, Frame};
use crate::common::wire::{CreateNetworkRequest, ListNetworksRequest, LogChunk, StreamLogsRequest};
use crate::common::{client, connect, exchange};
use crate::support::{Gateway, Upstream, split};

#[tokio::test]
async fn an_upstream_that_is_killed_is_no_success_and_is_called_again() {
    let mut upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url, &[]);
    let hang = StreamLogsRequest { vm_id: "hang".into(), follow: true };
    let mut socket = Call::start(&gateway.url, "t", "StreamLogs", "").await;
    socket.message(&hang).await;
    socket.end().await;
    socket.block().await;
    assert_eq!(socket.read::<LogChunk>().await.data, "up");
    let mut web = gateway.post(&Client::new(), "StreamLogs", &hang).send().await.unwrap();
    let mut said = web.chunk().await.unwrap().unwrap().to_vec();
    let mut grpc = connect(&gateway.url, None).await.stream_logs(hang).await.unwrap().into_inner();
    assert_eq!(grpc.message().await.unwrap().unwrap().data, "up");

    upstream.kill();
    let trailers = socket.block().await;
    assert!(trailers.contains("grpc-status: 14\r\n"), "{trailers}");
    assert_eq!(socket.next().await, Frame::Close(1000));
    while let Some(chunk) = web.chunk().await.unwrap() {
        said.extend(chunk);
    }
    let (messages, trailers) = split(&said);
    assert_eq!(messages.len(), 1);
    assert!(trailers.contains("grpc-status:14"), "{trailers}");
    assert_eq!(grpc.message().await.unwrap_err().code(), tonic::Code::Unavailable);

    let answer = gateway.post(&Client::new(), "Whoami", &()).send().await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "14");
    let message = answer.headers()["grpc-message"].to_str().unwrap();
    assert!(message.contains(upstream.url.trim_start_matches("http://")), "{message}");

    let _again = upstream.restart();
    let (_, trailers) = gateway.call("Whoami", &()).await;
    assert!(trailers.contains("grpc-status:0"), "{trailers}");
}

#[tokio::test]
async fn a_call_that_no_server_took_up_is_sent_again() {
    let cluster = Cluster::start().await.unwrap();
    let faults = cluster.faults();
    let gateway = Gateway::start(&cluster.api_url(), &[]);
    let token = exchange(&cluster.exchange_url(), cluster.api_key()).await;
    let http = Client::new();
    let create = async |name: &str| {
        let request = gateway.post(&http, "CreateNetwork", &CreateNetworkRequest { name: name.into() });
        let answer = request.bearer_auth(&token).send().await.unwrap();
        let early = format!("{:?}", answer.headers());
        let (_, trailers) = split(&answer.bytes().await.unwrap());
        assert!(trailers.contains("grpc-status:0"), "{name}: {trailers}{early}");
    };
    faults.inject(Fault::new("CreateNetwork", Action::Refuse).times(3)).unwrap();
    create("refused").await;
    assert_eq!(faults.calls("CreateNetwork"), 4);
    // Each comes just as the connection goes away, before or after its client knows of that.
    for n in 0..50 {
        faults.go_away();
        create(&format!("away-{n}")).await;
    }
    // The default one, and these, each once.
    let listed = client(&cluster).await.list_networks(ListNetworksRequest {}).await.unwrap();
    assert_eq!(listed.into_inner().networks.len(), 1 + 51);

    // One that may have been carried out is not.
    faults.inject(Fault::new("CreateNetwork", Action::LoseAnswer)).unwrap();
    let before = faults.calls("CreateNetwork");
    let request = gateway.post(&http, "CreateNetwork", &CreateNetworkRequest { name: "lost".into() });
    let answer = request.bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "14");
    assert_eq!(faults.calls("CreateNetwork"), before + 1);
}

#[tokio::test]
async fn what_is_no_grpc_server_is_said_to_be_none() {
    let cluster = Cluster::start().await.unwrap();
    let gateway = Gateway::start(&cluster.web_url(), &[]);
    let answer = gateway.post(&Client::new(), "Whoami", &()).send().await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "12");
    let message = answer.headers()["grpc-message"].to_str().unwrap();
    assert!(message.contains("instead%20of%20gRPC"), "{message}");
}

#[tokio::test]
async fn an_upstream_with_tls_is_known_by_the_systems_roots() {
    let folder = tempfile::tempdir().unwrap();
    let roots = make_certificate(folder.path());
    let upstream = Upstream::start_with_tls(folder.path());
    assert!(upstream.url.starts_with("https://"));
    let gateway = Gateway::start_with(&upstream.url, &[], &[("SSL_CERT_FILE", &roots)]);
    let (_, trailers) = gateway.call("Whoami", &()).await;
    assert!(trailers.contains("grpc-status:0"), "{trailers}");

    let stranger = Gateway::start(&upstream.url, &[]);
    let answer = stranger.post(&Client::new(), "Whoami", &()).send().await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "14");
    let message = answer.headers()["grpc-message"].to_str().unwrap();
    assert!(message.contains("certificate"), "{message}");
}
