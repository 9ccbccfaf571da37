//! What the tests of the cluster share: a cluster, and the raw client of its wire.

#![allow(dead_code, unreachable_pub, reason = "no test file uses all of it")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

pub mod certificate;
pub mod server;
pub mod socket;

use std::time::{Duration, Instant};

use boxd_local::Cluster;
use serde_json::{Value, json};
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod wire {
    include!(concat!(env!("OUT_DIR"), "/client/boxd.api.v1.rs"));
}

use wire::boxd_api_client::BoxdApiClient;
use wire::{CreateVmRequest, CreateVmResponse, ExecChunk};

pub type Client = BoxdApiClient<InterceptedService<Channel, Bearer>>;

/// Puts a credential on every call.
#[derive(Clone)]
pub struct Bearer(Option<AsciiMetadataValue>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// A client that sends `authorization` as it is, or nothing.
pub async fn connect(api_url: &str, authorization: Option<&str>) -> Client {
    let channel = Channel::from_shared(api_url.to_owned()).unwrap().connect().await.unwrap();
    let bearer = Bearer(authorization.map(|value| value.parse().unwrap()));
    BoxdApiClient::with_interceptor(channel, bearer)
        .max_decoding_message_size(64 << 20)
        .max_encoding_message_size(64 << 20)
}

/// A client with the cluster's own key.
pub async fn client(cluster: &Cluster) -> Client {
    let token = exchange(&cluster.exchange_url(), cluster.api_key()).await;
    connect(&cluster.api_url(), Some(&format!("Bearer {token}"))).await
}

/// Exchanges a key that must be good.
pub async fn exchange(url: &str, key: &str) -> String {
    let (status, _, body) = post(url, &json!({ "api_key": key })).await;
    assert_eq!(status, 200, "{body}");
    body["token"].as_str().unwrap().to_owned()
}

/// The status, the Retry-After header and the body of a POST.
pub async fn post(url: &str, body: &Value) -> (u16, Option<u64>, Value) {
    let answer = reqwest::Client::new().post(url).json(body).send().await.unwrap();
    let retry_after =
        answer.headers().get("retry-after").map(|value| value.to_str().unwrap().parse().unwrap());
    (answer.status().as_u16(), retry_after, answer.json().await.unwrap())
}

/// A box with a name.
pub async fn create(client: &mut Client, name: &str) -> CreateVmResponse {
    let request = CreateVmRequest { name: name.to_owned(), ..Default::default() };
    client.create_vm(request).await.unwrap().into_inner()
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
    pub exit_code: i32,
}

/// Runs a shell line to its end, with nothing on its input.
pub async fn sh(client: &mut Client, id: &str, line: &str) -> Output {
    let chunk = first(id, line);
    let mut chunks = client.exec(futures_util::stream::iter([chunk])).await.unwrap().into_inner();
    let (mut stdout, mut stderr, mut exit_code) = (Vec::new(), Vec::new(), -1);
    while let Some(chunk) = chunks.message().await.unwrap() {
        if chunk.is_stderr { &mut stderr } else { &mut stdout }.extend_from_slice(&chunk.data);
        exit_code = chunk.exit_code;
    }
    Output {
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
        exit_code,
    }
}

/// The chunk that starts a command.
pub fn first(id: &str, line: &str) -> ExecChunk {
    ExecChunk { vm_id: id.to_owned(), command: line.to_owned(), ..Default::default() }
}

/// Asks again until the answer is yes; fails after half a minute.
pub async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !check().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
