//! The calls that the benchmark makes.

use std::pin::Pin;

use axum::Router;
use axum::body::Body;
use axum::routing::{MethodRouter, post};
use boxd::wire;
use bytes::Bytes;
use futures_core::Stream;
use futures_util::{StreamExt as _, stream};
use http::{Request, Response};
use prost::Message;
use tonic::server::Grpc;
use tonic::{Status, Streaming};
use tower::service_fn;

use crate::answers;
use crate::encoded::Encoded;

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;
type Answer = Result<tonic::Response<Chunks>, Status>;

/// One route per call, answered by tonic as its generated servers do.
pub(crate) fn router() -> Router {
    let list = encoded(&answers::list());
    let whoami = encoded(&answers::whoami());
    Router::new()
        .route(wire::methods::WHOAMI.path(), unary(move |_: wire::WhoamiRequest| whoami.clone()))
        .route(wire::methods::LIST_VMS.path(), unary(move |_: wire::ListVmsRequest| list.clone()))
        .route(
            wire::methods::GET_VM.path(),
            unary(|request: wire::GetVmRequest| encoded(&answers::named(request.vm_id))),
        )
        .route(wire::methods::STREAM_LOGS.path(), post(logs))
        .route(wire::methods::EXEC.path(), post(exec))
}

fn encoded(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}

fn unary<Q>(answer: impl Fn(Q) -> Bytes + Clone + Send + Sync + 'static) -> MethodRouter
where
    Q: Message + Default + Send + 'static,
{
    post(move |request: Request<Body>| {
        let answer = answer.clone();
        async move {
            let service = service_fn(move |request: tonic::Request<Q>| {
                std::future::ready(Ok::<_, Status>(tonic::Response::new(answer(request.into_inner()))))
            });
            Grpc::new(Encoded::default()).unary(service, request).await.map(Body::new)
        }
    })
}

async fn logs(request: Request<Body>) -> Response<Body> {
    let service = service_fn(|request: tonic::Request<wire::StreamLogsRequest>| {
        std::future::ready(answer_logs(&request.into_inner()))
    });
    Grpc::new(Encoded::default()).server_streaming(service, request).await.map(Body::new)
}

fn answer_logs(request: &wire::StreamLogsRequest) -> Answer {
    let (data, count) = chunks(&request.vm_id)?;
    let chunk = encoded(&wire::LogChunk { data });
    Ok(tonic::Response::new(Box::pin(stream::iter(0..count).map(move |_| Ok(chunk.clone())))))
}

async fn exec(request: Request<Body>) -> Response<Body> {
    let service =
        service_fn(|request: tonic::Request<Streaming<wire::ExecChunk>>| answer_exec(request.into_inner()));
    Grpc::new(Encoded::default()).streaming(service, request).await.map(Body::new)
}

/// Takes whatever input there is (a terminal does not wait for it), then prints what the box's log holds, and ends with exit
/// code 0.
async fn answer_exec(mut input: Streaming<wire::ExecChunk>) -> Answer {
    let first =
        input.message().await?.ok_or_else(|| Status::invalid_argument("an exec needs a first chunk"))?;
    if first.tty && first.vm_id == "echo" {
        let typed = input.map(|chunk| {
            let wire::ExecChunk { data, .. } = chunk?;
            Ok(encoded(&wire::ExecChunk { data, ..wire::ExecChunk::default() }))
        });
        return Ok(tonic::Response::new(Box::pin(typed)));
    }
    while !first.tty && input.message().await?.is_some() {}
    let (data, count) = chunks(&first.vm_id)?;
    let chunk = encoded(&wire::ExecChunk { data, ..wire::ExecChunk::default() });
    let end = stream::once(std::future::ready(Ok(encoded(&wire::ExecChunk::default()))));
    Ok(tonic::Response::new(Box::pin(stream::iter(0..count).map(move |_| Ok(chunk.clone())).chain(end))))
}

/// What a box's name says about its log: `logs-32768x8192`.
fn chunks(name: &str) -> Result<(Bytes, u32), Status> {
    let parsed = name.strip_prefix("logs-").and_then(|rest| rest.split_once('x'));
    let parsed = parsed.and_then(|(size, count)| Some((size.parse::<usize>().ok()?, count.parse().ok()?)));
    match parsed {
        Some((size, count)) if size <= 1 << 20 => Ok((answers::text(size), count)),
        _ => Err(Status::not_found(format!("no box is called `{name}`; one is called like logs-32768x8192"))),
    }
}
