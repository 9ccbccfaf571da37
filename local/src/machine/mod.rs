//! The boxes themselves: a writable root, a process tree of its own, and an agent inside that runs commands
//! and opens files on request. Everything here is about one machine; names, owners and state are the cluster's.

mod error;
mod exec;
mod files;
mod host;
mod root;
mod spec;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::net::TcpStream;

pub use self::{
    error::Error,
    exec::{Exec, ExecEvent, ExecInput, ExecOutput, ExecRequest, WindowSize},
    files::{DirEntry, Download, Listing, Upload},
    host::check_host,
    root::{copy_root, create_root, remove_root},
    spec::{MachineSpec, Mount, Network, RestartPolicy},
};

/// A running box. Clones are handles to the same one; the last handle that goes takes the box down.
#[derive(Clone)]
pub struct Machine {
    inner: Arc<()>,
}

impl Machine {
    /// Starts a box on its root and returns when its agent answers.
    pub async fn boot(spec: MachineSpec) -> Result<Self, Error> {
        todo!()
    }

    /// Starts a command, run by the box's shell.
    pub async fn exec(&self, request: ExecRequest) -> Result<Exec, Error> {
        todo!()
    }

    /// Stops every process of the box where it stands; memory stays.
    pub async fn suspend(&self) -> Result<(), Error> {
        todo!()
    }

    /// Lets a suspended box go on.
    pub async fn resume(&self) -> Result<(), Error> {
        todo!()
    }

    /// Whether the box is suspended.
    pub fn is_suspended(&self) -> bool {
        todo!()
    }

    /// Ends the box: SIGTERM, and SIGKILL for what is left after `grace`. No process of it is left on return.
    pub async fn shutdown(&self, grace: Duration) {
        todo!()
    }

    /// Resolves when the box has ended, by itself or by [`shutdown`](Self::shutdown).
    pub async fn exited(&self) {
        todo!()
    }

    /// When something last happened at the box's door; now, while an operation runs.
    pub fn last_activity(&self) -> Instant {
        todo!()
    }

    /// Opens a file for writing. Nothing of it shows at `path` until [`Upload::finish`].
    pub async fn upload(&self, path: &str, total: u64) -> Result<Upload, Error> {
        todo!()
    }

    /// Opens a file for reading.
    pub async fn download(&self, path: &str) -> Result<Download, Error> {
        todo!()
    }

    /// What is in a directory, by name.
    pub async fn list_dir(&self, path: &str) -> Result<Listing, Error> {
        todo!()
    }

    /// Makes a directory, and its parents.
    pub async fn mkdir(&self, path: &str) -> Result<(), Error> {
        todo!()
    }

    /// Renames a file or directory; refuses to replace what is at `to`.
    pub async fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        todo!()
    }

    /// Copies a file or a whole directory; refuses to replace what is at `to`.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), Error> {
        todo!()
    }

    /// Deletes a file or a whole directory.
    pub async fn delete(&self, path: &str) -> Result<(), Error> {
        todo!()
    }

    /// Connects to a TCP port on the box's own loopback.
    pub async fn dial(&self, port: u16) -> Result<TcpStream, Error> {
        todo!()
    }
}
