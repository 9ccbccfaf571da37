//! The steps between fork and exec that only the new process itself can take.

use std::{
    error::Error,
    ffi::OsString,
    fs, io,
    os::{fd::RawFd, unix::process::CommandExt as _},
    process::{Command, exit},
};

use crate::{environment, failure::complain};

/// First argument: become the program in the arguments after the next one.
pub(crate) const LAUNCH: &str = "launch";
/// Second argument: with the terminal on standard input as the controlling one.
pub(crate) const TERMINAL: &str = "terminal";
/// Second argument: with no controlling terminal.
pub(crate) const PLAIN: &str = "plain";

/// What shells exit with when a program is there but does not start.
pub(crate) const CANNOT_RUN: u8 = 126;
/// What shells exit with when there is no such program.
const NO_SUCH_PROGRAM: u8 = 127;

/// Starts a session and becomes a program.
pub(crate) fn launch(mut arguments: impl Iterator<Item = OsString>) -> Result<(), Box<dyn Error>> {
    rustix::process::setsid()?;
    if arguments.next().is_some_and(|word| word == TERMINAL) {
        rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
    }
    environment::restore_descriptor_limit();
    become_program(arguments)
}

/// Joins a control group, if there is one, and becomes a program. This form runs on the host, before there is a box.
pub(crate) fn outside(mut arguments: impl Iterator<Item = OsString>) -> Result<(), Box<dyn Error>> {
    close_inherited()?;
    let procs = arguments.next().ok_or("which control group?")?;
    if !procs.is_empty() {
        // Whether it worked is seen from outside: not everyone who may make a group may join it.
        let _ = fs::write(&procs, "0");
    }
    become_program(arguments)
}

/// Closes what the host's own parents left open. None of it is a box's business.
fn close_inherited() -> io::Result<()> {
    let open: Vec<RawFd> = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for descriptor in open.into_iter().filter(|&descriptor| descriptor > 2) {
        let _ = nix::unistd::close(descriptor);
    }
    Ok(())
}

fn become_program(mut arguments: impl Iterator<Item = OsString>) -> Result<(), Box<dyn Error>> {
    let program = arguments.next().ok_or("which program?")?;
    let error = Command::new(&program).args(arguments).exec();
    complain(&format_args!("{}: {error}", program.display()));
    let code = if error.kind() == io::ErrorKind::NotFound { NO_SUCH_PROGRAM } else { CANNOT_RUN };
    exit(code.into())
}
