//! Commands: started with pipes or a terminal whose host ends are handed over, then watched.

use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::ExitStatusExt as _,
    },
    process::{Child, ExitStatus, Stdio},
    time::Duration,
};

use boxd_agent::{
    channel,
    process::Pid,
    protocol::{Reply, Request, WindowSize},
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{Mode, OFlags},
    io::Errno,
    process::{PidfdFlags, pidfd_open},
    pty::OpenptFlags,
    termios::{InputModes, OptionalActions, Winsize},
};

use crate::{
    ending,
    environment::{Environment, shell},
    failure::Failure,
};

/// Between asking a cancelled command to end and ending it.
const CANCEL_GRACE: Duration = Duration::from_secs(2);

/// What a pipe holds. The kernel's 64 KiB make writer and reader take turns; when it has no more to give to this user,
/// the smaller pipe works as well.
const PIPE_SIZE: usize = 512 * 1024;

/// Runs `command` until it ends or the host hangs up.
pub(crate) fn run(
    connection: &OwnedFd,
    command: &str,
    terminal: Option<WindowSize>,
    environment: &Environment,
) -> Result<(), Failure> {
    let (mut child, ours) =
        start(command, terminal, environment).map_err(|error| Failure::new(shell(), error))?;
    let told = channel::send(connection, &Reply::Started, &ours.iter().map(AsFd::as_fd).collect::<Vec<_>>());
    drop(ours);
    let pid = rustix::process::Pid::from_child(&child);
    if told.is_err() || !ends_by_itself(connection, pid) {
        // The leader stays unreaped meanwhile, so its number cannot come to mean another session.
        ending::end(CANCEL_GRACE, |process| {
            process.session == pid.as_raw_nonzero().get() || process.pid == pid
        });
    }
    if let Ok(status) = child.wait() {
        // Nobody may be listening any more.
        let _ = channel::send(connection, &Reply::Exited { code: exit_code(status) }, &[]);
    }
    Ok(())
}

/// Shells' way to tell an end in one number.
pub(crate) fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// The command, and the descriptors for the host.
fn start(
    command: &str,
    terminal: Option<WindowSize>,
    environment: &Environment,
) -> io::Result<(Child, Vec<OwnedFd>)> {
    let mut process = environment.command(terminal.is_some(), shell());
    if command.is_empty() {
        process.arg("-l");
    } else {
        process.args(["-c", command]);
    }
    if let Some(size) = terminal {
        let (ours, theirs) = open_terminal(size)?;
        process.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(theirs);
        return Ok((process.spawn()?, vec![ours]));
    }
    let (their_input, input) = pipe()?;
    let (output, their_output) = pipe()?;
    let (errors, their_errors) = pipe()?;
    process.stdin(Stdio::from(their_input)).stdout(their_output).stderr(their_errors);
    Ok((process.spawn()?, vec![input, output, errors]))
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    let _ = rustix::pipe::fcntl_setpipe_size(&writer, PIPE_SIZE);
    Ok((reader.into(), writer.into()))
}

/// A terminal's two sides: the host's and the command's.
fn open_terminal(size: WindowSize) -> io::Result<(OwnedFd, OwnedFd)> {
    let ours = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    rustix::pty::unlockpt(&ours)?;
    let name = rustix::pty::ptsname(&ours, Vec::new())?;
    let theirs = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    let size = Winsize { ws_col: size.cols, ws_row: size.rows, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&ours, size)?;
    let mut modes = rustix::termios::tcgetattr(&theirs)?;
    modes.input_modes |= InputModes::IUTF8;
    rustix::termios::tcsetattr(&theirs, OptionalActions::Now, &modes)?;
    Ok((ours, theirs))
}

/// Waits for the command's end (`true`) or the host's hanging up (`false`).
fn ends_by_itself(connection: &OwnedFd, pid: Pid) -> bool {
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
    loop {
        let mut events = [PollFd::new(&process, PollFlags::IN), PollFd::new(connection, PollFlags::IN)];
        match poll(&mut events, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(_) => return false,
        }
        let [ended, spoken] = events.map(|event| !event.revents().is_empty());
        if ended {
            return true;
        }
        // There is nothing to say meanwhile but goodbye.
        if spoken && !matches!(channel::receive::<Request>(connection), Ok(Some(_))) {
            return false;
        }
    }
}
