//! Watching a box until nothing is left of it.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Read as _},
    os::fd::OwnedFd,
    path::PathBuf,
    process::{Child, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use boxd_agent::process::{Pid, Signal};
use rustix::{
    event::{PollFd, PollFlags, poll},
    pipe::PipeFlags,
    process::{PidfdFlags, pidfd_open, pidfd_send_signal},
};
use tokio::sync::{oneshot, watch};

use super::Error;

/// The first process of a box, seen from the host. All others end with it.
pub(super) struct Init {
    pub(super) pid: Pid,
    handle: OwnedFd,
    /// Bubblewrap outside of the box. It waits for the first process, but not while it stands still.
    outer: OwnedFd,
    /// The user namespace that the box's mounts belong to, if the box has users of its own. No process stays in it.
    pub(super) mount_owner: Option<File>,
}

impl Init {
    /// Ends the box, also one that stands still.
    pub(super) fn kill(&self) {
        // That it ended by itself is as good.
        let _ = pidfd_send_signal(&self.handle, Signal::KILL);
        let _ = pidfd_send_signal(&self.outer, Signal::KILL);
    }

    fn await_end(&self) {
        let mut ended = [PollFd::new(&self.handle, PollFlags::IN)];
        while matches!(poll(&mut ended, None), Err(rustix::io::Errno::INTR)) {}
    }
}

/// What is known of a box's life.
pub(super) struct Life {
    /// Resolves when there is a first process; to nothing when there will be none.
    pub(super) init: oneshot::Receiver<Arc<Init>>,
    pub(super) ended: watch::Receiver<bool>,
    /// What bubblewrap, and the agent before it was up, complained about. Complete when the box has ended.
    pub(super) complaints: Arc<Mutex<String>>,
}

/// What a box leaves behind on the host.
pub(super) struct Remains {
    pub(super) socket: PathBuf,
    pub(super) group: Option<PathBuf>,
}

impl Remains {
    pub(super) fn clear(&self) {
        let _ = fs::remove_file(&self.socket);
        if let Some(group) = &self.group {
            let _ = fs::remove_dir(group);
        }
    }
}

/// A pipe for what bubblewrap tells of itself: our end and its own. It holds one write at a time, so that bubblewrap,
/// which tells the first process's number before that process may do anything, cannot go on unless we read on.
pub(super) fn status_pipe() -> io::Result<(File, Stdio)> {
    let (ours, theirs) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::DIRECT)?;
    // Rounded up to a page, the room of one write.
    rustix::pipe::fcntl_setpipe_size(&theirs, 1)?;
    Ok((ours.into(), theirs.into()))
}

/// Watches `bwrap` from a thread of its own, so that no box outlives its end unnoticed, whatever becomes of runtimes.
pub(super) fn watch_over(
    mut bwrap: Child,
    status: File,
    own_users: bool,
    remains: Remains,
) -> Result<Life, Error> {
    let (found, init) = oneshot::channel();
    let (over, ended) = watch::channel(false);
    let complaints = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&complaints);
    let errors = bwrap.stderr.take();
    let outer = pidfd_open(Pid::from_child(&bwrap), PidfdFlags::empty())
        .map_err(|error| Error::io("watching bwrap", error))?;
    let watching = move || {
        let mut status = BufReader::new(status);
        let init = first_process(&mut status, own_users, outer).map(Arc::new);
        // Open until the end, which bubblewrap tells as well; closed when it is not understood, or it would wait for us.
        let status = init.as_ref().map(|_| status);
        if let Some(init) = &init {
            let _ = found.send(Arc::clone(init));
        } else {
            drop(found);
        }
        let _ = bwrap.wait();
        if let Some(init) = init {
            init.kill();
            init.await_end();
        }
        if let Some(errors) = errors {
            let mut text = Vec::new();
            let _ = errors.take(4096).read_to_end(&mut text);
            *heard.lock().unwrap_or_else(PoisonError::into_inner) =
                String::from_utf8_lossy(&text).trim().replace('\n', "; ");
        }
        drop(status);
        remains.clear();
        over.send_replace(true);
    };
    thread::Builder::new()
        .name("boxd-monitor".into())
        .stack_size(128 * 1024)
        .spawn(watching)
        .map_err(|error| Error::io("starting a thread to watch a box", error))?;
    Ok(Life { init, ended, complaints })
}

/// What bubblewrap tells first.
fn first_process(status: &mut BufReader<File>, own_users: bool, outer: OwnedFd) -> Option<Init> {
    // Made for the mounts, this namespace is left by the first process, for one below it, before anything else is
    // told. So it is looked at while bubblewrap waits for us to read on.
    let first = status.fill_buf().ok()?;
    let mount_owner = File::open(format!("/proc/{}/ns/user", child_pid(first)?)).ok().filter(|_| own_users);
    let mut told = Vec::new();
    status.read_until(b'\n', &mut told).ok()?;
    let pid = Pid::from_raw(child_pid(&told)?)?;
    let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    Some(Init { pid, handle, outer, mount_owner })
}

/// The number in `{ "child-pid": 42, …`, which may end anywhere behind it.
fn child_pid(status: &[u8]) -> Option<i32> {
    let (_, value) = std::str::from_utf8(status).ok()?.split_once("\"child-pid\":")?;
    value.trim_start().split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_process_is_read_from_any_first_part_of_what_bubblewrap_tells() {
        for told in
            ["{ \"child-pid\": 42", "{ \"child-pid\": 42 }\n", "{\"child-pid\":42, \"net-namespace\": 7"]
        {
            assert_eq!(child_pid(told.as_bytes()), Some(42), "{told}");
        }
        assert_eq!(child_pid(b"{ \"exit-code\": 0 }"), None);
    }
}
