//! The frames of a stream are the same wherever it is cut, and nothing makes the decoder panic.
#![no_main]

use boxd::transport::{Decoder, Frame, Status};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 4096;

/// All frames, whether the last one is whole, and the error that ended it.
fn decode(pieces: Vec<Bytes>) -> (Vec<Frame>, bool, Option<String>) {
    let mut decoder = Decoder::new(LIMIT);
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => {
                    let (Frame::Message(body) | Frame::Trailers(body)) = &frame;
                    assert!(body.len() <= LIMIT);
                    frames.push(frame);
                }
                Ok(None) => break,
                Err(status) => return (frames, false, Some(Status::to_string(&status))),
            }
        }
    }
    let whole = decoder.is_between_frames();
    (frames, whole, None)
}

fuzz_target!(|input: &[u8]| {
    let Some((wire, pieces)) = boxd_fuzz::pieces(input) else { return };
    let length = wire.len();
    let whole = decode(vec![wire]);
    assert_eq!(decode(pieces), whole);
    if whole.1 {
        let seen: usize =
            whole.0.iter().map(|(Frame::Message(body) | Frame::Trailers(body))| 5 + body.len()).sum();
        assert_eq!(seen, length, "a byte was lost or made up");
    }
});
