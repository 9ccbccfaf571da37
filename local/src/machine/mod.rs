//! The boxes themselves: a writable root, a process tree of its own, and an agent inside that runs commands
//! and opens files on request. Everything here is about one machine; names, owners and state are the cluster's.

mod activity;
mod boot;
mod bwrap;
mod connection;
mod descriptor;
mod error;
mod exec;
mod files;
mod freezer;
mod host;
mod listeners;
mod monitor;
mod mounts;
mod root;
mod spawner;
mod spec;

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use boxd_agent::protocol::{Reply, Request};
use tokio::{
    net::{TcpStream, UdpSocket},
    sync::{Mutex, watch},
    time::timeout,
};

pub(crate) use self::mounts::check as check_mount;
use self::{
    activity::Activity,
    boot::Door,
    connection::{Connection, unexpected},
    freezer::Freezer,
    monitor::Init,
    root::blocking,
};
pub use self::{
    activity::InUse,
    error::Error,
    exec::{Exec, ExecEvent, ExecInput, ExecOutput, ExecRequest, WindowSize},
    files::{DirEntry, Download, Listing, Upload},
    host::{check_host, host_limits},
    root::{copy_root, create_root, remove_root},
    spec::{MachineSpec, Mount, Network, RestartPolicy},
};

/// What the agent gets on top of the grace, to end what is left and then itself.
const LAST_STEPS: Duration = Duration::from_secs(2);

/// A running box. Clones are handles to the same one; the last handle that goes takes the box down.
#[derive(Clone)]
pub struct Machine {
    inner: Arc<Inner>,
}

struct Inner {
    door: Door,
    /// The agent's program on the host.
    agent: PathBuf,
    init: Arc<Init>,
    ended: watch::Receiver<bool>,
    /// Locked while the box is on its way between running and standing still.
    freezer: Arc<Mutex<Freezer>>,
    suspended: AtomicBool,
    activity: Activity,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.init.kill();
    }
}

impl Machine {
    /// Starts a box on its root and returns when its agent answers.
    pub async fn boot(spec: MachineSpec) -> Result<Self, Error> {
        boot::boot(spec).await
    }

    /// Starts a command, run by the box's shell.
    pub async fn exec(&self, request: ExecRequest) -> Result<Exec, Error> {
        let running = self.inner.activity.begin();
        Exec::start(self.connect()?, request, running).await
    }

    /// Stops every process of the box where it stands; memory stays. Operations then wait for
    /// [`resume`](Self::resume).
    pub async fn suspend(&self) -> Result<(), Error> {
        self.change_freezer(true).await
    }

    /// Lets a suspended box go on.
    pub async fn resume(&self) -> Result<(), Error> {
        self.change_freezer(false).await
    }

    async fn change_freezer(&self, suspend: bool) -> Result<(), Error> {
        let mut freezer = Arc::clone(&self.inner.freezer).lock_owned().await;
        if *self.inner.ended.borrow() {
            return Err(Error::Gone);
        }
        if self.is_suspended() == suspend {
            return Ok(());
        }
        let machine = self.clone();
        // To its end, even if the caller loses interest: half a box must not stand still.
        blocking(move || {
            if suspend {
                freezer.freeze(machine.inner.init.pid)?;
            } else {
                freezer.thaw()?;
            }
            machine.inner.suspended.store(suspend, Ordering::Release);
            Ok(())
        })
        .await
    }

    /// Whether the box is suspended.
    pub fn is_suspended(&self) -> bool {
        self.inner.suspended.load(Ordering::Acquire)
    }

    /// Mounts a directory of the host into the box as it is, running or suspended.
    pub async fn mount(&self, mount: Mount) -> Result<(), Error> {
        mounts::check(&mount.target)?;
        let machine = self.clone();
        blocking(move || mounts::mount(&machine.inner.agent, &machine.inner.init, &mount)).await
    }

    /// Takes a mount out of the box; [`Error::Busy`] while its processes use it.
    pub async fn unmount(&self, target: &str) -> Result<(), Error> {
        let (machine, target) = (self.clone(), target.to_owned());
        blocking(move || mounts::unmount(&machine.inner.agent, &machine.inner.init, &target)).await
    }

    /// Ends the box: SIGTERM, and SIGKILL for what is left after `grace`. No process of it is left on return.
    pub async fn shutdown(&self, grace: Duration) {
        if !grace.is_zero() {
            let gently = async {
                self.resume().await?;
                let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
                // It never answers: the connection ends with the box.
                self.connect()?.call::<0>(&Request::Shutdown { grace_ms }, &[]).await
            };
            let _ = timeout(grace.saturating_add(LAST_STEPS), gently).await;
        }
        self.inner.init.kill();
        self.exited().await;
    }

    /// Resolves when the box has ended, by itself or by [`shutdown`](Self::shutdown).
    pub async fn exited(&self) {
        // The other side is dropped after it has told so.
        let _ = self.inner.ended.clone().wait_for(|ended| *ended).await;
    }

    /// When something last happened at the box's door; now, while an operation runs.
    pub fn last_activity(&self) -> Instant {
        self.inner.activity.last()
    }

    /// Marks the box as busy, for as long as the guard lives, with something that this type does not see.
    pub fn in_use(&self) -> InUse {
        self.inner.activity.begin()
    }

    /// Opens a file for writing. Nothing of it shows at `path` until [`Upload::finish`].
    pub async fn upload(&self, path: &str, total: u64) -> Result<Upload, Error> {
        Upload::start(self.connect()?, path, total, self.inner.activity.begin()).await
    }

    /// Opens a file for reading.
    pub async fn download(&self, path: &str) -> Result<Download, Error> {
        Download::start(self.connect()?, path, self.inner.activity.begin()).await
    }

    /// What is in a directory, by name.
    pub async fn list_dir(&self, path: &str) -> Result<Listing, Error> {
        let _running = self.inner.activity.begin();
        Listing::read(&self.connect()?, path).await
    }

    /// Makes a directory, and its parents.
    pub async fn mkdir(&self, path: &str) -> Result<(), Error> {
        self.ask(Request::MakeDir { path: path.into() }).await
    }

    /// Renames a file or directory; refuses to replace what is at `to`.
    pub async fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        self.ask(Request::Rename { from: from.into(), to: to.into() }).await
    }

    /// Copies a file or a whole directory; refuses to replace what is at `to`.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), Error> {
        self.ask(Request::Copy { from: from.into(), to: to.into() }).await
    }

    /// Deletes a file or a whole directory.
    pub async fn delete(&self, path: &str) -> Result<(), Error> {
        self.ask(Request::Delete { path: path.into() }).await
    }

    /// Connects to a TCP port on the box's own loopback.
    pub async fn dial(&self, port: u16) -> Result<TcpStream, Error> {
        let _running = self.inner.activity.begin();
        let answer = self.connect()?.call(&Request::Dial { port }, &[]).await;
        let stream = match answer {
            Ok((Reply::Done, [stream])) => std::net::TcpStream::from(stream),
            Ok(_) => return Err(unexpected()),
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::ConnectionRefused => {
                return Err(Error::NotListening { port });
            }
            Err(error) => return Err(error),
        };
        let adopt = || {
            stream.set_nonblocking(true)?;
            TcpStream::from_std(stream)
        };
        adopt().map_err(|error| Error::io(format!("watching port {port} of the box"), error))
    }

    /// The TCP ports that something in the box listens on, in ascending order; an error where the box has no network
    /// of its own.
    pub async fn listening_ports(&self) -> Result<Vec<u16>, Error> {
        let init = self.inner.init.pid;
        blocking(move || listeners::listening(init)).await
    }

    /// A socket for datagrams to and from a UDP port on the box's own loopback. Whether anything listens there, only
    /// an answer tells.
    pub async fn dial_udp(&self, port: u16) -> Result<UdpSocket, Error> {
        let _running = self.inner.activity.begin();
        let (Reply::Done, [socket]) = self.connect()?.call(&Request::DialUdp { port }, &[]).await? else {
            return Err(unexpected());
        };
        let socket = std::net::UdpSocket::from(socket);
        let adopt = || {
            socket.set_nonblocking(true)?;
            UdpSocket::from_std(socket)
        };
        adopt().map_err(|error| Error::io(format!("watching UDP port {port} of the box"), error))
    }

    async fn ask(&self, request: Request) -> Result<(), Error> {
        let _running = self.inner.activity.begin();
        match self.connect()?.call(&request, &[]).await? {
            (Reply::Done, []) => Ok(()),
            _ => Err(unexpected()),
        }
    }

    fn connect(&self) -> Result<Connection, Error> {
        Connection::open(&self.inner.door.path())
    }
}
