//! Files of this machine as the other end of a transfer. Not in a browser, which has none.

use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::write::Source;
use super::{Content, ReadFile};
use crate::error::{Error, Result};

impl Content {
    /// A file of this machine.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::Path(path.into()))
    }
}

impl From<&Path> for Content {
    fn from(path: &Path) -> Self {
        Self::file(path)
    }
}

impl From<PathBuf> for Content {
    fn from(path: PathBuf) -> Self {
        Self::file(path)
    }
}

impl ReadFile {
    /// Reads into a file of this machine and returns the number of bytes.
    ///
    /// It is written beside its place under another name and renamed when it is whole: until then, and after an
    /// error, what was there before still is.
    pub async fn to_path(self, path: impl AsRef<Path>) -> Result<u64> {
        let path = path.as_ref();
        let partial = Partial::beside(path)?;
        let mut pieces = self.stream();
        let failed = |error| Error::local_io(format!("writing {}", path.display()), error);
        let mut file = File::create(&partial.0).await.map_err(failed)?;
        let mut size = 0;
        while let Some(piece) = pieces.next().await.transpose()? {
            file.write_all(&piece).await.map_err(failed)?;
            size += piece.len() as u64;
        }
        file.sync_all().await.map_err(failed)?;
        drop(file);
        tokio::fs::rename(&partial.0, path).await.map_err(failed)?;
        partial.keep();
        Ok(size)
    }
}

/// A file that is removed again unless it is finished.
struct Partial(PathBuf);

impl Partial {
    fn beside(path: &Path) -> Result<Self> {
        let name = path.file_name().ok_or_else(|| {
            Error::invalid_argument("path", format!("{} does not name a file", path.display()))
        })?;
        let mut partial = std::ffi::OsString::from(".");
        partial.push(name);
        partial.push(format!(".{:08x}.part", fastrand::u32(..)));
        Ok(Self(path.with_file_name(partial)))
    }

    fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // It may not have come into being.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Opens a file of this machine for reading, with its size.
pub(super) async fn open(path: &Path) -> Result<(File, u64)> {
    let failed = |error| Error::local_io(format!("opening {}", path.display()), error);
    let file = File::open(path).await.map_err(failed)?;
    let about = file.metadata().await.map_err(failed)?;
    if !about.is_file() {
        return Err(Error::invalid_argument("content", format!("{} is not a file", path.display())));
    }
    Ok((file, about.len()))
}
