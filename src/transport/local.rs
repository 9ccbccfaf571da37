//! A service of JavaScript's one thread, made to fit where `Send` is asked for.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::{MapOk, TryFutureExt};
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use send_wrapper::SendWrapper;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::{Service, StdError};

/// Makes a service that is bound to JavaScript's thread, such as `tonic_web_wasm_client::Client`, fit for a
/// [`GrpcTransport`](super::GrpcTransport).
///
/// ```ignore
/// let client = tonic_web_wasm_client::Client::new("https://boxd.example:9443".into());
/// let transport = GrpcTransport::new(Local::new(client));
/// ```
///
/// Used from another thread than the one that made it, it panics; a page has one.
#[derive(Clone, Debug)]
pub struct Local<S>(SendWrapper<S>);

impl<S> Local<S> {
    /// Wraps `service`.
    pub fn new(service: S) -> Self {
        Self(SendWrapper::new(service))
    }
}

type Wrap<B> = fn(Response<B>) -> Response<LocalBody<B>>;

impl<S> Service<Request<Body>> for Local<S>
where
    S: GrpcService<Body>,
{
    type Response = Response<LocalBody<S::ResponseBody>>;
    type Error = StdError;
    type Future = SendWrapper<
        futures_util::future::MapErr<MapOk<S::Future, Wrap<S::ResponseBody>>, fn(S::Error) -> StdError>,
    >;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let wrap: Wrap<S::ResponseBody> = |response| response.map(LocalBody::new);
        SendWrapper::new(self.0.call(request).map_ok(wrap).map_err(Into::into))
    }
}

/// The body of an answer, bound to JavaScript's thread.
pub struct LocalBody<B>(SendWrapper<Pin<Box<B>>>);

impl<B> LocalBody<B> {
    fn new(body: B) -> Self {
        Self(SendWrapper::new(Box::pin(body)))
    }
}

impl<B: HttpBody> HttpBody for LocalBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.0.as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
