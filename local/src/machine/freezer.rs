//! Stopping a whole box where it stands, and letting it go on.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Once,
    thread,
    time::{Duration, Instant},
};

use boxd_agent::process::{self, Pid, Process, Signal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Error;

/// A box that does not stand still by then has a process that the kernel cannot stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a box is stopped.
pub(super) enum Freezer {
    /// By the kernel, all at once. Only version 2 of control groups: what version 1 froze cannot be killed, so
    /// that boxes could outlive us.
    Cgroup(PathBuf),
    /// Process by process, with those that we stopped, parents first.
    Signals(Vec<Process>),
}

impl Freezer {
    pub(super) fn freeze(&mut self, init: Pid) -> Result<(), Error> {
        match self {
            Self::Cgroup(group) => {
                let frozen = set_frozen(group, true);
                if frozen.is_err() {
                    let _ = set_frozen(group, false);
                }
                frozen.map_err(|error| Error::path("freezing", group.as_path(), error))
            }
            Self::Signals(stopped) => {
                let result = stop_all(init, stopped);
                if result.is_err() {
                    go_on(stopped);
                }
                result.map_err(|error| Error::io("stopping the box's processes", error))
            }
        }
    }

    pub(super) fn thaw(&mut self) -> Result<(), Error> {
        match self {
            Self::Cgroup(group) => {
                set_frozen(group, false).map_err(|error| Error::path("thawing", group.as_path(), error))
            }
            Self::Signals(stopped) => {
                go_on(stopped);
                Ok(())
            }
        }
    }
}

/// Stops every process below `init`. Parents first, so that no shell sees its job stop and takes the terminal back;
/// again and again, until a look finds nothing running, for what still ran may have had children.
fn stop_all(init: Pid, stopped: &mut Vec<Process>) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let running: Vec<_> = descendants(init)?
            .into_iter()
            .filter(|process| !process.is_dead() && !process.is_stopped())
            .collect();
        if running.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        for process in running {
            let is_known =
                stopped.iter().any(|known| known.pid == process.pid && known.began == process.began);
            if !is_known && process.signal(Signal::STOP) {
                stopped.push(process);
            }
        }
        // A stop takes effect when the process next leaves the kernel; nothing tells when that is.
        thread::sleep(Duration::from_millis(1));
    }
}

/// Children first, so that no parent that goes on sees a stopped child.
fn go_on(stopped: &mut Vec<Process>) {
    for process in stopped.drain(..).rev() {
        process.signal(Signal::CONT);
    }
}

/// The processes below `root`, parents before children.
fn descendants(root: Pid) -> io::Result<Vec<Process>> {
    let mut others = process::all()?;
    let mut found: Vec<Process> = Vec::new();
    let mut parent = root.as_raw_nonzero().get();
    for next in 0.. {
        let (children, rest): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|process| process.parent == parent);
        others = rest;
        found.extend(children);
        match found.get(next) {
            Some(process) => parent = process.pid.as_raw_nonzero().get(),
            None => break,
        }
    }
    Ok(found)
}

fn set_frozen(group: &Path, frozen: bool) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let events = fs::File::open(group.join("cgroup.events"))?;
    fs::write(group.join("cgroup.freeze"), if frozen { "1" } else { "0" })?;
    let wanted = if frozen { "frozen 1" } else { "frozen 0" };
    loop {
        let text = fs::read_to_string(group.join("cgroup.events"))?;
        if text.lines().any(|line| line == wanted) {
            return Ok(());
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // The kernel marks the file when it changes. A change between our opening and our reading is marked as well.
        let mut change = [PollFd::new(&events, PollFlags::PRI)];
        poll(&mut change, Timespec::try_from(left).ok().as_ref())?;
    }
}

/// A control group for a box, if this user may make one.
pub(super) fn create_group(id: &str) -> Option<PathBuf> {
    static SWEEP: Once = Once::new();
    let parent = own_group()?;
    SWEEP.call_once(|| sweep(&parent));
    let group = parent.join(format!("{GROUP_PREFIX}{}-{id}", std::process::id()));
    fs::create_dir(&group).ok()?;
    if group.join("cgroup.freeze").exists() {
        return Some(group);
    }
    let _ = fs::remove_dir(&group);
    None
}

const GROUP_PREFIX: &str = "boxd-";

/// Removes the groups of boxes whose host was killed; a group with a process in it cannot be removed.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(GROUP_PREFIX) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Whether this process really is in the group: joining it takes rights that making it does not.
pub(super) fn is_member(group: &Path, pid: Pid) -> bool {
    let pid = pid.as_raw_nonzero().to_string();
    fs::read_to_string(group.join("cgroup.procs"))
        .is_ok_and(|members| members.lines().any(|member| member == pid))
}

/// The version 2 control group that we are in ourselves.
fn own_group() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = mounts.lines().find_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        (file_system.starts_with("cgroup2 ") && root == "/").then(|| PathBuf::from(point))
    })?;
    Some(mount.join(own))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn descendants_come_after_their_parents() {
        let mut shell = Command::new("sh")
            .args(["-c", "sh -c 'sleep 1000 & echo; wait' & wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        let pid = Pid::from_child(&shell);
        let found = descendants(pid).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0].parent, pid.as_raw_nonzero().get());
        assert_eq!(found[1].parent, found[0].pid.as_raw_nonzero().get());
        for process in found {
            assert!(process.signal(Signal::KILL));
        }
        shell.wait().unwrap();
    }

    #[test]
    fn a_tree_stops_and_goes_on_and_what_stood_still_before_is_left_alone() {
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 1000 & sleep 1000 & kill -STOP $!; echo; wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        let me = rustix::process::getpid();
        let ours = || -> Vec<Process> {
            let shell = i64::from(shell.id());
            let all = descendants(me).unwrap();
            all.into_iter()
                .filter(|process| {
                    i64::from(process.pid.as_raw_nonzero().get()) == shell
                        || i64::from(process.parent) == shell
                })
                .collect()
        };
        // The signal was sent; it takes effect when that process next leaves the kernel.
        let deadline = Instant::now() + PATIENCE;
        while ours().iter().filter(|process| process.is_stopped()).count() != 1 {
            assert!(Instant::now() < deadline, "{:?}", ours());
            thread::sleep(Duration::from_millis(1));
        }
        let mut stopped = Vec::new();
        stop_all(Pid::from_child(&shell), &mut stopped).unwrap();
        assert_eq!(stopped.len(), 1, "{stopped:?}");
        go_on(&mut stopped);
        for process in ours() {
            process.signal(Signal::KILL);
        }
        shell.wait().unwrap();
    }
}
