//! The answers of a streaming call: typed, timed, and terminal at their end.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use futures_util::future::poll_fn;
use prost::Message;

use crate::client::{decode, out_of_time};
use crate::error::{Error, Result, named, span};
use crate::rt;
use crate::trace::CallSpan;
use crate::transport::{Code, Event, MessageStream, Status};

const OPEN_TIMEOUT: &str = named(" (open_timeout)", " (openTimeoutMs)");
const IDLE_TIMEOUT: &str = named(" (idle_timeout)", " (idleTimeoutMs)");

/// A call's answers. Dropping it cancels the call at the server.
pub(crate) struct Answers<Res> {
    encoded: EncodedAnswers,
    messages: PhantomData<fn() -> Res>,
}

impl<Res> Answers<Res> {
    pub(crate) fn new(encoded: EncodedAnswers) -> Self {
        Self { encoded, messages: PhantomData }
    }

    /// Sends the call on its way, without waiting for the server.
    pub(crate) async fn start(&mut self) -> Result<()> {
        self.encoded.start().await
    }
}

impl<Res: Message + Default> Stream for Answers<Res> {
    type Item = Result<Res>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = ready!(self.encoded.poll_message(cx));
        let decoded = message.map(|message| decode(message?));
        if matches!(decoded, Some(Err(_))) {
            self.encoded.end(decoded.as_ref().and_then(|answer| answer.as_ref().err()));
        }
        Poll::Ready(decoded)
    }
}

/// Answers before they are decoded: not generic, so that this is compiled once.
pub(crate) struct EncodedAnswers {
    phase: Phase,
    repeatable: bool,
    total: Option<Clock>,
    /// Runs until the first sign of life.
    open: Option<Clock>,
    /// Runs from one message to the next; armed by the first sign of life.
    idle: Option<Duration>,
    idle_clock: Option<Clock>,
    /// What came while the call was started.
    early: Option<Event>,
    span: CallSpan,
}

enum Phase {
    Opening(BoxFuture<'static, Result<MessageStream>>),
    Open(MessageStream),
    Ended,
}

impl EncodedAnswers {
    pub(crate) fn new(
        opening: BoxFuture<'static, Result<MessageStream>>,
        repeatable: bool,
        total: Option<Duration>,
        open: Option<Duration>,
        idle: Option<Duration>,
        span: CallSpan,
    ) -> Self {
        Self {
            phase: Phase::Opening(opening),
            repeatable,
            total: total.map(Clock::new),
            open: open.map(Clock::new),
            idle,
            idle_clock: None,
            early: None,
            span,
        }
    }

    async fn start(&mut self) -> Result<()> {
        poll_fn(|cx| match self.poll_event(cx) {
            Poll::Ready(Some(Ok(event))) => {
                self.early = Some(event);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(error)),
            Poll::Pending if matches!(self.phase, Phase::Opening(_)) => {
                Poll::Ready(Err(ready!(self.poll_clocks(cx))))
            }
            Poll::Ready(None) | Poll::Pending => Poll::Ready(Ok(())),
        })
        .await
        .inspect_err(|error| self.span.end(Some(error)))
    }

    fn alive(&mut self) {
        self.open = None;
        self.idle_clock = self.idle.map(Clock::new);
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event>>> {
        if let Some(event) = self.early.take() {
            return Poll::Ready(Some(Ok(event)));
        }
        let _within = self.span.enter();
        loop {
            match &mut self.phase {
                Phase::Opening(opening) => match ready!(opening.poll_unpin(cx)) {
                    Ok(stream) => self.phase = Phase::Open(stream),
                    Err(error) => return Poll::Ready(Some(Err(error))),
                },
                Phase::Open(stream) => {
                    let event = ready!(Pin::new(stream).poll_next(cx));
                    let repeatable = self.repeatable;
                    return Poll::Ready(
                        event.map(|e| e.map_err(|status| Error::from_status(status, repeatable))),
                    );
                }
                Phase::Ended => return Poll::Ready(None),
            }
        }
    }

    /// The clock that has run out, if one has.
    fn poll_clocks(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let status = if let Some(limit) = Clock::poll(&mut self.total, cx) {
            out_of_time(limit)
        } else if let Some(limit) = Clock::poll(&mut self.open, cx) {
            Status::new(
                Code::DeadlineExceeded,
                ["no sign of life from the server within ", &span(limit), OPEN_TIMEOUT].concat(),
            )
        } else if let Some(limit) = Clock::poll(&mut self.idle_clock, cx) {
            Status::new(
                Code::DeadlineExceeded,
                ["nothing came from the server for ", &span(limit), IDLE_TIMEOUT].concat(),
            )
        } else {
            return Poll::Pending;
        };
        Poll::Ready(Error::from_status(status, self.repeatable))
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let end = loop {
            match self.poll_event(cx) {
                Poll::Ready(Some(Ok(Event::Opened(_)))) => self.alive(),
                Poll::Ready(Some(Ok(Event::Message(message)))) => {
                    self.alive();
                    self.span.received(message.len());
                    return Poll::Ready(Some(Ok(message)));
                }
                Poll::Ready(Some(Err(error))) => break Some(Err(error)),
                Poll::Ready(None) => break None,
                Poll::Pending => break Some(Err(ready!(self.poll_clocks(cx)))),
            }
        };
        self.end(end.as_ref().and_then(|end| end.as_ref().err()));
        Poll::Ready(end)
    }

    /// Dropping the transport's stream is what cancels the call.
    fn end(&mut self, failure: Option<&Error>) {
        self.span.end(failure);
        self.phase = Phase::Ended;
        (self.total, self.open, self.idle_clock) = (None, None, None);
    }
}

impl<Res> fmt::Debug for Answers<Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match self.encoded.phase {
            Phase::Opening(_) => "opening",
            Phase::Open(_) => "open",
            Phase::Ended => "ended",
        };
        f.debug_tuple("Answers").field(&phase).finish()
    }
}

/// A limit whose time starts at the first poll.
struct Clock {
    limit: Duration,
    sleep: Option<BoxFuture<'static, ()>>,
}

impl Clock {
    fn new(limit: Duration) -> Self {
        Self { limit, sleep: None }
    }

    /// The limit of a clock that has run out.
    fn poll(clock: &mut Option<Self>, cx: &mut Context<'_>) -> Option<Duration> {
        let Self { limit, sleep } = clock.as_mut()?;
        let limit = *limit;
        sleep.get_or_insert_with(|| rt::sleep(limit).boxed()).poll_unpin(cx).is_ready().then_some(limit)
    }
}
