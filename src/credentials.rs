//! What proves who is calling: a token as given, or an API key that is exchanged for short-lived tokens.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};

use crate::config::Secret;
use crate::error::{Error, Result};
use crate::rt;
use crate::transport::Code;

/// A token is replaced when it has less than this left.
const REFRESH_BEFORE_EXPIRY: i64 = 300;
/// How long one POST to the exchange may take.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest `Retry-After` that is waited out, and what is waited when none can be read.
const RETRY_AFTER_MOST: Duration = Duration::from_secs(60);
const RETRY_AFTER_UNREADABLE: Duration = Duration::from_secs(5);

/// The source of the bearer token that goes along with each call.
pub(crate) struct Credentials {
    kind: Kind,
}

enum Kind {
    Token(Bytes),
    ApiKey { exchange: Arc<Exchange>, state: Mutex<State> },
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// The exchange under way, for all callers to wait on. Weak: when every caller has gone, so is the exchange.
    flight: Option<WeakShared<Flight>>,
    /// The key was refused: that is final.
    refused: Option<Failure>,
}

type Flight = BoxFuture<'static, Result<Token, Failure>>;

#[derive(Clone)]
struct Token {
    bearer: Bytes,
    expires_at: i64,
}

impl Token {
    fn seconds_left(&self) -> i64 {
        self.expires_at - rt::unix_now()
    }
}

impl Credentials {
    pub(crate) fn new(secret: Secret, exchange_url: String) -> Self {
        let kind = match secret {
            Secret::Token(token) => Kind::Token(bearer(&token)),
            Secret::ApiKey(key) => Kind::ApiKey {
                exchange: Arc::new(Exchange { url: exchange_url, key }),
                state: Mutex::default(),
            },
        };
        Self { kind }
    }

    /// The value of `authorization` for a call: at once while a token is good, after an exchange otherwise.
    /// However many callers wait, one exchange is made.
    pub(crate) async fn bearer(&self) -> Result<Bytes> {
        let (exchange, state) = match &self.kind {
            Kind::Token(bearer) => return Ok(bearer.clone()),
            Kind::ApiKey { exchange, state } => (exchange, state),
        };
        let flight = {
            let mut state = lock(state);
            if let Some(token) =
                state.token.as_ref().filter(|token| token.seconds_left() >= REFRESH_BEFORE_EXPIRY)
            {
                return Ok(token.bearer.clone());
            }
            if let Some(refused) = &state.refused {
                return Err(refused.to_error(&exchange.url));
            }
            state.flight.as_ref().and_then(WeakShared::upgrade).unwrap_or_else(|| {
                let flight: Shared<Flight> = exchange.clone().run().boxed().shared();
                state.flight = flight.downgrade();
                flight
            })
        };
        let outcome = flight.await;
        let mut state = lock(state);
        match outcome {
            Ok(token) => {
                let bearer = token.bearer.clone();
                state.token = Some(token);
                state.flight = None;
                Ok(bearer)
            }
            Err(failure) => {
                state.flight = None;
                if failure.code == Code::Unauthenticated {
                    state.token = None;
                    state.refused = Some(failure.clone());
                }
                // A token in its last minutes still serves while the exchange is out of reach.
                match &state.token {
                    Some(token) if token.seconds_left() > 0 => Ok(token.bearer.clone()),
                    _ => Err(failure.to_error(&exchange.url)),
                }
            }
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Token(_) => "Token([redacted])",
            Kind::ApiKey { .. } => "ApiKey([redacted])",
        })
    }
}

fn bearer(token: &str) -> Bytes {
    ["Bearer ", token].concat().into()
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why an exchange failed, to be told to every caller that waited for it.
#[derive(Clone)]
struct Failure {
    code: Code,
    message: String,
    retry_after: Option<Duration>,
}

impl Failure {
    fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    fn to_error(&self, url: &str) -> Error {
        let error = Error::of(self.code, self.message.clone()).doing(["token exchange at ", url].concat());
        match self.code {
            Code::ResourceExhausted | Code::Unavailable | Code::DeadlineExceeded => {
                error.with_retry_after(self.retry_after)
            }
            _ => error,
        }
    }
}

struct Exchange {
    url: String,
    key: String,
}

impl Exchange {
    /// Posts the key; waits out one `Retry-After`, then gives up.
    async fn run(self: Arc<Self>) -> Result<Token, Failure> {
        match self.post().await {
            Err(failure) if failure.code == Code::ResourceExhausted => {
                rt::sleep(failure.retry_after.unwrap_or(RETRY_AFTER_UNREADABLE).min(RETRY_AFTER_MOST)).await;
                self.post().await
            }
            outcome => outcome,
        }
    }

    async fn post(&self) -> Result<Token, Failure> {
        // Of what JSON escapes, a key can hold these two (see `Settings::resolve`).
        let key = self.key.replace('\\', r"\\").replace('"', r#"\""#);
        let body = [r#"{"api_key":""#, &key, r#""}"#].concat();
        let answer = rt::timeout(EXCHANGE_TIMEOUT, rt::post_json(&self.url, &body))
            .await
            .ok_or_else(|| Failure::new(Code::DeadlineExceeded, "no answer within 10 seconds"))?
            .map_err(|reason| Failure::new(Code::Unavailable, reason))?;
        match answer.status {
            200 => token(answer.token),
            401 | 403 => Err(Failure::new(
                Code::Unauthenticated,
                "the API key was refused: it is wrong, expired or deleted",
            )),
            429 => Err(Failure {
                retry_after: answer.retry_after.as_deref().and_then(retry_after),
                ..Failure::new(
                    Code::ResourceExhausted,
                    "too many exchanges from this address; wait and try again",
                )
            }),
            status @ 500.. => Err(Failure::new(
                Code::Unavailable,
                ["the server answered HTTP ", &status.to_string()].concat(),
            )),
            status => Err(Failure::new(
                Code::Unknown,
                [
                    "the server answered HTTP ",
                    &status.to_string(),
                    " (is this the address of a token exchange?)",
                ]
                .concat(),
            )),
        }
    }
}

/// Reads the exchange's answer.
fn token(told: Option<(String, i64)>) -> Result<Token, Failure> {
    let (token, expires_at) = told.ok_or_else(|| {
        Failure::new(
            Code::Unknown,
            "the answer is not a token in JSON (is this the address of a token exchange?)",
        )
    })?;
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::new(Code::Unknown, "the answer's token is empty or holds white space"));
    }
    Ok(Token { bearer: bearer(&token), expires_at })
}

/// Reads `Retry-After`: seconds, or an HTTP date.
pub(crate) fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rt::parse_http_date(value)?;
    Some(Duration::from_secs(u64::try_from(at - rt::unix_now()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("soon"), None);
        assert_eq!(retry_after("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        assert!(retry_after("Fri, 31 Dec 2100 23:59:59 GMT").unwrap() > Duration::from_secs(3600));
    }

    #[test]
    fn debug_shows_no_secret() {
        for secret in [Secret::ApiKey("bxk_canary".into()), Secret::Token("canary".into())] {
            let shown = format!("{secret:?} {:?}", Credentials::new(secret.clone(), "https://x".into()));
            assert!(!shown.contains("canary"), "{shown}");
        }
    }
}
