//! gRPC's length-prefixed framing, both ways: a pure state machine over bytes, the same for every transport.
//!
//! A frame is one flag byte, a length in four bytes (big endian), and that many bytes. gRPC over HTTP/2 has only
//! message frames; gRPC-web and grpc-websockets add frames that hold trailers (flag `0x80`).

use bytes::{Buf, Bytes};
use prost::Message;

use super::{Code, Status};

pub(crate) const PREFIX: usize = 5;
const TRAILERS: u8 = 0x80;
const COMPRESSED: u8 = 0x01;

/// What is allocated at once on the word of a length prefix; a larger message grows as its bytes arrive.
const TRUSTED_LENGTH: usize = 4 * 1024 * 1024;

/// A message encoded once, with the frame's prefix in front, so that no transport has to copy it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedMessage {
    framed: Bytes,
}

impl EncodedMessage {
    /// Encodes `message`.
    pub fn encode(message: &impl Message) -> Self {
        let mut framed = Vec::with_capacity(PREFIX + message.encoded_len());
        framed.extend([0; PREFIX]);
        message.encode_raw(&mut framed);
        Self::framing(framed)
    }

    /// A message that stands encoded behind room for the prefix.
    pub(crate) fn framing(mut framed: Vec<u8>) -> Self {
        // A message over 4 GiB is refused by `check`, before a transport sees the prefix.
        let length = u32::try_from(framed.len() - PREFIX).unwrap_or(u32::MAX);
        if let Some(prefix) = framed.get_mut(1..PREFIX) {
            prefix.copy_from_slice(&length.to_be_bytes());
        }
        Self { framed: framed.into() }
    }

    /// The message with its prefix: what goes over the wire.
    pub fn framed(&self) -> &Bytes {
        &self.framed
    }

    /// The message alone.
    pub fn payload(&self) -> Bytes {
        self.framed.slice(PREFIX..)
    }

    /// The message's own length in bytes.
    pub fn len(&self) -> usize {
        self.framed.len() - PREFIX
    }

    /// Whether the message is empty, as that of a request without fields.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses a message of more than `limit` bytes.
    pub fn check(&self, limit: usize) -> Result<(), Status> {
        let limit = limit.min(u32::MAX as usize);
        if self.len() <= limit {
            return Ok(());
        }
        Err(Status::new(
            Code::ResourceExhausted,
            [
                "the message of ",
                &self.len().to_string(),
                " bytes is larger than the limit of ",
                &limit.to_string(),
                " bytes; nothing was sent",
            ]
            .concat(),
        )
        .not_sent())
    }
}

/// One frame that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// An encoded message. A slice of the chunk that it came in, unless it straddled two.
    Message(Bytes),
    /// A block of trailers, `name: value` lines (gRPC-web and grpc-websockets only).
    Trailers(Bytes),
}

/// Takes chunks as the network cut them and gives back frames.
///
/// ```
/// use boxd::transport::{Decoder, Frame};
///
/// let mut decoder = Decoder::new(1024);
/// decoder.push(bytes::Bytes::from_static(&[0, 0, 0, 0, 2, b'h']));
/// assert_eq!(decoder.next_frame()?, None);
/// decoder.push(bytes::Bytes::from_static(b"i"));
/// assert_eq!(decoder.next_frame()?, Some(Frame::Message("hi".into())));
/// assert!(decoder.is_between_frames());
/// # Ok::<(), boxd::transport::Status>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    chunk: Bytes,
    state: State,
}

#[derive(Debug)]
enum State {
    Prefix { bytes: [u8; PREFIX], have: usize },
    Body { flag: u8, length: usize, gathered: Vec<u8> },
}

const START: State = State::Prefix { bytes: [0; PREFIX], have: 0 };

impl Decoder {
    /// A decoder that refuses frames of more than `limit` bytes before it holds them.
    pub fn new(limit: usize) -> Self {
        Self { limit, chunk: Bytes::new(), state: START }
    }

    /// Hands over the next chunk. Take all frames of the last one out first: what is left of it is copied otherwise.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            self.chunk = [&self.chunk[..], &chunk[..]].concat().into();
        }
    }

    /// The next whole frame, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`Code::ResourceExhausted`] for a frame over the limit, [`Code::Internal`] for a flag that this SDK never asked
    /// for. The stream cannot be read on after either.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Status> {
        loop {
            match &mut self.state {
                State::Prefix { bytes, have } => {
                    let take = self.chunk.len().min(PREFIX - *have);
                    self.chunk.copy_to_slice(&mut bytes[*have..*have + take]);
                    *have += take;
                    if *have < PREFIX {
                        return Ok(None);
                    }
                    let flag = bytes[0];
                    let length = u32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize;
                    check_flag(flag)?;
                    if length > self.limit {
                        return Err(Status::new(
                            Code::ResourceExhausted,
                            [
                                "the server announced a message of ",
                                &length.to_string(),
                                " bytes; the limit is ",
                                &self.limit.to_string(),
                                " bytes (raise it with message_limit)",
                            ]
                            .concat(),
                        ));
                    }
                    self.state = State::Body { flag, length, gathered: Vec::new() };
                }
                State::Body { flag, length, gathered } => {
                    let missing = *length - gathered.len();
                    if self.chunk.len() < missing {
                        if !self.chunk.is_empty() {
                            if gathered.capacity() == 0 {
                                gathered.reserve((*length).min(TRUSTED_LENGTH));
                            }
                            gathered.extend_from_slice(&std::mem::take(&mut self.chunk));
                        }
                        return Ok(None);
                    }
                    let body = if gathered.is_empty() {
                        self.chunk.split_to(missing)
                    } else {
                        gathered.extend_from_slice(&self.chunk.split_to(missing));
                        std::mem::take(gathered).into()
                    };
                    let frame = if *flag == TRAILERS { Frame::Trailers(body) } else { Frame::Message(body) };
                    self.state = START;
                    return Ok(Some(frame));
                }
            }
        }
    }

    /// Whether the bytes so far end where a frame ends: if not, and no more come, the stream was cut.
    pub fn is_between_frames(&self) -> bool {
        self.chunk.is_empty() && matches!(self.state, State::Prefix { have: 0, .. })
    }
}

fn check_flag(flag: u8) -> Result<(), Status> {
    match flag {
        0 | TRAILERS => Ok(()),
        flag if flag & !TRAILERS == COMPRESSED => {
            Err(Status::new(Code::Internal, "the server sent a compressed message, which was not asked for"))
        }
        flag => Err(Status::new(
            Code::Internal,
            [
                "the answer is not gRPC: a frame starts with the byte ",
                &flag.to_string(),
                " (does a proxy rewrite it?)",
            ]
            .concat(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(pieces: &[&[u8]]) -> Result<Vec<Frame>, Status> {
        let mut decoder = Decoder::new(1 << 20);
        let mut out = Vec::new();
        for piece in pieces {
            decoder.push(Bytes::copy_from_slice(piece));
            while let Some(frame) = decoder.next_frame()? {
                out.push(frame);
            }
        }
        assert!(decoder.is_between_frames(), "bytes are left over");
        Ok(out)
    }

    fn wire() -> Vec<u8> {
        let mut wire = vec![0, 0, 0, 0, 0]; // an empty message
        wire.extend([0, 0, 0, 0, 3, 1, 2, 3]);
        wire.extend([TRAILERS, 0, 0, 0, 15]);
        wire.extend(b"grpc-status:0\r\n");
        wire
    }

    #[test]
    fn every_cut_in_two_and_three_gives_the_same_frames() {
        let wire = wire();
        let whole = frames(&[&wire]).unwrap();
        assert_eq!(whole.len(), 3);
        for first in 0..=wire.len() {
            for second in first..=wire.len() {
                let cut = frames(&[&wire[..first], &wire[first..second], &wire[second..]]).unwrap();
                assert_eq!(cut, whole, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_whole_message_is_a_slice_of_its_chunk() {
        let chunk = Bytes::from(vec![0, 0, 0, 0, 3, 1, 2, 3]);
        let mut decoder = Decoder::new(10);
        decoder.push(chunk.clone());
        let Some(Frame::Message(message)) = decoder.next_frame().unwrap() else { panic!("no message") };
        assert_eq!(message.as_ptr(), chunk[5..].as_ptr());
    }

    #[test]
    fn an_oversized_announcement_is_refused_before_its_bytes() {
        let mut decoder = Decoder::new(10);
        decoder.push(Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff]));
        assert_eq!(decoder.next_frame().unwrap_err().code(), Code::ResourceExhausted);
    }

    #[test]
    fn text_and_compression_are_refused() {
        for bytes in [&b"<html>"[..], &[1, 0, 0, 0, 0], &[0x81, 0, 0, 0, 0]] {
            let mut decoder = Decoder::new(10);
            decoder.push(Bytes::copy_from_slice(bytes));
            assert_eq!(decoder.next_frame().unwrap_err().code(), Code::Internal);
        }
    }

    #[test]
    fn a_cut_frame_shows() {
        let mut decoder = Decoder::new(10);
        decoder.push(Bytes::from_static(&[0, 0, 0]));
        assert_eq!(decoder.next_frame().unwrap(), None);
        assert!(!decoder.is_between_frames());
    }
}
