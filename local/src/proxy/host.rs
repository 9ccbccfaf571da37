//! Whom a request is for: the cluster itself, a box, or a domain from outside.

use std::net::IpAddr;

use http::uri::Authority;
use http::{HeaderValue, Request, header};

/// What boxes' host names end with.
const ZONE: &str = ".localhost";

/// The host that a request names, without its port.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// `localhost`, an address, or nothing at all: for the cluster's own pages to judge.
    Cluster,
    /// `<name>.localhost` or `<proxy>.<name>.localhost`; an empty proxy is the default one.
    Box { name: String, proxy: String },
    /// Under `.localhost`, but too deep to be a box's.
    Nobody(String),
    /// Any other name, lower case and without a dot at its end.
    Domain(String),
}

impl Host {
    /// Reads the request line before the `Host` header, as HTTP wants it; an error says what is wrong with them.
    pub(super) fn of<B>(request: &Request<B>) -> Result<Self, String> {
        let mut headers = request.headers().get_all(header::HOST).iter();
        let header = headers.next();
        if headers.next().is_some() {
            return Err("the request names its host twice".to_owned());
        }
        let authority = match (request.uri().authority(), header.map(HeaderValue::to_str)) {
            (Some(authority), _) => authority.clone(),
            (None, Some(Ok(text))) if !text.is_empty() => {
                text.parse().map_err(|_| format!("{text:?} is no host"))?
            }
            (None, Some(Err(_))) => return Err("the request's host is no text".to_owned()),
            (None, _) => return Ok(Self::Cluster),
        };
        Ok(Self::parse(&authority))
    }

    fn parse(authority: &Authority) -> Self {
        let host = authority.host();
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if host == "localhost" || address.is_ok() {
            return Self::Cluster;
        }
        let Some(labels) = host.strip_suffix(ZONE) else { return Self::Domain(host) };
        match labels.split('.').collect::<Vec<_>>()[..] {
            [name] => Self::Box { name: name.to_owned(), proxy: String::new() },
            // An empty one would be the default proxy by another name.
            [proxy, name] if !proxy.is_empty() => {
                Self::Box { name: name.to_owned(), proxy: proxy.to_owned() }
            }
            _ => Self::Nobody(host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_clusters_a_boxs_or_a_domain() {
        let of = |host: &str| Host::of(&Request::builder().header(header::HOST, host).body(()).unwrap());
        for own in ["localhost", "LOCALHOST.:8080", "127.0.0.1", "[::1]:8080", "192.0.2.7:1", ""] {
            assert_eq!(of(own), Ok(Host::Cluster), "{own}");
        }
        let named = |proxy: &str| Ok(Host::Box { name: "web".into(), proxy: proxy.into() });
        for (host, proxy) in
            [("web.localhost:8080", ""), ("Web.Localhost.", ""), ("api.web.localhost", "api")]
        {
            assert_eq!(of(host), named(proxy), "{host}");
        }
        for nobody in ["a.b.web.localhost", ".web.localhost", "..localhost"] {
            assert!(matches!(of(nobody), Ok(Host::Nobody(_))), "{nobody}");
        }
        for domain in ["app.example.com", "APP.example.com.:80", "localhost.example.com", "weblocalhost"] {
            assert!(matches!(of(domain), Ok(Host::Domain(_))), "{domain}");
        }
        for bad in ["a b", "a/b", "ä.example"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_request_line_comes_first_and_two_headers_are_none() {
        let mut request = Request::builder()
            .uri("http://web.localhost/")
            .header(header::HOST, "localhost")
            .body(())
            .unwrap();
        assert!(matches!(Host::of(&request), Ok(Host::Box { .. })));
        request.headers_mut().append(header::HOST, HeaderValue::from_static("localhost"));
        assert!(Host::of(&request).is_err());
        assert_eq!(Host::of(&Request::new(())), Ok(Host::Cluster));
    }
}
