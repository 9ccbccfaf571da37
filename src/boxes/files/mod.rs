//! Files of a box: written from and read into whatever the caller has.

mod dirs;
#[cfg(not(browser))]
mod local;
mod read;
mod write;

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

pub use self::dirs::{DirEntry, DirListing};
pub use self::read::{FileStream, ReadFile};
pub use self::write::{Content, WriteFile};
use super::exec::Target;
use crate::error::{Error, Result, quoted};

/// The size of one chunk of a transfer, as the published clients send it.
const CHUNK: usize = 1024 * 1024;

/// How far a transfer has come.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes transferred so far.
    pub bytes: u64,
    /// Bytes in all, where known.
    pub total: Option<u64>,
}

/// What is called as a transfer goes on.
type OnProgress = Box<dyn FnMut(Progress) + Send>;

fn check_path(argument: &str, path: &str) -> Result<()> {
    Error::unless_given(argument, path)?;
    if path.contains('\0') {
        return Err(Error::invalid_argument(argument, "holds a NUL byte"));
    }
    Ok(())
}

/// `write file "/app/x" in box "web" (vm-1)`.
fn doing(verb: &str, path: &str, target: &Target) -> String {
    [verb, " file ", &quoted(path), " in box ", &target.sentence()].concat()
}

/// Whether the server has a newer RPC: not known before it was tried once.
#[derive(Default)]
pub(crate) struct Support(AtomicU8);

impl Support {
    pub(super) fn is_missing(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 2
    }

    pub(super) fn is_known(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    pub(super) fn learn(&self, there: bool) {
        self.0.store(if there { 1 } else { 2 }, Ordering::Relaxed);
    }
}

impl fmt::Debug for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = ["unknown", "there", "missing"];
        f.write_str(known.get(usize::from(self.0.load(Ordering::Relaxed))).unwrap_or(&"?"))
    }
}
