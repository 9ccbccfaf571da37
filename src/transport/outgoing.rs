//! What a call sends: it knows whether any of it was taken for sending, and can be sent again while it is at hand.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::body::Body;

use super::{EncodedMessage, Status};

/// How much of a stream is kept until the server has taken the call up: a command and the beginning of its input.
const KEPT: usize = 64 * 1024;

/// The messages of a call, for as many attempts as it takes.
pub(super) enum Outgoing {
    One(EncodedMessage),
    Many(Arc<Mutex<Many>>),
}

/// Whether an attempt's body was taken from, so that some of it may have left.
#[derive(Clone, Default)]
pub(super) struct Touched(Arc<AtomicBool>);

impl Touched {
    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A stream of messages and what was taken from it.
pub(super) struct Many {
    source: BoxStream<'static, EncodedMessage>,
    limit: usize,
    refused: Arc<OnceLock<Status>>,
    /// From the first on; none when they are not, or no longer, all kept.
    kept: Option<Vec<EncodedMessage>>,
    bytes: usize,
    /// The one that may take; what is left of those before gets nothing more.
    attempt: u32,
}

impl Outgoing {
    /// `refused` takes the reason why a message was not sent, which reaches the caller as a bare reset otherwise.
    pub(super) fn many(
        source: BoxStream<'static, EncodedMessage>,
        limit: usize,
        refused: Arc<OnceLock<Status>>,
    ) -> Self {
        let many = Many { source, limit, refused, kept: Some(Vec::new()), bytes: 0, attempt: 0 };
        Self::Many(Arc::new(Mutex::new(many)))
    }

    /// The body of the next attempt: everything from the first message on.
    pub(super) fn body(&self) -> (Body, Touched) {
        let touched = Touched::default();
        let body = match self {
            Self::One(message) => {
                Body::new(Whole { message: Some(message.framed().clone()), touched: touched.clone() })
            }
            Self::Many(many) => {
                let attempt = {
                    let mut many = lock(many);
                    many.attempt += 1;
                    many.attempt
                };
                Body::new(Part { many: many.clone(), attempt, next: 0, touched: touched.clone() })
            }
        };
        (body, touched)
    }

    /// Whether another attempt would send all that the first one did.
    pub(super) fn is_at_hand(&self) -> bool {
        match self {
            Self::One(_) => true,
            Self::Many(many) => lock(many).kept.is_some(),
        }
    }

    /// The server has taken the call up: there will be no other attempt.
    pub(super) fn settle(&self) {
        if let Self::Many(many) = self {
            lock(many).kept = None;
        }
    }
}

fn lock(many: &Mutex<Many>) -> MutexGuard<'_, Many> {
    many.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Many {
    fn poll_next(&mut self, at: usize, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        if let Some(message) = self.kept.as_ref().and_then(|kept| kept.get(at)) {
            return Poll::Ready(Some(Ok(message.framed().clone())));
        }
        let Some(message) = ready!(self.source.poll_next_unpin(cx)) else { return Poll::Ready(None) };
        if let Err(status) = message.check(self.limit) {
            // What went before it was sent.
            let status =
                if at == 0 { status } else { Status::new(status.code(), status.message().to_owned()) };
            return Poll::Ready(Some(Err(self.refused.get_or_init(|| status).clone())));
        }
        self.bytes = self.bytes.saturating_add(message.framed().len());
        match &mut self.kept {
            Some(kept) if self.bytes <= KEPT => kept.push(message.clone()),
            kept => *kept = None,
        }
        Poll::Ready(Some(Ok(message.framed().clone())))
    }
}

/// The one message of a call.
struct Whole {
    message: Option<Bytes>,
    touched: Touched,
}

impl HttpBody for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.touched.set();
        Poll::Ready(self.message.take().map(|message| Ok(Frame::data(message))))
    }

    fn is_end_stream(&self) -> bool {
        self.message.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.message.as_ref().map_or(0, |message| message.len() as u64))
    }
}

/// One attempt's share in a stream of messages.
struct Part {
    many: Arc<Mutex<Many>>,
    attempt: u32,
    next: usize,
    touched: Touched,
}

impl HttpBody for Part {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let message = {
            let mut many = lock(&self.many);
            // Given up; a body lives on a little in the connection that failed.
            if many.attempt != self.attempt {
                return Poll::Ready(None);
            }
            ready!(many.poll_next(self.next, cx))
        };
        self.next += 1;
        self.touched.set();
        Poll::Ready(message.map(|message| message.map(Frame::data)))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, stream};
    use http_body_util::BodyExt;

    use super::*;

    fn message(length: usize) -> EncodedMessage {
        EncodedMessage::framing(vec![7; 5 + length])
    }

    fn many(messages: impl futures_core::Stream<Item = EncodedMessage> + Send + 'static) -> Outgoing {
        Outgoing::many(messages.boxed(), 1 << 20, Arc::default())
    }

    /// The lengths of the messages that are there now.
    fn lengths(body: &mut Body) -> Vec<usize> {
        let mut lengths = Vec::new();
        while let Some(Some(frame)) = body.frame().now_or_never() {
            lengths.push(frame.unwrap().into_data().unwrap().len() - 5);
        }
        lengths
    }

    #[test]
    fn what_was_taken_is_sent_again_from_the_first() {
        let outgoing = many(stream::iter([1, 2].map(message)).chain(stream::pending()));
        let (mut first, touched) = outgoing.body();
        assert!(!touched.get());
        assert_eq!(lengths(&mut first), [1, 2]);
        assert!(touched.get() && outgoing.is_at_hand());
        let (mut second, touched) = outgoing.body();
        assert!(!touched.get());
        assert_eq!(lengths(&mut second), [1, 2]);
        assert!(matches!(first.frame().now_or_never(), Some(None)), "the first attempt is over");
    }

    #[test]
    fn a_body_that_waits_for_input_is_not_touched() {
        let outgoing = many(stream::pending());
        let (mut body, touched) = outgoing.body();
        assert_eq!(lengths(&mut body), [0; 0]);
        assert!(!touched.get());
    }

    #[test]
    fn more_than_is_kept_cannot_be_sent_again() {
        let outgoing = many(stream::iter([KEPT - 100, 200, 3].map(message)));
        let (mut body, _) = outgoing.body();
        assert_eq!(lengths(&mut body), [KEPT - 100, 200, 3]);
        assert!(!outgoing.is_at_hand());
    }

    #[test]
    fn once_it_is_settled_nothing_is_kept() {
        let outgoing = many(stream::iter([1, 2, 3].map(message)));
        let (mut body, _) = outgoing.body();
        assert_eq!(body.frame().now_or_never().unwrap().unwrap().unwrap().into_data().unwrap().len(), 6);
        outgoing.settle();
        assert_eq!(lengths(&mut body), [2, 3], "the attempt goes on");
        assert!(!outgoing.is_at_hand());
    }

    #[test]
    fn a_message_above_the_limit_leaves_its_reason() {
        let refused = Arc::new(OnceLock::new());
        let outgoing = Outgoing::many(stream::iter([message(11)]).boxed(), 10, refused.clone());
        let (mut body, _) = outgoing.body();
        assert!(body.frame().now_or_never().unwrap().unwrap().is_err());
        assert!(refused.get().is_some_and(Status::is_not_sent));
    }
}
