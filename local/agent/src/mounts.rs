//! Directories of the host in a box that runs already.
//!
//! A mount is made by a process of the host that walks into the box's namespaces: first into the user namespace that
//! owns the box's mounts, where it may mount though it may not on the host, then, with the directory in hand, into the
//! box's mount namespace. The box's own programs, in a user namespace below that one, can neither make nor undo it.

use std::{ffi::OsString, fs, io, os::fd::BorrowedFd, path::Path, process::ExitCode};

use nix::sched::CloneFlags;
use rustix::{
    fs::{CWD, StatVfsMountFlags},
    io::Errno,
    mount::{MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

use crate::failure::{Failure, complain};

/// Where to, as the arguments say.
pub(crate) struct Place {
    target: OsString,
    own_users: bool,
    read_only: bool,
}

/// Runs a step of this module on a place. Its exit code is the system's error number.
pub(crate) fn run(
    mut arguments: impl Iterator<Item = OsString>,
    step: impl FnOnce(&Place) -> Result<(), Failure>,
) -> ExitCode {
    let (target, users, mode) = (arguments.next(), arguments.next(), arguments.next());
    let place = Place {
        target: target.unwrap_or_default(),
        own_users: users.is_some_and(|users| users == "own"),
        read_only: mode.is_some_and(|mode| mode == "ro"),
    };
    match step(&place) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            failure.exit_code()
        }
    }
}

/// Mounts the working directory.
pub(crate) fn mount(place: &Place) -> Result<(), Failure> {
    let doing = |what| move |error: io::Error| Failure::new(what, error);
    enter_users(place)?;
    // Only what is mounted in one's own mount namespace can be copied, and only who owns that may do so.
    nix::sched::unshare(CloneFlags::CLONE_NEWNS)
        .map_err(|error| Failure::new("unshare", io::Error::from(error)))?;
    let directory = detach(place.read_only).map_err(doing("mount attributes"))?;
    enter_mounts()?;
    let target = Path::new(&place.target);
    fs::create_dir_all(target).map_err(Failure::at(target))?;
    rustix::mount::move_mount(&directory, "", CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .map_err(|error| Failure::at(target)(error.into()))
}

/// Undoes it; refused while something in the box uses it.
pub(crate) fn unmount(place: &Place) -> Result<(), Failure> {
    enter_users(place)?;
    enter_mounts()?;
    let target = Path::new(&place.target);
    rustix::mount::unmount(target, UnmountFlags::NOFOLLOW).map_err(|error| Failure::at(target)(error.into()))
}

fn enter_users(place: &Place) -> Result<(), Failure> {
    if !place.own_users {
        return Ok(());
    }
    enter(rustix::stdio::stdin(), LinkNameSpaceType::User, "the box's user namespace")
}

fn enter_mounts() -> Result<(), Failure> {
    enter(rustix::stdio::stdout(), LinkNameSpaceType::Mount, "the box's mount namespace")
}

fn enter(namespace: BorrowedFd<'_>, kind: LinkNameSpaceType, what: &str) -> Result<(), Failure> {
    move_into_link_name_space(namespace, Some(kind)).map_err(|error| Failure::new(what, error))
}

/// The working directory as a mount that is nowhere yet, with its attributes: set before the box can see it.
fn detach(read_only: bool) -> io::Result<rustix::fd::OwnedFd> {
    let here = || {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        rustix::mount::open_tree(CWD, ".", flags)
    };
    // For root the new namespace's mounts are peers of the host's, which is to see nothing of this.
    rustix::mount::mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
    let bare = here()?;
    // Attributes can only be changed where a mount is attached: here, in a namespace that nobody else sees.
    rustix::mount::move_mount(&bare, "", CWD, ".", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    rustix::process::fchdir(&bare)?;
    let mut flags = MountFlags::BIND | MountFlags::NOSUID | MountFlags::NODEV | kept_flags()?;
    flags.set(MountFlags::RDONLY, read_only || flags.contains(MountFlags::RDONLY));
    rustix::mount::mount_remount(".", flags, "")?;
    Ok(here()?)
}

/// What the host's own mount says: a user namespace may not take it back.
fn kept_flags() -> Result<MountFlags, Errno> {
    let host = rustix::fs::statvfs(".")?.f_flag;
    let same = [
        (StatVfsMountFlags::RDONLY, MountFlags::RDONLY),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ];
    let kept = same.into_iter().filter(|(there, _)| host.contains(*there)).map(|(_, flag)| flag);
    Ok(kept.fold(MountFlags::empty(), MountFlags::union))
}
