//! Files: opened here, where paths mean what the box means by them; read and written by the host.

use std::{
    fs::{self, File, Metadata, Permissions},
    io,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use boxd_agent::{
    HOME, channel,
    protocol::{Entry, Reply, Request},
    tree,
};
use rustix::{
    fs::{AtFlags, CWD, OFlags, RenameFlags},
    io::Errno,
};

use crate::{failure::Failure, serve::answer};

/// Links from link to link, as the kernel counts.
const MOST_LINKS: usize = 40;
/// Entries of a directory that are told.
const MOST_ENTRIES: usize = 10_000;
/// Entries per message; names are at most 255 bytes.
const ENTRIES_PER_PART: usize = 400;

fn resolve(path: &str) -> PathBuf {
    Path::new(HOME).join(path)
}

/// Opens a new file, and puts it in its place when the host says that it is whole.
pub(crate) fn create(connection: &OwnedFd, path: &str) -> Result<(), Failure> {
    let path = resolve(path);
    let draft = Draft::new(&path).map_err(Failure::at(&path))?;
    let file = draft.file.try_clone().map_err(Failure::at(&path))?;
    answer(connection, &Reply::Opened { size: 0 }, &[&file.into()])?;
    let Ok(Some((Request::Commit { size }, _))) = channel::receive(connection) else { return Ok(()) };
    draft.commit(size).map_err(Failure::at(&path))?;
    answer(connection, &Reply::Done, &[])
}

/// A file without a name yet. Where the file system cannot have that, one with a name that is taken back on drop.
struct Draft {
    file: File,
    target: PathBuf,
    name: Option<PathBuf>,
}

impl Draft {
    fn new(path: &Path) -> io::Result<Self> {
        let target = follow(path)?;
        let directory = target.parent().ok_or(Errno::ISDIR)?;
        fs::create_dir_all(directory)?;
        let mut options = File::options();
        options.write(true).mode(0o666).custom_flags(OFlags::TMPFILE.bits().cast_signed());
        let (file, name) = match options.open(directory) {
            Ok(file) => (file, None),
            Err(error) if [Errno::OPNOTSUPP, Errno::ISDIR, Errno::INVAL].iter().any(|&no| is(&error, no)) => {
                let name = hidden_name(directory);
                (File::options().write(true).create_new(true).mode(0o666).open(&name)?, Some(name))
            }
            Err(error) => return Err(error),
        };
        if let Ok(old) = target.metadata() {
            file.set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
        }
        Ok(Self { file, target, name })
    }

    fn commit(mut self, size: u64) -> io::Result<()> {
        if self.file.metadata()?.len() != size {
            return Err(Errno::NODATA.into());
        }
        let name = if let Some(name) = &self.name {
            name
        } else {
            let name = hidden_name(self.target.parent().unwrap_or(Path::new("/")));
            let file = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            rustix::fs::linkat(CWD, file, CWD, &name, AtFlags::SYMLINK_FOLLOW)?;
            self.name.insert(name)
        };
        fs::rename(name, &self.target)?;
        self.name = None;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = fs::remove_file(name);
        }
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

fn hidden_name(directory: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    directory.join(format!(".boxd-{:x}-{}", since.as_nanos(), COUNT.fetch_add(1, Ordering::Relaxed)))
}

/// The file that writing to `path` would write: behind any links, there already or not.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match path.symlink_metadata() {
            Ok(meta) if meta.is_symlink() => {
                let link = fs::read_link(&path)?;
                path = path.parent().unwrap_or(Path::new("/")).join(link);
            }
            Ok(meta) if meta.is_file() => return Ok(path),
            Ok(meta) if meta.is_dir() => return Err(Errno::ISDIR.into()),
            Ok(_) => return Err(Errno::INVAL.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path),
            Err(error) => return Err(error),
        }
    }
    Err(Errno::LOOP.into())
}

/// Opens a file for the host to read.
pub(crate) fn open(connection: &OwnedFd, path: &str) -> Result<(), Failure> {
    let path = resolve(path);
    // Non-blocking, for a named pipe would wait for its writer.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let open = || {
        let file = File::options().read(true).custom_flags(flags).open(&path)?;
        let meta = file.metadata()?;
        match meta.is_file() {
            true => Ok((file, meta.len())),
            false if meta.is_dir() => Err(Errno::ISDIR.into()),
            false => Err(Errno::INVAL.into()),
        }
    };
    let (file, size) = open().map_err(Failure::at(&path))?;
    answer(connection, &Reply::Opened { size }, &[&file.into()])
}

/// Tells what is in a directory.
pub(crate) fn list(connection: &OwnedFd, path: &str) -> Result<(), Failure> {
    let path = resolve(path);
    let read = || fs::read_dir(&path)?.take(MOST_ENTRIES + 1).collect::<io::Result<Vec<_>>>();
    let mut found = read().map_err(Failure::at(&path))?;
    let truncated = found.len() > MOST_ENTRIES;
    found.truncate(MOST_ENTRIES);
    found.sort_by_key(fs::DirEntry::file_name);
    let mut parts = found.chunks(ENTRIES_PER_PART).peekable();
    loop {
        let entries = parts.next().unwrap_or_default().iter().filter_map(entry).collect();
        let more = parts.peek().is_some();
        answer(connection, &Reply::Entries { entries, more, truncated }, &[])?;
        if !more {
            return Ok(());
        }
    }
}

/// `None` for what vanished meanwhile.
fn entry(found: &fs::DirEntry) -> Option<Entry> {
    let path = found.path();
    // What a link leads to; the link itself when that is nowhere.
    let meta = path.metadata().or_else(|_| path.symlink_metadata()).ok()?;
    Some(Entry {
        name: found.file_name().to_string_lossy().into_owned(),
        is_dir: meta.is_dir(),
        size: if meta.is_dir() { 0 } else { meta.len() },
        mode: meta.mode(),
        modified: (meta.mtime(), nanoseconds(meta.mtime_nsec())),
        added: birth(&meta),
    })
}

fn birth(meta: &Metadata) -> (i64, u32) {
    let since = meta.created().ok().and_then(|created| created.duration_since(UNIX_EPOCH).ok());
    match since {
        Some(since) => (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos()),
        None => (meta.ctime(), nanoseconds(meta.ctime_nsec())),
    }
}

fn nanoseconds(of_second: i64) -> u32 {
    u32::try_from(of_second).unwrap_or_default()
}

/// Makes a directory and its parents.
pub(crate) fn make_dir(path: &str) -> Result<(), Failure> {
    let path = resolve(path);
    fs::create_dir_all(&path).map_err(Failure::at(&path))
}

/// Renames, as `mv -n` does.
pub(crate) fn rename(from: &str, to: &str) -> Result<(), Failure> {
    let (from, to) = (resolve(from), resolve(to));
    from.symlink_metadata().map_err(Failure::at(&from))?;
    match rustix::fs::renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE) {
        Err(Errno::XDEV) => {
            tree::copy(&from, &to)?;
            Ok(tree::remove(&from)?)
        }
        // A file system without this flag.
        Err(Errno::INVAL) if !within(&to, &from) => {
            refuse_existing(&to)?;
            fs::rename(&from, &to).map_err(Failure::at(&to))
        }
        other => other.map_err(|error| Failure::at(&to)(error.into())),
    }
}

/// Copies, as `cp -an` does.
pub(crate) fn copy(from: &str, to: &str) -> Result<(), Failure> {
    let (from, to) = (resolve(from), resolve(to));
    from.symlink_metadata().map_err(Failure::at(&from))?;
    refuse_existing(&to)?;
    if within(&to, &from) {
        return Err(Failure::at(&to)(Errno::INVAL.into())); // a directory into itself has no end
    }
    Ok(tree::copy(&from, &to)?)
}

/// Deletes, as `rm -r` does.
pub(crate) fn delete(path: &str) -> Result<(), Failure> {
    let path = resolve(path);
    if !path.is_symlink() && path.canonicalize().is_ok_and(|path| path == Path::new("/")) {
        return Err(Failure::at(&path)(Errno::BUSY.into()));
    }
    Ok(tree::remove(&path)?)
}

fn refuse_existing(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Ok(_) => Err(Failure::at(path)(Errno::EXIST.into())),
        Err(_) => Ok(()),
    }
}

/// Whether `path`, which need not exist, is in `directory`.
fn within(path: &Path, directory: &Path) -> bool {
    let Ok(directory) = directory.canonicalize() else { return false };
    let parent = path.parent().and_then(|parent| parent.canonicalize().ok());
    parent.is_some_and(|parent| parent.starts_with(directory))
}
