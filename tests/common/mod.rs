//! What several test programs share: a cluster, a client of it, and a server that answers as scripted.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use boxd::transport::EncodedMessage;
use boxd::{Compute, ComputeBuilder};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A cluster in this process and a client of it.
pub async fn cluster() -> (boxd_local::Cluster, Compute) {
    let cluster = boxd_local::Cluster::start().await.expect("a cluster starts");
    let compute = compute_of(&cluster);
    (cluster, compute)
}

pub fn compute_of(cluster: &boxd_local::Cluster) -> Compute {
    Compute::builder()
        .api_key(cluster.api_key())
        .api_url(cluster.api_url())
        .exchange_url(cluster.exchange_url())
        .build()
        .expect("the cluster's own addresses are good")
}

pub type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// A server that answers each request as its script says.
pub struct Scripted {
    pub address: SocketAddr,
    /// The head of every request that came, in order.
    pub requests: Arc<Mutex<Vec<(String, HeaderMap)>>>,
    accepted: Arc<AtomicUsize>,
    connections: tokio::task::JoinHandle<()>,
}

impl Scripted {
    /// Speaks HTTP/2, as an API does.
    pub async fn grpc<F>(script: F) -> Self
    where
        F: Fn(usize, Request<Incoming>) -> BoxFuture<'static, Response<Body>> + Send + Sync + 'static,
    {
        Self::start(true, script).await
    }

    /// Speaks HTTP/1.1, as a token exchange does.
    pub async fn http<F>(script: F) -> Self
    where
        F: Fn(usize, Request<Incoming>) -> BoxFuture<'static, Response<Body>> + Send + Sync + 'static,
    {
        Self::start(false, script).await
    }

    async fn start<F>(http2: bool, script: F) -> Self
    where
        F: Fn(usize, Request<Incoming>) -> BoxFuture<'static, Response<Body>> + Send + Sync + 'static,
    {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), http2, script)
    }

    /// As [`Scripted::grpc`], on the port that another one had.
    pub async fn grpc_again<F>(address: SocketAddr, script: F) -> Self
    where
        F: Fn(usize, Request<Incoming>) -> BoxFuture<'static, Response<Body>> + Send + Sync + 'static,
    {
        loop {
            // Until the one before has let go of it.
            if let Ok(listener) = TcpListener::bind(address).await {
                return Self::on(listener, true, script);
            }
            tokio::task::yield_now().await;
        }
    }

    fn on<F>(listener: TcpListener, http2: bool, script: F) -> Self
    where
        F: Fn(usize, Request<Incoming>) -> BoxFuture<'static, Response<Body>> + Send + Sync + 'static,
    {
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<(String, HeaderMap)>>> = Arc::default();
        let accepted: Arc<AtomicUsize> = Arc::default();
        let counted = accepted.clone();
        let (seen, script) = (requests.clone(), Arc::new(script));
        let connections = tokio::spawn(async move {
            // Dropped with this task, and every connection with it.
            let mut connections = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                let (seen, script) = (seen.clone(), script.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let number = {
                        let mut seen = seen.lock().unwrap();
                        seen.push((request.uri().path().to_owned(), request.headers().clone()));
                        seen.len() - 1
                    };
                    let answer = script(number, request);
                    async move { Ok::<_, Infallible>(answer.await) }
                });
                let io = TokioIo::new(socket);
                if http2 {
                    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    connections.spawn(server.serve_connection(io, service));
                } else {
                    connections
                        .spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
                }
            }
        });
        Self { address, requests, accepted, connections }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Cuts every connection and stops listening, as a process that is killed does.
    pub fn kill(&self) {
        self.connections.abort();
    }

    /// A client of this server with a token, which needs no exchange.
    pub fn client(&self) -> ComputeBuilder {
        Compute::builder().token("canary-token").api_url(self.url()).exchange_url("http://127.0.0.1:9/")
    }

    pub fn compute(&self) -> Compute {
        self.client().build().unwrap()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A plain HTTP answer.
pub fn http_answer(status: u16, headers: &[(&'static str, &str)], body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status.try_into().unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}

/// A gRPC answer that is fed as it goes.
pub fn grpc_answer() -> (mpsc::Sender<Frame<Bytes>>, Response<Body>) {
    let (sender, receiver) = mpsc::channel(16);
    let frames = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|frame| (Ok(frame), receiver))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    (sender, response)
}

/// A gRPC answer of these messages and this status.
pub fn grpc_whole(messages: &[EncodedMessage], status: i32, text: &str) -> Response<Body> {
    let (sender, response) = grpc_answer();
    let frames: Vec<_> = messages.iter().map(message).chain([trailers(status, text)]).collect();
    tokio::spawn(async move {
        for frame in frames {
            if sender.send(frame).await.is_err() {
                return;
            }
        }
    });
    response
}

pub fn message(message: &EncodedMessage) -> Frame<Bytes> {
    Frame::data(message.framed().clone())
}

pub fn trailers(status: i32, text: &str) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", status.into());
    trailers.insert("grpc-message", text.parse().unwrap());
    Frame::trailers(trailers)
}
