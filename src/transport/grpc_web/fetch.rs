//! gRPC-web over the global `fetch`.

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use js_sys::Uint8Array;
use send_wrapper::SendWrapper;
use wasm_bindgen::JsValue;

use super::chunk::receive;
use super::{Fetch, Request, RequestBody, Response, trailers};
use crate::error::Result;
use crate::rt::{Failure, copied, gather, origin as origin_of_page, post};
use crate::transport::{Code, Status, websocket};

/// As much as most heads take, in bytes.
const HEAD: usize = 512;

/// The host's own HTTP client, `fetch`.
#[derive(Debug)]
pub struct Http(());

impl Http {
    #[allow(clippy::unnecessary_wraps)] // As natively, where TLS may be missing.
    pub(super) fn new(_tls: bool) -> Result<Self> {
        Ok(Self(()))
    }
}

impl Fetch for Http {
    fn post(&self, request: Request) -> BoxFuture<'static, Result<Response, Status>> {
        // Nothing of JavaScript's may move to another thread, and nothing does: there is one event loop.
        Box::pin(SendWrapper::new(exchange(request)))
    }

    fn ends_bodies(&self) -> bool {
        true
    }
}

async fn exchange(request: Request) -> Result<Response, Status> {
    let Request { url, headers, body, single } = request;
    let mut head = String::with_capacity(HEAD);
    head.push_str(&url);
    head.push_str("\r\n");
    let head = websocket::head(&headers, head)?;
    let body = match body {
        RequestBody::Whole(bytes) => Uint8Array::from(&*bytes).into(),
        RequestBody::Pieces(pieces) => collect(pieces).await?,
    };
    let answer = post(&head, &body, single).await.map_err(|failure| unanswered(&failure, &url))?;
    // A single message is used up here; what streams goes back to JavaScript, as views of the chunks.
    let taken = move |chunk| if single { copied(&chunk).into() } else { receive(chunk) };
    let chunks = answer.chunks.map_ok(taken).map_err(|failure| {
        Status::unavailable(["the connection broke while the answer came: ", &failure.text].concat())
    });
    let headers = trailers::parse(&answer.head.into());
    Ok(Response { status: answer.status, headers, body: SendWrapper::new(chunks).boxed() })
}

/// Gathers the pieces of a request, outside wasm memory.
async fn collect(mut pieces: BoxStream<'static, Result<Bytes, Status>>) -> Result<JsValue, Status> {
    let too_large = |_| {
        Status::new(Code::ResourceExhausted, "the request is larger than what this page may hold").not_sent()
    };
    let whole = gather();
    while let Some(piece) = pieces.try_next().await? {
        whole.add(Uint8Array::from(&*piece)).map_err(too_large)?;
    }
    whole.whole().map_err(too_large)
}

/// A request without an answer. The host does not tell a page why, so the sentence names what it can be.
fn unanswered(failure: &Failure, url: &str) -> Status {
    let origin = url.match_indices('/').nth(2).and_then(|(end, _)| url.get(..end)).unwrap_or(url);
    let page = origin_of_page();
    let (asks, page, end) = match &page {
        Some(page) => (", is gRPC-web enabled there, and is this page's origin, ", &**page, ", allowed?"),
        None => (", and is this its address?", "", ""),
    };
    let text = ["no answer from ", origin, " (", &failure.text, "); is it running", asks, page, end].concat();
    let status = Status::unavailable(text);
    if failure.not_sent { status.not_sent() } else { status }
}
