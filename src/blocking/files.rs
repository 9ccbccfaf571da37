//! Files of a box without await.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::stream::{self, StreamExt};
use tokio::task::spawn_blocking;

use super::runtime::Held;
use crate::boxes::Progress;
use crate::error::Result;

/// What is written into a file: text, bytes, a file of this machine, or what a reader or an iterator gives. As
/// [`crate::Content`].
#[derive(Debug)]
pub struct Content(pub(super) crate::Content);

impl Content {
    /// What `reader` gives, which must be exactly `size` bytes: the wire announces the size first.
    ///
    /// It is read on a thread for that, as the server takes it. When the write fails before, a read that is under way is
    /// left to end by itself.
    pub fn reader(reader: impl Read + Send + 'static, size: u64) -> Self {
        Self::stream(Pieces(reader), size)
    }

    /// What `pieces` give, which must be exactly `size` bytes. As [`reader`](Content::reader) otherwise; each goes out as
    /// one message: up to a mebibyte is best.
    pub fn stream<E: fmt::Display>(
        pieces: impl Iterator<Item = Result<Bytes, E>> + Send + 'static,
        size: u64,
    ) -> Self {
        Self(crate::Content::stream(elsewhere(pieces), size))
    }

    /// A file of this machine.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(crate::Content::file(path))
    }
}

impl<T: Into<crate::Content>> From<T> for Content {
    fn from(content: T) -> Self {
        Self(content.into())
    }
}

/// A file about to be written. See [`BoxHandle::write_file`](super::BoxHandle::write_file).
#[must_use = "a file is written by `call`"]
#[derive(Debug)]
pub struct WriteFile(pub(super) Held<crate::WriteFile>);

impl WriteFile {
    /// Calls `report` as the transfer goes on. As [`crate::WriteFile::progress`].
    ///
    /// It is called on the background thread, which all clients share: let it be quick. It must not call what waits, which
    /// is an error there.
    pub fn progress(self, report: impl FnMut(Progress) + Send + 'static) -> Self {
        Self(self.0.map(|inner| inner.progress(report)))
    }

    /// Writes the file and returns the number of bytes.
    ///
    /// # Errors
    /// As [`crate::BoxHandle::write_file`]. It is never sent twice.
    pub fn call(self) -> Result<u64> {
        self.0.call().map(|written| written.inner)
    }
}

/// A file about to be read. See [`BoxHandle::read_file`](super::BoxHandle::read_file).
///
/// A file that arrives short is an error, never a short file.
#[must_use = "a file is read when this is called or streamed"]
#[derive(Debug)]
pub struct ReadFile(pub(super) Held<crate::ReadFile>);

impl ReadFile {
    /// Calls `report` as the transfer goes on, on the thread that reads. As [`crate::ReadFile::progress`].
    pub fn progress(self, report: impl FnMut(Progress) + Send + 'static) -> Self {
        Self(self.0.map(|inner| inner.progress(report)))
    }

    /// Reads the whole content.
    ///
    /// # Errors
    /// As [`crate::BoxHandle::read_file`].
    pub fn call(self) -> Result<Bytes> {
        self.0.call().map(|content| content.inner)
    }

    /// The content as it comes, in memory that does not grow with the file. As [`crate::ReadFile::stream`].
    pub fn stream(self) -> FileStream {
        FileStream(self.0.map(crate::ReadFile::stream))
    }

    /// Reads into a file of this machine and returns the number of bytes. As [`crate::ReadFile::to_path`].
    pub fn to_path(self, path: impl AsRef<Path>) -> Result<u64> {
        let Held { inner, runtime } = self.0;
        runtime.wait(inner.to_path(path))
    }
}

/// The content of a file as it comes: an iterator over pieces of it. Dropping it ends the call. As
/// [`crate::FileStream`].
#[derive(Debug)]
pub struct FileStream(Held<crate::FileStream>);

impl Iterator for FileStream {
    type Item = Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.runtime.next(&mut self.0.inner)
    }
}

/// The size of one piece of a plain reader.
const PIECE: u64 = 1024 * 1024;

/// What a plain reader gives, in pieces.
struct Pieces<R>(R);

impl<R: Read> Iterator for Pieces<R> {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut piece = Vec::new();
        match self.0.by_ref().take(PIECE).read_to_end(&mut piece) {
            Ok(0) => None,
            Ok(_) => Some(Ok(piece.into())),
            Err(error) => Some(Err(error)),
        }
    }
}

/// An iterator as a stream. It may block, so each step is made on a thread for that.
fn elsewhere<E: fmt::Display>(
    pieces: impl Iterator<Item = Result<Bytes, E>> + Send + 'static,
) -> BoxStream<'static, Result<Bytes, String>> {
    let stream = stream::unfold(Some(pieces), |pieces| async move {
        let mut pieces = pieces?;
        let step = spawn_blocking(move || {
            let piece = pieces.next();
            (piece.map(|piece| piece.map_err(|error| error.to_string())), pieces)
        });
        match step.await {
            Ok((piece, pieces)) => Some((piece?, Some(pieces))),
            Err(panicked) => Some((Err(panicked.to_string()), None)),
        }
    });
    stream.boxed()
}
