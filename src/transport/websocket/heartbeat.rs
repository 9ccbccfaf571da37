//! A connection that has gone without a word, where pings are not to be seen: by the empty messages that the server was
//! asked for, which mean nothing otherwise.

use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, stream};

use super::gone;
use crate::rt;
use crate::transport::Status;

type Receiver = BoxStream<'static, Result<Bytes, Status>>;

/// Ends with an error when nothing has come for `limit`, once an empty message has shown that they come. They are to
/// come three times as often.
pub(super) fn watched(receiver: Receiver, limit: Option<Duration>) -> Receiver {
    let Some(limit) = limit else { return receiver };
    let mut watch = Watch { receiver, limit, beats: false, silent: 0, pause: None };
    stream::poll_fn(move |cx| watch.poll_next(cx)).boxed()
}

struct Watch {
    receiver: Receiver,
    limit: Duration,
    beats: bool,
    /// How many pauses have passed in silence.
    silent: u32,
    pause: Option<BoxFuture<'static, ()>>,
}

impl Watch {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        loop {
            if let Poll::Ready(message) = self.receiver.as_mut().poll_next(cx) {
                (self.silent, self.pause) = (0, None);
                match message {
                    Some(Ok(message)) if message.is_empty() => self.beats = true,
                    message => return Poll::Ready(message),
                }
            } else if self.beats {
                // Pauses are counted, and not time: a machine that slept has heard nothing, and may yet.
                let pause = self.pause.get_or_insert_with(|| rt::sleep(self.limit / 3).boxed());
                if pause.poll_unpin(cx).is_pending() {
                    return Poll::Pending;
                }
                (self.silent, self.pause) = (self.silent + 1, None);
                if self.silent == 2 {
                    return Poll::Ready(Some(Err(gone(self.limit))));
                }
            } else {
                return Poll::Pending;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_channel::mpsc;

    use super::*;
    use crate::transport::Code;

    const LIMIT: Duration = Duration::from_secs(9);

    fn watch(limit: Option<Duration>) -> (mpsc::UnboundedSender<Result<Bytes, Status>>, Receiver) {
        let (sender, receiver) = mpsc::unbounded();
        (sender, watched(receiver.boxed(), limit))
    }

    /// After how many seconds of silence the connection is taken as lost.
    async fn patience(messages: &mut Receiver) -> u64 {
        let started = tokio::time::Instant::now();
        let status = messages.next().await.expect("an end with an error").expect_err("nothing came");
        assert_eq!(status.code(), Code::Unavailable);
        started.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_noticed_once_there_were_heartbeats() {
        let (sender, mut messages) = watch(Some(LIMIT));
        sender.unbounded_send(Ok(Bytes::new())).unwrap();
        assert_eq!(patience(&mut messages).await, 6);
    }

    #[tokio::test(start_paused = true)]
    async fn every_message_is_a_sign_of_life_and_heartbeats_are_none_of_the_answer() {
        let (sender, mut messages) = watch(Some(LIMIT));
        let beats = async {
            for message in ["", "", "a", "", "b", ""] {
                tokio::time::sleep(Duration::from_secs(5)).await;
                sender.unbounded_send(Ok(message.into())).unwrap();
            }
        };
        let read = async {
            for message in ["a", "b"] {
                assert_eq!(messages.next().await.unwrap().unwrap(), message);
            }
            patience(&mut messages).await
        };
        let ((), silent) = tokio::join!(beats, read);
        assert_eq!(silent, 5 + 6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_without_heartbeats_may_be_silent() {
        for limit in [None, Some(LIMIT)] {
            let (sender, mut messages) = watch(limit);
            sender.unbounded_send(Ok("a".into())).unwrap();
            assert_eq!(messages.next().await.unwrap().unwrap(), "a");
            assert!(tokio::time::timeout(LIMIT * 100, messages.next()).await.is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_does_not_read_misses_nothing() {
        let (sender, mut messages) = watch(Some(LIMIT));
        sender.unbounded_send(Ok(Bytes::new())).unwrap();
        assert!(futures_util::poll!(messages.next()).is_pending());
        tokio::time::sleep(LIMIT * 100).await;
        sender.unbounded_send(Ok("late".into())).unwrap();
        assert_eq!(messages.next().await.unwrap().unwrap(), "late");
    }
}
