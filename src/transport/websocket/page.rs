//! WebSockets of the JavaScript host. What there is to say of them is said in JavaScript (`page.js`), where it weighs a
//! fraction.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_util::Sink;
use js_sys::{Function, Promise, Uint8Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;

use super::{CONNECT_TIMEOUT, Connect, Open, PROTOCOL, Socket, closed, gone};
use crate::error::Result;
use crate::rt::{self, Awaited};
use crate::transport::grpc_web::receive;
use crate::transport::{Code, Status};

#[wasm_bindgen(module = "/src/transport/websocket/page.js")]
extern "C" {
    fn open(url: &str, protocol: &str, given: Option<&Function>, patience: f64, limit: f64) -> Ends;

    type Ends;

    #[wasm_bindgen(method, getter)]
    fn opened(this: &Ends) -> Promise;
    #[wasm_bindgen(method)]
    fn read(this: &Ends) -> Promise;
    #[wasm_bindgen(method)]
    fn write(this: &Ends, message: Uint8Array) -> Promise;
    #[wasm_bindgen(method)]
    fn close(this: &Ends);

    /// What fails.
    type End;

    #[wasm_bindgen(method, getter)]
    fn code(this: &End) -> u16;
    #[wasm_bindgen(method, getter)]
    fn reason(this: &End) -> Option<String>;
}

/// Opens the host's own WebSockets.
#[derive(Debug)]
pub struct Sockets {
    given: Option<SendWrapper<Function>>,
}

impl Sockets {
    #[allow(clippy::unnecessary_wraps)] // As natively, where TLS may be missing.
    pub(super) fn new(_tls: bool) -> Result<Self> {
        Ok(Self { given: None })
    }

    pub(super) fn given(constructor: Function) -> Self {
        Self { given: Some(SendWrapper::new(constructor)) }
    }
}

impl Connect for Sockets {
    fn connect(&self, request: Open) -> BoxFuture<'static, Result<Socket, Status>> {
        Box::pin(SendWrapper::new(Opening { given: self.given.as_deref().cloned(), begun: None, request }))
    }
}

struct Opening {
    given: Option<Function>,
    /// Dropped, it gives the attempt up.
    begun: Option<(Rc<Closing>, Awaited)>,
    request: Open,
}

impl Future for Opening {
    type Output = Result<Socket, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { given, begun, request } = &mut *self;
        let (ends, opened) = begun.get_or_insert_with(|| {
            let limit = request.keepalive.map_or(0.0, milliseconds);
            let patience = milliseconds(CONNECT_TIMEOUT);
            let ends = open(&request.url(), PROTOCOL, given.as_ref(), patience, limit);
            let opened = Awaited::from(ends.opened());
            (Rc::new(Closing(ends)), opened)
        });
        ready!(Pin::new(opened).poll(cx)).map_err(|end| status(request, end))?;
        let ends = ends.clone();
        let sender = Sending(SendWrapper::new((ends.clone(), None)));
        let receiver = SendWrapper::new(Receiving { ends, read: None, request: request.clone() });
        Poll::Ready(Ok(Socket { sender: Box::pin(sender), receiver: Box::pin(receiver) }))
    }
}

#[allow(clippy::cast_precision_loss)]
fn milliseconds(time: Duration) -> f64 {
    time.as_secs() as f64 * 1000.0 + f64::from(time.subsec_millis())
}

/// Why there is no WebSocket, or no more of it: the codes of `page.js`, or what the server said.
fn status(request: &Open, end: JsValue) -> Status {
    let end: End = end.unchecked_into();
    let reason = end.reason().unwrap_or_default();
    match end.code() {
        0 => Status::new(
            Code::Unimplemented,
            "this host has no WebSocket, over which a command reads what is typed: pass one in (in Node 20, that of \
             the package ws), or give all input up front",
        )
        .not_sent(),
        1 => unopened(request, &reason),
        2 => Status::new(
            Code::ResourceExhausted,
            "the output was read too slowly: 8 MiB of it waited, and this host cannot slow the sender down",
        ),
        3 => request.keepalive.map_or_else(|| Status::unavailable("silence"), gone),
        4 => Status::new(Code::Internal, "the server sent text, which is not grpc-websockets"),
        code => closed(code, &reason),
    }
}

/// The host does not tell a page why there is no WebSocket.
fn unopened(request: &Open, why: &str) -> Status {
    let mut text = ["no WebSocket to ", &request.origin].concat();
    for (before, part) in [(": ", why), ("; is it running, does it speak ", PROTOCOL)] {
        if !part.is_empty() {
            text.push_str(before);
            text.push_str(part);
        }
    }
    if let Some(page) = rt::origin() {
        text.push_str(", and is this page's origin, ");
        text.push_str(&page);
        text.push_str(", allowed");
    }
    text.push('?');
    Status::unavailable(text).not_sent()
}

/// Closes the WebSocket when nobody wants anything of it any more.
struct Closing(Ends);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

struct Receiving {
    ends: Rc<Closing>,
    read: Option<Awaited>,
    request: Open,
}

impl Stream for Receiving {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let read = this.read.get_or_insert_with(|| Awaited::from(this.ends.0.read()));
        let message = ready!(Pin::new(read).poll(cx));
        this.read = None;
        Poll::Ready(match message {
            Ok(message) if message.is_undefined() => None,
            Ok(message) => Some(Ok(receive(message.unchecked_into()))),
            Err(end) => Some(Err(status(&this.request, end))),
        })
    }
}

/// The ends, and what was written and is not taken yet.
struct Sending(SendWrapper<(Rc<Closing>, Option<Awaited>)>);

impl Sink<Bytes> for Sending {
    type Error = ();

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        let (_, written) = &mut *self.0;
        let Some(writing) = written else { return Poll::Ready(Ok(())) };
        let end = ready!(Pin::new(writing).poll(cx));
        *written = None;
        Poll::Ready(end.map(drop).map_err(drop))
    }

    fn start_send(mut self: Pin<&mut Self>, message: Bytes) -> Result<(), ()> {
        let (ends, written) = &mut *self.0;
        *written = Some(Awaited::from(ends.0.write(Uint8Array::from(&*message))));
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        self.poll_ready(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        self.poll_ready(cx)
    }
}
