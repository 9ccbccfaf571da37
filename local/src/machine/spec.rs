//! What a box is made of.

use std::path::PathBuf;

/// Everything needed to boot a box.
#[derive(Clone)]
pub struct MachineSpec {
    /// Unique among the boxes that share a runtime directory; letters, digits, `-` and `_`.
    pub id: String,
    /// The name the box sees itself by.
    pub hostname: String,
    /// Its root, as made by [`create_root`](super::create_root) or [`copy_root`](super::copy_root).
    pub root: PathBuf,
    /// A directory on the host for sockets and the agent; made if missing, readable by its owner only.
    pub runtime_dir: PathBuf,
    /// A file on the host that the main process's output is appended to.
    pub console: PathBuf,
    /// Environment of the main process and of every command.
    pub env: Vec<(String, String)>,
    /// The main process; empty for a box that only waits for commands.
    pub cmd: Vec<String>,
    /// When the main process is started again.
    pub restart: RestartPolicy,
    /// Directories of the host that the box sees.
    pub mounts: Vec<Mount>,
    /// Whose network the box has.
    pub network: Network,
}

/// A directory of the host at a path in the box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The directory on the host.
    pub source: PathBuf,
    /// Where the box sees it, absolute.
    pub target: String,
    /// Whether the box may write to it.
    pub read_only: bool,
}

/// When a box's main process is started again after it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Always, with growing pauses.
    #[default]
    Always,
    /// After a non-zero exit or a signal, with growing pauses.
    OnFailure,
    /// Never.
    Never,
}

/// Whose network a box has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Its own, with nothing but a loopback: two boxes can listen on the same port.
    #[default]
    Own,
    /// The host's: it reaches what the host reaches, and shares its ports.
    Host,
}
