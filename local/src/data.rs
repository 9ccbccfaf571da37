//! The data folder: who works in it, where sockets go, and the cluster's own API key.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Error;
use crate::secret;

/// A socket's path holds 107 bytes; this leaves room for a box's id and a name.
const LONGEST_RUNTIME_PATH: usize = 60;

/// A data folder that only this process works in.
pub(crate) struct Data {
    folder: PathBuf,
    runtime: PathBuf,
    /// Where the runtime folder is when the data folder's path is too long for sockets.
    _short: Option<TempDir>,
    _lock: File,
    /// Removed with the cluster; none for a folder that the user gave.
    temporary: Option<TempDir>,
}

impl Data {
    /// Opens `folder`, or makes a temporary one. Blocks.
    pub(crate) fn open(folder: Option<PathBuf>) -> Result<Self, Error> {
        let temporary = match &folder {
            Some(_) => None,
            None => Some(temporary_in(std::env::temp_dir())?),
        };
        let folder = match (&temporary, folder) {
            (Some(temporary), _) => temporary.path().to_owned(),
            (None, folder) => folder.unwrap_or_default(),
        };
        let failed = |source| Error::Data { folder: folder.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        let folder = fs::canonicalize(&folder).map_err(failed)?;
        let lock = lock(&folder)?;

        let run = folder.join("run");
        // What a killed process left.
        match fs::remove_dir_all(&run) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let too_long = run.as_os_str().len() > LONGEST_RUNTIME_PATH;
        let short = if too_long { Some(temporary_in(PathBuf::from("/tmp"))?) } else { None };
        let runtime = short.as_ref().map_or(run, |short| short.path().to_owned());
        Ok(Self { folder, runtime, _short: short, _lock: lock, temporary })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where sockets go.
    pub(crate) fn runtime(&self) -> &Path {
        &self.runtime
    }

    /// Whether the folder goes with the cluster.
    pub(crate) fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// The API key kept in the folder.
    pub(crate) fn api_key(&self) -> Result<Option<String>, Error> {
        secret::read(&self.api_key_path())
            .map_err(|source| Error::Data { folder: self.folder.clone(), source })
    }

    pub(crate) fn keep_api_key(&self, key: &str) -> Result<(), Error> {
        secret::write(&self.api_key_path(), key)
            .map_err(|source| Error::Data { folder: self.folder.clone(), source })
    }

    pub(crate) fn api_key_path(&self) -> PathBuf {
        self.folder.join("api-key")
    }
}

fn lock(folder: &Path) -> Result<File, Error> {
    let failed = |source| Error::Data { folder: folder.to_owned(), source };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join("lock"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn temporary_in(parent: PathBuf) -> Result<TempDir, Error> {
    tempfile::Builder::new()
        .prefix("boxd-local-")
        .tempdir_in(&parent)
        .map_err(|source| Error::Data { folder: parent, source })
}
