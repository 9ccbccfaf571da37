//! Calls, carried to the upstream and back as bytes.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version, header};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, Service};

use super::upstream::{Place, Upstream};
use crate::deadline;

/// What is of a connection, or between a browser and its server, and no metadata of a call.
const NO_METADATA: [HeaderName; 17] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::COOKIE,
    header::HOST,
    HeaderName::from_static("keep-alive"),
    header::ORIGIN,
    HeaderName::from_static("proxy-connection"),
    header::REFERER,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("x-grpc-web"),
    header::PROXY_AUTHORIZATION,
];

/// The service that carries calls to the upstream.
#[derive(Clone)]
pub(super) struct Forward {
    upstream: Arc<Upstream>,
}

impl Forward {
    pub(super) fn new(upstream: Arc<Upstream>) -> Self {
        Self { upstream }
    }
}

impl Service<Request<Body>> for Forward {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let upstream = Arc::clone(&self.upstream);
        let limit = deadline::time(request.headers(), "grpc-timeout");
        let deadline = limit.map(|limit| (Instant::now() + limit, limit));
        prepare(&mut request);
        Box::pin(async move {
            let (mut channel, place) = upstream.connection();
            let answer = async {
                std::future::poll_fn(|cx| channel.poll_ready(cx)).await?;
                channel.call(request).await
            };
            let answer = match deadline {
                None => answer.await,
                Some((at, limit)) => match tokio::time::timeout_at(at, answer).await {
                    Ok(answer) => answer,
                    Err(_) => return Ok(out_of_time(limit).into_http()),
                },
            };
            Ok(match answer {
                Ok(answer) => receive(answer, deadline, place).unwrap_or_else(Status::into_http),
                Err(error) => unreachable(upstream.url(), &error).into_http(),
            })
        })
    }
}

/// Leaves of the headers what is metadata, and says what HTTP/2 is to be told.
fn prepare(request: &mut Request<Body>) {
    let headers = request.headers_mut();
    for name in &NO_METADATA {
        headers.remove(name);
    }
    let browsers: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("sec-")).cloned().collect();
    for name in browsers {
        headers.remove(name);
    }
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    *request.version_mut() = Version::HTTP_2;
    // What came along here means nothing there.
    request.extensions_mut().clear();
}

/// The upstream's answer, if it is gRPC.
fn receive(
    answer: Response<Body>,
    deadline: Option<(Instant, Duration)>,
    place: Place,
) -> Result<Response<Body>, Status> {
    let headers = answer.headers();
    let said = headers.contains_key("grpc-status");
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if !said && (answer.status() != StatusCode::OK || !content_type.starts_with(b"application/grpc")) {
        let code = crate::websocket::code_of(answer.status());
        let text = format!(
            "the upstream answered HTTP {} ({:?}) instead of gRPC",
            answer.status().as_u16(),
            String::from_utf8_lossy(content_type)
        );
        return Err(Status::new(code, text));
    }
    let clock = deadline.map(|(at, limit)| (Box::pin(sleep_until(at)), limit));
    Ok(answer.map(|body| Body::new(Answer { body: Some((body, place)), said, clock })))
}

fn out_of_time(limit: Duration) -> Status {
    Status::deadline_exceeded(format!("not finished within {limit:?} (grpc-timeout)"))
}

fn unreachable(upstream: &http::Uri, error: &tonic::transport::Error) -> Status {
    let mut text = format!("the gateway's upstream {upstream} does not answer: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        // The channel reads `grpc-timeout` too.
        if error.is::<tonic::TimeoutExpired>() {
            return Status::deadline_exceeded("not finished in time (grpc-timeout)");
        }
        text = format!("{text}: {error}");
        cause = error.source();
    }
    Status::unavailable(text)
}

/// The body of an answer. Whatever becomes of the upstream, it ends with a word on how the call went.
struct Answer {
    body: Option<(Body, Place)>,
    /// The headers hold it already.
    said: bool,
    clock: Option<(Pin<Box<Sleep>>, Duration)>,
}

impl Answer {
    /// The last frame. What is left of the call is dropped, and so cancelled.
    fn end(&mut self, status: &Status) -> Frame<Bytes> {
        self.body = None;
        let mut trailers = HeaderMap::new();
        // Only metadata that is none can fail, and there is none.
        status.add_header(&mut trailers).ok();
        Frame::trailers(trailers)
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some((body, _)) = &mut this.body else { return Poll::Ready(None) };
        if let Some((clock, limit)) = &mut this.clock
            && clock.as_mut().poll(cx).is_ready()
        {
            let status = out_of_time(*limit);
            return Poll::Ready(Some(Ok(this.end(&status))));
        }
        match ready!(Pin::new(body).poll_frame(cx)) {
            Some(Ok(frame)) => {
                if frame.is_trailers() {
                    this.body = None;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                let text = format!("the upstream broke the call off: {}", error.message());
                Poll::Ready(Some(Ok(this.end(&Status::unavailable(text)))))
            }
            None if this.said => {
                this.body = None;
                Poll::Ready(None)
            }
            None => {
                let text = "the upstream ended the call without saying how it went";
                Poll::Ready(Some(Ok(this.end(&Status::unavailable(text)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none() || (self.said && self.body.as_ref().is_some_and(|(body, _)| body.is_end_stream()))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
