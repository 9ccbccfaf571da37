//! What goes to a running command: its standard input, bounded, and the size of its window.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_channel::mpsc;
use futures_core::Stream;
use futures_util::future::poll_fn;
use futures_util::task::AtomicWaker;
use tokio::io::AsyncWrite;

use super::process::Shared;
use super::{INPUT_CHUNK, input_chunk};
use crate::error::{Error, Result};
use crate::transport::{Code, EncodedMessage};
use crate::wire::ExecChunk;

/// How many pieces of input may wait for the network.
const QUEUE: usize = 8;

/// The messages of the call (the first chunk, then input and window sizes as they come), and its writing ends.
pub(super) fn open(first: EncodedMessage) -> (Messages, Input) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let window = Window::default();
    (Messages { first: Some(first), window: window.clone(), input: Some(receiver) }, Input { sender, window })
}

/// The writing ends of a call.
pub(super) struct Input {
    pub(super) sender: mpsc::Sender<EncodedMessage>,
    pub(super) window: Window,
}

/// The standard input of a running command.
///
/// An [`AsyncWrite`]: a write waits while the command is slow to read. Shutting it down or dropping it gives the
/// command an end-of-file. A write after the command has ended fails with `BrokenPipe`.
///
/// As with any process, write and read at the same time when both are large: a command whose output nobody reads
/// stops reading its input.
pub struct ExecStdin {
    sender: Option<mpsc::Sender<EncodedMessage>>,
    shared: Arc<Shared>,
}

impl ExecStdin {
    pub(super) fn new(sender: mpsc::Sender<EncodedMessage>, shared: Arc<Shared>) -> Self {
        Self { sender: Some(sender), shared }
    }

    /// Sends all of `input`, waiting while the command is slow to read.
    ///
    /// # Errors
    /// When the command has ended or its call has failed; [`ExecProcess::wait`](super::ExecProcess::wait) says how.
    pub async fn send(&mut self, input: impl Into<Bytes>) -> Result<()> {
        let mut input = input.into();
        while !input.is_empty() {
            let piece = input.split_to(input.len().min(INPUT_CHUNK));
            poll_fn(|cx| self.poll_ready(cx)).await.map_err(|error| {
                Error::of(Code::FailedPrecondition, "the command takes no more input: it has ended")
                    .because(error)
            })?;
            self.push(piece);
        }
        Ok(())
    }

    /// Gives the command an end-of-file. As dropping it.
    pub fn close(mut self) {
        self.sender = None;
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(sender) = &mut self.sender else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        match sender.poll_ready(cx) {
            Poll::Ready(ready) => Poll::Ready(ready.map_err(|_| io::ErrorKind::BrokenPipe.into())),
            Poll::Pending => {
                // The call moves on even if nobody reads an output meanwhile.
                self.shared.drive(cx);
                Poll::Pending
            }
        }
    }

    /// Takes a piece after `poll_ready` said that there is room.
    fn push(&mut self, piece: Bytes) {
        if let Some(sender) = &mut self.sender {
            // It can only have closed in the meantime, which the next write will show.
            let _ = sender.start_send(input_chunk(piece));
        }
    }
}

impl AsyncWrite for ExecStdin {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(self.poll_ready(cx))?;
        let piece = &data[..data.len().min(INPUT_CHUNK)];
        self.push(Bytes::copy_from_slice(piece));
        Poll::Ready(Ok(piece.len()))
    }

    /// What was written is on its way already.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sender = None;
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for ExecStdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecStdin").field("open", &self.sender.is_some()).finish_non_exhaustive()
    }
}

/// The last window size that has not gone out yet. A newer one replaces it, so that it needs no queue.
#[derive(Clone, Default)]
pub(super) struct Window {
    shared: Arc<PendingSize>,
}

#[derive(Default)]
struct PendingSize {
    size: Mutex<Option<(u16, u16)>>,
    closed: AtomicBool,
    waker: AtomicWaker,
}

impl Window {
    pub(super) fn set(&self, cols: u16, rows: u16) {
        *self.shared.size.lock().unwrap_or_else(PoisonError::into_inner) = Some((cols, rows));
        self.shared.waker.wake();
    }

    /// Ends the messages: the call is over. As long as they may go on, a connection keeps it open at the server.
    pub(super) fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.waker.wake();
    }

    fn poll_closed(&self, cx: &Context<'_>) -> bool {
        self.shared.waker.register(cx.waker());
        self.shared.closed.load(Ordering::Acquire)
    }

    fn take(&self) -> Option<(u16, u16)> {
        self.shared.size.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The messages of an open call. They end, and with them the command's input, when its [`ExecStdin`] or the call is
/// closed.
pub(super) struct Messages {
    first: Option<EncodedMessage>,
    window: Window,
    input: Option<mpsc::Receiver<EncodedMessage>>,
}

impl Stream for Messages {
    type Item = EncodedMessage;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.window.poll_closed(cx) {
            (self.first, self.input) = (None, None);
        }
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        let Some(input) = &mut self.input else { return Poll::Ready(None) };
        // Input first: what was typed before a window changed belongs to the old size.
        match Pin::new(input).poll_next(cx) {
            Poll::Ready(Some(message)) => return Poll::Ready(Some(message)),
            Poll::Ready(None) => {
                self.input = None;
                return Poll::Ready(None);
            }
            Poll::Pending => {}
        }
        let Some((cols, rows)) = self.window.take() else { return Poll::Pending };
        Poll::Ready(Some(EncodedMessage::encode(&ExecChunk {
            window_change: true,
            cols: cols.into(),
            rows: rows.into(),
            ..ExecChunk::default()
        })))
    }
}
