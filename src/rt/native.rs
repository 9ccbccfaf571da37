//! tokio's clock and the operating system's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[cfg(feature = "websocket")]
use futures_core::future::BoxFuture;
pub(crate) use tokio::time::Instant;

use crate::error::{Error, Result};

/// How the SDK names itself.
pub(crate) const USER_AGENT: &str = concat!("boxd-rust/", env!("CARGO_PKG_VERSION"));

/// Whether futures of this SDK can run here.
pub(crate) fn check() -> Result<()> {
    tokio::runtime::Handle::try_current().map(drop).map_err(|_| {
        Error::config(
            "there is no tokio runtime here: call from inside one, under #[tokio::main] for instance",
        )
    })
}

/// Waits. Lazy, since tokio wants its runtime as soon as it makes a timer.
pub(crate) async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Runs `future` by itself.
#[cfg(feature = "websocket")]
pub(crate) fn spawn(future: BoxFuture<'static, ()>) {
    tokio::spawn(future);
}

/// Seconds since 1970 by the wall clock.
pub(crate) fn unix_now() -> i64 {
    seconds(SystemTime::now())
}

/// Reads an HTTP date into seconds since 1970.
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    httpdate::parse_http_date(text).ok().map(seconds)
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A number in `0.0..1.0`.
pub(crate) fn random() -> f64 {
    fastrand::f64()
}
