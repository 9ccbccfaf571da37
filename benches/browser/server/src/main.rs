//! What the browser benchmark's clients talk to.
//!
//! It speaks the boxd wire as a cluster does, through tonic and tonic-web, but its answers are made up: a thousand
//! boxes that exist nowhere, and logs of any length and chunk size. A box's name says what its log holds:
//! `logs-32768x8192` is 8,192 chunks of 32,768 bytes. A terminal prints the same, but that of the box `echo` what is typed.
//! Beside it, a bare WebSocket does so.

// It tells its caller on standard output where it listens.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::future::IntoFuture as _;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use boxd_local::websocket::GrpcWebSocketLayer;
use futures_util::StreamExt as _;
use http::{HeaderName, Method, header};
use tokio::net::TcpListener;
use tower::Layer as _;
use tower_http::cors::{Any, CorsLayer};
use tower_http::services::ServeDir;

mod answers;
mod calls;
mod encoded;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let pages = std::env::args_os().nth(1).map(PathBuf::from).ok_or("usage: boxd-bench-server FOLDER")?;
    let api = TcpListener::bind(("127.0.0.1", 0)).await?;
    let web = TcpListener::bind(("127.0.0.1", 0)).await?;
    let echo = TcpListener::bind(("127.0.0.1", 0)).await?;
    let (api_at, web_at, echo_at) = (api.local_addr()?, web.local_addr()?, echo.local_addr()?);
    println!("ready api=http://{api_at} web=http://{web_at} echo=ws://{echo_at}");

    // As a cluster is reached: the page comes from one origin, the API stands on another.
    let calls = calls::router().layer(tonic_web::GrpcWebLayer::new()).layer(cors());
    let calls = Router::new().fallback_service(GrpcWebSocketLayer::new().layer(calls));
    let pages = Router::new().fallback_service(ServeDir::new(pages));
    // Else a key, or the rest of a file, would wait for the acknowledgement of what went before.
    let [api, web] =
        [api, web].map(|listener| listener.tap_io(|connection| drop(connection.set_nodelay(true))));
    let (calls, pages) = (axum::serve(api, calls).into_future(), axum::serve(web, pages).into_future());
    tokio::try_join!(calls, pages, echoing(echo))?;
    Ok(())
}

/// Sends back whatever comes.
async fn echoing(listener: TcpListener) -> io::Result<()> {
    loop {
        let (connection, _) = listener.accept().await?;
        connection.set_nodelay(true)?;
        tokio::spawn(async move {
            if let Ok(socket) = tokio_tungstenite::accept_async(connection).await {
                let (sink, stream) = socket.split();
                // Ends with its client.
                stream.forward(sink).await.ok();
            }
        });
    }
}

fn cors() -> CorsLayer {
    let status = ["grpc-status", "grpc-message", "grpc-status-details-bin"].map(HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::POST])
        .allow_headers(tower_http::cors::AllowHeaders::mirror_request())
        .expose_headers(status)
        .vary([header::ORIGIN])
        .max_age(Duration::from_secs(7200))
}
