//! Writing a file into a box.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::future::poll_fn;
use futures_util::stream::{self, Fuse, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{CHUNK, OnProgress, Progress, check_path, doing};
use crate::boxes::exec::Target;
use crate::client::{Client, DuplexOptions};
use crate::error::{Error, Result};
use crate::transport::{Code, DEFAULT_MESSAGE_LIMIT, EncodedMessage};
use crate::wire::{UploadFileChunk, UploadFileRequest, methods};

/// What is written into a file: text, bytes, a file of this machine, or what a reader or a stream gives.
pub struct Content(pub(super) Source);

pub(super) enum Source {
    Pieces(Pieces),
    #[cfg(not(browser))]
    Path(std::path::PathBuf),
}

impl Content {
    /// What `reader` gives, which must be exactly `size` bytes: the wire announces the size first.
    pub fn reader(reader: impl AsyncRead + Send + 'static, size: u64) -> Self {
        Self(Source::Pieces(Pieces::reader(Box::pin(reader), size)))
    }

    /// What `pieces` give, which must be exactly `size` bytes. Each goes out as one message: up to a mebibyte is best.
    pub fn stream<E: fmt::Display>(
        pieces: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
        size: u64,
    ) -> Self {
        let failed =
            |error: E| Error::of(Code::Unknown, ["reading the content: ", &error.to_string()].concat());
        Self(Source::Pieces(Pieces::new(pieces.map(move |piece| piece.map_err(failed)).boxed(), size)))
    }
}

impl From<Bytes> for Content {
    fn from(content: Bytes) -> Self {
        Self(Source::Pieces(Pieces::bytes(content)))
    }
}

macro_rules! content_from {
    ($($from:ty),*) => {$(
        impl From<$from> for Content {
            fn from(content: $from) -> Self {
                Self::from(Bytes::from(content))
            }
        }
    )*};
}

content_from!(Vec<u8>, String);

macro_rules! content_copied_from {
    ($($from:ty),*) => {$(
        impl From<$from> for Content {
            fn from(content: $from) -> Self {
                Self::from(Bytes::copy_from_slice(content.as_ref()))
            }
        }
    )*};
}

content_copied_from!(&str, &String, &[u8], &Vec<u8>);

impl<const N: usize> From<&[u8; N]> for Content {
    fn from(content: &[u8; N]) -> Self {
        Self::from(&content[..])
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Pieces(pieces) => write!(f, "Content({} bytes)", pieces.total),
            #[cfg(not(browser))]
            Source::Path(path) => write!(f, "Content(file {})", path.display()),
        }
    }
}

/// A file about to be written. See [`BoxHandle::write_file`](crate::BoxHandle::write_file).
///
/// Awaiting it gives the number of bytes written. The file appears whole or not at all where the server can do so, as
/// `boxd-local` does. It is never sent twice.
#[must_use = "a file is written when this is awaited"]
pub struct WriteFile {
    client: Client,
    target: Target,
    content: Content,
    path: String,
    progress: Option<OnProgress>,
}

impl WriteFile {
    pub(crate) fn new(client: Client, target: Target, content: Content, path: String) -> Self {
        Self { client, target, content, path, progress: None }
    }

    /// Calls `report` as the transfer goes on, at most once per MiB and at the end.
    pub fn progress(mut self, report: impl FnMut(Progress) + Send + 'static) -> Self {
        self.progress = Some(Box::new(report));
        self
    }

    async fn run(self) -> Result<u64> {
        check_path("path", &self.path)?;
        let Self { client, target, content, path, progress } = self;
        let upload = Upload { client, vm_id: target.id.clone(), path, progress };
        let path = upload.path.clone();
        let done = match content.0 {
            Source::Pieces(pieces) => upload.run(pieces).await,
            #[cfg(not(browser))]
            Source::Path(local) => match super::local::open(&local).await {
                Ok((file, size)) => upload.run(Pieces::reader(Box::pin(file), size)).await,
                Err(error) => Err(error),
            },
        };
        done.map_err(|error| error.doing(doing("write", &path, &target)))
    }
}

impl IntoFuture for WriteFile {
    type Output = Result<u64>;
    type IntoFuture = BoxFuture<'static, Result<u64>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for WriteFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteFile")
            .field("path", &self.path)
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

struct Upload {
    client: Client,
    vm_id: String,
    path: String,
    progress: Option<OnProgress>,
}

impl Upload {
    async fn run(mut self, mut pieces: Pieces) -> Result<u64> {
        if self.client.support().upload.is_missing() {
            return self.unary(pieces).await;
        }
        pieces.keep(!self.client.support().upload.is_known());
        let (done, pieces) = self.stream(pieces).await;
        match done {
            Err(error) if error.grpc_code() == Some(Code::Unimplemented) => {
                self.client.support().upload.learn(false);
                self.unary(pieces).await
            }
            Ok(written) => {
                self.client.support().upload.learn(true);
                Ok(written)
            }
            Err(error) => Err(error),
        }
    }

    /// Sends a header and the pieces over the streaming RPC.
    async fn stream(&mut self, pieces: Pieces) -> (Result<u64>, Pieces) {
        let total = pieces.total;
        let header = UploadFileChunk {
            vm_id: self.vm_id.clone(),
            path: self.path.clone(),
            total_size: total,
            data: Bytes::new(),
        };
        let outgoing = Outgoing {
            header: Some(EncodedMessage::encode(&header)),
            pieces,
            sent: 0,
            progress: self.progress.take(),
            failure: None,
            waiting: None,
        };
        // The connection pulls the pieces as it has room for them.
        let outgoing = Arc::new(Mutex::new(outgoing));
        let options = DuplexOptions { total: None, input_complete: true };
        let messages = Box::pin(Messages(outgoing.clone()));
        let mut answers = self.client.duplex(methods::UPLOAD_FILE_STREAM, messages, options);
        let answer = poll_fn(|cx| {
            let mut outgoing = lock(&outgoing);
            if let Some(error) = outgoing.failure.take() {
                return Poll::Ready(Some(Err(error)));
            }
            outgoing.waiting = Some(cx.waker().clone());
            drop(outgoing);
            answers.poll_next_unpin(cx)
        })
        .await;
        // If the content was at fault, the call is dropped now, and the server throws away what it has.
        drop(answers);
        let mut outgoing = lock(&outgoing);
        self.progress = outgoing.progress.take();
        let pieces = std::mem::replace(&mut outgoing.pieces, Pieces::bytes(Bytes::new()));
        let answer =
            answer.unwrap_or_else(|| Err(Error::of(Code::Internal, "the server said OK without an answer")));
        (answer.and_then(|answer| check_written(answer.bytes_written, total)), pieces)
    }

    /// Sends the whole file in one message.
    async fn unary(&mut self, pieces: Pieces) -> Result<u64> {
        let total = pieces.total;
        if total > DEFAULT_MESSAGE_LIMIT as u64 {
            let more = " bytes are more than this server takes at once (64 MiB); it has no streaming upload";
            let why = [&total.to_string(), more].concat();
            return Err(Error::of(Code::ResourceExhausted, why));
        }
        let data = pieces.whole().await?;
        let request = UploadFileRequest { vm_id: self.vm_id.clone(), path: self.path.clone(), data };
        // The wire gives no sign of progress here, so the time allowed grows with the size (at 100 kB/s).
        let limit = self.client.request_timeout() + Duration::from_secs(total / 100_000);
        let answer = self.client.unary_within(methods::UPLOAD_FILE, &request, limit).await?;
        report(&mut self.progress, total, total);
        check_written(answer.bytes_written, total)
    }
}

/// An upload on its way, whose messages are made as they are pulled.
struct Outgoing {
    header: Option<EncodedMessage>,
    pieces: Pieces,
    sent: u64,
    progress: Option<OnProgress>,
    /// The content is not what was announced.
    failure: Option<Error>,
    /// Whoever waits for the answer, to be told of a failure.
    waiting: Option<Waker>,
}

fn lock(outgoing: &Mutex<Outgoing>) -> MutexGuard<'_, Outgoing> {
    outgoing.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Messages(Arc<Mutex<Outgoing>>);

impl Stream for Messages {
    type Item = EncodedMessage;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let outgoing = &mut *lock(&self.0);
        if let Some(header) = outgoing.header.take() {
            return Poll::Ready(Some(header));
        }
        let data = match ready!(outgoing.pieces.poll(cx)) {
            Ok(Some(data)) => data,
            Ok(None) => return Poll::Ready(None),
            Err(error) => {
                outgoing.failure = Some(error);
                if let Some(waiting) = outgoing.waiting.take() {
                    waiting.wake();
                }
                // An end here would look like the end of the file.
                return Poll::Pending;
            }
        };
        outgoing.sent += data.len() as u64;
        let message = EncodedMessage::encode(&UploadFileChunk { data, ..UploadFileChunk::default() });
        report(&mut outgoing.progress, outgoing.sent, outgoing.pieces.total);
        Poll::Ready(Some(message))
    }
}

/// The content in pieces, held against the size that was announced.
pub(super) struct Pieces {
    source: Fuse<BoxStream<'static, Result<Bytes>>>,
    total: u64,
    given: u64,
    /// The last piece goes out when nothing follows it: once the server has all bytes, the file stands.
    last: Option<Bytes>,
    /// What was given, as long as the server might turn out to take whole files only.
    kept: Option<Vec<Bytes>>,
}

impl Pieces {
    fn new(source: BoxStream<'static, Result<Bytes>>, total: u64) -> Self {
        Self { source: source.fuse(), total, given: 0, last: None, kept: None }
    }

    fn bytes(mut whole: Bytes) -> Self {
        let total = whole.len() as u64;
        let pieces = std::iter::from_fn(move || {
            let piece = whole.split_to(whole.len().min(CHUNK));
            (!piece.is_empty()).then_some(Ok(piece))
        });
        Self::new(stream::iter(pieces).boxed(), total)
    }

    pub(super) fn reader(reader: Pin<Box<dyn AsyncRead + Send>>, total: u64) -> Self {
        let pieces = stream::try_unfold(reader, |mut reader| async move {
            let mut piece = BytesMut::with_capacity(CHUNK);
            let failed = |error| Error::local_io("reading the content", error);
            while piece.len() < CHUNK {
                let mut room = (&mut reader).take((CHUNK - piece.len()) as u64);
                if room.read_buf(&mut piece).await.map_err(failed)? == 0 {
                    break;
                }
            }
            Ok((!piece.is_empty()).then(|| (piece.freeze(), reader)))
        });
        Self::new(pieces.boxed(), total)
    }

    fn keep(&mut self, wanted: bool) {
        self.kept = (wanted && self.total <= DEFAULT_MESSAGE_LIMIT as u64).then(Vec::new);
    }

    /// The next piece; an error when there turn out to be fewer bytes or more.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        loop {
            let Some(piece) = ready!(self.source.poll_next_unpin(cx)).transpose()? else {
                if self.given < self.total {
                    let why =
                        ["ended after ", &self.given.to_string(), " of ", &self.total.to_string(), " bytes"]
                            .concat();
                    return Poll::Ready(Err(Error::invalid_argument("content", why)));
                }
                let last = self.last.take();
                self.keep_one(last.as_ref());
                return Poll::Ready(Ok(last));
            };
            self.given += piece.len() as u64;
            if self.given > self.total {
                let why =
                    ["is longer than the ", &self.total.to_string(), " bytes that were announced"].concat();
                return Poll::Ready(Err(Error::invalid_argument("content", why)));
            }
            if piece.is_empty() {
                continue;
            }
            if self.given < self.total {
                self.keep_one(Some(&piece));
                return Poll::Ready(Ok(Some(piece)));
            }
            self.last = Some(piece);
        }
    }

    fn keep_one(&mut self, piece: Option<&Bytes>) {
        if let (Some(kept), Some(piece)) = (&mut self.kept, piece) {
            kept.push(piece.clone());
        }
    }

    /// All of it, whatever was taken out already.
    async fn whole(mut self) -> Result<Bytes> {
        let mut whole = self.kept.take().unwrap_or_default();
        while let Some(piece) = poll_fn(|cx| self.poll(cx)).await? {
            whole.push(piece);
        }
        Ok(whole.concat().into())
    }
}

fn report(progress: &mut Option<OnProgress>, bytes: u64, total: u64) {
    if let Some(report) = progress {
        report(Progress { bytes, total: Some(total) });
    }
}

/// 0 means that the machine cannot confirm.
fn check_written(confirmed: u64, total: u64) -> Result<u64> {
    if confirmed != 0 && confirmed != total {
        let why = [
            "the box confirmed ",
            &confirmed.to_string(),
            " of ",
            &total.to_string(),
            " bytes; the file is not whole",
        ]
        .concat();
        return Err(Error::of(Code::DataLoss, why));
    }
    Ok(total)
}
