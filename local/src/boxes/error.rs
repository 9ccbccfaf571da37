//! Why something about a box was refused or failed, said for people.

use std::io;

use super::Status;
use crate::machine;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no box has the id or name {0:?}")]
    NoSuchBox(String),
    #[error("a box named {0:?} exists already")]
    NameTaken(String),
    #[error("{0}")]
    Invalid(String),
    #[error("box {name:?} is {}: {hint}", .status.as_str())]
    WrongStatus { name: String, status: Status, hint: &'static str },
    #[error("box {name:?}: {source}")]
    Machine { name: String, source: machine::Error },
    #[error("box {of:?} has no {}", proxy_name(.proxy))]
    NoSuchProxy { of: String, proxy: String },
    #[error("box {of:?} has a proxy named {proxy:?} already")]
    ProxyTaken { of: String, proxy: String },
    #[error("domain {0:?} is not bound")]
    NoSuchDomain(String),
    #[error("domain {0:?} is bound already; unbind it first")]
    DomainTaken(String),
    #[error("no disk has the id {0:?}")]
    NoSuchDisk(String),
    #[error("a disk named {0:?} exists already")]
    DiskNameTaken(String),
    #[error("disk {disk_id:?} is attached to box {box_name:?}; detach it first")]
    DiskAttached { disk_id: String, box_name: String },
    #[error("disk {disk_id:?} is not attached to box {box_name:?}")]
    DiskNotAttached { disk_id: String, box_name: String },
    #[error("box {box_name:?}: port {port} is not exposed")]
    NoSuchPort { box_name: String, port: u16 },
    #[error("no port of this machine from {} to {} is free", .0.start(), .0.end())]
    NoPortLeft(std::ops::RangeInclusive<u16>),
    #[error("the cluster is shutting down")]
    Closing,
    #[error("the work on this box ended in a fault of boxd-local; `boxd-local serve` has printed where")]
    Fault,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
}

impl Error {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    pub(super) fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }
}

fn proxy_name(name: &str) -> String {
    if name.is_empty() { "default proxy".to_owned() } else { format!("proxy named {name:?}") }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        Self::io("the operating system refused", source)
    }
}
