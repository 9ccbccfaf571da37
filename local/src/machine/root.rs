//! A box's root directory on the host.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use boxd_agent::tree;

use super::Error;

/// Directories of a new root, and their permissions.
const DIRECTORIES: [(&str, u32); 19] = [
    ("dev", 0o755),
    ("etc", 0o755),
    ("home/boxd", 0o755),
    ("media", 0o755),
    ("mnt", 0o755),
    ("opt", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("srv", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("var/cache", 0o755),
    ("var/lib", 0o755),
    ("var/log", 0o755),
    ("var/mail", 0o755),
    ("var/spool", 0o755),
    ("var/tmp", 0o1777),
];

/// Where the host's own programs and libraries are, besides `/usr`.
pub(super) const SYSTEM_DIRECTORIES: [&str; 7] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "nix"];

/// Files of a new root. They are the box's own from then on.
const FILES: [(&str, &str); 7] = [
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\n\
         boxd:x:1000:1000:boxd:/home/boxd:/bin/bash\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
    ("etc/group", "root:x:0:\ntty:x:5:\nboxd:x:1000:\nnogroup:x:65534:\n"),
    (
        "etc/nsswitch.conf",
        "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n",
    ),
    ("etc/shells", "/bin/sh\n/bin/bash\n"),
    (
        "etc/profile",
        "if [ -n \"$BASH_VERSION\" ] && [ -r /etc/bash.bashrc ]; then . /etc/bash.bashrc; fi\n\
         if [ -r \"$HOME/.bashrc\" ] && [ -n \"$BASH_VERSION\" ]; then . \"$HOME/.bashrc\"; fi\n",
    ),
    ("etc/bash.bashrc", "[ -n \"$PS1\" ] && PS1='\\u@\\h:\\w\\$ '\n"),
    ("etc/resolv.conf", ""),
];

/// Files of the host that a new root begins with, if they are there.
const COPIED: [&str; 6] =
    ["etc/services", "etc/protocols", "etc/mime.types", "etc/inputrc", "etc/localtime", "etc/timezone"];

/// Makes a new root.
pub async fn create_root(root: &Path) -> Result<(), Error> {
    let root = root.to_owned();
    blocking(move || create(&root).map_err(|error| Error::path("making a box's root", &root, error))).await
}

fn create(root: &Path) -> io::Result<()> {
    fs::create_dir_all(root)?;
    for (directory, mode) in DIRECTORIES {
        let directory = root.join(directory);
        fs::create_dir_all(&directory)?;
        fs::set_permissions(&directory, Permissions::from_mode(mode))?;
    }
    for directory in SYSTEM_DIRECTORIES {
        let host = Path::new("/").join(directory);
        if host.is_symlink() {
            symlink(fs::read_link(&host)?, root.join(directory))?;
        } else if host.is_dir() {
            fs::create_dir(root.join(directory))?;
        }
    }
    symlink("/run", root.join("var/run"))?;
    symlink("/run/lock", root.join("var/lock"))?;
    symlink("/proc/self/mounts", root.join("etc/mtab"))?;
    symlink("../usr/lib/os-release", root.join("etc/os-release"))?;
    for (file, text) in FILES {
        fs::write(root.join(file), text)?;
    }
    for file in COPIED {
        let host = Path::new("/").join(file);
        if host.exists() {
            tree::copy(&host, &root.join(file)).map_err(|error| error.source)?;
        }
    }
    Ok(())
}

/// Copies a root with everything in it: permissions, links, times and holes.
pub async fn copy_root(from: &Path, to: &Path) -> Result<(), Error> {
    let (from, to) = (from.to_owned(), to.to_owned());
    blocking(move || {
        tree::copy(&from, &to).map_err(|error| Error::path("copying a box's root:", error.path, error.source))
    })
    .await
}

/// Removes a root, whatever permissions were set inside. That it is gone already is fine.
pub async fn remove_root(root: &Path) -> Result<(), Error> {
    let root = root.to_owned();
    blocking(move || match tree::remove(&root) {
        Err(error) if error.source.kind() != io::ErrorKind::NotFound => {
            Err(Error::path("removing a box's root:", error.path, error.source))
        }
        _ => Ok(()),
    })
    .await
}

/// Runs what blocks where it may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::Gone), // the runtime is shutting down
        },
    }
}
