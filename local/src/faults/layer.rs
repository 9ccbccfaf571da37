//! The faults, in front of the gRPC service.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use h2::Reason;
use http::{Request, Response};
use http_body::Body as _;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::service::Routes;
use tower::Layer;

use super::cut::{Cut, Limit};
use super::{Action, Faults};
use crate::connections::Connection;
use crate::wire::RPCS;
use crate::wire::boxd_api_server::SERVICE_NAME;

/// Puts faults before a service.
pub(crate) struct FaultLayer(pub(crate) Faults);

impl Layer<Routes> for FaultLayer {
    type Service = Faulty;

    fn layer(&self, inner: Routes) -> Faulty {
        Faulty { faults: self.0.clone(), inner }
    }
}

/// A service behind [`FaultLayer`]. Its error is what its stream is reset with.
#[derive(Clone)]
pub(crate) struct Faulty {
    faults: Faults,
    inner: Routes,
}

impl Service<Request<Body>> for Faulty {
    type Response = Response<Body>;
    type Error = h2::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, h2::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        Service::<Request<Body>>::poll_ready(&mut self.inner, context).map_err(|never| match never {})
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let action = rpc(&request).and_then(|rpc| self.faults.arrived(rpc));
        let connection = request.extensions().get::<Connection>().cloned();
        let mut inner = self.inner.clone();
        let carry_out = async move {
            inner.call(request).await.map_err(|never: std::convert::Infallible| match never {})
        };
        let Some(action) = action else { return Box::pin(carry_out) };
        Box::pin(async move {
            match action {
                Action::Fail { code, message } => Ok(Status::new(code, message).into_http()),
                Action::Refuse => Err(Reason::REFUSED_STREAM.into()),
                Action::LoseAnswer => {
                    drain(carry_out.await?.into_body()).await;
                    match connection {
                        Some(connection) => {
                            connection.close();
                            // It takes this call with it.
                            std::future::pending().await
                        }
                        None => Err(Reason::INTERNAL_ERROR.into()),
                    }
                }
                Action::CutAfterBytes(bytes) => Ok(cut(carry_out.await?, Limit::Bytes(bytes))),
                Action::CutAfterMessages(messages) => Ok(cut(carry_out.await?, Limit::Messages(messages))),
                Action::Delay(span) => {
                    tokio::time::sleep(span).await;
                    carry_out.await
                }
                Action::GoAway => {
                    if let Some(connection) = connection {
                        connection.go_away();
                    }
                    carry_out.await
                }
            }
        })
    }
}

/// The RPC that is called, if it is one.
fn rpc<B>(request: &Request<B>) -> Option<&'static str> {
    let name = request.uri().path().strip_prefix('/')?.strip_prefix(SERVICE_NAME)?.strip_prefix('/')?;
    RPCS.iter().find(|rpc| **rpc == name).copied()
}

fn cut(answer: Response<Body>, limit: Limit) -> Response<Body> {
    answer.map(|body| Body::new(Cut::new(body, limit)))
}

/// Waits for the end of an answer: a stream has its effects as it is read.
async fn drain(mut body: Body) {
    while let Some(Ok(_)) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {}
}
