//! The framing of grpc-websockets, as a server sees it.
//!
//! The client's first message is the call's head, `name: value` lines. Each one after it is a zero byte and a piece of
//! gRPC's stream of frames, until the one byte 1. The server's messages, one after the other, are an answer of gRPC-web
//! with its headers in front of it, in a frame like that of the trailers.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tonic::Status;

/// The subprotocol of the handshake.
pub(super) const PROTOCOL: &str = "grpc-websockets";
/// The head's entry in which a client asks for an empty message in every such interval, as `grpc-timeout` writes times.
///
/// Not part of the protocol, to which an empty message is nothing at all: a page cannot see a WebSocket's own pings.
pub(super) const HEARTBEAT: HeaderName = HeaderName::from_static("grpc-websockets-heartbeat");

/// What a client may send as a head.
pub(super) const HEAD_BYTES: usize = 16 << 10;
const TRAILERS: u8 = 0x80;

/// What is between two machines, or between a page and its server, and no part of a call.
const NO_METADATA: [HeaderName; 14] = [
    header::ACCEPT,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::HOST,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("x-grpc-web"),
    HEARTBEAT,
];

/// A client's message after its head.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A piece of the stream of frames.
    Data(Bytes),
    /// No more will come.
    End,
}

/// Reads a message after the head.
pub(super) fn input(mut message: Bytes) -> Result<Input, Status> {
    match message.first() {
        Some(0) => Ok(Input::Data(message.split_off(1))),
        Some(1) if message.len() == 1 => Ok(Input::End),
        _ => Err(Status::invalid_argument(
            "a WebSocket message starts with the byte 0, or is the byte 1 and ends the call's input",
        )),
    }
}

/// Reads the head.
pub(super) fn head(message: &[u8]) -> Result<HeaderMap, Status> {
    let bad = |what: &str| Status::invalid_argument(format!("the call's first message {what}"));
    if message.len() > HEAD_BYTES {
        return Err(Status::resource_exhausted(format!(
            "the call's metadata is larger than {HEAD_BYTES} bytes"
        )));
    }
    let mut headers = HeaderMap::new();
    for line in message.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let colon = colon.ok_or_else(|| bad("holds a line that is not `name: value`"))?;
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        let name = HeaderName::from_bytes(name).map_err(|_| bad("names metadata as HTTP cannot"))?;
        let value = HeaderValue::from_bytes(value);
        let mut value =
            value.map_err(|_| bad(&format!("holds a character that HTTP forbids, in {name:?}")))?;
        value.set_sensitive(name == header::AUTHORIZATION);
        headers.append(name, value);
    }
    Ok(headers)
}

/// What of a head is a gRPC call's.
pub(super) fn of_grpc(mut head: HeaderMap) -> Result<HeaderMap, Status> {
    const WEB: &[u8] = b"application/grpc-web";
    let given = head.get(header::CONTENT_TYPE).map_or(WEB, HeaderValue::as_bytes);
    let format = given.get(..WEB.len()).filter(|start| start.eq_ignore_ascii_case(WEB));
    let format = format.and_then(|_| given.get(WEB.len()..)).unwrap_or(b"-");
    if format.starts_with(b"-") {
        return Err(Status::unimplemented(format!(
            "{:?} is not spoken here: send application/grpc-web+proto",
            String::from_utf8_lossy(given)
        )));
    }
    let plain = format.split(|byte| matches!(byte, b';' | b' ')).next().unwrap_or_default();
    let content_type = HeaderValue::from_bytes(&[b"application/grpc", plain].concat())
        .map_err(|_| Status::invalid_argument("the content type is none"))?;
    for name in &NO_METADATA {
        head.remove(name);
    }
    head.insert(header::CONTENT_TYPE, content_type);
    head.insert(header::TE, HeaderValue::from_static("trailers"));
    Ok(head)
}

/// Headers or trailers as a frame.
pub(super) fn block(headers: &HeaderMap) -> Bytes {
    let mut frame = BytesMut::from(&[TRAILERS, 0, 0, 0, 0][..]);
    for (name, value) in headers {
        frame.put_slice(name.as_str().as_bytes());
        frame.put_slice(b": ");
        frame.put_slice(value.as_bytes());
        frame.put_slice(b"\r\n");
    }
    // Headers are kilobytes at most.
    let length = u32::try_from(frame.len() - 5).unwrap_or(u32::MAX);
    frame[1..5].copy_from_slice(&length.to_be_bytes());
    frame.freeze()
}

/// What of an answer's headers is said in front of it.
pub(super) fn answer_headers(mut headers: HeaderMap) -> HeaderMap {
    for name in &NO_METADATA {
        headers.remove(name);
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc-web+proto"));
    headers
}

/// A status as the frame that ends an answer; in front of everything it is headers and trailers in one.
pub(super) fn status(status: &Status) -> Bytes {
    let mut headers = HeaderMap::new();
    // Only metadata that is none can fail, and there is none here.
    status.add_header(&mut headers).ok();
    block(&headers)
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn the_head_of_the_reference_client_is_read() {
        let sent =
            b"authorization: Bearer tok\r\ncontent-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\n";
        let headers = of_grpc(head(sent).unwrap()).unwrap();
        let entries: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
        assert_eq!(
            entries.iter().filter(|(n, _)| *n == "authorization").collect::<Vec<_>>(),
            [&("authorization", "Bearer tok")]
        );
        assert!(headers["authorization"].is_sensitive());
        assert!(entries.contains(&("content-type", "application/grpc+proto")));
        assert!(entries.contains(&("te", "trailers")));
        assert_eq!(entries.len(), 3);
    }

    #[test]
    fn every_cut_of_a_head_is_read_or_refused() {
        let sent = b"Authorization:Bearer tok\nA-b: 1\r\na-B: \r\n\r\nx: a: b";
        let whole = head(sent).unwrap();
        assert_eq!(whole.get_all("a-b").iter().collect::<Vec<_>>(), ["1", ""]);
        assert_eq!(
            (&whole["authorization"], &whole["x"]),
            (&"Bearer tok".parse().unwrap(), &"a: b".parse().unwrap())
        );
        for end in 0..sent.len() {
            if let Err(status) = head(&sent[..end]) {
                assert_eq!(status.code(), Code::InvalidArgument, "cut at {end}");
            }
        }
        for byte in 0..=255_u8 {
            for at in 0..sent.len() {
                let mut changed = sent.to_vec();
                changed[at] = byte;
                head(&changed).map(of_grpc).ok();
            }
        }
        assert_eq!(head(&vec![b'a'; HEAD_BYTES + 1]).unwrap_err().code(), Code::ResourceExhausted);
    }

    #[test]
    fn only_the_binary_format_is_spoken() {
        let read = |content_type: &str| {
            of_grpc(head(format!("content-type: {content_type}").as_bytes()).unwrap())
                .map(|headers| headers["content-type"].to_str().unwrap().to_owned())
        };
        for (sent, expected) in [
            ("application/grpc-web", "application/grpc"),
            ("Application/gRPC-Web+proto", "application/grpc+proto"),
            ("application/grpc-web+proto; charset=utf-8", "application/grpc+proto"),
            ("application/grpc-web+thrift", "application/grpc+thrift"),
        ] {
            assert_eq!(read(sent).unwrap(), expected);
        }
        for sent in ["application/grpc-web-text", "application/grpc-web-text+proto", "text/html", "x"] {
            assert_eq!(read(sent).unwrap_err().code(), Code::Unimplemented, "{sent}");
        }
        assert_eq!(of_grpc(HeaderMap::new()).unwrap()["content-type"], "application/grpc");
    }

    #[test]
    fn messages_are_input_its_end_or_nothing() {
        assert_eq!(input(Bytes::from_static(b"\0abc")).unwrap(), Input::Data("abc".into()));
        assert_eq!(input(Bytes::from_static(b"\0")).unwrap(), Input::Data(Bytes::new()));
        assert_eq!(input(Bytes::from_static(b"\x01")).unwrap(), Input::End);
        for bad in [&b""[..], b"\x01\0", b"\x02", b"{}"] {
            assert_eq!(input(Bytes::from_static(bad)).unwrap_err().code(), Code::InvalidArgument, "{bad:?}");
        }
    }

    #[test]
    fn a_status_is_a_frame_of_lines() {
        let frame = status(&Status::not_found("no box: 100%"));
        assert_eq!(frame[..5], [0x80, 0, 0, 0, u8::try_from(frame.len() - 5).unwrap()]);
        assert_eq!(frame[5..], *b"grpc-status: 5\r\ngrpc-message: no%20box:%20100%25\r\n");
    }
}
