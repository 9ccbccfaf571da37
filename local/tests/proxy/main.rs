//! HTTP into boxes: a real server in a real box, reached through the web port.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

#[path = "../common/mod.rs"]
mod common;
mod refusals;
mod routing;
mod streams;
mod upgrade;

use std::net::SocketAddr;

use boxd_local::Cluster;
use boxd_local::machine::host_limits;
use common::wire::{CreateProxyRequest, ExecChunk, SetProxyPortRequest, UploadFileRequest};
use common::{Client, client, create, first};
use reqwest::RequestBuilder;
use tonic::Streaming;

const APP: &str = include_str!("app.py");

/// A cluster and a client of it.
struct Setup {
    cluster: Cluster,
    client: Client,
    http: reqwest::Client,
}

/// A box in which the server runs. Dropped, the server goes.
struct App {
    id: String,
    /// The box's own word for where it is reached.
    url: String,
    port: u16,
    _output: Streaming<ExecChunk>,
}

impl Setup {
    async fn new() -> Self {
        let cluster = Cluster::start().await.unwrap();
        let client = client(&cluster).await;
        let http = reqwest::Client::builder().http1_only().no_proxy().build().unwrap();
        Self { cluster, client, http }
    }

    /// Where the web port is.
    fn web(&self) -> SocketAddr {
        self.cluster.web_url().strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// A box with the server on port 3000, or another one where boxes share this machine's ports.
    async fn app(&mut self, name: &str) -> App {
        let shared = host_limits().unwrap().is_some();
        self.app_on(name, if shared { free_port() } else { 3000 }).await
    }

    /// A box with the server on `port`, which is the one of its default proxy.
    async fn app_on(&mut self, name: &str, port: u16) -> App {
        let made = create(&mut self.client, name).await;
        let upload = UploadFileRequest { vm_id: made.vm_id.clone(), path: "app.py".into(), data: APP.into() };
        self.client.upload_file(upload).await.unwrap();
        self.point(name, "", port).await;
        let output = self.start(&made.vm_id, name, port).await;
        App { id: made.vm_id, url: made.url, port, _output: output }
    }

    async fn start(&mut self, id: &str, name: &str, port: u16) -> Streaming<ExecChunk> {
        let run = first(id, &format!("exec python3 app.py {name} {port}"));
        let mut output = self.client.exec(futures_util::stream::iter([run])).await.unwrap().into_inner();
        let up = output.message().await.unwrap().unwrap();
        assert_eq!(up.data, "up\n");
        output
    }

    async fn point(&mut self, vm_name: &str, name: &str, port: u16) {
        let request = SetProxyPortRequest {
            name: name.into(),
            vm_name: vm_name.into(),
            port: port.to_string(),
            ..Default::default()
        };
        self.client.set_proxy_port(request).await.unwrap();
    }

    async fn add(&mut self, vm_name: &str, name: &str, port: u16) -> String {
        let request = CreateProxyRequest {
            name: name.into(),
            vm_name: vm_name.into(),
            port: port.into(),
            ..Default::default()
        };
        self.client.create_proxy(request).await.unwrap().into_inner().domain
    }

    /// A GET of `path` from whoever is at `host`.
    fn get(&self, host: &str, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.cluster.web_url())).header("host", host)
    }

    fn post(&self, host: &str, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.cluster.web_url())).header("host", host)
    }
}

/// A port that is free on this machine.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The status and text of an answer.
async fn ask(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}
