//! The walks, natively: over gRPC, over gRPC-web through an HTTP/1.1 client, over WebSockets, and through a gateway.
//! `tests/browser` takes them in a browser.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;
#[path = "common/duplex.rs"]
mod duplex;
#[path = "common/walk.rs"]
mod walk;

use std::sync::Arc;

use boxd::transport::{GrpcWebTransport, Transport};

#[tokio::test]
async fn over_grpc() {
    let (_cluster, compute) = common::cluster().await;
    walk::walk(&compute, "walk").await;
    duplex::duplex(&compute, "walk").await;
}

#[tokio::test]
async fn over_grpc_web() {
    let (cluster, compute) = common::cluster().await;
    let transport = GrpcWebTransport::new(cluster.api_url()).unwrap();
    let web = boxd::Compute::builder()
        .api_key(cluster.api_key())
        .exchange_url(cluster.exchange_url())
        .transport(transport)
        .build()
        .unwrap();
    walk::walk(&web, "walk").await;
    // What one transport left behind, another sees.
    assert!(compute.boxes().list().await.unwrap().is_empty());
}

#[cfg(feature = "websocket")]
#[tokio::test]
async fn over_websockets() {
    let (cluster, compute) = common::cluster().await;
    let transport = boxd::transport::WebSocketTransport::new(cluster.api_url()).unwrap();
    let sockets = boxd::Compute::builder()
        .api_key(cluster.api_key())
        .exchange_url(cluster.exchange_url())
        .transport(transport)
        .build()
        .unwrap();
    walk::walk(&sockets, "walk").await;
    duplex::duplex(&sockets, "walk").await;
    assert!(compute.boxes().list().await.unwrap().is_empty());
}

/// As pages reach a cluster that speaks only gRPC.
#[cfg(feature = "websocket")]
#[tokio::test]
async fn through_a_gateway() {
    let (cluster, compute) = common::cluster().await;
    let gateway = boxd_local::Gateway::builder(cluster.api_url()).exchange_url(cluster.exchange_url());
    let gateway = gateway.start().await.unwrap();
    let client = || boxd::Compute::builder().api_key(cluster.api_key()).exchange_url(gateway.exchange_url());

    let web = client().transport(GrpcWebTransport::new(gateway.url()).unwrap()).build().unwrap();
    walk::walk(&web, "walk").await;
    let sockets = boxd::transport::WebSocketTransport::new(gateway.url()).unwrap();
    let sockets = client().transport(sockets).build().unwrap();
    walk::walk(&sockets, "walk").await;
    duplex::duplex(&sockets, "walk").await;
    let grpc = client().api_url(gateway.url()).build().unwrap();
    duplex::duplex(&grpc, "walk").await;
    assert!(compute.boxes().list().await.unwrap().is_empty());
}

#[tokio::test]
async fn through_a_trait_object() {
    let (cluster, _) = common::cluster().await;
    let transport: Arc<dyn Transport> = Arc::new(GrpcWebTransport::new(cluster.api_url()).unwrap());
    let compute = boxd::Compute::builder()
        .api_key(cluster.api_key())
        .exchange_url(cluster.exchange_url())
        .transport(transport)
        .build()
        .unwrap();
    assert!(!compute.whoami().await.unwrap().user_id.is_empty());
}
