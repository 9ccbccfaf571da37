//! What differs per platform besides the transport: time, chance, one HTTP POST, and JSON. Nothing else asks for the target.

#[cfg(browser)]
mod browser;
#[cfg(not(browser))]
mod http;
#[cfg(not(browser))]
mod native;

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

#[cfg(browser)]
pub use self::browser::{Awaited, begun, promise};
#[cfg(browser)]
pub(crate) use self::browser::{
    Failure, Instant, check, copied, gather, origin, parse_http_date, post, post_json, random, sleep, spawn,
    unix_now,
};
#[cfg(all(not(browser), feature = "websocket"))]
pub(crate) use self::http::connector;
#[cfg(not(browser))]
pub(crate) use self::http::{Connector, client, post_json};
#[cfg(all(not(browser), feature = "websocket"))]
pub(crate) use self::native::spawn;
#[cfg(not(browser))]
pub(crate) use self::native::{Instant, USER_AGENT, check, parse_http_date, random, sleep, unix_now};

/// The answer to a POST that asks for a token.
pub(crate) struct TokenAnswer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    /// The token and when it ends, if the answer's JSON holds them.
    pub(crate) token: Option<(String, i64)>,
}

/// Runs `future` for at most `limit`; `None` when time ran out, and the future is dropped.
pub(crate) async fn timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    match select(pin!(future), pin!(sleep(limit))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}
