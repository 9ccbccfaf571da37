//! What grpc-websockets puts around gRPC's frames on the way to a server: pure functions over bytes.
//!
//! The first WebSocket message is the head: `name: value` lines. Each one after it is a zero byte and a piece of the
//! stream of gRPC frames; the one byte 1 says that no more come. On the way back there is nothing around gRPC-web's
//! frames: the messages' bytes, one after the other, are an answer, with the headers in a first trailers frame.

use bytes::Bytes;

use crate::error::quoted;
use crate::transport::{Code, Metadata, Status};

/// The subprotocol that both sides name in their handshakes.
pub const PROTOCOL: &str = "grpc-websockets";

/// The largest WebSocket message that every server takes: the Go one refuses more unless told otherwise.
const LARGEST: usize = 32 * 1024;

/// Says that the stream of requests has ended.
pub(super) const FINISH: Bytes = Bytes::from_static(&[1]);

/// The first message: the call's metadata, as lines, which are put after `block`. Those of HTTP's headers, too.
///
/// # Errors
/// [`Code::InvalidArgument`] for metadata that would be read as more than one line.
pub(in crate::transport) fn head(metadata: &Metadata, mut block: String) -> Result<String, Status> {
    for (at, (name, value)) in metadata.iter().enumerate() {
        let sound = value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
        if !sound || name.is_empty() || !name.bytes().all(is_of_name) {
            let text = ["metadata ", &quoted(name), " holds a character that HTTP forbids"].concat();
            return Err(Status::new(Code::InvalidArgument, text).not_sent());
        }
        // All values of a name stand in one line, where it first stood.
        if metadata.iter().take(at).all(|(earlier, _)| earlier != name) {
            block.push_str(name);
            let mut separator = ": ";
            for (other, value) in metadata.iter() {
                if other == name {
                    block.push_str(separator);
                    block.push_str(value);
                    separator = ", ";
                }
            }
            block.push_str("\r\n");
        }
    }
    Ok(block)
}

/// HTTP's token characters.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Takes the next piece off a message that is sent: as much as every server takes.
pub(super) fn piece(rest: &mut Bytes) -> Bytes {
    let piece = rest.split_to(rest.len().min(LARGEST - 1));
    let mut message = Vec::with_capacity(1 + piece.len());
    message.push(0);
    message.extend_from_slice(&piece);
    message.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::EncodedMessage;
    use crate::wire::ExecChunk;

    #[test]
    fn the_head_is_lines_of_lower_case_names() {
        let mut metadata = Metadata::new();
        for (name, value) in [("Authorization", "Bearer x"), ("a", "1"), ("b", ""), ("A", "2, 3")] {
            metadata.insert(name, value);
        }
        assert_eq!(
            head(&metadata, String::new()).unwrap(),
            "authorization: Bearer x\r\na: 1, 2, 3\r\nb: \r\n"
        );
        assert_eq!(head(&Metadata::new(), String::new()).unwrap(), "");
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
            let status = head(&metadata, String::new()).unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{name:?} {value:?}");
            assert!(status.is_not_sent() && !status.message().contains("c: d"));
        }
    }

    fn pieces(message: &EncodedMessage) -> Vec<Bytes> {
        let mut rest = message.framed().clone();
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            pieces.push(piece(&mut rest));
        }
        pieces
    }

    #[test]
    fn a_small_message_is_one_piece() {
        let chunk = ExecChunk { data: "init".into(), ..ExecChunk::default() };
        assert_eq!(
            pieces(&EncodedMessage::encode(&chunk)),
            [Bytes::from_static(b"\0\0\0\0\0\x06\x0a\x04init")]
        );
        let empty = EncodedMessage::encode(&ExecChunk::default());
        assert_eq!(pieces(&empty), [Bytes::from_static(&[0; 6])]);
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
