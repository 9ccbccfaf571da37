//! Which pages may call. A server on loopback is in reach of every page that the user's browser shows: by CORS, which
//! pages ask for, and by DNS rebinding, where an attacker's name turns into 127.0.0.1.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{Either, Ready, ready};
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use tonic::Status;
use tower::{Layer, Service};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer, MaxAge};

use crate::Error;

/// As long as browsers keep it.
const PREFLIGHT_KEPT: Duration = Duration::from_secs(7200);
/// What a page can read of an answer, besides its body. The status of a call that failed early is in headers.
const EXPOSED: [&str; 4] = ["grpc-status", "grpc-message", "grpc-status-details-bin", "retry-after"];

/// What a page may come from, and what this server may be called.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    rules: Arc<Rules>,
}

#[derive(Debug, Clone)]
struct Rules {
    origins: Vec<Origin>,
    /// Where this server listens.
    addresses: Vec<IpAddr>,
    /// What else it may be called.
    names: Vec<String>,
}

/// A page's origin, as a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Any,
    Exact(String),
    /// `scheme://host`, on any port.
    AnyPort(String),
}

impl Access {
    /// `allowed`: origins such as `https://app.example.com`, `http://localhost:*` or `*`; none for pages on loopback.
    /// Pages on the web port itself may call in any case.
    pub(crate) fn new(allowed: Option<&[String]>, api: SocketAddr, web: SocketAddr) -> Result<Self, Error> {
        let mut origins = match allowed {
            Some(allowed) => allowed.iter().map(|text| Origin::parse(text)).collect::<Result<Vec<_>, _>>()?,
            None => ["localhost", "127.0.0.1", "[::1]"]
                .iter()
                .flat_map(|host| {
                    ["http", "https"].map(|scheme| Origin::AnyPort(format!("{scheme}://{host}")))
                })
                .collect(),
        };
        origins.push(Origin::Exact(format!("http://{web}")));
        origins.push(Origin::Exact(format!("http://localhost:{}", web.port())));
        Ok(Self {
            rules: Arc::new(Rules { origins, addresses: vec![api.ip(), web.ip()], names: Vec::new() }),
        })
    }

    /// The same, for a server that is called by these names too.
    pub(crate) fn called(self, names: Vec<String>) -> Self {
        let Rules { origins, addresses, .. } = Arc::unwrap_or_clone(self.rules);
        Self { rules: Arc::new(Rules { origins, addresses, names }) }
    }

    /// Whether a page from `origin` may call.
    pub(crate) fn allows_origin(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| self.rules.origins.iter().any(|rule| rule.matches(origin)))
    }

    /// Refuses a request by a name that is not this server's, or from a page that may not call.
    pub(crate) fn check<B>(&self, request: &Request<B>) -> Result<(), String> {
        let host = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default());
        // HTTP/2 has it in the request line.
        let Some(host) = request.uri().authority().map(Authority::as_str).or(host) else {
            return Err("the request does not say which host it is for".to_owned());
        };
        if !self.is_own(host) {
            return Err(format!(
                "{host:?} is not a name of this server, which guards it against DNS rebinding; \
                 call it by localhost or by the address it listens on"
            ));
        }
        match request.headers().get(header::ORIGIN) {
            Some(origin) if !self.allows_origin(origin) && !is_of(origin, host) => Err(format!(
                "pages from {} may not call this server; start it with --allow-origin to let them",
                origin.to_str().unwrap_or("that origin")
            )),
            _ => Ok(()),
        }
    }

    /// Whether `authority` is loopback or an address that the cluster listens on; its port does not matter, since
    /// rebinding works with names.
    fn is_own(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        let host = authority.host();
        let called = |name: &String| name.eq_ignore_ascii_case(host);
        if host.eq_ignore_ascii_case("localhost") || self.rules.names.iter().any(called) {
            return true;
        }
        let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() else {
            return false;
        };
        let listens = |own: &IpAddr| own.is_unspecified() || *own == address;
        address.is_loopback() || self.rules.addresses.iter().any(listens)
    }

    /// The answers that browsers ask for before and with a call.
    pub(crate) fn cors(&self) -> CorsLayer {
        let access = self.clone();
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(move |origin, _| access.allows_origin(origin)))
            .allow_methods([Method::POST])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(EXPOSED.map(HeaderName::from_static))
            .allow_private_network(true)
            .max_age(MaxAge::exact(PREFLIGHT_KEPT))
    }
}

/// Whether the origin is that of the server that was asked: no page is served there, and clients that are none send it to
/// servers which want one.
fn is_of(origin: &HeaderValue, host: &str) -> bool {
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    authority.is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

impl Origin {
    fn parse(text: &str) -> Result<Self, Error> {
        let bad = || Error::BadOrigin(text.to_owned());
        if text == "*" {
            return Ok(Self::Any);
        }
        // What a page opened from a file has.
        if text == "null" {
            return Ok(Self::Exact(text.to_owned()));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(bad)?;
        let any_port = rest.strip_suffix(":*");
        let authority: Authority = any_port.unwrap_or(rest).parse().map_err(|_| bad())?;
        let plain = authority.as_str().eq_ignore_ascii_case(any_port.unwrap_or(rest)) && !rest.contains('@');
        if !plain || scheme.is_empty() || (any_port.is_some() && authority.port().is_some()) {
            return Err(bad());
        }
        let origin = format!("{scheme}://{authority}").to_ascii_lowercase();
        Ok(if any_port.is_some() { Self::AnyPort(origin) } else { Self::Exact(origin) })
    }

    fn matches(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => origin == exact,
            Self::AnyPort(start) => origin.strip_prefix(start.as_str()).is_some_and(|port| {
                port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
            }),
        }
    }
}

/// Puts [`Access::check`] before a gRPC service.
impl<S> Layer<S> for Access {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { access: self.clone(), inner }
    }
}

/// A gRPC service behind [`Access`].
#[derive(Debug, Clone)]
pub(crate) struct Guarded<S> {
    access: Access,
    inner: S,
}

impl<S, A, B> Service<Request<A>> for Guarded<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: Default,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<B>, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        match self.access.check(&request) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(reason) => {
                // Both a browser and a gRPC client understand this one.
                let mut answer = Status::permission_denied(reason).into_http();
                *answer.status_mut() = StatusCode::FORBIDDEN;
                Either::Right(ready(Ok(answer)))
            }
        }
    }
}

/// tonic-web knows its content types by their exact text; a parameter such as `charset` is no other type.
pub(crate) fn without_parameters<B>(mut request: Request<B>) -> Request<B> {
    let plain = request.headers().get(header::CONTENT_TYPE).and_then(|value| {
        let (plain, _) = value.to_str().ok()?.split_once(';')?;
        HeaderValue::from_str(&plain.trim().to_ascii_lowercase()).ok()
    });
    if let Some(plain) = plain {
        request.headers_mut().insert(header::CONTENT_TYPE, plain);
    }
    request
}

/// Says of answers over gRPC-web that nobody is to store them. Of one that it might store, Chromium takes 64 MB which no page has
/// asked for; of the others what the page reads, which it copies once less.
pub(crate) fn not_stored<B>(mut answer: Response<B>) -> Response<B> {
    let kind = answer.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if kind.is_some_and(|kind| kind.starts_with(b"application/grpc-web")) {
        answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(allowed: Option<&[&str]>) -> Result<Access, Error> {
        let allowed: Option<Vec<_>> = allowed.map(|all| all.iter().map(|one| (*one).to_owned()).collect());
        let (api, web) = ("192.0.2.7:9443".parse().unwrap(), "127.0.0.1:8080".parse().unwrap());
        Access::new(allowed.as_deref(), api, web)
    }

    fn allows(access: &Access, origin: &str) -> bool {
        access.allows_origin(&HeaderValue::from_str(origin).unwrap())
    }

    #[test]
    fn pages_on_loopback_may_call_and_no_others() {
        let access = access(None).unwrap();
        for good in
            ["http://localhost:5173", "http://127.0.0.1", "https://localhost:8443", "http://[::1]:3000"]
        {
            assert!(allows(&access, good), "{good}");
        }
        for bad in [
            "https://example.com",
            "http://localhost.example.com",
            "http://localhost:80.example.com",
            "http://localhost:5173@example.com",
            "http://my-box.localhost:8080",
            "http://127.0.0.1.example.com:80",
            "null",
            "",
        ] {
            assert!(!allows(&access, bad), "{bad}");
        }
    }

    #[test]
    fn a_list_replaces_the_default_but_not_the_own_port() {
        let listed = access(Some(&["https://App.example.com", "https://dev.example.com:*"])).unwrap();
        for good in ["https://app.example.com", "https://dev.example.com:1", "http://127.0.0.1:8080"] {
            assert!(allows(&listed, good), "{good}");
        }
        for bad in ["https://app.example.com:444", "http://app.example.com", "http://localhost:5173"] {
            assert!(!allows(&listed, bad), "{bad}");
        }
        assert!(allows(&access(Some(&["*"])).unwrap(), "https://anyone.example"));
        for bad in [
            "example.com",
            "https://",
            "https://a/b",
            "https://u@a",
            "https://a:1:*",
            "://a",
            "https://*.a b",
        ] {
            assert!(access(Some(&[bad])).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_own_names_are_answered_to() {
        let access = access(None).unwrap();
        let check = |host: &str| {
            let request = Request::builder().header(header::HOST, host).body(()).unwrap();
            access.check(&request).is_ok()
        };
        for good in
            ["localhost", "LOCALHOST:9443", "127.0.0.1:9443", "127.8.8.8", "[::1]:1", "192.0.2.7:9443"]
        {
            assert!(check(good), "{good}");
        }
        for bad in
            ["attacker.example", "localhost.attacker.example", "192.0.2.8", "127.0.0.1.nip.example", ""]
        {
            assert!(!check(bad), "{bad}");
        }
        assert!(access.check(&Request::new(())).is_err());
    }

    #[test]
    fn parameters_of_a_content_type_go() {
        for (given, expected) in [
            ("application/grpc-web+proto; charset=utf-8", "application/grpc-web+proto"),
            ("Application/grpc-web ;x=y", "application/grpc-web"),
            ("application/grpc", "application/grpc"),
        ] {
            let request = Request::builder().header(header::CONTENT_TYPE, given).body(()).unwrap();
            assert_eq!(without_parameters(request).headers()[header::CONTENT_TYPE], expected);
        }
    }
}
