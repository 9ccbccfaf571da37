//! The host's clock, timers and chance, wherever JavaScript runs: pages, workers, Node, Deno, Bun, workerd.

mod host;
mod promise;

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use send_wrapper::SendWrapper;

pub(crate) use self::host::{Failure, copied, gather, origin, post, post_json};
pub(crate) use self::promise::spawn;
pub use self::promise::{Awaited, begun, promise};
use crate::error::Result;

/// Whether futures of this SDK can run here: the host's own event loop runs them.
#[allow(clippy::unnecessary_wraps)]
pub(crate) fn check() -> Result<()> {
    Ok(())
}

/// A point in time, by the monotonic clock where there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant {
    milliseconds: f64,
}

impl Instant {
    pub(crate) fn now() -> Self {
        Self { milliseconds: host::now() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        // The wall clock may be set back.
        let passed = (Self::now().milliseconds - self.milliseconds).max(0.0);
        duration(passed)
    }
}

/// A time of this many milliseconds, up to the longest there is. (`Duration`'s own conversion weighs half a kilobyte.)
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn duration(milliseconds: f64) -> Duration {
    Duration::from_micros((milliseconds * 1000.0) as u64)
}

/// Waits, never less than `time`: timers take 32 bits of milliseconds and may ring a fraction early.
pub(crate) fn sleep(time: Duration) -> impl Future<Output = ()> + Send + 'static {
    SendWrapper::new(Sleep { time, begun: None })
}

struct Sleep {
    time: Duration,
    begun: Option<(Instant, host::Timer)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let time = self.time;
        loop {
            let (since, left) = match &mut self.begun {
                None => (Instant::now(), time),
                Some((since, timer)) => {
                    ready!(timer.poll(cx));
                    (*since, time.saturating_sub(since.elapsed()))
                }
            };
            if left.is_zero() {
                return Poll::Ready(());
            }
            let milliseconds = u32::try_from(left.as_millis() + 1).unwrap_or(u32::MAX).min(i32::MAX as u32);
            self.begun = Some((since, host::Timer::of(milliseconds.into())));
        }
    }
}

/// Seconds since 1970 by the wall clock.
pub(crate) fn unix_now() -> i64 {
    seconds(js_sys::Date::now()).unwrap_or(0)
}

/// Reads an HTTP date into seconds since 1970.
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    seconds(js_sys::Date::parse(text))
}

#[allow(clippy::cast_possible_truncation)] // A date is a whole number of milliseconds, far below 2^53.
fn seconds(milliseconds: f64) -> Option<i64> {
    milliseconds.is_finite().then(|| (milliseconds / 1000.0).floor() as i64)
}

/// A number in `0.0..1.0`.
pub(crate) fn random() -> f64 {
    js_sys::Math::random()
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test]
    async fn sleep_is_never_short() {
        for milliseconds in [0, 1, 2, 7, 30] {
            let (time, started) = (Duration::from_millis(milliseconds), Instant::now());
            sleep(time).await;
            assert!(started.elapsed() >= time, "{:?} of {time:?}", started.elapsed());
        }
        let (time, started) = (Duration::from_micros(1500), Instant::now());
        sleep(time).await;
        assert!(started.elapsed() >= time);
    }

    #[wasm_bindgen_test]
    async fn the_longest_sleeps_do_not_ring_at_once() {
        for time in [Duration::MAX, Duration::from_millis(1 << 31), Duration::from_millis(1 << 32)] {
            assert!(crate::rt::timeout(Duration::from_millis(20), sleep(time)).await.is_none(), "{time:?}");
        }
    }

    #[wasm_bindgen_test]
    fn dates_and_chance() {
        assert_eq!(parse_http_date("Thu, 01 Jan 1970 00:01:00 GMT"), Some(60));
        assert_eq!(parse_http_date("soon"), None);
        assert!(unix_now() > 1_700_000_000);
        assert!((0..1000).all(|_| (0.0..1.0).contains(&random())));
    }
}
