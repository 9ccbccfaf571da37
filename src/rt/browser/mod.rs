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
        Self { milliseconds: promise::now() }
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
    async fn timers_ring_each_at_its_time() {
        let rung = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let started = Instant::now();
        let gone = sleep(Duration::from_millis(15));
        let sleeps = [60, 5, 120, 30, 0, 90].map(|milliseconds| {
            let rung = rung.clone();
            async move {
                sleep(Duration::from_millis(milliseconds)).await;
                assert!(started.elapsed() >= Duration::from_millis(milliseconds));
                rung.borrow_mut().push(milliseconds);
            }
        });
        assert!(futures_util::future::poll_immediate(std::pin::pin!(gone)).await.is_none());
        futures_util::future::join_all(sleeps).await;
        assert_eq!(*rung.borrow(), [0, 5, 30, 60, 90, 120]);
    }

    #[wasm_bindgen_test]
    async fn a_clock_that_a_test_puts_in_is_used() {
        let poll = async |milliseconds| {
            let slept = std::pin::pin!(sleep(Duration::from_millis(milliseconds)));
            assert!(futures_util::future::poll_immediate(slept).await.is_none());
        };
        poll(10).await;
        let global = js_sys::global();
        let host = js_sys::Reflect::get(&global, &"setTimeout".into()).expect("there are timers");
        let counts = js_sys::Function::new_no_args("globalThis.timersSet = (globalThis.timersSet ?? 0) + 1");
        js_sys::Reflect::set(&global, &"setTimeout".into(), &counts).expect("it can be replaced");
        poll(10_000).await;
        js_sys::Reflect::set(&global, &"setTimeout".into(), &host).expect("it can be put back");
        let set = js_sys::Reflect::get(&global, &"timersSet".into()).expect("it was counted");
        assert_eq!(set.as_f64(), Some(1.0));
        sleep(Duration::from_millis(20)).await;
    }

    #[wasm_bindgen_test]
    fn dates_and_chance() {
        assert_eq!(parse_http_date("Thu, 01 Jan 1970 00:01:00 GMT"), Some(60));
        assert_eq!(parse_http_date("soon"), None);
        assert!(unix_now() > 1_700_000_000);
        assert!((0..1000).all(|_| (0.0..1.0).contains(&random())));
    }
}
