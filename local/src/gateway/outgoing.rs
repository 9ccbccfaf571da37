//! What a call sends: it can be sent again as long as no server has taken the call up.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Body as HttpBody;

/// How much is kept until then: a command and the beginning of its input.
const KEPT: usize = 64 << 10;

/// The body of a call, for as many attempts as it takes.
pub(super) struct Outgoing(Arc<Mutex<Sent>>);

struct Sent {
    source: Body,
    /// From the first byte on; none when it is not, or no longer, all kept.
    kept: Option<Vec<Bytes>>,
    bytes: usize,
    ended: bool,
    /// The attempt that may take; what is left of those before gets nothing more.
    attempt: u32,
}

impl Outgoing {
    pub(super) fn new(source: Body) -> Self {
        let sent = Sent { source, kept: Some(Vec::new()), bytes: 0, ended: false, attempt: 0 };
        Self(Arc::new(Mutex::new(sent)))
    }

    /// The body of the next attempt, from the first byte on, and whether anything of it was taken for sending.
    pub(super) fn attempt(&self) -> (Body, Arc<AtomicBool>) {
        let mut sent = lock(&self.0);
        sent.attempt += 1;
        let taken = Arc::<AtomicBool>::default();
        let attempt =
            Attempt { sent: Arc::clone(&self.0), number: sent.attempt, next: 0, taken: Arc::clone(&taken) };
        (Body::new(attempt), taken)
    }

    /// Whether another attempt would send all that the first one did.
    pub(super) fn is_at_hand(&self) -> bool {
        lock(&self.0).kept.is_some()
    }

    /// The server has taken the call up: there will be no other attempt.
    pub(super) fn settle(&self) {
        lock(&self.0).kept = None;
    }
}

fn lock(sent: &Mutex<Sent>) -> MutexGuard<'_, Sent> {
    sent.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sent {
    fn poll_next(&mut self, at: usize, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(data) = self.kept.as_ref().and_then(|kept| kept.get(at)) {
            return Poll::Ready(Some(Ok(Frame::data(data.clone()))));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.source).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => match frame.data_ref() {
                Some(data) => self.keep(data),
                None => self.kept = None,
            },
            // The client has gone: there is nothing to be sent again.
            Some(Err(_)) => (self.kept, self.ended) = (None, true),
            None => self.ended = true,
        }
        Poll::Ready(frame)
    }

    fn keep(&mut self, data: &Bytes) {
        self.bytes = self.bytes.saturating_add(data.len());
        match &mut self.kept {
            Some(kept) if self.bytes <= KEPT => kept.push(data.clone()),
            kept => *kept = None,
        }
    }
}

/// One attempt's share.
struct Attempt {
    sent: Arc<Mutex<Sent>>,
    number: u32,
    next: usize,
    taken: Arc<AtomicBool>,
}

impl HttpBody for Attempt {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = {
            let mut sent = lock(&self.sent);
            // Given up; a body lives on a little in the connection that failed.
            if sent.attempt != self.number {
                return Poll::Ready(None);
            }
            ready!(sent.poll_next(self.next, cx))
        };
        self.next += 1;
        self.taken.store(true, Ordering::Release);
        Poll::Ready(frame)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _, stream};
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    fn outgoing(pieces: &[usize], ends: bool) -> Outgoing {
        let frames: Vec<_> =
            pieces.iter().map(|length| Ok::<_, Status>(Frame::data(Bytes::from(vec![7; *length])))).collect();
        let frames = stream::iter(frames);
        Outgoing::new(if ends {
            Body::new(StreamBody::new(frames))
        } else {
            Body::new(StreamBody::new(frames.chain(stream::pending())))
        })
    }

    /// The lengths of the pieces that are there now, and whether that is all.
    fn lengths(body: &mut Body) -> (Vec<usize>, bool) {
        let mut lengths = Vec::new();
        loop {
            match body.frame().now_or_never() {
                Some(Some(frame)) => lengths.push(frame.unwrap().into_data().unwrap().len()),
                Some(None) => return (lengths, true),
                None => return (lengths, false),
            }
        }
    }

    #[test]
    fn what_was_taken_is_sent_again_from_the_first_byte() {
        let outgoing = outgoing(&[1, 2], true);
        let (mut first, taken) = outgoing.attempt();
        assert!(!taken.load(Ordering::Acquire));
        assert_eq!(first.frame().now_or_never().unwrap().unwrap().unwrap().into_data().unwrap().len(), 1);
        assert!(taken.load(Ordering::Acquire) && outgoing.is_at_hand());
        let (mut second, taken) = outgoing.attempt();
        assert!(!taken.load(Ordering::Acquire));
        assert_eq!(lengths(&mut second), (vec![1, 2], true));
        assert_eq!(lengths(&mut first), (vec![], true), "the first attempt is over");
        assert_eq!(lengths(&mut outgoing.attempt().0), (vec![1, 2], true));
    }

    #[test]
    fn what_waits_for_input_is_not_taken() {
        let outgoing = outgoing(&[], false);
        let (mut body, taken) = outgoing.attempt();
        assert_eq!(lengths(&mut body), (vec![], false));
        assert!(!taken.load(Ordering::Acquire));
    }

    #[test]
    fn more_than_is_kept_cannot_be_sent_again_and_passes() {
        let outgoing = outgoing(&[KEPT - 1, 2, 3], true);
        assert_eq!(lengths(&mut outgoing.attempt().0), (vec![KEPT - 1, 2, 3], true));
        assert!(!outgoing.is_at_hand());
    }

    #[test]
    fn once_a_server_has_it_nothing_is_kept() {
        let outgoing = outgoing(&[1, 2, 3], true);
        let (mut body, _) = outgoing.attempt();
        assert_eq!(body.frame().now_or_never().unwrap().unwrap().unwrap().into_data().unwrap().len(), 1);
        outgoing.settle();
        assert_eq!(lengths(&mut body), (vec![2, 3], true));
        assert!(!outgoing.is_at_hand());
    }

    #[test]
    fn a_client_that_has_gone_is_not_spoken_for() {
        let failed = stream::iter([Err::<Frame<Bytes>, _>(Status::cancelled("gone"))]);
        let outgoing = Outgoing::new(Body::new(StreamBody::new(failed)));
        assert!(outgoing.attempt().0.frame().now_or_never().unwrap().unwrap().is_err());
        assert!(!outgoing.is_at_hand());
    }
}
