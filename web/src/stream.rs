//! Bytes that come over time, handed over in batches.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use boxd::transport::grpc_web::{ChunkId, View, chunk, view};
use bytes::Bytes;
use futures_core::Stream;
use js_sys::{Array, Promise, Uint8Array, Uint32Array};
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use crate::abort::{Abort, reason};
use crate::failure::failure;
use crate::task::{Outcome, promise};

/// A batch is handed over when it holds this much, even if more is at hand.
const BATCH: usize = 1024 * 1024;

/// What a call streams, or a callback that threw.
pub(crate) type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, JsValue>>>>;

/// A stream of bytes. Freeing it ends the call at the server, and tells whoever waits that the stream has ended.
#[wasm_bindgen]
pub struct ByteStream {
    source: Rc<RefCell<Source>>,
    _abort: Option<Abort>,
}

struct Source {
    /// None at the end, and while they are polled.
    pieces: Option<Pieces>,
    open: bool,
    /// Why it ended, if nobody was told yet.
    end: Option<JsValue>,
    waker: Option<Waker>,
}

impl ByteStream {
    pub(crate) fn new(pieces: Pieces, signal: Option<AbortSignal>) -> Self {
        let end = signal.as_ref().and_then(reason);
        let open = end.is_none();
        let pieces = open.then_some(pieces);
        let source = Rc::new(RefCell::new(Source { pieces, open, end, waker: None }));
        let abort = signal.map(|signal| {
            let (source, of) = (source.clone(), signal.clone());
            let on_abort = move || Source::close(&source, reason(&of));
            Abort::listen(signal, Box::new(on_abort))
        });
        Self { source, _abort: abort }
    }
}

#[wasm_bindgen]
impl ByteStream {
    /// To what has come by now, at least one piece: `[chunk, ranges, chunk, ranges, …]`, where `ranges` holds an offset
    /// and a length for each piece in `chunk`. To `undefined` at the end. One call at a time.
    pub fn next(&self) -> Promise {
        let source = self.source.clone();
        promise(Box::pin(poll_fn(move |cx| Source::poll_batch(&source, cx))))
    }
}

impl Drop for ByteStream {
    fn drop(&mut self) {
        Source::close(&self.source, None);
    }
}

impl Source {
    fn close(source: &RefCell<Self>, end: Option<JsValue>) {
        let (pieces, waker) = {
            let mut source = source.borrow_mut();
            if std::mem::take(&mut source.open) {
                source.end = end;
            }
            (source.pieces.take(), source.waker.take())
        };
        drop(pieces);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll_batch(source: &RefCell<Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut batch = Batch::default();
        // Nothing is borrowed while they are polled: a callback of the caller's may close the stream.
        let mut pieces = source.borrow_mut().pieces.take();
        while let Some(polled) = pieces.as_mut().filter(|_| source.borrow().open)
            && batch.bytes < BATCH
        {
            let end = match polled.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(piece))) => {
                    batch.push(&piece);
                    continue;
                }
                Poll::Ready(Some(Err(error))) => Some(error),
                Poll::Ready(None) => None,
                Poll::Pending => break,
            };
            Self::close(source, end);
        }
        let mut source = source.borrow_mut();
        if source.open {
            source.pieces = pieces.take();
        }
        if batch.bytes > 0 {
            return Poll::Ready(Ok(batch.finish()));
        }
        if source.open {
            source.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(source.end.take().map_or(Ok(JsValue::UNDEFINED), Err))
    }
}

/// Pieces on their way out: ranges of the chunks that they came in.
#[derive(Default)]
struct Batch {
    parts: Array,
    chunk: Option<ChunkId>,
    ranges: Vec<u32>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, piece: &Bytes) {
        // No piece of a 32-bit address space is longer.
        let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        if length == 0 {
            return;
        }
        self.bytes += piece.len();
        if let Some(View { chunk: id, offset }) = view(piece) {
            if self.chunk != Some(id) {
                self.close();
                self.chunk = chunk(id).map(|array| {
                    self.parts.push(&array);
                    id
                });
            }
            if self.chunk.is_some() {
                self.ranges.extend([offset, length]);
                return;
            }
        }
        // It straddled two chunks, or was in none.
        self.close();
        self.parts.push(&Uint8Array::from(&piece[..]));
        self.ranges.extend([0, length]);
        self.close();
    }

    fn close(&mut self) {
        if !self.ranges.is_empty() {
            self.parts.push(&Uint32Array::from(&self.ranges[..]));
        }
        self.ranges.clear();
        self.chunk = None;
    }

    fn finish(mut self) -> JsValue {
        self.close();
        self.parts.into()
    }
}

/// Turns the SDK's errors into what a promise is rejected with.
pub(crate) struct Failing<S>(pub(crate) S);

impl<S: Stream<Item = boxd::Result<Bytes>> + Unpin> Stream for Failing<S> {
    type Item = Result<Bytes, JsValue>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx).map(|item| item.map(|piece| piece.map_err(failure)))
    }
}
