//! A box's console log.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use super::exec::Target;
use crate::client::Client;
use crate::error::Result;
use crate::stream::Answers;
use crate::wire::{LogChunk, StreamLogsRequest, methods};

/// The console output of a box: a [`Stream`] of [`Bytes`].
///
/// Nothing is sent before the first poll. Dropping it ends the call. A log that is read slowly makes the server wait.
/// It is never opened again by itself: the wire has no cursor, and a silent gap or repeat would be worse than an end.
///
/// ```
/// # async fn example(b: &boxd::BoxHandle) -> boxd::Result<()> {
/// use futures_util::TryStreamExt;
///
/// let mut log = b.stream_logs().follow(true);
/// while let Some(chunk) = log.try_next().await? {
///     print!("{}", String::from_utf8_lossy(&chunk));
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a log is read by polling it"]
pub struct LogStream {
    client: Client,
    target: Target,
    follow: bool,
    answers: Option<Answers<LogChunk>>,
}

impl LogStream {
    pub(crate) fn new(client: Client, target: Target) -> Self {
        Self { client, target, follow: false, answers: None }
    }

    /// Whether to stay for what comes (true), or to end with what is there (false, the default). Of no effect once
    /// the stream was polled.
    pub fn follow(mut self, follow: bool) -> Self {
        self.follow = follow;
        self
    }
}

impl Stream for LogStream {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let answers = this.answers.get_or_insert_with(|| {
            let request = StreamLogsRequest { vm_id: this.target.id.clone(), follow: this.follow };
            this.client.server_stream(methods::STREAM_LOGS, &request)
        });
        let target = &this.target;
        Pin::new(answers).poll_next(cx).map(|item| {
            item.map(|chunk| {
                chunk
                    .map(|c| c.data)
                    .map_err(|error| error.doing(["the log of box ", &target.sentence()].concat()))
            })
        })
    }
}

impl fmt::Debug for LogStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogStream")
            .field("box", &self.target.name)
            .field("follow", &self.follow)
            .finish_non_exhaustive()
    }
}
