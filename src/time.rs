//! Times on the wire: counts since the Unix epoch, and whole seconds.

use std::time::{Duration, SystemTime};

/// A moment in Unix seconds. One that the platform cannot hold is the epoch.
pub(crate) fn moment(unix_seconds: i64) -> SystemTime {
    at(Duration::from_secs(u64::try_from(unix_seconds).unwrap_or(0)))
}

/// A moment in Unix seconds that may be missing, which is 0 on the wire.
pub(crate) fn some_moment(unix_seconds: i64) -> Option<SystemTime> {
    (unix_seconds > 0).then(|| moment(unix_seconds))
}

/// As [`some_moment`], in milliseconds.
pub(crate) fn some_moment_ms(unix_millis: i64) -> Option<SystemTime> {
    u64::try_from(unix_millis)
        .ok()
        .filter(|&millis| millis > 0)
        .map(|millis| at(Duration::from_millis(millis)))
}

fn at(since_epoch: Duration) -> SystemTime {
    SystemTime::UNIX_EPOCH.checked_add(since_epoch).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Whole seconds, rounded up so that a short time does not become 0, which means something else on the wire.
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

/// As [`whole_seconds`], where the wire has 32 bits.
pub(crate) fn whole_seconds_u32(time: Duration) -> u32 {
    u32::try_from(whole_seconds(time)).unwrap_or(u32::MAX)
}
