//! The calls that the benchmark makes.

use std::pin::Pin;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use boxd::wire;
use bytes::Bytes;
use futures_core::Stream;
use futures_util::{StreamExt as _, stream};
use http::{Request, Response};
use tonic::server::Grpc;
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::answers;

type Answer<T> = Result<tonic::Response<T>, Status>;
type Chunks<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// One route per call, answered by tonic as its generated servers do.
pub(crate) fn router() -> Router {
    let list = answers::list();
    Router::new()
        .route(wire::methods::WHOAMI.path(), unary(|_: wire::WhoamiRequest| Ok(answers::whoami())))
        .route(
            wire::methods::GET_VM.path(),
            unary(|request: wire::GetVmRequest| Ok(answers::named(request.vm_id))),
        )
        .route(wire::methods::LIST_VMS.path(), unary(move |_: wire::ListVmsRequest| Ok(list.clone())))
        .route(wire::methods::STREAM_LOGS.path(), post(logs))
        .route(wire::methods::EXEC.path(), post(exec))
}

fn unary<Q, A>(
    answer: impl Fn(Q) -> Result<A, Status> + Clone + Send + Sync + 'static,
) -> axum::routing::MethodRouter
where
    Q: prost::Message + Default + Send + 'static,
    A: prost::Message + Default + Send + 'static,
{
    post(move |request: Request<Body>| {
        let answer = answer.clone();
        async move {
            let service = service_fn(move |request: tonic::Request<Q>| {
                std::future::ready(answer(request.into_inner()).map(tonic::Response::new))
            });
            Grpc::new(ProstCodec::default()).unary(service, request).await.map(Body::new)
        }
    })
}

async fn logs(request: Request<Body>) -> Response<Body> {
    let service = service_fn(|request: tonic::Request<wire::StreamLogsRequest>| {
        std::future::ready(answer_logs(&request.into_inner()))
    });
    Grpc::new(ProstCodec::default()).server_streaming(service, request).await.map(Body::new)
}

fn answer_logs(request: &wire::StreamLogsRequest) -> Answer<Chunks<wire::LogChunk>> {
    let (data, count) = chunks(&request.vm_id)?;
    let chunk = move |_| Ok(wire::LogChunk { data: data.clone() });
    Ok(tonic::Response::new(Box::pin(stream::iter(0..count).map(chunk))))
}

async fn exec(request: Request<Body>) -> Response<Body> {
    let service =
        service_fn(|request: tonic::Request<Streaming<wire::ExecChunk>>| answer_exec(request.into_inner()));
    Grpc::new(ProstCodec::default()).streaming(service, request).await.map(Body::new)
}

/// Takes whatever input there is, then prints what the box's log holds, and ends with exit code 0.
async fn answer_exec(mut input: Streaming<wire::ExecChunk>) -> Answer<Chunks<wire::ExecChunk>> {
    let first =
        input.message().await?.ok_or_else(|| Status::invalid_argument("an exec needs a first chunk"))?;
    while input.message().await?.is_some() {}
    let (data, count) = chunks(&first.vm_id)?;
    let chunk = move |_| Ok(wire::ExecChunk { data: data.clone(), ..wire::ExecChunk::default() });
    let end = stream::once(std::future::ready(Ok(wire::ExecChunk::default())));
    Ok(tonic::Response::new(Box::pin(stream::iter(0..count).map(chunk).chain(end))))
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
