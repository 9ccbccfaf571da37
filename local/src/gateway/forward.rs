//! Calls, carried to the upstream and back as bytes.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, Service};
use tonic::{Code, Status};

use super::outgoing::Outgoing;
use super::upstream::{Fate, Place, Upstream};
use crate::deadline;
use crate::proxy::headers::strip;

/// What a browser tells a server, or says of a body, and no metadata of a call. `sec-…` is another.
const NO_METADATA: [HeaderName; 10] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::COOKIE,
    header::HOST,
    header::ORIGIN,
    header::REFERER,
    header::TRAILER,
    HeaderName::from_static("x-grpc-web"),
];
/// What makes credentials that outlive a page's.
const CREDENTIALS: [&str; 3] = [
    "/boxd.api.v1.BoxdApi/CreateToken",
    "/boxd.api.v1.BoxdApi/CreateApiKey",
    "/boxd.api.v1.BoxdApi/LinkSshKey",
];
/// How often a call that a connection did not take up is sent over the next one, and the pause before the second time;
/// it doubles. Before the first there is none, since it is a new connection that is asked.
const TURNED_AWAY: u32 = 10;
const PAUSE: Duration = Duration::from_millis(2);

/// The service that carries calls to the upstream.
#[derive(Clone)]
pub(super) struct Forward {
    upstream: Arc<Upstream>,
    /// The gateway holds a key, so that its pages are not to have credentials that last.
    holds_key: bool,
}

impl Forward {
    pub(super) fn new(upstream: Arc<Upstream>, holds_key: bool) -> Self {
        Self { upstream, holds_key }
    }

    fn refusal(&self, request: &Request<Body>) -> Option<Response<Body>> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        if request.method() != Method::POST || !content_type.is_some_and(is_grpc) {
            let mut answer = Status::internal("only calls of gRPC are answered here").into_http();
            *answer.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Some(answer);
        }
        let path = request.uri().path();
        (self.holds_key && CREDENTIALS.contains(&path)).then(|| {
            Status::permission_denied(
                "this gateway holds the API key, so that pages get no credentials that last; make them elsewhere",
            )
            .into_http()
        })
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
        if let Some(answer) = self.refusal(&request) {
            return Box::pin(async { Ok(answer) });
        }
        let upstream = Arc::clone(&self.upstream);
        let limit = deadline::time(request.headers(), "grpc-timeout");
        let deadline = limit.map(|limit| (Instant::now() + limit, limit));
        prepare(&mut request);
        Box::pin(async move {
            let answer = carry(&upstream, request);
            let answer = match deadline {
                None => answer.await,
                Some((at, limit)) => {
                    tokio::time::timeout_at(at, answer).await.unwrap_or_else(|_| Err(out_of_time(limit)))
                }
            };
            let answer = answer.and_then(|(answer, place)| receive(answer, deadline, place));
            Ok(answer.unwrap_or_else(Status::into_http))
        })
    }
}

fn is_grpc(content_type: &HeaderValue) -> bool {
    content_type.as_bytes().starts_with(b"application/grpc")
}

/// Leaves of the headers what is metadata, and says what HTTP/2 is to be told.
fn prepare(request: &mut Request<Body>) {
    let headers = request.headers_mut();
    strip(headers);
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

/// Sends a call, over the next connection too when one did not take it up: such a call no server has carried out.
async fn carry(upstream: &Upstream, request: Request<Body>) -> Result<(Response<Body>, Place), Status> {
    let (head, body) = request.into_parts();
    let outgoing = Outgoing::new(body);
    let mut turned_away = 0;
    loop {
        let (mut channel, place) = upstream.connection();
        let (body, taken) = outgoing.attempt();
        let request = Request::from_parts(head.clone(), body);
        let answer = async {
            std::future::poll_fn(|cx| channel.poll_ready(cx)).await?;
            channel.call(request).await
        };
        let error = match answer.await {
            Ok(answer) => {
                outgoing.settle();
                return Ok((answer, place));
            }
            Err(error) => error,
        };
        let (status, fate) = upstream.failure(&error);
        let untaken = match fate {
            Fate::NotConnected => false,
            Fate::NotTaken => true,
            // Without its message, a server cannot have done what a call asks for.
            Fate::Unknown => status.code() == Code::Unavailable && !taken.load(Ordering::Acquire),
        };
        if !untaken || !outgoing.is_at_hand() || turned_away == TURNED_AWAY {
            return Err(status);
        }
        if turned_away > 0 {
            tokio::time::sleep(PAUSE * 2_u32.pow(turned_away - 1)).await;
        }
        turned_away += 1;
    }
}

/// The upstream's answer, if it is gRPC.
fn receive(
    answer: Response<Body>,
    deadline: Option<(Instant, Duration)>,
    place: Place,
) -> Result<Response<Body>, Status> {
    let headers = answer.headers();
    let said = headers.contains_key("grpc-status");
    let content_type = headers.get(header::CONTENT_TYPE);
    if !said && (answer.status() != StatusCode::OK || !content_type.is_some_and(is_grpc)) {
        let code = crate::websocket::code_of(answer.status());
        let kind = String::from_utf8_lossy(content_type.map(HeaderValue::as_bytes).unwrap_or_default());
        let text =
            format!("the upstream answered HTTP {} ({kind:?}) instead of gRPC", answer.status().as_u16());
        return Err(Status::new(code, text));
    }
    let clock = deadline.map(|(at, limit)| (Box::pin(sleep_until(at)), limit));
    Ok(answer.map(|body| Body::new(Answer { body: Some((body, place)), said, clock })))
}

fn out_of_time(limit: Duration) -> Status {
    Status::deadline_exceeded(format!("not finished within {limit:?} (grpc-timeout)"))
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
                let code = match error.code() {
                    // What it calls a connection that broke.
                    Code::Unknown => Code::Unavailable,
                    code => code,
                };
                let text = format!("the upstream broke the call off: {}", error.message());
                Poll::Ready(Some(Ok(this.end(&Status::new(code, text)))))
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
