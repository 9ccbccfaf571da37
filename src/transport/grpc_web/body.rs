//! The body of an answer over gRPC-web: messages, then trailers, then nothing.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::FutureExt;

use super::trailers;
use crate::rt;
use crate::transport::answers::Answers;
use crate::transport::{Code, Decoder, Frame, Metadata, Status};

/// How long a body may stay open after its trailers. Then the verdict stands and the rest is cancelled.
const PATIENCE: Duration = Duration::from_secs(2);

/// The body of an answer, read message by message up to the server's verdict.
pub(in crate::transport) struct WebAnswers {
    body: BoxStream<'static, Result<Bytes, Status>>,
    decoder: Decoder,
    metadata: Metadata,
    phase: Phase,
    rest: Rest,
}

/// What is done about the body after the trailers.
#[derive(PartialEq)]
enum Rest {
    /// It is read to its end, so that the connection can be used again.
    Read,
    /// It is left to the client, which sees to its end.
    Left,
    /// It has nothing more: all stands in it, and the connection is its own.
    Nothing,
}

enum Phase {
    /// Until the trailers.
    Messages,
    /// The trailers have come; the body ought to end.
    Closing {
        verdict: Result<(), Status>,
        patience: Option<BoxFuture<'static, ()>>,
    },
    Over,
}

impl WebAnswers {
    pub(super) fn new(
        headers: Metadata,
        body: BoxStream<'static, Result<Bytes, Status>>,
        limit: usize,
    ) -> Self {
        let decoder = Decoder::new(limit);
        Self { body, decoder, metadata: headers, phase: Phase::Messages, rest: Rest::Read }
    }

    /// An answer whose body `fetch` sees to the end of by itself, once it is dropped.
    pub(super) fn leave_rest(mut self) -> Self {
        self.rest = Rest::Left;
        self
    }

    /// An answer that is all in its body, headers too, on a connection of its own: over with its trailers.
    #[cfg(any(browser, feature = "websocket"))]
    pub(in crate::transport) fn in_one(
        body: BoxStream<'static, Result<Bytes, Status>>,
        limit: usize,
    ) -> Self {
        Self { rest: Rest::Nothing, ..Self::new(Metadata::new(), body, limit) }
    }

    /// Waits for the headers that stand in front of the messages.
    #[cfg(any(browser, feature = "websocket"))]
    pub(in crate::transport) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        loop {
            match self.decoder.next_frame()? {
                Some(Frame::Trailers(block)) => {
                    self.metadata = trailers::parse(&block);
                    // A server that has nothing else to say gives its verdict in the headers.
                    let verdict = Status::from_trailers(&self.metadata);
                    return Poll::Ready(verdict.unwrap_or(Ok(())));
                }
                Some(Frame::Message(_)) => {
                    let text = "the answer began without its headers";
                    return Poll::Ready(Err(Status::new(Code::Internal, text)));
                }
                None if ready!(self.poll_chunk(cx)?) => {}
                None => {
                    let text = "the connection was closed before the answer began";
                    return Poll::Ready(Err(Status::unavailable(text)));
                }
            }
        }
    }

    /// Reads on; `false` at the body's end.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Status>> {
        let chunk = ready!(self.body.as_mut().poll_next(cx)).transpose()?;
        let more = chunk.is_some();
        if let Some(chunk) = chunk {
            self.decoder.push(chunk);
        }
        Poll::Ready(Ok(more))
    }

    fn trailers(&mut self, block: &Bytes) {
        let trailers = trailers::parse(block);
        // Trailers may be empty where the headers have said all.
        let verdict = Status::from_trailers(&trailers).or_else(|| Status::from_trailers(&self.metadata));
        self.metadata.extend(trailers);
        let verdict = verdict.unwrap_or_else(|| Err(self.no_verdict()));
        let verdict = verdict.map_err(|status| status.with_metadata(self.metadata.clone()));
        self.phase = Phase::Closing { verdict, patience: None };
    }

    /// What the end of the body means where no trailers came before it.
    fn cut_off(&self) -> Result<(), Status> {
        if !self.decoder.is_between_frames() {
            return Err(Status::unavailable("the answer ended in the middle of a message"));
        }
        // The headers' own status: an answer without any message.
        Status::from_trailers(&self.metadata).unwrap_or_else(|| Err(self.no_verdict()))
    }

    fn no_verdict(&self) -> Status {
        let exposed = cfg!(browser) && self.rest != Rest::Nothing;
        let hint = if exposed { " (does it expose grpc-status to this page's origin?)" } else { "" };
        Status::unavailable(["the answer ended before the server said how the call went", hint].concat())
    }
}

/// The next chunk after the trailers. A connection that broke then, or stays open too long, is taken as its end: all
/// that matters has come.
fn closing(
    body: &mut BoxStream<'static, Result<Bytes, Status>>,
    patience: &mut Option<BoxFuture<'static, ()>>,
    cx: &mut Context<'_>,
) -> Poll<Option<Bytes>> {
    match body.as_mut().poll_next(cx) {
        Poll::Ready(chunk) => Poll::Ready(chunk.and_then(Result::ok)),
        Poll::Pending => {
            patience.get_or_insert_with(|| rt::sleep(PATIENCE).boxed()).poll_unpin(cx).map(|()| None)
        }
    }
}

impl Answers for WebAnswers {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn into_metadata(self) -> Metadata {
        self.metadata
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        loop {
            match &mut self.phase {
                Phase::Messages => match self.decoder.next_frame()? {
                    Some(Frame::Message(message)) => return Poll::Ready(Ok(Some(message))),
                    Some(Frame::Trailers(block)) => self.trailers(&block),
                    None if ready!(self.poll_chunk(cx)?) => {}
                    None => {
                        self.phase = Phase::Over;
                        return Poll::Ready(self.cut_off().map(|()| None));
                    }
                },
                Phase::Closing { verdict, patience } => {
                    let more = self.rest != Rest::Nothing && !self.decoder.is_between_frames();
                    let waits = self.rest == Rest::Read && !more;
                    let next = if waits { ready!(closing(&mut self.body, patience, cx)) } else { None };
                    if next.as_ref().is_some_and(Bytes::is_empty) {
                        continue;
                    }
                    let verdict = std::mem::replace(verdict, Ok(()));
                    self.phase = Phase::Over;
                    return Poll::Ready(match verdict {
                        Ok(()) if more || next.is_some() => Err(Status::new(
                            Code::Internal,
                            "the server went on after it had said how the call went",
                        )),
                        verdict => verdict.map(|()| None),
                    });
                }
                Phase::Over => return Poll::Ready(Ok(None)),
            }
        }
    }
}
