//! Reading a file out of a box.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};

use super::{OnProgress, Progress, check_path, doing};
use crate::boxes::exec::Target;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::stream::Answers;
use crate::transport::Code;
use crate::wire::{DownloadFileChunk, DownloadFileRequest, DownloadFileResponse, methods};

/// What is allocated at once on the server's word; a larger file grows as it arrives.
const TRUSTED_SIZE: u64 = 64 * 1024 * 1024;

/// A file about to be read. See [`BoxHandle::read_file`](crate::BoxHandle::read_file).
///
/// Awaiting it gives the whole content. A file that arrives short is an error, never a short file.
#[must_use = "a file is read when this is awaited or streamed"]
pub struct ReadFile {
    client: Client,
    target: Target,
    path: String,
    progress: Option<OnProgress>,
}

impl ReadFile {
    pub(crate) fn new(client: Client, target: Target, path: String) -> Self {
        Self { client, target, path, progress: None }
    }

    /// Calls `report` as the transfer goes on, once per chunk that arrives.
    pub fn progress(mut self, report: impl FnMut(Progress) + Send + 'static) -> Self {
        self.progress = Some(Box::new(report));
        self
    }

    /// The content as it comes, in memory that does not grow with the file.
    ///
    /// An error at the end says that what came is not all of it. Nothing is sent before the first poll.
    pub fn stream(self) -> FileStream {
        let Self { client, target, path, progress } = self;
        let state = match check_path("path", &path) {
            Ok(()) => State::Start,
            Err(error) => State::Unary(std::future::ready(Err(error)).boxed()),
        };
        FileStream { client, target, path, progress, state, total: 0, received: 0 }
    }

    async fn whole(self) -> Result<Bytes> {
        let mut pieces = self.stream();
        let Some(first) = pieces.next().await.transpose()? else { return Ok(Bytes::new()) };
        let Some(second) = pieces.next().await.transpose()? else { return Ok(first) };
        let size = pieces.total.min(TRUSTED_SIZE).max((first.len() + second.len()) as u64);
        let mut content = BytesMut::with_capacity(usize::try_from(size).unwrap_or(0));
        content.extend_from_slice(&first);
        content.extend_from_slice(&second);
        while let Some(piece) = pieces.next().await.transpose()? {
            content.extend_from_slice(&piece);
        }
        Ok(content.freeze())
    }
}

impl IntoFuture for ReadFile {
    type Output = Result<Bytes>;
    type IntoFuture = BoxFuture<'static, Result<Bytes>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.whole())
    }
}

impl fmt::Debug for ReadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadFile")
            .field("box", &self.target.name)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The content of a file as it comes: a [`Stream`] of [`Bytes`]. Dropping it ends the call.
pub struct FileStream {
    client: Client,
    target: Target,
    path: String,
    progress: Option<OnProgress>,
    state: State,
    total: u64,
    received: u64,
}

enum State {
    Start,
    Streaming(Answers<DownloadFileChunk>),
    Unary(BoxFuture<'static, Result<DownloadFileResponse>>),
    Ended,
}

impl FileStream {
    fn request(&self) -> DownloadFileRequest {
        DownloadFileRequest { vm_id: self.target.id.clone(), path: self.path.clone() }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        loop {
            match &mut self.state {
                State::Start if self.client.support().download.is_missing() => self.go_unary(),
                State::Start => {
                    self.state = State::Streaming(
                        self.client.server_stream(methods::DOWNLOAD_FILE_STREAM, &self.request()),
                    );
                }
                State::Streaming(answers) => match ready!(Pin::new(answers).poll_next(cx)) {
                    Some(Ok(chunk)) => {
                        self.client.support().download.learn(true);
                        self.total = self.total.max(chunk.total_size);
                        if !chunk.data.is_empty() {
                            return Poll::Ready(Some(Ok(chunk.data)));
                        }
                    }
                    Some(Err(error))
                        if error.grpc_code() == Some(Code::Unimplemented) && self.received == 0 =>
                    {
                        self.client.support().download.learn(false);
                        self.go_unary();
                    }
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => {
                        self.state = State::Ended;
                        return Poll::Ready(self.check_size().err().map(Err));
                    }
                },
                State::Unary(answer) => {
                    let answer = ready!(answer.poll_unpin(cx));
                    self.state = State::Ended;
                    return Poll::Ready(match answer {
                        Ok(answer) if answer.data.is_empty() => None,
                        answer => Some(answer.map(|a| a.data)),
                    });
                }
                State::Ended => return Poll::Ready(None),
            }
        }
    }

    /// For servers without the streaming RPC.
    fn go_unary(&mut self) {
        let (client, request) = (self.client.clone(), self.request());
        self.state =
            State::Unary(async move { client.unary(methods::DOWNLOAD_FILE, &request).await }.boxed());
    }

    fn check_size(&self) -> Result<()> {
        if self.total == 0 || self.received == self.total {
            return Ok(());
        }
        let why = [
            &self.received.to_string(),
            " of ",
            &self.total.to_string(),
            " bytes arrived; the file is not whole",
        ]
        .concat();
        Err(Error::of(Code::DataLoss, why))
    }
}

impl Stream for FileStream {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let item = ready!(this.poll_piece(cx));
        if let Some(Ok(piece)) = &item {
            this.received += piece.len() as u64;
            if let Some(report) = &mut this.progress {
                report(Progress { bytes: this.received, total: (this.total > 0).then_some(this.total) });
            }
        }
        Poll::Ready(item.map(|piece| {
            piece.map_err(|error| {
                this.state = State::Ended;
                error.doing(doing("read", &this.path, &this.target))
            })
        }))
    }
}

impl fmt::Debug for FileStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStream")
            .field("path", &self.path)
            .field("received", &self.received)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}
