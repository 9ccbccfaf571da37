//! Whole directory trees: copied as they are, removed whatever their permissions.

use std::{
    collections::HashMap,
    fmt,
    fs::{self, File, Metadata, Permissions},
    io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, Mode, SeekFrom, Timespec, Timestamps},
    io::Errno,
};

/// What did not work, and on which path.
#[derive(Debug)]
pub struct Error {
    /// The path.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.source)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

fn at<T>(path: &Path, result: Result<T, impl Into<io::Error>>) -> Result<T, Error> {
    result.map_err(|source| Error { path: path.to_owned(), source: source.into() })
}

/// Copies the file, link or directory `from` to `to`, which must not exist: content (shared with the source where the
/// file system can), holes, hard and symbolic links, permissions and times. Sockets and devices are left out, and
/// so is what vanishes meanwhile.
pub fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let meta = at(from, from.symlink_metadata())?;
    let owner = rustix::process::geteuid().is_root();
    Copier { owner, links: HashMap::new() }.copy(from, &meta, to)
}

struct Copier {
    /// Whether owners can be kept.
    owner: bool,
    /// The copies of files that have several names, by device and inode.
    links: HashMap<(u64, u64), PathBuf>,
}

impl Copier {
    fn copy(&mut self, from: &Path, meta: &Metadata, to: &Path) -> Result<(), Error> {
        let kind = meta.file_type();
        if kind.is_dir() {
            return self.copy_dir(from, meta, to);
        }
        if meta.nlink() > 1 {
            let key = (meta.dev(), meta.ino());
            if let Some(first) = self.links.get(&key) {
                return at(to, fs::hard_link(first, to));
            }
            self.links.insert(key, to.to_owned());
        }
        if kind.is_symlink() {
            let target = at(from, fs::read_link(from))?;
            at(to, symlink(target, to))?;
        } else if kind.is_file() {
            let source = at(from, readable(from, meta, || open_file(from)))?;
            let target = at(to, File::options().write(true).create_new(true).mode(0o600).open(to))?;
            at(to, copy_content(&source, meta.len(), &target))?;
        } else if kind.is_fifo() {
            at(to, rustix::fs::mknodat(CWD, to, rustix::fs::FileType::Fifo, Mode::from_raw_mode(0o600), 0))?;
        } else {
            return Ok(());
        }
        self.copy_attributes(meta, to)
    }

    fn copy_dir(&mut self, from: &Path, meta: &Metadata, to: &Path) -> Result<(), Error> {
        at(to, fs::create_dir(to))?;
        let entries = at(from, readable(from, meta, || fs::read_dir(from)?.collect::<io::Result<Vec<_>>>()))?;
        for entry in entries {
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            let copied = at(&from, entry.metadata()).and_then(|meta| self.copy(&from, &meta, &to));
            match copied {
                Err(error) if error.source.kind() == io::ErrorKind::NotFound && error.path == from => {}
                other => other?,
            }
        }
        self.copy_attributes(meta, to)
    }

    fn copy_attributes(&self, meta: &Metadata, to: &Path) -> Result<(), Error> {
        if self.owner {
            let (uid, gid) = (rustix::fs::Uid::from_raw(meta.uid()), rustix::fs::Gid::from_raw(meta.gid()));
            at(to, rustix::fs::chownat(CWD, to, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW))?;
        }
        if !meta.is_symlink() {
            at(to, fs::set_permissions(to, Permissions::from_mode(meta.mode() & 0o7777)))?;
        }
        let times = Timestamps {
            last_access: Timespec { tv_sec: meta.atime(), tv_nsec: meta.atime_nsec() },
            last_modification: Timespec { tv_sec: meta.mtime(), tv_nsec: meta.mtime_nsec() },
        };
        at(to, rustix::fs::utimensat(CWD, to, &times, AtFlags::SYMLINK_NOFOLLOW))
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    // Non-blocking, in case it became a pipe since it was looked at.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Opens what its owner made unreadable: a root belongs to the user who copies it, whatever its mode bits say.
fn readable<T>(path: &Path, meta: &Metadata, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
    match open() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let mode = meta.mode() & 0o7777;
            fs::set_permissions(path, Permissions::from_mode(mode | 0o500))?;
            let opened = open();
            fs::set_permissions(path, Permissions::from_mode(mode))?;
            opened
        }
        other => other,
    }
}

fn copy_content(from: &File, length: u64, to: &File) -> io::Result<()> {
    if length == 0 || rustix::fs::ioctl_ficlone(to, from).is_ok() {
        return Ok(());
    }
    let mut position = 0;
    while position < length {
        let start = match rustix::fs::seek(from, SeekFrom::Data(position)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break, // only a hole is left
            Err(Errno::INVAL) => position,
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(from, SeekFrom::Hole(start)).unwrap_or(length).min(length);
        copy_range(from, to, start, end)?;
        position = end.max(start + 1);
    }
    to.set_len(length)
}

fn copy_range(from: &File, to: &File, mut start: u64, end: u64) -> io::Result<()> {
    let mut buffer = Vec::new();
    while start < end {
        let length = usize::try_from(end - start).unwrap_or(usize::MAX).min(1 << 30);
        let (mut read_at, mut write_at) = (start, start);
        let copied =
            match rustix::fs::copy_file_range(from, Some(&mut read_at), to, Some(&mut write_at), length) {
                Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                    buffer.resize(1 << 20, 0);
                    let wanted = length.min(buffer.len());
                    let read = rustix::io::pread(from, &mut buffer[..wanted], start)?;
                    std::os::unix::fs::FileExt::write_all_at(to, &buffer[..read], start)?;
                    read
                }
                other => other?,
            };
        if copied == 0 {
            return Ok(()); // the source was cut meanwhile
        }
        start += copied as u64;
    }
    Ok(())
}

/// Removes the file, link or tree at `path`.
pub fn remove(path: &Path) -> Result<(), Error> {
    let meta = at(path, path.symlink_metadata())?;
    if !meta.is_dir() {
        return at(path, fs::remove_file(path));
    }
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(path)?;
            at(path, fs::remove_dir_all(path))
        }
        other => at(path, other),
    }
}

/// Gives the owner back what it took from itself.
fn open_up(directory: &Path) -> Result<(), Error> {
    at(directory, fs::set_permissions(directory, Permissions::from_mode(0o700)))?;
    for entry in at(directory, fs::read_dir(directory))? {
        let entry = at(directory, entry)?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::FileExt as _,
        time::{Duration, UNIX_EPOCH},
    };

    use super::*;

    #[test]
    fn a_copy_has_everything_and_shares_nothing() {
        let home = tempfile::tempdir().unwrap();
        let (from, to) = (home.path().join("from"), home.path().join("to"));
        fs::create_dir(&from).unwrap();
        fs::write(from.join("text"), "hello").unwrap();
        fs::set_permissions(from.join("text"), Permissions::from_mode(0o4751)).unwrap();
        let time = UNIX_EPOCH + Duration::from_nanos(1_234_567_890_123_456_789);
        File::options().write(true).open(from.join("text")).unwrap().set_modified(time).unwrap();
        fs::hard_link(from.join("text"), from.join("again")).unwrap();
        symlink("/nowhere/at all", from.join("link")).unwrap();
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::write(from.join("a/b/deep"), [0, 159, 146, 150]).unwrap();
        fs::set_permissions(from.join("a"), Permissions::from_mode(0o555)).unwrap();
        rustix::fs::mknodat(
            CWD,
            from.join("fifo"),
            rustix::fs::FileType::Fifo,
            Mode::from_raw_mode(0o622),
            0,
        )
        .unwrap();
        let sparse = File::create(from.join("sparse")).unwrap();
        sparse.write_all_at(b"end", 64 << 20).unwrap();
        sparse.write_all_at(b"start", 0).unwrap();
        sparse.set_len(128 << 20).unwrap();

        copy(&from, &to).unwrap();

        assert_eq!(fs::read(to.join("a/b/deep")).unwrap(), [0, 159, 146, 150]);
        assert_eq!(to.join("a").metadata().unwrap().mode() & 0o7777, 0o555);
        let text = to.join("text").metadata().unwrap();
        assert_eq!((text.mode() & 0o7777, text.modified().unwrap()), (0o4751, time));
        assert_eq!(to.join("again").metadata().unwrap().ino(), text.ino(), "hard link");
        assert_ne!(from.join("text").metadata().unwrap().ino(), text.ino());
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("/nowhere/at all"));
        assert!(to.join("fifo").metadata().unwrap().file_type().is_fifo());
        let copied = File::open(to.join("sparse")).unwrap();
        let mut bytes = [0; 5];
        copied.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"start");
        copied.read_exact_at(&mut bytes[..3], 64 << 20).unwrap();
        assert_eq!(&bytes[..3], b"end");
        let meta = copied.metadata().unwrap();
        assert_eq!(meta.len(), 128 << 20);
        assert!(meta.blocks() * 512 < 1 << 20, "{} bytes on disk", meta.blocks() * 512);

        fs::write(to.join("text"), "changed").unwrap();
        assert_eq!(fs::read(from.join("text")).unwrap(), b"hello");
        remove(&to).unwrap();
        assert!(!to.exists());
    }

    #[test]
    fn what_is_there_is_not_replaced() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("a"), "a").unwrap();
        fs::write(home.path().join("b"), "b").unwrap();
        let error = copy(&home.path().join("a"), &home.path().join("b")).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(home.path().join("b")).unwrap(), b"b");
    }
}
