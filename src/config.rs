//! Where a cluster is and how it is reached: presets, URLs, the TLS rule, environment variables.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result, named, quoted};

#[cfg(all(not(browser), not(any(feature = "tls-native-roots", feature = "tls-webpki-roots"))))]
pub(crate) const NO_TLS: &str = "this address needs TLS, but the crate was built without it: turn on the feature \
     tls-native-roots or tls-webpki-roots, or write http:// for a cluster that speaks plaintext";

const API_KEY: &str = named("api_key", "apiKey");
const API_URL: &str = named("api_url", "apiUrl");
const EXCHANGE_URL: &str = named("exchange_url", "exchangeUrl");

/// A named cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Environment {
    /// `boxd.sh`, the default.
    #[default]
    Production,
    /// `boxd-stg.sh`.
    Staging,
}

impl Environment {
    fn host(self) -> &'static str {
        match self {
            Self::Production => "boxd.sh",
            Self::Staging => "boxd-stg.sh",
        }
    }

    fn api_url(self) -> String {
        ["https://", self.host(), ":9443"].concat()
    }

    fn exchange_url(self) -> String {
        ["https://", self.host(), "/api/v1/auth/token"].concat()
    }
}

impl FromStr for Environment {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "production" => Ok(Self::Production),
            "staging" => Ok(Self::Staging),
            other => Err(Error::invalid_argument(
                "environment",
                [
                    &quoted(other),
                    " is not known; write \"production\" or \"staging\", or give ",
                    API_URL,
                    " and ",
                    EXCHANGE_URL,
                ]
                .concat(),
            )),
        }
    }
}

/// Where calls go: `host:port`, with or without TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) authority: String,
    pub(crate) tls: bool,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())
    }
}

impl Endpoint {
    /// `https://host:port`.
    pub(crate) fn url(&self) -> String {
        [if self.tls { "https" } else { "http" }, "://", &self.authority].concat()
    }

    /// Reads an `api_url`: `http://` is plaintext, `https://` is TLS, and a bare `host:port` is TLS unless the host is
    /// this machine.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let refused = |why: &str| Error::invalid_argument(API_URL, [&quoted(url), " ", why].concat());
        let scheme = url.split_once(':').and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix("//")?)));
        let (tls, rest) = match scheme {
            Some(("http", rest)) => (Some(false), rest),
            Some(("https", rest)) => (Some(true), rest),
            Some(_) => return Err(refused("has a scheme other than http:// or https://")),
            None => (None, url),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(refused("has a path; the API stands at the root of its port"));
        }
        if authority.contains('@') {
            // Not echoed: what stands before the @ is a password.
            return Err(Error::invalid_argument(API_URL, "credentials do not belong in the URL"));
        }
        let (host, port) = split_port(authority).ok_or_else(|| refused("is not host:port"))?;
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(refused("names no host"));
        }
        let tls = tls.unwrap_or_else(|| !is_loopback(host));
        let port = match port {
            Some(port) => {
                let number = if is_digits(port) { port.parse::<u16>().ok() } else { None };
                number.ok_or_else(|| refused("has a port that is not a number up to 65535"))?
            }
            None if tls => 443,
            None => 80,
        };
        Ok(Self { authority: [host, ":", &port.to_string()].concat(), tls })
    }
}

/// Splits `host:port`, `[v6]:port` and either without a port.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if authority.starts_with('[') {
        let end = authority.find(']')? + 1;
        let (host, rest) = authority.split_at_checked(end)?;
        return match rest {
            "" => Some((host, None)),
            rest => Some((host, Some(rest.strip_prefix(':')?))),
        };
    }
    match authority.split_once(':') {
        None => Some((authority, None)),
        Some((host, port)) => Some((host, Some(port))),
    }
}

/// Whether a number has no sign, which the standard library would take.
fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the host *is* this machine: `localhost`, `127.0.0.0/8`, `[::1]`. Not `localhost.example.com`.
fn is_loopback(host: &str) -> bool {
    // By hand: the standard library's parsers of addresses are 4 kB of what a page loads.
    let number = |part: &str| is_digits(part) && part.parse::<u8>().is_ok();
    let v4 = || host.starts_with("127.") && host.split('.').count() == 4 && host.split('.').all(number);
    host.eq_ignore_ascii_case("localhost") || host == "[::1]" || host == "[0:0:0:0:0:0:0:1]" || v4()
}

/// What the caller gave, before presets and environment variables fill the gaps.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) api_key: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) environment: Option<Environment>,
    pub(crate) api_url: Option<String>,
    pub(crate) exchange_url: Option<String>,
}

/// How the caller proves who it is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    /// Exchanged for tokens at the exchange URL.
    ApiKey(String),
    /// Sent as it is.
    Token(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ApiKey(_) => "ApiKey([redacted])",
            Self::Token(_) => "Token([redacted])",
        })
    }
}

/// Everything that is settled before the first call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) secret: Secret,
    pub(crate) api: Endpoint,
    pub(crate) exchange_url: String,
}

impl Settings {
    /// Fills the gaps: an argument goes before a variable, a variable before the preset; a token before a key.
    pub(crate) fn resolve(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Resolved> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let environment = match self.environment {
            Some(environment) => environment,
            None => variable("BOXD_ENVIRONMENT").map_or(Ok(Environment::default()), |name| name.parse())?,
        };
        let given = |argument: &Option<String>, name: &str| argument.clone().or_else(|| variable(name));
        let api_url = given(&self.api_url, "BOXD_API_URL").unwrap_or_else(|| environment.api_url());
        let exchange_url =
            given(&self.exchange_url, "BOXD_EXCHANGE_URL").unwrap_or_else(|| environment.exchange_url());
        let secret = match (&self.token, &self.api_key) {
            (Some(token), _) => Secret::Token(token.clone()),
            (None, Some(key)) => Secret::ApiKey(key.clone()),
            (None, None) => variable("BOXD_TOKEN")
                .map(Secret::Token)
                .or_else(|| variable("BOXD_API_KEY").map(Secret::ApiKey))
                .ok_or_else(|| {
                    let either = [API_KEY, " or token, or set BOXD_API_KEY or BOXD_TOKEN"].concat();
                    Error::authentication("no credentials: give ".to_owned() + &either)
                })?,
        };
        let (Secret::ApiKey(text) | Secret::Token(text)) = &secret;
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let argument = if matches!(secret, Secret::Token(_)) { "token" } else { API_KEY };
            return Err(Error::invalid_argument(
                argument,
                "is empty or holds white space (a stray line break?)",
            ));
        }
        if !(exchange_url.starts_with("https://") || exchange_url.starts_with("http://")) {
            return Err(Error::invalid_argument(
                EXCHANGE_URL,
                quoted(&exchange_url) + " does not start with https:// or http://",
            ));
        }
        Ok(Resolved { secret, api: Endpoint::parse(&api_url)?, exchange_url })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_follows_the_scheme_and_bare_hosts_are_local_or_not() {
        for (url, authority, tls) in [
            ("http://boxd.sh:9443", "boxd.sh:9443", false),
            ("https://boxd.sh:9443", "boxd.sh:9443", true),
            ("https://boxd.sh:9443/", "boxd.sh:9443", true),
            ("https://boxd.sh", "boxd.sh:443", true),
            ("http://my.example", "my.example:80", false),
            ("boxd.sh:9443", "boxd.sh:9443", true),
            ("localhost:9443", "localhost:9443", false),
            ("LOCALHOST:1", "LOCALHOST:1", false),
            ("127.0.0.1:9443", "127.0.0.1:9443", false),
            ("127.8.9.10:1", "127.8.9.10:1", false),
            ("[::1]:9443", "[::1]:9443", false),
            ("[2001:db8::1]:9443", "[2001:db8::1]:9443", true),
            ("localhost.example.com:9443", "localhost.example.com:9443", true),
            ("127.example.com:9443", "127.example.com:9443", true),
            ("128.0.0.1:9443", "128.0.0.1:9443", true),
        ] {
            let expected = Endpoint { authority: authority.into(), tls };
            assert_eq!(Endpoint::parse(url).unwrap(), expected, "{url}");
        }
    }

    #[test]
    fn addresses_that_cannot_be_right_are_refused_by_name() {
        for url in [
            "",
            "ftp://x:1",
            "http://",
            "x:99999",
            "x:y",
            "x:+1",
            "x:",
            "http://x:1/path",
            "http://u:p@x:1",
            "a b:1",
            "[::1",
        ] {
            let error = Endpoint::parse(url).unwrap_err();
            assert!(error.message().starts_with("api_url:"), "{url}: {error}");
            assert!(!error.to_string().contains("u:p"), "{error}");
        }
    }

    fn resolve(settings: &Settings, variables: &[(&str, &str)]) -> Result<Resolved> {
        settings.resolve(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn presets_and_precedence() {
        let key = Settings { api_key: Some("bxk_1".into()), ..Settings::default() };
        let r = resolve(&key, &[]).unwrap();
        assert_eq!(r.api, Endpoint { authority: "boxd.sh:9443".into(), tls: true });
        assert_eq!(r.exchange_url, "https://boxd.sh/api/v1/auth/token");

        let r = resolve(&key, &[("BOXD_ENVIRONMENT", "staging")]).unwrap();
        assert_eq!(r.api, Endpoint { authority: "boxd-stg.sh:9443".into(), tls: true });
        assert_eq!(r.exchange_url, "https://boxd-stg.sh/api/v1/auth/token");

        let urls = [
            ("BOXD_API_URL", "http://a:1"),
            ("BOXD_EXCHANGE_URL", "http://a/x"),
            ("BOXD_ENVIRONMENT", "staging"),
        ];
        let r = resolve(&key, &urls).unwrap();
        assert_eq!((r.api.to_string().as_str(), r.exchange_url.as_str()), ("http://a:1", "http://a/x"));

        let explicit = Settings {
            environment: Some(Environment::Production),
            api_url: Some("b:2".into()),
            exchange_url: Some("https://b/x".into()),
            ..key.clone()
        };
        let r = resolve(&explicit, &urls).unwrap();
        assert_eq!((r.api.to_string().as_str(), r.exchange_url.as_str()), ("https://b:2", "https://b/x"));

        let explicit = Settings { environment: Some(Environment::Production), ..key };
        assert_eq!(
            resolve(&explicit, &[("BOXD_ENVIRONMENT", "staging")]).unwrap().api.authority,
            "boxd.sh:9443"
        );
    }

    #[test]
    fn credentials_precedence() {
        let none = Settings::default();
        let both = [("BOXD_TOKEN", "eyJ"), ("BOXD_API_KEY", "bxk_e")];
        assert_eq!(resolve(&none, &both).unwrap().secret, Secret::Token("eyJ".into()));
        assert_eq!(resolve(&none, &both[1..]).unwrap().secret, Secret::ApiKey("bxk_e".into()));
        let key = Settings { api_key: Some("bxk_a".into()), ..Settings::default() };
        assert_eq!(resolve(&key, &both).unwrap().secret, Secret::ApiKey("bxk_a".into()));
        let token = Settings { token: Some("t".into()), ..Settings::default() };
        assert_eq!(resolve(&token, &both).unwrap().secret, Secret::Token("t".into()));

        let error = resolve(&none, &[("BOXD_TOKEN", "")]).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Authentication);
        let two = Settings { api_key: Some("k".into()), token: Some("t".into()), ..Settings::default() };
        assert_eq!(resolve(&two, &[]).unwrap().secret, Secret::Token("t".into()));
        let broken = Settings { api_key: Some("bxk_secret\n".into()), ..Settings::default() };
        let error = resolve(&broken, &[]).unwrap_err();
        assert!(error.to_string().contains("api_key") && !error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn an_unknown_environment_names_itself() {
        let key = Settings { api_key: Some("k".into()), ..Settings::default() };
        let error = resolve(&key, &[("BOXD_ENVIRONMENT", "prod")]).unwrap_err();
        assert!(error.message().contains("\"prod\""), "{error}");
    }
}
