//! Ending processes, all of them.

use std::{
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use boxd_agent::process::{self, Process, Signal};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{PidfdFlags, pidfd_open},
};

/// Asks every process that `is_meant` to end, and after `grace` ends it. Returns when none is left, also of those
/// that were born meanwhile.
pub(crate) fn end(grace: Duration, is_meant: impl Fn(&Process) -> bool) {
    let left = || -> Vec<Process> {
        let all = process::all().unwrap_or_default();
        all.into_iter().filter(|process| !process.is_dead() && is_meant(process)).collect()
    };
    for process in left() {
        process.signal(Signal::TERM);
        if process.on_terminal {
            process.signal(Signal::HUP); // interactive shells ignore SIGTERM
        }
        process.signal(Signal::CONT); // a stopped process does not see the others
    }
    let deadline = Instant::now() + grace;
    loop {
        let left = left();
        let patience = deadline.saturating_duration_since(Instant::now());
        if left.is_empty() {
            return;
        }
        if patience.is_zero() {
            break;
        }
        await_any_end(&left, patience);
    }
    loop {
        let left = left();
        if left.is_empty() {
            return;
        }
        for process in &left {
            process.signal(Signal::KILL);
        }
        await_any_end(&left, Duration::from_millis(100));
    }
}

fn await_any_end(processes: &[Process], patience: Duration) {
    let open = |process: &Process| pidfd_open(process.pid, PidfdFlags::empty()).ok();
    let handles: Option<Vec<OwnedFd>> = processes.iter().map(open).collect();
    let Some(handles) = handles else { return }; // one ended already
    let mut events: Vec<_> = handles.iter().map(|handle| PollFd::new(handle, PollFlags::IN)).collect();
    let _ = poll(&mut events, Timespec::try_from(patience).ok().as_ref());
}
