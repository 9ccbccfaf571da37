//! How a call ended: gRPC's status codes and what came with them.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use super::Metadata;

/// gRPC's status codes.
#[allow(missing_docs)] // The names are gRPC's own; see grpc.io/docs/guides/status-codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Code {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl Code {
    const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The code of a number on the wire; one that gRPC does not know is `Unknown`.
    pub fn from_number(number: i32) -> Self {
        usize::try_from(number).ok().and_then(|at| Self::ALL.get(at).copied()).unwrap_or(Self::Unknown)
    }

    /// The number on the wire.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// gRPC's mapping for an HTTP answer that carries no gRPC status.
    pub fn from_http(status: u16) -> Self {
        match status {
            400 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502..=504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }

    /// The name as gRPC writes it, `NOT_FOUND`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a call failed: what the server said, or what became of the connection.
#[derive(Clone, Debug)]
pub struct Status {
    // Boxed: it goes through many hands, and mostly there is none.
    inner: Box<Inner>,
}

#[derive(Clone, Debug)]
struct Inner {
    code: Code,
    message: Cow<'static, str>,
    details: Bytes,
    metadata: Metadata,
    not_sent: bool,
}

impl Status {
    /// A status that came about on this side.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self::of(code, message.into())
    }

    fn of(code: Code, message: Cow<'static, str>) -> Self {
        let (details, metadata) = (Bytes::new(), Metadata::new());
        Self { inner: Box::new(Inner { code, message, details, metadata, not_sent: false }) }
    }

    /// The connection failed, or ended without the server's verdict.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::of(Code::Unavailable, message.into())
    }

    /// Marks that the request certainly never reached the server, so that sending it again cannot do a thing twice.
    #[must_use]
    pub fn not_sent(mut self) -> Self {
        self.inner.not_sent = true;
        self
    }

    /// Adds the answer's metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.inner.metadata = metadata;
        self
    }

    /// Adds `grpc-status-details-bin`, decoded.
    #[must_use]
    pub fn with_details(mut self, details: Bytes) -> Self {
        self.inner.details = details;
        self
    }

    /// Reads the verdict out of trailers: `None` where they hold no `grpc-status`.
    pub fn from_trailers(trailers: &Metadata) -> Option<Result<(), Self>> {
        let number = trailers.get("grpc-status")?;
        let code = number.trim().parse().map_or(Code::Unknown, Code::from_number);
        if code == Code::Ok {
            return Some(Ok(()));
        }
        let message = trailers.get("grpc-message").map(percent_decode).unwrap_or_default();
        let details = trailers.get("grpc-status-details-bin").and_then(base64_decode).unwrap_or_default();
        Some(Err(Self::new(code, message).with_details(details).with_metadata(trailers.clone())))
    }

    /// The status code. Never `Ok` in an error.
    pub fn code(&self) -> Code {
        self.inner.code
    }

    /// What went wrong, in the server's words where they came from there.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// The content of `grpc-status-details-bin`; empty where there was none.
    pub fn details(&self) -> &Bytes {
        &self.inner.details
    }

    /// The answer's metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.inner.metadata
    }

    /// Whether the request certainly never reached the server, or was turned away by it untouched.
    pub fn is_not_sent(&self) -> bool {
        self.inner.not_sent
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.message())
    }
}

impl std::error::Error for Status {}

/// gRPC's percent-encoding of `grpc-message`. What is not well-formed stays as it is.
fn percent_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = (byte == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Base64 as gRPC writes `-bin` metadata, padded or not.
fn base64_decode(text: &str) -> Option<Bytes> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut have) = (0_u32, 0);
    for byte in text.trim().trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push(u8::try_from(bits >> have & 0xff).ok()?);
        }
    }
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_its_number() {
        for number in 0..17 {
            assert_eq!(Code::from_number(number).number(), number);
        }
        assert_eq!(Code::from_number(99), Code::Unknown);
        assert_eq!(Code::from_number(-1), Code::Unknown);
    }

    #[test]
    fn messages_are_percent_decoded() {
        assert_eq!(percent_decode("100%25 %e2%82%ac %zz %"), "100% € %zz %");
    }

    #[test]
    fn details_are_base64_decoded() {
        for (text, bytes) in
            [("", &b""[..]), ("Zg==", b"f"), ("Zm8", b"fo"), ("Zm9v", b"foo"), ("_-8=", b"\xff\xef")]
        {
            assert_eq!(base64_decode(text).unwrap(), bytes, "{text}");
        }
        assert_eq!(base64_decode("a b"), None);
    }

    #[test]
    fn trailers_without_a_status_give_no_verdict() {
        assert!(Status::from_trailers(&Metadata::new()).is_none());
        let mut trailers = Metadata::new();
        trailers.insert("grpc-status", "5");
        trailers.insert("grpc-message", "no%20such box");
        let status = Status::from_trailers(&trailers).unwrap().unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::NotFound, "no such box"));
    }
}
