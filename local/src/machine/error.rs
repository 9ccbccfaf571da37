//! What can go wrong with a box, said for people.

use std::{io, path::PathBuf};

/// Why something about a box did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing is at this path.
    #[error("{path}: no such file or directory")]
    NotFound {
        /// The path as it was asked for.
        path: String,
    },
    /// The path, or a part of it, is not a directory.
    #[error("{path}: not a directory")]
    NotADirectory {
        /// The path as it was asked for.
        path: String,
    },
    /// Something is at this path already.
    #[error("{path}: already exists")]
    AlreadyExists {
        /// The path as it was asked for.
        path: String,
    },
    /// The box's user may not do this, or the file system is read-only.
    #[error("{path}: {reason}")]
    Denied {
        /// The path as it was asked for.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// The request itself is wrong.
    #[error("{message}")]
    Invalid {
        /// What is wrong with it.
        message: String,
    },
    /// Processes in the box use the mount.
    #[error("{path}: processes in the box use it; end them, or stop the box")]
    Busy {
        /// Where it is mounted.
        path: String,
    },
    /// Nothing listens on this port inside the box.
    #[error("nothing listens on port {port} in the box")]
    NotListening {
        /// The port that was dialled.
        port: u16,
    },
    /// The box has ended.
    #[error("the box has ended")]
    Gone,
    /// This machine lacks something that boxes need.
    #[error("{message}")]
    Host {
        /// What is missing and how to get it.
        message: String,
    },
    /// The box did not come up.
    #[error("the box did not start: {message}")]
    Boot {
        /// What its start-up said.
        message: String,
    },
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, and with which path.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(what: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Io { what: what.into(), source: source.into() }
    }

    pub(crate) fn path(doing: &str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self::io(format!("{doing} {}", path.into().display()), source)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into() }
    }
}
