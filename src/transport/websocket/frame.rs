//! What grpc-websockets puts around gRPC's frames on the way to a server: pure functions over bytes.
//!
//! The first WebSocket message is the head: `name: value` lines. Each one after it is a zero byte and a piece of the
//! stream of gRPC frames; the one byte 1 says that no more come. On the way back there is nothing around gRPC-web's
//! frames: the messages' bytes, one after the other, are an answer, with the headers in a first trailers frame.

use bytes::{BufMut, Bytes, BytesMut};

use crate::transport::{Code, EncodedMessage, Metadata, Status};

/// The subprotocol that both sides name in their handshakes.
pub const PROTOCOL: &str = "grpc-websockets";

/// The largest WebSocket message that every server takes: the Go one refuses more unless told otherwise.
const LARGEST: usize = 32 * 1024;

/// Says that the stream of requests has ended.
pub(super) const FINISH: Bytes = Bytes::from_static(&[1]);

/// The first message: the call's metadata.
///
/// # Errors
/// [`Code::InvalidArgument`] for metadata that would be read as more than one line.
pub(super) fn head(metadata: &Metadata) -> Result<Bytes, Status> {
    let mut block = String::new();
    for (at, (name, value)) in metadata.iter().enumerate() {
        let sound = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
        if name.is_empty() || !name.bytes().all(is_of_name) || !sound(value) {
            let text = format!("metadata {name:?} holds a character that HTTP forbids");
            return Err(Status::new(Code::InvalidArgument, text).not_sent());
        }
        if metadata.iter().take(at).any(|(earlier, _)| earlier == name) {
            continue;
        }
        block.push_str(name);
        let mut separator = ": ";
        for (_, value) in metadata.iter().filter(|(other, _)| *other == name) {
            block.push_str(separator);
            block.push_str(value);
            separator = ", ";
        }
        block.push_str("\r\n");
    }
    Ok(block.into())
}

/// HTTP's token characters.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A message in WebSocket messages of a size that every server takes.
pub(super) fn pieces(message: &EncodedMessage) -> impl Iterator<Item = Bytes> + Send + use<> {
    let mut rest = message.framed().clone();
    std::iter::from_fn(move || {
        let piece = rest.split_to(rest.len().min(LARGEST - 1));
        (!piece.is_empty()).then(|| {
            let mut out = BytesMut::with_capacity(1 + piece.len());
            out.put_u8(0);
            out.put(piece);
            out.freeze()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ExecChunk;

    #[test]
    fn the_head_is_lines_of_lower_case_names() {
        let mut metadata = Metadata::new();
        for (name, value) in [("Authorization", "Bearer x"), ("a", "1"), ("b", ""), ("A", "2, 3")] {
            metadata.insert(name, value);
        }
        assert_eq!(head(&metadata).unwrap(), "authorization: Bearer x\r\na: 1, 2, 3\r\nb: \r\n");
        assert_eq!(head(&Metadata::new()).unwrap(), "");
    }

    #[test]
    fn metadata_that_would_make_lines_of_its_own_is_refused() {
        for (name, value) in [
            ("a", "b\r\nc: d"),
            ("a", "b\nc"),
            ("a", "b\0"),
            ("a", "é"),
            ("a:b", ""),
            ("a\r\nb", ""),
            ("", ""),
        ] {
            let mut metadata = Metadata::new();
            metadata.insert(name, value);
            let status = head(&metadata).unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{name:?} {value:?}");
            assert!(status.is_not_sent() && !status.message().contains("c: d"));
        }
    }

    #[test]
    fn a_small_message_is_one_piece() {
        let chunk = ExecChunk { data: "init".into(), ..ExecChunk::default() };
        let pieces: Vec<_> = pieces(&EncodedMessage::encode(&chunk)).collect();
        assert_eq!(pieces, [Bytes::from_static(b"\0\0\0\0\0\x06\x0a\x04init")]);
        let empty = EncodedMessage::encode(&ExecChunk::default());
        assert_eq!(super::pieces(&empty).collect::<Vec<_>>(), [Bytes::from_static(&[0; 6])]);
    }

    #[test]
    fn pieces_are_never_larger_than_servers_take_and_lose_nothing() {
        for length in [32_000, 32_750, 32_757, 32_758, 32_759, 65_530, 100_000] {
            let data: Vec<u8> = (0..=250).cycle().take(length).collect();
            let message = EncodedMessage::encode(&ExecChunk { data: data.into(), ..ExecChunk::default() });
            let mut joined = Vec::new();
            for piece in pieces(&message) {
                assert!(piece.len() <= LARGEST && piece.len() > 1 && piece[0] == 0, "{}", piece.len());
                joined.extend_from_slice(&piece[1..]);
            }
            assert!(joined == message.framed()[..], "{length}");
        }
    }
}
