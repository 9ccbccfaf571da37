//! The heads of gRPC-web: what a request says of itself, and what an answer's status and headers mean.

use crate::error::quoted;
use crate::transport::{Call, Code, Metadata, Status, timeout_header};

const CONTENT_TYPE: &str = "application/grpc-web";

/// The headers of a call.
pub(in crate::transport) fn request(call: Call) -> Metadata {
    let mut headers = Metadata::new();
    headers.insert("content-type", "application/grpc-web+proto");
    headers.insert("x-grpc-web", "1");
    if let Some(timeout) = call.timeout {
        headers.insert("grpc-timeout", timeout_header(timeout));
    }
    headers.extend(call.metadata);
    headers
}

/// Whether an answer with this head is gRPC-web whose body is worth reading; what it is otherwise.
///
/// `origin` is the server, for sentences.
pub(super) fn check(status: u16, headers: &Metadata, origin: &str) -> Result<(), Status> {
    // A server that has nothing else to say gives its verdict in the headers, whatever surrounds it.
    if let Some(Err(verdict)) = Status::from_trailers(headers) {
        return Err(verdict);
    }
    if status != 200 {
        let text = [origin, " answered HTTP ", &status.to_string(), advice(status)].concat();
        return Err(Status::new(Code::from_http(status), text).with_metadata(headers.clone()));
    }
    let content_type = headers.get("content-type").unwrap_or_default().trim();
    let rest = strip_prefix(content_type, CONTENT_TYPE);
    let text = match rest {
        Some(rest) if rest.is_empty() || rest.starts_with(['+', ';', ' ']) => return Ok(()),
        Some(rest) if strip_prefix(rest, "-text").is_some() => [
            origin,
            " answered gRPC-web in base64 (",
            content_type,
            "), which was not asked for (does a proxy rewrite it?)",
        ]
        .concat(),
        _ if content_type.is_empty() => {
            [origin, " answered without a content type; is gRPC-web enabled there?"].concat()
        }
        _ => [
            origin,
            " answered ",
            &quoted(content_type),
            " instead of gRPC-web; is this the API's address, and is gRPC-web enabled there?",
        ]
        .concat(),
    };
    Err(Status::new(Code::Unknown, text).with_metadata(headers.clone()))
}

/// As `str::strip_prefix`, in any case.
fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// What an HTTP status from something other than the API points to.
fn advice(status: u16) -> &'static str {
    match status {
        0 | 300..=399 => ": a redirect, which credentials do not follow; is this the API's address?",
        401 => ": something in front of the API wants other credentials",
        403 => {
            ": something in front of the API refuses this call (a firewall, or an origin that is not allowed?)"
        }
        404 | 405 | 415 => ": is this the API's address, and is gRPC-web enabled there?",
        413 => ": something in front of the API limits the size of a request",
        429 => ": too many requests; wait and try again",
        502..=504 => ": the proxy there has no connection to the API; try again later",
        _ => " instead of gRPC-web",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn headers(entries: &[(&str, &str)]) -> Metadata {
        let mut out = Metadata::new();
        for (name, value) in entries {
            out.insert((*name).to_owned(), (*value).to_owned());
        }
        out
    }

    #[test]
    fn a_request_says_that_it_is_grpc_web_and_how_long_it_waits() {
        let mut call = Call::new("/a.B/C");
        call.metadata.insert("Authorization", "Bearer x");
        call.timeout = Some(Duration::from_millis(1500));
        let headers = request(call);
        for (name, value) in [
            ("content-type", "application/grpc-web+proto"),
            ("x-grpc-web", "1"),
            ("grpc-timeout", "1500m"),
            ("authorization", "Bearer x"),
        ] {
            assert_eq!(headers.get(name), Some(value));
        }
        assert_eq!(request(Call::new("/a.B/C")).get("grpc-timeout"), None);
    }

    #[test]
    fn every_writing_of_the_content_type_is_taken() {
        for content_type in [
            "application/grpc-web",
            "application/grpc-web+proto",
            "Application/gRPC-Web+proto",
            "application/grpc-web; charset=utf-8",
        ] {
            check(200, &headers(&[("content-type", content_type)]), "http://x").unwrap();
        }
    }

    #[test]
    fn what_is_not_grpc_web_says_what_it_is() {
        for (content_type, said) in [
            ("text/html", "text/html"),
            ("application/grpc", "gRPC-web enabled"),
            ("application/grpc-website", "gRPC-web enabled"),
            ("application/grpc-web-text+proto", "base64"),
            ("", "content type"),
        ] {
            let status = check(200, &headers(&[("content-type", content_type)]), "http://x:1").unwrap_err();
            assert_eq!(status.code(), Code::Unknown);
            assert!(status.message().contains(said) && status.message().contains("http://x:1"), "{status}");
        }
    }

    #[test]
    fn http_statuses_become_their_codes_with_advice() {
        for (http, code) in [
            (0, Code::Unknown),
            (302, Code::Unknown),
            (401, Code::Unauthenticated),
            (403, Code::PermissionDenied),
            (404, Code::Unimplemented),
            (429, Code::Unavailable),
            (500, Code::Unknown),
            (502, Code::Unavailable),
            (503, Code::Unavailable),
            (504, Code::Unavailable),
        ] {
            let status = check(http, &headers(&[("retry-after", "7")]), "http://x").unwrap_err();
            assert_eq!(status.code(), code, "{http}");
            assert!(status.message().contains(&format!("HTTP {http}")), "{status}");
            assert_eq!(status.metadata().get("retry-after"), Some("7"));
        }
    }

    #[test]
    fn the_servers_own_verdict_goes_before_http() {
        let said =
            headers(&[("grpc-status", "5"), ("grpc-message", "no%20box"), ("content-type", "text/plain")]);
        for http in [200, 404, 503] {
            let status = check(http, &said, "http://x").unwrap_err();
            assert_eq!((status.code(), status.message()), (Code::NotFound, "no box"));
        }
        let fine = headers(&[("grpc-status", "0"), ("content-type", "application/grpc-web")]);
        check(200, &fine, "http://x").unwrap();
        assert_eq!(check(503, &fine, "http://x").unwrap_err().code(), Code::Unavailable);
    }
}
