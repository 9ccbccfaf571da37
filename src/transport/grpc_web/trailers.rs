//! The trailers of gRPC-web: header lines in a frame of their own.

use bytes::Bytes;

use crate::transport::Metadata;

/// Reads `name: value` lines, ended by CRLF or LF. Names may be written in any case and stand more than once; a line
/// without a colon says nothing and is passed over.
pub(super) fn parse(block: &Bytes) -> Metadata {
    let mut out = Metadata::new();
    for line in block.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if !name.is_empty() {
            out.insert(owned(name), owned(value));
        }
    }
    out
}

fn owned(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(block: &'static [u8]) -> Vec<(String, String)> {
        let metadata = parse(&Bytes::from_static(block));
        metadata.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn lines_end_in_crlf_or_lf_and_names_are_in_any_case() {
        let expected = [("grpc-status".to_owned(), "5".to_owned()), ("x".to_owned(), "a: b".to_owned())];
        for block in [
            &b"grpc-status: 5\r\nx: a: b\r\n"[..],
            b"Grpc-Status:5\nX:a: b\n",
            b"GRPC-STATUS \t:\t 5 \t\r\n\r\nx:a: b",
        ] {
            assert_eq!(entries(block), expected, "{block:?}");
        }
    }

    #[test]
    fn repeated_names_and_empty_values_are_kept() {
        let expected = [("a", "1"), ("a", ""), ("a", "2")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(entries(b"a: 1\r\na:\r\nA: 2\r\n"), expected);
    }

    #[test]
    fn lines_that_say_nothing_are_passed_over() {
        assert!(entries(b"").is_empty());
        assert!(entries(b"\r\n: 5\r\nno colon\r\n\xff\xfe").is_empty());
    }
}
