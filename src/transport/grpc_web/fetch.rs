//! gRPC-web over the global `fetch`.

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use js_sys::{Array, Reflect, Uint8Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Blob;

use super::chunk::receive;
use super::{Fetch, Request, RequestBody, Response};
use crate::error::Result;
use crate::rt::{Failure, post};
use crate::transport::{Code, Metadata, Status};

/// Whenever the pieces of a request are this much, they go into a `Blob`, which the host need not keep in memory.
const PIECES: usize = 8 * 1024 * 1024;

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
}

async fn exchange(request: Request) -> Result<Response, Status> {
    let Request { url, headers, body } = request;
    let body = match body {
        RequestBody::Whole(bytes) => Uint8Array::from(&*bytes).into(),
        RequestBody::Pieces(pieces) => collect(pieces).await?,
    };
    let posting = post(&url, &headers, &body).map_err(|failure| unanswered(&failure, &url))?;
    let answer = posting.await.map_err(|failure| unanswered(&failure, &url))?;
    let status = if answer.is_redirect() { answer.status().max(300) } else { answer.status() };
    let mut headers = Metadata::new();
    for (name, value) in answer.headers() {
        headers.insert(name, value);
    }
    let chunks = answer.into_chunks().map_ok(receive).map_err(|failure| {
        Status::unavailable(format!("the connection broke while the answer came: {failure}"))
    });
    Ok(Response { status, headers, body: SendWrapper::new(chunks).boxed() })
}

/// Gathers the pieces of a request, outside wasm memory.
async fn collect(mut pieces: BoxStream<'static, Result<Bytes, Status>>) -> Result<JsValue, Status> {
    let (mut parts, mut size, mut large) = (Array::new(), 0, false);
    while let Some(piece) = pieces.try_next().await? {
        parts.push(&Uint8Array::from(&*piece));
        size += piece.len();
        if size >= PIECES {
            parts = Array::of1(&blob(&parts)?.into());
            (size, large) = (0, true);
        }
    }
    if large { blob(&parts).map(Into::into) } else { Ok(joined(&parts, size).into()) }
}

/// Small bodies in one array: to hand a `Blob` over takes a page longer than to copy one.
fn joined(parts: &Array, size: usize) -> Uint8Array {
    let whole = Uint8Array::new_with_length(u32::try_from(size).unwrap_or(u32::MAX));
    let mut at = 0;
    for part in parts.iter() {
        let part: Uint8Array = part.unchecked_into();
        whole.set(&part, at);
        at += part.length();
    }
    whole
}

fn blob(parts: &Array) -> Result<Blob, Status> {
    Blob::new_with_buffer_source_sequence(parts).map_err(|_| {
        Status::new(Code::ResourceExhausted, "the request is larger than what this page may hold").not_sent()
    })
}

/// A request without an answer. The host does not tell a page why, so the sentence names what it can be.
fn unanswered(failure: &Failure, url: &str) -> Status {
    let not_sent = match failure {
        Failure::Header(_) => {
            return Status::new(Code::InvalidArgument, failure.to_string()).not_sent();
        }
        Failure::Connection { not_sent, .. } => *not_sent,
    };
    let origin = url.match_indices('/').nth(2).and_then(|(end, _)| url.get(..end)).unwrap_or(url);
    let text = match page() {
        Some(page) => format!(
            "no answer from {origin} ({failure}); is it running, is gRPC-web enabled there, and is this page's \
             origin, {page}, allowed?"
        ),
        None => format!("no answer from {origin} ({failure}); is it running, and is this its address?"),
    };
    let status = Status::unavailable(text);
    if not_sent { status.not_sent() } else { status }
}

/// The origin of the page or worker, where there is one.
pub(in crate::transport) fn page() -> Option<String> {
    let location = Reflect::get(&js_sys::global(), &JsValue::from_str("location")).ok()?;
    Reflect::get(&location, &JsValue::from_str("origin")).ok()?.as_string()
}
