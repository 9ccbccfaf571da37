//! Writing a file into a box.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_channel::oneshot;
use futures_core::future::BoxFuture;
use futures_util::future::{Either, select};
use futures_util::lock::Mutex;
use futures_util::stream::{self, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{CHUNK, OnProgress, Progress, check_path, doing};
use crate::boxes::exec::Target;
use crate::client::{Client, DuplexOptions};
use crate::error::{Error, Result};
use crate::transport::{Code, DEFAULT_MESSAGE_LIMIT, EncodedMessage};
use crate::wire::{UploadFileChunk, UploadFileRequest, methods};

/// What is written into a file: text, bytes, a file of this machine, or what a reader gives.
pub struct Content(pub(super) Source);

pub(super) enum Source {
    Bytes(Bytes),
    Reader {
        reader: Reader,
        size: u64,
    },
    #[cfg(not(browser))]
    Path(std::path::PathBuf),
}

pub(super) type Reader = Pin<Box<dyn AsyncRead + Send>>;

impl Content {
    /// What `reader` gives, which must be exactly `size` bytes: the wire announces the size first.
    pub fn reader(reader: impl AsyncRead + Send + 'static, size: u64) -> Self {
        Self(Source::Reader { reader: Box::pin(reader), size })
    }
}

macro_rules! content_from {
    ($($from:ty),*) => {$(
        impl From<$from> for Content {
            fn from(content: $from) -> Self {
                Self(Source::Bytes(Bytes::from(content)))
            }
        }
    )*};
}

content_from!(Bytes, Vec<u8>, String);

macro_rules! content_copied_from {
    ($($from:ty),*) => {$(
        impl From<$from> for Content {
            fn from(content: $from) -> Self {
                Self(Source::Bytes(Bytes::copy_from_slice(content.as_ref())))
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
            Source::Bytes(bytes) => write!(f, "Content({} bytes)", bytes.len()),
            Source::Reader { size, .. } => write!(f, "Content(reader of {size} bytes)"),
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
            Source::Bytes(bytes) => upload.run(Pieces::bytes(bytes)).await,
            Source::Reader { reader, size } => upload.run(Pieces::reader(reader, size)).await,
            #[cfg(not(browser))]
            Source::Path(local) => match super::local::open(&local).await {
                Ok((file, size)) => upload.run(Pieces::reader(Box::pin(file), size)).await,
                Err(error) => Err(error),
            },
        };
        done.map_err(|error| error.doing(|| doing("write", &path, &target)))
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
        let total = pieces.total();
        let header = UploadFileChunk {
            vm_id: self.vm_id.clone(),
            path: self.path.clone(),
            total_size: total,
            data: Bytes::new(),
        };
        let (failed, failure) = oneshot::channel();
        let outgoing = Outgoing {
            header: Some(EncodedMessage::encode(&header)),
            pieces,
            sent: 0,
            progress: self.progress.take(),
            failed: Some(failed),
        };
        // The connection pulls the pieces as it has room for them.
        let outgoing = Arc::new(Mutex::new(outgoing));
        let messages = stream::unfold(outgoing.clone(), |outgoing| async move {
            let next = outgoing.lock().await.next().await;
            match next {
                Ok(message) => message.map(|message| (message, outgoing)),
                // An end here would look like the end of the file.
                Err(Failed) => std::future::pending().await,
            }
        });
        let options = DuplexOptions { total: None, input_complete: true };
        let mut answers = self.client.duplex(methods::UPLOAD_FILE_STREAM, messages.boxed(), options);
        let answer = match select(answers.next(), failure).await {
            Either::Left((answer, _)) => answer,
            // The call is dropped, so that the server throws away what it has.
            Either::Right((Ok(error), _)) => Some(Err(error)),
            Either::Right((Err(_), answer)) => answer.await,
        };
        drop(answers);
        let mut outgoing = outgoing.lock().await;
        self.progress = outgoing.progress.take();
        let pieces = std::mem::replace(&mut outgoing.pieces, Pieces::bytes(Bytes::new()));
        let answer =
            answer.unwrap_or_else(|| Err(Error::of(Code::Internal, "the server said OK without an answer")));
        (answer.and_then(|answer| check_written(answer.bytes_written, total)), pieces)
    }

    /// Sends the whole file in one message.
    async fn unary(&mut self, pieces: Pieces) -> Result<u64> {
        let total = pieces.total();
        if total > DEFAULT_MESSAGE_LIMIT as u64 {
            let why = format!(
                "{total} bytes are more than this server takes at once (64 MiB); it has no streaming upload"
            );
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

/// The messages of an upload, made as they are pulled.
struct Outgoing {
    header: Option<EncodedMessage>,
    pieces: Pieces,
    sent: u64,
    progress: Option<OnProgress>,
    failed: Option<oneshot::Sender<Error>>,
}

/// The content is not what was announced; the caller has been told why.
struct Failed;

impl Outgoing {
    async fn next(&mut self) -> Result<Option<EncodedMessage>, Failed> {
        if let Some(header) = self.header.take() {
            return Ok(Some(header));
        }
        match self.pieces.next().await {
            Ok(None) => Ok(None),
            Ok(Some(data)) => {
                self.sent += data.len() as u64;
                let message = EncodedMessage::encode(&UploadFileChunk { data, ..UploadFileChunk::default() });
                report(&mut self.progress, self.sent, self.pieces.total());
                Ok(Some(message))
            }
            Err(error) => {
                if let Some(failed) = self.failed.take() {
                    let _ = failed.send(error);
                }
                Err(Failed)
            }
        }
    }
}

/// The content in pieces of a chunk's size.
enum Pieces {
    Bytes { whole: Bytes, sent: usize },
    Reader { reader: Reader, left: u64, total: u64, kept: Option<BytesMut> },
}

impl Pieces {
    fn bytes(whole: Bytes) -> Self {
        Self::Bytes { whole, sent: 0 }
    }

    fn reader(reader: Reader, total: u64) -> Self {
        Self::Reader { reader, left: total, total, kept: None }
    }

    fn total(&self) -> u64 {
        match self {
            Self::Bytes { whole, .. } => whole.len() as u64,
            Self::Reader { total, .. } => *total,
        }
    }

    /// Keeps what a reader gives, as long as the server might turn out to take whole files only.
    fn keep(&mut self, wanted: bool) {
        if let Self::Reader { total, kept, .. } = self {
            *kept = (wanted && *total <= DEFAULT_MESSAGE_LIMIT as u64).then(BytesMut::new);
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        match self {
            Self::Bytes { whole, sent } => {
                let piece = whole.slice(*sent..whole.len().min(*sent + CHUNK));
                *sent += piece.len();
                Ok((!piece.is_empty()).then_some(piece))
            }
            Self::Reader { reader, left, total, kept } => {
                let piece = read_piece(reader, left, *total).await?;
                if let (Some(kept), Some(piece)) = (kept, &piece) {
                    kept.extend_from_slice(piece);
                }
                Ok(piece)
            }
        }
    }

    /// All of it, whatever was taken out already.
    async fn whole(self) -> Result<Bytes> {
        match self {
            Self::Bytes { whole, .. } => Ok(whole),
            Self::Reader { mut reader, mut left, total, kept } => {
                let mut whole = kept.unwrap_or_default();
                while let Some(piece) = read_piece(&mut reader, &mut left, total).await? {
                    whole.extend_from_slice(&piece);
                }
                Ok(whole.freeze())
            }
        }
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
        let why = format!("the box confirmed {confirmed} of {total} bytes; the file is not whole");
        return Err(Error::of(Code::DataLoss, why));
    }
    Ok(total)
}

/// The next piece of a reader that owes `left` more bytes; an error when it gives fewer or more.
async fn read_piece(reader: &mut Reader, left: &mut u64, total: u64) -> Result<Option<Bytes>> {
    if *left == 0 {
        return Ok(None);
    }
    let size = usize::try_from(*left).unwrap_or(CHUNK).min(CHUNK);
    let mut piece = BytesMut::with_capacity(size);
    let failed = |error| Error::local_io("reading the content", error);
    while piece.len() < size {
        let mut room = (&mut *reader).take((size - piece.len()) as u64);
        if room.read_buf(&mut piece).await.map_err(failed)? == 0 {
            let have = total - *left + piece.len() as u64;
            return Err(Error::invalid_argument("content", format!("ended after {have} of {total} bytes")));
        }
    }
    *left -= size as u64;
    // Before the last piece goes out: once the server has all bytes, the file stands.
    if *left == 0 && reader.read(&mut [0]).await.map_err(failed)? != 0 {
        return Err(Error::invalid_argument(
            "content",
            format!("is longer than the {total} bytes that were announced"),
        ));
    }
    Ok(Some(piece.freeze()))
}
