//! Why a cluster did not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::{boxes, credentials, machine, store};

/// Why a cluster did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address can be reached from other machines, and that was not allowed.
    #[error(
        "{0} is not a loopback address: whoever reaches it and has the API key runs commands on this machine, over \
         plaintext; allow remote access only where you trust the whole network (`--allow-remote`)"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Another cluster works in this data folder.
    #[error("another boxd-local runs on the data folder {0}; stop it, or give this one another folder")]
    InUse(PathBuf),
    /// The data folder cannot be used.
    #[error("the data folder {folder}: {source}")]
    Data {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The API key that was given is none.
    #[error("an API key is 8 to 256 visible ASCII characters")]
    BadKey,
    /// The origin that shall be allowed is none.
    #[error(
        "{0:?} is not an origin: write it as the browser does, `https://app.example.com` or `http://localhost:3000`, \
         with `:*` for any port, or `*` for any page"
    )]
    BadOrigin(String),
    /// The address that shall be called is none.
    #[error(
        "{0:?} is not the address of a server: write https://host:port, or http://host:port for plaintext, without a user"
    )]
    BadUrl(String),
    /// This machine cannot run boxes; the message says what to install or enable.
    #[error(transparent)]
    Host(machine::Error),
    /// The state in the data folder cannot be read or written.
    #[error("{0}")]
    State(String),
    /// A fault of boxd-local itself.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// [`Error::BadUrl`], without the password that may stand in it.
    pub(crate) fn bad_url(url: &str) -> Self {
        let shown = url.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, host)| format!("…@{host}"));
        Self::BadUrl(shown)
    }
}

impl From<store::StoreError> for Error {
    fn from(error: store::StoreError) -> Self {
        Self::State(error.to_string())
    }
}

impl From<credentials::Error> for Error {
    fn from(error: credentials::Error) -> Self {
        Self::State(error.to_string())
    }
}

impl From<boxes::Error> for Error {
    fn from(error: boxes::Error) -> Self {
        Self::State(error.to_string())
    }
}
