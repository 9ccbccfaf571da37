//! A connection to a box's agent.

use std::{
    future::poll_fn,
    io,
    os::fd::{BorrowedFd, OwnedFd},
    path::Path,
    task::{Context, Poll, ready},
};

use boxd_agent::{
    channel,
    protocol::{Reply, Request},
    wire::Wire,
};
use rustix::io::Errno;
use tokio::io::{Interest, unix::AsyncFd};

use super::{Error, descriptor::watch};

/// One connection, for one operation. Dropped, it tells the agent that nobody is interested any more.
pub(super) struct Connection {
    socket: AsyncFd<OwnedFd>,
}

impl Connection {
    pub(super) fn open(socket: &Path) -> Result<Self, Error> {
        let socket = channel::connect(socket).map_err(|error| match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Error::Gone,
            _ => Error::io("connecting to the box's agent", error),
        })?;
        let socket = watch(socket).map_err(|error| Error::io("watching the box's agent", error))?;
        Ok(Self { socket })
    }

    /// Sends a request and waits for its first answer, which brings `N` descriptors when it is not a failure.
    pub(super) async fn call<const N: usize>(
        &self,
        request: &Request,
        attached: &[BorrowedFd<'_>],
    ) -> Result<(Reply, [OwnedFd; N]), Error> {
        self.send(request, attached).await?;
        let (reply, descriptors) = self.receive().await?;
        match descriptors.try_into() {
            Ok(descriptors) => Ok((reply, descriptors)),
            Err(_) => Err(unexpected()),
        }
    }

    async fn send(&self, request: &impl Wire, attached: &[BorrowedFd<'_>]) -> Result<(), Error> {
        let sent =
            self.socket.async_io(Interest::WRITABLE, |socket| channel::send(socket, request, attached)).await;
        sent.map_err(|error| match error {
            error if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) => Error::invalid(format!(
                "the request is too long for a box: {} KiB is the most",
                channel::MAX_MESSAGE / 1024
            )),
            error => hung_up(error),
        })
    }

    /// The next answer.
    pub(super) async fn receive(&self) -> Result<(Reply, Vec<OwnedFd>), Error> {
        poll_fn(|context| self.poll_receive(context)).await
    }

    /// As [`receive`](Self::receive), for those who wait for more than one thing.
    pub(super) fn poll_receive(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<Result<(Reply, Vec<OwnedFd>), Error>> {
        loop {
            let mut ready = ready!(self.socket.poll_read_ready(context)).map_err(hung_up)?;
            let Ok(received) = ready.try_io(channel::receive) else { continue };
            return Poll::Ready(match received {
                Ok(Some((Reply::Failed { errno, what }, _))) => Err(failed(errno, what)),
                Ok(Some(reply)) => Ok(reply),
                Ok(None) => Err(Error::Gone),
                Err(error) => Err(hung_up(error)),
            });
        }
    }
}

fn hung_up(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected => {
            Error::Gone
        }
        _ => Error::io("speaking with the box's agent", error),
    }
}

/// An answer that the protocol does not have here.
pub(super) fn unexpected() -> Error {
    Error::io("speaking with the box's agent", io::Error::from(io::ErrorKind::InvalidData))
}

/// What the agent said, as an error of ours.
fn failed(errno: i32, what: String) -> Error {
    match Errno::from_raw_os_error(errno) {
        Errno::NOENT => Error::NotFound { path: what },
        Errno::NOTDIR => Error::NotADirectory { path: what },
        Errno::EXIST => Error::AlreadyExists { path: what },
        Errno::ACCESS | Errno::PERM => Error::Denied { path: what, reason: "permission denied".into() },
        Errno::ROFS => Error::Denied { path: what, reason: "the file system is read-only".into() },
        Errno::ISDIR => Error::invalid(format!("{what}: is a directory")),
        Errno::INVAL => Error::invalid(format!("{what}: not possible with this kind of file or path")),
        Errno::TOOBIG => Error::invalid(format!("{what}: the command is too long")),
        errno => Error::io(what, errno),
    }
}
