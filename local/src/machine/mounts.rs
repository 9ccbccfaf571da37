//! Directories of the host in a box: what can be mounted where, and how that is done while the box runs.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    path::{Component, Path},
    process::{Command, Stdio},
};

use boxd_agent::{MOUNT, UNMOUNT};
use rustix::io::Errno;

use super::{Error, Mount, monitor::Init, root::SYSTEM_DIRECTORIES, spawner::on_spawner};

/// What holds a box together and is not to be hidden, nor anything in it.
const TAKEN: [&str; 5] = ["dev", "proc", "run", "sys", "usr"];

/// Refuses a target that no box can have.
pub(crate) fn check(target: &str) -> Result<(), Error> {
    let refuse = |why| Err(Error::invalid(format!("mount path {target:?}: {why}")));
    let mut parts = Path::new(target).components();
    if parts.next() != Some(Component::RootDir) {
        return refuse("it must be absolute");
    }
    if target.contains('\0') || target.len() > 4095 {
        return refuse("it must be a path");
    }
    // Compared as text: the iterator would pass over `//`, `/.` and a slash at the end.
    let parts: Vec<_> = parts.collect();
    let plain = parts
        .iter()
        .map(|part| part.as_os_str())
        .fold(String::new(), |path, part| format!("{path}/{}", part.to_string_lossy()));
    if parts.iter().any(|part| !matches!(part, Component::Normal(_))) || plain != target {
        return refuse("it must be in its shortest form, without `.`, `..` or empty parts");
    }
    let is = |name: &str| parts[0].as_os_str() == OsStr::new(name);
    if TAKEN.iter().chain(&SYSTEM_DIRECTORIES).any(|name| is(name)) || (is("etc") && parts.len() == 1) {
        return refuse("the box itself is there");
    }
    Ok(())
}

/// Refuses a source that is not there.
pub(super) fn check_source(mount: &Mount) -> Result<(), Error> {
    if mount.source.is_dir() {
        return Ok(());
    }
    Err(Error::NotFound { path: mount.source.display().to_string() })
}

pub(super) fn mount(agent: &Path, init: &Init, mount: &Mount) -> Result<(), Error> {
    check_source(mount)?;
    let mode = if mount.read_only { "ro" } else { "rw" };
    let mut command = command(agent, init, MOUNT, &mount.target)?;
    command.arg(mode).current_dir(&mount.source);
    run(command, &mount.target)
}

pub(super) fn unmount(agent: &Path, init: &Init, target: &str) -> Result<(), Error> {
    run(command(agent, init, UNMOUNT, target)?, target)
}

/// The agent's program, about to do something in the box's namespaces.
fn command(agent: &Path, init: &Init, what: &str, target: &str) -> Result<Command, Error> {
    let mounts = File::open(format!("/proc/{}/ns/mnt", init.pid.as_raw_nonzero())).map_err(gone)?;
    let (users, owner) = match &init.mount_owner {
        Some(owner) => ("own", owner.try_clone().map_err(gone)?.into()),
        None => ("host", Stdio::null()),
    };
    let mut command = Command::new(agent);
    command.args([what, target, users]).env_clear().current_dir("/");
    command.stdin(owner).stdout(mounts).stderr(Stdio::piped());
    Ok(command)
}

fn gone(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::Gone,
        _ => Error::io("looking at the box's namespaces", error),
    }
}

fn run(mut command: Command, target: &str) -> Result<(), Error> {
    let failed = |error| Error::io("starting boxd-agent", error);
    let child = on_spawner(move || command.spawn().map_err(failed))?;
    let output = child.wait_with_output().map_err(|error| Error::io("awaiting boxd-agent", error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = || said.trim().trim_start_matches("boxd-agent: ").replace('\n', "; ");
    let path = target.to_owned();
    Err(match output.status.code().map(Errno::from_raw_os_error) {
        Some(Errno::BUSY) => Error::Busy { path },
        Some(Errno::NOTDIR | Errno::EXIST) => Error::NotADirectory { path },
        Some(Errno::PERM | Errno::NOSYS | Errno::USERS | Errno::NOSPC) => Error::Host {
            message: format!(
                "This machine does not let a running box have another mount ({}); stop the box first.",
                reason()
            ),
        },
        Some(Errno::ROFS | Errno::ACCESS) => Error::Denied { path, reason: reason() },
        _ => Error::io(format!("mounting at {path}"), io::Error::other(reason())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_path_is_plain_and_hides_nothing_that_the_box_needs() {
        for good in ["/mnt", "/mnt/data", "/data", "/home/boxd/x", "/etc/app", "/var/lib/a b", "/ü", "/usrx"]
        {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/",
            "mnt",
            "./mnt",
            "/mnt/",
            "//mnt",
            "/mnt//x",
            "/mnt/.",
            "/mnt/../etc",
            "/proc/x",
            "/dev",
            "/usr/local/x",
            "/etc",
            "/run/x",
            "/lib",
            "/a\0b",
        ] {
            assert!(matches!(check(bad), Err(Error::Invalid { .. })), "{bad:?}");
        }
    }
}
