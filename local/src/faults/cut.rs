//! An answer that ends too early.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use tonic::Status;
use tonic::body::Body;

/// Flag and length before each message.
const PREFIX: usize = 5;

/// Where the answer ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    Bytes(u64),
    Messages(u64),
}

/// A body up to its limit, and without what would come last: the trailers with the status.
pub(super) struct Cut {
    body: Body,
    left: Limit,
    /// How much of the message under way is still to come; for a prefix, its bytes so far.
    message: u64,
    prefix: Vec<u8>,
}

impl Cut {
    pub(super) fn new(body: Body, limit: Limit) -> Self {
        Self { body, left: limit, message: 0, prefix: Vec::new() }
    }

    fn is_over(&self) -> bool {
        matches!(self.left, Limit::Bytes(0) | Limit::Messages(0))
    }

    /// The part of `data` that is within the limit.
    fn take(&mut self, mut data: Bytes) -> Bytes {
        let Limit::Messages(left) = &mut self.left else {
            if let Limit::Bytes(left) = &mut self.left {
                data.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= data.len() as u64;
            }
            return data;
        };
        let mut at = 0;
        while *left > 0 && at < data.len() {
            let rest = &data[at..];
            if self.message > 0 {
                let part = usize::try_from(self.message).unwrap_or(usize::MAX).min(rest.len());
                at += part;
                self.message -= part as u64;
            } else {
                let part = rest.len().min(PREFIX - self.prefix.len());
                self.prefix.extend_from_slice(&rest[..part]);
                at += part;
                let [_, a, b, c, d] = self.prefix[..] else { continue };
                self.prefix.clear();
                self.message = u32::from_be_bytes([a, b, c, d]).into();
            }
            if self.message == 0 {
                *left -= 1;
            }
        }
        data.truncate(at);
        data
    }
}

impl HttpBody for Cut {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.is_over() {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context)?);
        Poll::Ready(
            frame.and_then(|frame| frame.into_data().ok()).map(|data| Ok(Frame::data(self.take(data)))),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(limit: Limit, parts: &[&'static [u8]]) -> (Vec<u8>, bool) {
        let mut cut = Cut::new(Body::empty(), limit);
        let taken = parts.iter().flat_map(|part| cut.take(Bytes::from_static(part))).collect();
        (taken, cut.is_over())
    }

    #[test]
    fn bytes_are_counted() {
        assert_eq!(taken(Limit::Bytes(3), &[b"ab", b"cd", b"e"]), (b"abc".to_vec(), true));
        assert_eq!(taken(Limit::Bytes(9), &[b"ab", b"cd"]), (b"abcd".to_vec(), false));
    }

    #[test]
    fn messages_are_counted_wherever_chunks_end() {
        // Two bytes, none, one; then what is beyond.
        let whole = b"\0\0\0\0\x02ab\0\0\0\0\0\0\0\0\0\x01c\0\0";
        for at in 0..whole.len() {
            let parts = [&whole[..at], &whole[at..]];
            for (messages, bytes) in [(1, 7), (2, 12), (3, 18)] {
                assert_eq!(taken(Limit::Messages(messages), &parts), (whole[..bytes].to_vec(), true), "{at}");
            }
            assert_eq!(taken(Limit::Messages(4), &parts), (whole.to_vec(), false), "{at}");
        }
    }
}
