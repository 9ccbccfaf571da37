//! The walks over TLS, which OpenSSL ends: over gRPC, over gRPC-web through an HTTP/1.1 client, and over WebSockets.
//!
//! The operating system's certificates are read once, from where `SSL_CERT_FILE` points: each test runs itself again in a
//! process that has it.
#![cfg(feature = "tls-native-roots")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../local/tests/common/certificate.rs"]
mod certificate;
mod common;
#[path = "common/duplex.rs"]
mod duplex;
#[path = "common/walk.rs"]
mod walk;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use boxd::transport::GrpcWebTransport;
use boxd::{Compute, ErrorKind};
use boxd_local::Cluster;

/// What the process that walks is given: the URLs of the API and of the exchange, and a key.
const GIVEN: &str = "BOXD_TEST_BEHIND_TLS";

/// A cluster with TLS in front, whose certificate is in the folder.
struct Secured {
    cluster: Cluster,
    api_url: String,
    exchange_url: String,
    folder: tempfile::TempDir,
    /// Ends with its standard input.
    _terminator: Child,
}

impl Secured {
    async fn start() -> Self {
        let cluster = Cluster::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        certificate::make_certificate(folder.path());
        let exchange = cluster.exchange_url();
        let (web, path) = exchange.split_at(cluster.web_url().len());
        let port = |url: &str| url.rsplit_once(':').unwrap().1.to_owned();
        let mut terminator = Command::new("node")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls/terminator.mjs"))
            .args(["cert.pem", "key.pem"].map(|name| folder.path().join(name)))
            .args([port(&cluster.api_url()), port(web)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ports = BufReader::new(terminator.stdout.take().unwrap()).lines();
        let mut url = || format!("https://127.0.0.1:{}", ports.next().unwrap().unwrap());
        let (api_url, exchange_url) = (url(), url() + path);
        Self { cluster, api_url, exchange_url, folder, _terminator: terminator }
    }
}

#[tokio::test]
async fn the_walks() {
    let Ok(given) = std::env::var(GIVEN) else { return walk_elsewhere().await };
    let [api, exchange, key] = given.split(' ').collect::<Vec<_>>()[..] else { unreachable!("{given}") };
    let client = || Compute::builder().api_key(key).exchange_url(exchange);

    let grpc = client().api_url(api).build().unwrap();
    walk::walk(&grpc, "walk").await;
    duplex::duplex(&grpc, "walk").await;
    let web = client().transport(GrpcWebTransport::new(api).unwrap()).build().unwrap();
    walk::walk(&web, "walk").await;
    #[cfg(feature = "websocket")]
    {
        let sockets = boxd::transport::WebSocketTransport::new(api).unwrap();
        let sockets = client().transport(sockets).build().unwrap();
        walk::walk(&sockets, "walk").await;
        duplex::duplex(&sockets, "walk").await;
    }
    assert!(grpc.boxes().list().await.unwrap().is_empty());
}

/// Runs the walks in a process to which the certificate is one of the operating system's.
async fn walk_elsewhere() {
    let secured = Secured::start().await;
    let Secured { cluster, api_url, exchange_url, folder, .. } = &secured;
    let output = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["the_walks", "--exact", "--nocapture"])
        .env(GIVEN, format!("{api_url} {exchange_url} {}", cluster.api_key()))
        .env("SSL_CERT_FILE", folder.path().join("cert.pem"))
        .output()
        .await
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && shown.contains("1 passed"), "{shown}");
}

#[tokio::test]
async fn who_is_not_vouched_for_gets_nothing() {
    let secured = Secured::start().await;
    let (api_url, exchange_url) = (&secured.api_url, &secured.exchange_url);
    let client = || Compute::builder().token("a-token").api_url(api_url);
    let by_key = Compute::builder().api_key("bxk_a_key").api_url(api_url).exchange_url(exchange_url);
    for client in [client(), by_key] {
        let error = client.build().unwrap().whoami().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
        assert!(!error.outcome_unknown(), "{error}");
    }
    let web = Compute::builder().token("a-token").transport(GrpcWebTransport::new(api_url).unwrap());
    let error = web.build().unwrap().whoami().await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}
