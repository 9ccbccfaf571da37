//! Files and logs.

use std::cell::RefCell;
use std::future::{IntoFuture, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use boxd::host::Awaited;
use boxd::{BoxHandle, Content, Progress};
use bytes::Bytes;
use futures_core::Stream;
use js_sys::{Function, Uint8Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;
use web_sys::{AbortSignal, Blob};

use crate::failure::failure;
use crate::options::Options;
use crate::stream::{ByteStream, Failing};
use crate::task::Work;

/// The box's console output.
pub(crate) fn logs(handle: &BoxHandle, options: &Options, signal: Option<AbortSignal>) -> ByteStream {
    let log = handle.stream_logs().follow(options.flag("follow", false));
    ByteStream::new(Box::pin(Failing(log)), signal)
}

/// A file as it comes. `onProgress` is called with the bytes so far and, where known, those in all.
pub(crate) fn read(handle: &BoxHandle, options: &Options, signal: Option<AbortSignal>) -> ByteStream {
    let mut read = handle.read_file(options.string("path"));
    let thrown = Thrown::default();
    if let Some(callback) = options.function("onProgress") {
        read = read.progress(thrown.reporter(callback));
    }
    let pieces = Reported { pieces: Failing(read.stream()), thrown };
    ByteStream::new(Box::pin(pieces), signal)
}

/// Writes a file: a `Uint8Array`, or a `Blob`, which is read piece by piece.
pub(crate) fn write(handle: &BoxHandle, options: &Options) -> Work {
    let content = match options.get("content").unwrap_or_default().dyn_into::<Uint8Array>() {
        Ok(bytes) => Content::from(bytes.to_vec()),
        Err(blob) => blob_content(blob.unchecked_into()),
    };
    let mut write = handle.write_file(content, options.string("path"));
    let thrown = Thrown::default();
    if let Some(callback) = options.function("onProgress") {
        write = write.progress(thrown.reporter(callback));
    }
    let mut writing = write.into_future();
    Box::pin(poll_fn(move |cx| {
        let written = writing.as_mut().poll(cx);
        if let Some(error) = thrown.take() {
            return Poll::Ready(Err(error));
        }
        // A number of bytes in a file is exact in a double.
        #[allow(clippy::cast_precision_loss)]
        written.map(|done| done.map(|bytes| JsValue::from_f64(bytes as f64)).map_err(failure))
    }))
}

/// What a progress callback threw: the transfer ends with it.
#[derive(Clone, Default)]
struct Thrown(Rc<RefCell<Option<JsValue>>>);

impl Thrown {
    #[allow(clippy::cast_precision_loss)]
    fn reporter(&self, callback: Function) -> impl FnMut(Progress) + Send + 'static {
        let both = SendWrapper::new((callback, self.clone()));
        move |progress| {
            let (callback, thrown) = &*both;
            let (bytes, total) = (progress.bytes as f64, progress.total.map(|total| total as f64));
            if let Err(error) = callback.call2(&JsValue::UNDEFINED, &bytes.into(), &total.into()) {
                *thrown.0.borrow_mut() = Some(error);
            }
        }
    }

    fn take(&self) -> Option<JsValue> {
        self.0.take()
    }
}

struct Reported<S> {
    pieces: S,
    thrown: Thrown,
}

impl<S: Stream<Item = Result<Bytes, JsValue>> + Unpin> Stream for Reported<S> {
    type Item = Result<Bytes, JsValue>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(Pin::new(&mut self.pieces).poll_next(cx));
        Poll::Ready(self.thrown.take().map_or(item, |error| Some(Err(error))))
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn blob_content(blob: Blob) -> Content {
    let size = blob.size();
    Content::stream(BlobPieces { blob: SendWrapper::new(blob), at: 0.0, size, piece: None }, size as u64)
}

/// The size of one piece of a `Blob`.
const PIECE: f64 = 1_048_576.0;

/// Reads a `Blob` from its beginning to its end; the host may keep it on disk.
struct BlobPieces {
    blob: SendWrapper<Blob>,
    at: f64,
    size: f64,
    piece: Option<SendWrapper<Awaited>>,
}

impl Stream for BlobPieces {
    type Item = Result<Bytes, String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.piece.is_none() {
            let end = (this.at + PIECE).min(this.size);
            if end <= this.at {
                return Poll::Ready(None);
            }
            let part = this.blob.slice_with_f64_and_f64(this.at, end).map_err(|error| message(&error))?;
            this.piece = Some(SendWrapper::new(Awaited::from(part.array_buffer())));
            this.at = end;
        }
        let Some(piece) = &mut this.piece else { return Poll::Ready(None) };
        let read = ready!(Pin::new(piece).poll(cx));
        this.piece = None;
        let buffer = read.map_err(|error| message(&error))?;
        Poll::Ready(Some(Ok(Uint8Array::new(&buffer).to_vec().into())))
    }
}

fn message(error: &JsValue) -> String {
    error.unchecked_ref::<js_sys::Error>().message().into()
}
