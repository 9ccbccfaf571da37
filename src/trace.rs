//! What a subscriber of `tracing` is told of a call. Without the feature there is nothing of it.
//!
//! No field holds what a caller or a server wrote but a box's id: no message, no metadata, no words of an error.

#[cfg(not(feature = "tracing"))]
pub(crate) use self::off::{CallSpan, Subject};
#[cfg(feature = "tracing")]
pub(crate) use self::on::{CallSpan, Subject};

#[cfg(feature = "tracing")]
mod on {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use futures_core::stream::BoxStream;
    use futures_util::StreamExt;
    use tracing::span::Entered;
    use tracing::{Instrument, Span, debug, debug_span, field};

    use crate::error::Error;
    use crate::rt;
    use crate::transport::{Code, EncodedMessage, Status};

    /// Whom the calls of a client are about.
    #[derive(Clone, Default)]
    pub(crate) struct Subject(Option<Arc<str>>);

    impl Subject {
        pub(crate) fn a_box(id: &str) -> Self {
            Self(Some(id.into()))
        }
    }

    /// A call, from its start to its end. Dropped before its end, it was cancelled. Nothing where nobody listens.
    pub(crate) struct CallSpan(Option<Box<Open>>);

    struct Open {
        span: Span,
        started: rt::Instant,
        counts: Arc<Counts>,
        ended: bool,
    }

    #[derive(Default)]
    struct Counts {
        attempts: AtomicU64,
        sent: AtomicU64,
        received: AtomicU64,
    }

    impl CallSpan {
        pub(crate) fn new(path: &'static str, subject: &Subject) -> Self {
            let span = debug_span!(
                target: "boxd",
                "call",
                method = path.rsplit('/').next(),
                box_id = subject.0.as_deref(),
                attempts = field::Empty,
                status = field::Empty,
                sent_bytes = field::Empty,
                received_bytes = field::Empty,
                duration_ms = field::Empty,
            );
            if span.is_disabled() {
                return Self(None);
            }
            let open = Open { span, started: rt::Instant::now(), counts: Arc::default(), ended: false };
            Self(Some(Box::new(open)))
        }

        /// One more attempt, with its message where that is at hand.
        pub(crate) fn attempt(&self, message: Option<&EncodedMessage>) {
            let Some(open) = &self.0 else { return };
            add(&open.counts.attempts, 1);
            add(&open.counts.sent, message.map_or(0, EncodedMessage::len));
        }

        pub(crate) fn retried(&self, status: &Status, pause: Duration) {
            let Some(open) = &self.0 else { return };
            let attempt = open.counts.attempts.load(Ordering::Relaxed);
            debug!(
                target: "boxd", parent: &open.span, attempt, status = status.code().name(), pause_ms = millis(pause),
                "this attempt failed; another follows"
            );
        }

        pub(crate) fn received(&self, bytes: usize) {
            if let Some(open) = &self.0 {
                add(&open.counts.received, bytes);
            }
        }

        /// Counts what goes out.
        pub(crate) fn sending(
            &self,
            messages: BoxStream<'static, EncodedMessage>,
        ) -> BoxStream<'static, EncodedMessage> {
            let Some(open) = &self.0 else { return messages };
            let counts = open.counts.clone();
            messages.inspect(move |message| add(&counts.sent, message.len())).boxed()
        }

        pub(crate) fn end(&mut self, failure: Option<&Error>) {
            self.end_as(match failure {
                None => "OK",
                // Refused or failed on this side, before a call.
                Some(error) => error.grpc_code().map_or("FAILED", Code::name),
            });
        }

        fn end_as(&mut self, status: &'static str) {
            let Some(open) = self.0.as_mut().filter(|open| !open.ended) else { return };
            open.ended = true;
            let Counts { attempts, sent, received } = &*open.counts;
            open.span.record("attempts", attempts.load(Ordering::Relaxed));
            open.span.record("status", status);
            open.span.record("sent_bytes", sent.load(Ordering::Relaxed));
            open.span.record("received_bytes", received.load(Ordering::Relaxed));
            open.span.record("duration_ms", millis(open.started.elapsed()));
            debug!(target: "boxd", parent: &open.span, "the call ended");
        }

        /// What the transport tells by itself belongs to the call.
        pub(crate) fn within<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
            future.instrument(self.0.as_ref().map_or_else(Span::none, |open| open.span.clone()))
        }

        pub(crate) fn enter(&self) -> Option<Entered<'_>> {
            self.0.as_ref().map(|open| open.span.enter())
        }
    }

    impl Drop for CallSpan {
        fn drop(&mut self) {
            self.end_as("CANCELLED");
        }
    }

    fn add(counter: &AtomicU64, more: usize) {
        counter.fetch_add(more as u64, Ordering::Relaxed);
    }

    fn millis(time: Duration) -> f64 {
        time.as_secs_f64() * 1000.0
    }
}

#[cfg(not(feature = "tracing"))]
#[allow(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "what they stand for needs it")]
mod off {
    use std::time::Duration;

    use futures_core::stream::BoxStream;

    use crate::error::Error;
    use crate::transport::{EncodedMessage, Status};

    #[derive(Clone, Default)]
    pub(crate) struct Subject(());

    impl Subject {
        pub(crate) fn a_box(_: &str) -> Self {
            Self(())
        }
    }

    pub(crate) struct CallSpan;

    pub(crate) struct Entered;

    impl CallSpan {
        pub(crate) fn new(_: &'static str, _: &Subject) -> Self {
            Self
        }

        pub(crate) fn attempt(&self, _: Option<&EncodedMessage>) {}

        pub(crate) fn retried(&self, _: &Status, _: Duration) {}

        pub(crate) fn received(&self, _: usize) {}

        pub(crate) fn sending(
            &self,
            messages: BoxStream<'static, EncodedMessage>,
        ) -> BoxStream<'static, EncodedMessage> {
            messages
        }

        pub(crate) fn end(&mut self, _: Option<&Error>) {}

        pub(crate) fn within<F: Future>(&self, future: F) -> F {
            future
        }

        pub(crate) fn enter(&self) -> Entered {
            Entered
        }
    }
}
