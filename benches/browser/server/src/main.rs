//! What the browser benchmark's clients talk to.
//!
//! It speaks the boxd wire as a cluster does, through tonic and tonic-web, but its answers are made up: a thousand
//! boxes that exist nowhere, and logs of any length and chunk size. A box's name says what its log holds:
//! `logs-32768x8192` is 8,192 chunks of 32,768 bytes.

// It tells its caller on standard output where it listens.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::future::IntoFuture as _;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use http::{HeaderName, Method, header};
use tokio::net::TcpListener;
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
    println!("ready api=http://{} web=http://{}", api.local_addr()?, web.local_addr()?);

    // As a cluster is reached: the page comes from one origin, the API stands on another.
    let calls = calls::router().layer(tonic_web::GrpcWebLayer::new()).layer(cors());
    let pages = Router::new().fallback_service(ServeDir::new(pages));
    tokio::try_join!(axum::serve(api, calls).into_future(), axum::serve(web, pages).into_future())?;
    Ok(())
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
