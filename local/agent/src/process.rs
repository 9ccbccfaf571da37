//! Processes, as `/proc` tells of them.

use std::{fs, io};

pub use rustix::process::{Pid, Signal};
use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};

/// A process at the moment it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: Pid,
    /// Its parent's number; 0 when the parent is out of sight.
    pub parent: i32,
    /// Its session.
    pub session: i32,
    /// The letter `ps` shows.
    pub state: u8,
    /// Whether it has a controlling terminal.
    pub on_terminal: bool,
    /// When it began, in clock ticks since the machine did. With `pid`, this tells processes apart for good.
    pub began: u64,
}

impl Process {
    /// The process with this number, if there is one.
    pub fn find(pid: Pid) -> Option<Self> {
        // `comm` is whatever the process called itself, not always text.
        let stat = fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        Self::parse(pid, &stat)
    }

    fn parse(pid: Pid, stat: &[u8]) -> Option<Self> {
        // The name in parentheses may hold anything, parentheses too; nothing behind it does.
        let name_end = stat.iter().rposition(|&byte| byte == b')')?;
        let fields = std::str::from_utf8(&stat[name_end + 1..]).ok()?;
        let mut fields = fields.split_ascii_whitespace();
        let state = *fields.next()?.as_bytes().first()?;
        let parent = fields.next()?.parse().ok()?;
        let session = fields.nth(1)?.parse().ok()?;
        let terminal: i32 = fields.next()?.parse().ok()?;
        let began = fields.nth(14)?.parse().ok()?;
        Some(Self { pid, parent, session, state, on_terminal: terminal != 0, began })
    }

    /// Whether it has ended and only waits to be noticed.
    pub fn is_dead(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }

    /// Whether it stands still, by a signal or under a debugger.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, b'T' | b't')
    }

    /// Sends a signal to this very process; never to another that got its number. `false` when it is gone.
    pub fn signal(&self, signal: Signal) -> bool {
        let Ok(handle) = pidfd_open(self.pid, PidfdFlags::empty()) else { return false };
        Self::find(self.pid).is_some_and(|now| now.began == self.began)
            && pidfd_send_signal(&handle, signal).is_ok()
    }
}

/// All processes in sight.
pub fn all() -> io::Result<Vec<Process>> {
    let numbers = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(numbers.filter_map(Pid::from_raw).filter_map(Process::find).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_with_a_hostile_name_is_understood() {
        let pid = Pid::from_raw(42).unwrap();
        let line = b"42 (a) S 1 (\xff) T 7 8 9 34816 11 4194304 1 2 3 4 5 6 7 8 20 0 1 0 123456 1 2 3\n";
        let process = Process::parse(pid, line).unwrap();
        assert_eq!(
            process,
            Process { pid, parent: 7, session: 9, state: b'T', on_terminal: true, began: 123_456 }
        );
    }

    #[test]
    fn this_process_is_in_sight() {
        let me = rustix::process::getpid();
        let found = all().unwrap().into_iter().find(|process| process.pid == me).unwrap();
        assert!(!found.is_dead() && !found.is_stopped() && found.began > 0);
        assert!(found.signal(Signal::URG));
        assert!(!Process { began: 1, ..found }.signal(Signal::KILL));
    }
}
