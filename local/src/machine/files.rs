//! A box's files, opened inside the box and read and written here.

use std::time::SystemTime;

use bytes::Bytes;

use super::Error;

/// A file on its way into a box. Dropped before [`finish`](Self::finish), it leaves nothing.
pub struct Upload {}

impl Upload {
    /// Appends to the file; more than the announced total is an error.
    pub async fn write(&mut self, data: Bytes) -> Result<(), Error> {
        todo!()
    }

    /// Puts the file in its place and returns its size; fewer bytes than announced is an error.
    pub async fn finish(self) -> Result<u64, Error> {
        todo!()
    }
}

/// A file on its way out of a box.
pub struct Download {}

impl Download {
    /// The file's size when it was opened; 0 also for files that have none, as under `/proc`.
    pub fn size(&self) -> u64 {
        todo!()
    }

    /// The next piece, 1 MiB at most; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        todo!()
    }
}

/// What is in a directory.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Sorted by name.
    pub entries: Vec<DirEntry>,
    /// Whether there was more than is listed.
    pub truncated: bool,
}

/// One entry of a directory.
#[derive(Clone, Debug)]
pub struct DirEntry {
    /// Its name, without the directory.
    pub name: String,
    /// Whether it is a directory, or a link to one.
    pub is_dir: bool,
    /// Size in bytes; 0 for a directory.
    pub size_bytes: u64,
    /// As `ls -l` shows them, without the type: `rwxr-xr-x`.
    pub permissions: String,
    /// When its content last changed.
    pub modified_at: SystemTime,
    /// When it was made; the time of its last change where the file system does not know.
    pub added_at: SystemTime,
}
