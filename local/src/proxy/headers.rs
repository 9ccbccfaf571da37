//! What of a message's head is for the next hop only, and what a server in a box learns about the first one.

use std::net::IpAddr;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};

/// About one connection, not about the message. `Expect` is answered on the way.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::EXPECT,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::UPGRADE,
];
/// Not even `Connection` may take these away: they say whom a message is for and where it ends.
const NEEDED: [HeaderName; 2] = [header::HOST, header::CONTENT_LENGTH];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The protocol that a message asks or agrees to change to.
pub(super) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asked = connection_options(headers).any(|option| option.eq_ignore_ascii_case("upgrade"));
    headers.get(header::UPGRADE).filter(|_| asked).cloned()
}

/// Takes away what is for this hop only.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = connection_options(headers)
        .filter_map(|option| option.parse().ok())
        .filter(|name| !NEEDED.contains(name))
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    // How long a message is, is said in one way.
    if headers.remove(header::TRANSFER_ENCODING).is_some() {
        headers.remove(header::CONTENT_LENGTH);
    }
}

/// Tells a server in a box who asks, and for what. What the client claims of itself stands before what is known.
pub(super) fn forwarded(headers: &mut HeaderMap, from: IpAddr) {
    let mut path: Vec<_> =
        headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    let from = from.to_canonical().to_string();
    path.push(&from);
    if let Ok(path) = HeaderValue::try_from(path.join(", ")) {
        headers.insert(FORWARDED_FOR, path);
    }
    if let Some(host) = headers.get(header::HOST).cloned() {
        headers.insert(FORWARDED_HOST, host);
    }
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static("http"));
}

fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_is_for_this_hop_goes() {
        let mut headers = map(&[
            ("connection", "close, X-Mine , Host,content-length"),
            ("connection", "keep-alive"),
            ("x-mine", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("upgrade", "websocket"),
            ("expect", "100-continue"),
            ("proxy-authorization", "Basic x"),
            ("host", "web.localhost"),
            ("content-length", "5"),
            ("authorization", "Bearer x"),
            ("trailer", "x-sum"),
        ]);
        strip(&mut headers);
        assert_eq!(names(&headers), ["authorization", "content-length", "host", "trailer"]);
    }

    #[test]
    fn a_length_is_said_in_one_way() {
        let mut headers = map(&[("transfer-encoding", "chunked"), ("content-length", "5")]);
        strip(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn an_upgrade_takes_both_headers() {
        let asked = [("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")];
        assert_eq!(upgrade(&map(&asked)).unwrap(), "websocket");
        assert_eq!(upgrade(&map(&asked[..1])), None);
        assert_eq!(upgrade(&map(&asked[1..])), None);
    }

    #[test]
    fn a_server_learns_who_asks_and_for_what() {
        let mut headers = map(&[
            ("host", "web.localhost:8080"),
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example"),
        ]);
        forwarded(&mut headers, "::ffff:127.0.0.1".parse().unwrap());
        assert_eq!(headers["x-forwarded-for"], "203.0.113.9, 127.0.0.1");
        assert_eq!(headers["x-forwarded-host"], "web.localhost:8080");
        assert_eq!(headers["x-forwarded-proto"], "http");
    }
}
