//! A box's files, opened inside the box and read and written here.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use boxd_agent::protocol::{Entry, Reply, Request};
use bytes::Bytes;
use rustix::buffer::spare_capacity;

use super::{
    Error,
    activity::InUse,
    connection::{Connection, unexpected},
    root::blocking,
};

/// The most that is read at once.
const CHUNK: u64 = 1 << 20;

/// A file on its way into a box. Dropped before [`finish`](Self::finish), it leaves nothing.
pub struct Upload {
    connection: Connection,
    file: Arc<File>,
    path: String,
    written: u64,
    total: u64,
    _running: InUse,
}

impl Upload {
    pub(super) async fn start(
        connection: Connection,
        path: &str,
        total: u64,
        running: InUse,
    ) -> Result<Self, Error> {
        let request = Request::Create { path: path.into() };
        let (Reply::Opened { .. }, [file]) = connection.call(&request, &[]).await? else {
            return Err(unexpected());
        };
        let file = Arc::new(file.into());
        Ok(Self { connection, file, path: path.into(), written: 0, total, _running: running })
    }

    /// Appends to the file; more than the announced total is an error.
    pub async fn write(&mut self, data: Bytes) -> Result<(), Error> {
        let (start, length) = (self.written, data.len() as u64);
        if length > self.total - start {
            return Err(Error::invalid(format!(
                "{}: {} bytes were announced, and more came; nothing was written",
                self.path, self.total
            )));
        }
        let (file, path) = (Arc::clone(&self.file), self.path.clone());
        blocking(move || file.write_all_at(&data, start).map_err(|error| Error::io(path, error))).await?;
        self.written += length;
        Ok(())
    }

    /// Puts the file in its place and returns its size; fewer bytes than announced is an error.
    pub async fn finish(self) -> Result<u64, Error> {
        if self.written != self.total {
            return Err(Error::invalid(format!(
                "{}: {} bytes were announced, and {} came; nothing was written",
                self.path, self.total, self.written
            )));
        }
        match self.connection.call(&Request::Commit { size: self.written }, &[]).await? {
            (Reply::Done, []) => Ok(self.written),
            _ => Err(unexpected()),
        }
    }
}

/// A file on its way out of a box.
pub struct Download {
    file: Arc<File>,
    path: String,
    size: u64,
    read: u64,
    ended: bool,
    _running: InUse,
}

impl Download {
    pub(super) async fn start(connection: Connection, path: &str, running: InUse) -> Result<Self, Error> {
        let request = Request::Open { path: path.into() };
        let (Reply::Opened { size }, [file]) = connection.call(&request, &[]).await? else {
            return Err(unexpected());
        };
        let file = Arc::new(file.into());
        Ok(Self { file, path: path.into(), size, read: 0, ended: false, _running: running })
    }

    /// The file's size when it was opened; 0 also for files that have none, as under `/proc`.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The next piece, 1 MiB at most; `None` at the end. What is appended meanwhile is not told; a file that is cut
    /// meanwhile is an error.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        if self.ended {
            return None;
        }
        let piece = self.read_piece().await;
        self.ended = !matches!(&piece, Ok(piece) if !piece.is_empty());
        match piece {
            Ok(piece) if piece.is_empty() => None,
            other => Some(other),
        }
    }

    async fn read_piece(&mut self) -> Result<Bytes, Error> {
        let left = if self.size == 0 { CHUNK } else { CHUNK.min(self.size - self.read) };
        if left == 0 {
            return Ok(Bytes::new());
        }
        let (file, path, start) = (Arc::clone(&self.file), self.path.clone(), self.read);
        let piece = blocking(move || {
            let mut piece = Vec::with_capacity(usize::try_from(left).unwrap_or(usize::MAX));
            rustix::io::retry_on_intr(|| rustix::io::pread(&file, spare_capacity(&mut piece), start))
                .map_err(|error| Error::io(path, error))?;
            piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            Ok(piece)
        })
        .await?;
        if piece.is_empty() && self.read < self.size {
            return Err(Error::invalid(format!(
                "{}: the file was cut from {} to {} bytes while it was read",
                self.path, self.size, self.read
            )));
        }
        self.read += piece.len() as u64;
        Ok(piece.into())
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

impl Listing {
    pub(super) async fn read(connection: &Connection, path: &str) -> Result<Self, Error> {
        let (mut reply, []) = connection.call(&Request::List { path: path.into() }, &[]).await?;
        let mut listed = Vec::new();
        loop {
            let Reply::Entries { entries, more, truncated } = reply else { return Err(unexpected()) };
            listed.extend(entries.into_iter().map(DirEntry::from));
            if !more {
                return Ok(Self { entries: listed, truncated });
            }
            (reply, _) = connection.receive().await?;
        }
    }
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name, without the directory.
    pub name: String,
    /// Whether it is a directory, or a link to one.
    pub is_dir: bool,
    /// Size in bytes; 0 for a directory.
    pub size_bytes: u64,
    /// Type and permissions, as `ls -l` shows them: `drwxr-xr-x`.
    pub permissions: String,
    /// When its content last changed.
    pub modified_at: SystemTime,
    /// When it was made; the time of its last change where the file system does not know.
    pub added_at: SystemTime,
}

impl From<Entry> for DirEntry {
    fn from(entry: Entry) -> Self {
        Self {
            name: entry.name,
            is_dir: entry.is_dir,
            size_bytes: entry.size,
            permissions: permissions(entry.mode),
            modified_at: time(entry.modified),
            added_at: time(entry.added),
        }
    }
}

fn time((seconds, nanoseconds): (i64, u32)) -> SystemTime {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
    time.and_then(|time| time.checked_add(Duration::from_nanos(nanoseconds.into()))).unwrap_or(UNIX_EPOCH)
}

fn permissions(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o140_000 => 's',
        0o010_000 => 'p',
        0o020_000 => 'c',
        0o060_000 => 'b',
        _ => '-',
    };
    let class = |shift: u32, special: u32, mark: char| {
        let bit = |bit: u32| mode & (bit << shift) != 0;
        let execute = match (bit(1), mode & special != 0) {
            (true, true) => mark,
            (false, true) => mark.to_ascii_uppercase(),
            (true, false) => 'x',
            (false, false) => '-',
        };
        [if bit(4) { 'r' } else { '-' }, if bit(2) { 'w' } else { '-' }, execute]
    };
    let classes = [class(6, 0o4000, 's'), class(3, 0o2000, 's'), class(0, 0o1000, 't')];
    std::iter::once(kind).chain(classes.into_iter().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_read_as_ls_shows_them() {
        for (mode, shown) in [
            (0o100_755, "-rwxr-xr-x"),
            (0o100_000, "----------"),
            (0o100_640, "-rw-r-----"),
            (0o104_755, "-rwsr-xr-x"),
            (0o102_654, "-rw-r-sr--"),
            (0o102_644, "-rw-r-Sr--"),
            (0o041_777, "drwxrwxrwt"),
            (0o041_776, "drwxrwxrwT"),
            (0o120_777, "lrwxrwxrwx"),
            (0o140_755, "srwxr-xr-x"),
            (0o010_644, "prw-r--r--"),
            (0o020_666, "crw-rw-rw-"),
            (0o060_660, "brw-rw----"),
        ] {
            assert_eq!(permissions(mode), shown);
        }
    }

    #[test]
    fn times_before_the_epoch_are_times() {
        assert_eq!(time((-2, 500_000_000)), UNIX_EPOCH - Duration::from_millis(1500));
        assert_eq!(time((2, 5)), UNIX_EPOCH + Duration::new(2, 5));
    }
}
