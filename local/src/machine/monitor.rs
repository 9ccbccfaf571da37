//! Watching a box until nothing is left of it.

use std::{
    fs,
    io::{BufRead, BufReader, Read as _},
    os::fd::OwnedFd,
    path::PathBuf,
    process::Child,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use boxd_agent::process::{Pid, Signal};
use rustix::{
    event::{PollFd, PollFlags, poll},
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

/// Watches `bwrap` from a thread of its own, so that no box outlives its end unnoticed, whatever becomes of runtimes.
pub(super) fn watch_over(mut bwrap: Child, remains: Remains) -> Result<Life, Error> {
    let (found, init) = oneshot::channel();
    let (over, ended) = watch::channel(false);
    let complaints = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&complaints);
    let (status, errors) = (bwrap.stdout.take(), bwrap.stderr.take());
    let outer = pidfd_open(Pid::from_child(&bwrap), PidfdFlags::empty())
        .map_err(|error| Error::io("watching bwrap", error))?;
    let watching = move || {
        let mut status = status.map(BufReader::new);
        let init = status.as_mut().and_then(|status| first_process(status, outer)).map(Arc::new);
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
fn first_process(status: &mut impl BufRead, outer: OwnedFd) -> Option<Init> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Status {
        child_pid: i32,
    }
    let mut line = String::new();
    status.read_line(&mut line).ok()?;
    let Status { child_pid } = serde_json::from_str(&line).ok()?;
    let pid = Pid::from_raw(child_pid)?;
    let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    Some(Init { pid, handle, outer })
}
