//! So many events a minute from one source.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(60);

/// A sliding window per source. Its memory is bounded by what one minute lets in.
pub(crate) struct RateLimit<K> {
    limit: usize,
    seen: Mutex<HashMap<K, VecDeque<Instant>>>,
}

impl<K: Eq + Hash> RateLimit<K> {
    pub(crate) fn per_minute(limit: NonZeroU32) -> Self {
        Self { limit: usize::try_from(limit.get()).unwrap_or(usize::MAX), seen: Mutex::default() }
    }

    /// Counts an event, or says how long the source has to wait for the next.
    pub(crate) fn check(&self, source: K) -> Result<(), Duration> {
        self.check_at(source, Instant::now())
    }

    fn check_at(&self, source: K, now: Instant) -> Result<(), Duration> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, times| {
            while times.front().is_some_and(|time| now.duration_since(*time) >= WINDOW) {
                times.pop_front();
            }
            !times.is_empty()
        });
        let times = seen.entry(source).or_default();
        match times.front() {
            Some(first) if times.len() >= self.limit => {
                Err(WINDOW.saturating_sub(now.duration_since(*first)))
            }
            _ => {
                times.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides_and_sources_are_apart() {
        let limit = RateLimit::per_minute(NonZeroU32::new(2).unwrap());
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(limit.check_at("a", at(0)), Ok(()));
        assert_eq!(limit.check_at("a", at(10)), Ok(()));
        assert_eq!(limit.check_at("a", at(20)), Err(Duration::from_secs(40)));
        assert_eq!(limit.check_at("b", at(20)), Ok(()));
        assert_eq!(limit.check_at("a", at(60)), Ok(()));
        assert_eq!(limit.check_at("a", at(61)), Err(Duration::from_secs(9)));
        assert_eq!(limit.check_at("c", at(500)), Ok(()));
        assert_eq!(limit.seen.lock().unwrap().len(), 1);
    }
}
