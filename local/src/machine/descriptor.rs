//! The host's end of a pipe or terminal whose other end is inside a box.

use std::{
    io, mem,
    os::fd::OwnedFd,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use rustix::{
    buffer::spare_capacity,
    fs::OFlags,
    io::Errno,
    termios::{LocalModes, SpecialCodeIndex, Winsize, tcgetattr, tcsetwinsize},
};
use tokio::io::{Interest, unix::AsyncFd};

use super::exec::WindowSize;

/// The most that is read at once.
const CHUNK: usize = 128 * 1024;

/// Reads below this are copied out, so that a keystroke's echo does not hold a whole chunk's memory.
const SMALL: usize = 8 * 1024;

/// A descriptor that is read or written without blocking.
pub(super) struct Descriptor {
    fd: AsyncFd<OwnedFd>,
}

/// What a [`Descriptor`] is read through.
#[derive(Default)]
pub(super) struct ReadBuffer(Vec<u8>);

impl Descriptor {
    pub(super) fn new(fd: OwnedFd) -> io::Result<Self> {
        let flags = rustix::fs::fcntl_getfl(&fd)?;
        rustix::fs::fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
        Ok(Self { fd: watch(fd)? })
    }

    /// What is there next; nothing when the other side is closed. For one reader at a time.
    pub(super) fn poll_read(
        &self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuffer,
    ) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            let mut ready = ready!(self.fd.poll_read_ready(context))?;
            buffer.0.reserve_exact(CHUNK);
            match ready.try_io(|fd| Ok(rustix::io::read(fd, spare_capacity(&mut buffer.0))?)) {
                Ok(Ok(0)) => return Poll::Ready(Ok(None)),
                Ok(Ok(_)) => return Poll::Ready(Ok(Some(buffer.take()))),
                // What a terminal says when its last program has closed it.
                Ok(Err(error)) if is(&error, Errno::IO) => return Poll::Ready(Ok(None)),
                Ok(Err(error)) if is(&error, Errno::INTR) => {}
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_would_block) => {}
            }
        }
    }

    /// Bytes that can be read at once.
    pub(super) fn pending(&self) -> u64 {
        rustix::io::ioctl_fionread(&self.fd).unwrap_or(0)
    }

    /// Writes some of `data`.
    pub(super) async fn write(&self, data: &[u8]) -> io::Result<usize> {
        let written = self.fd.async_io(Interest::WRITABLE, |fd| Ok(rustix::io::write(fd, data)?)).await;
        // A terminal whose programs are gone is like a pipe without a reader.
        written.map_err(|error| if is(&error, Errno::IO) { io::ErrorKind::BrokenPipe.into() } else { error })
    }

    /// Changes a terminal's size.
    pub(super) fn resize(&self, size: WindowSize) -> io::Result<()> {
        let size = Winsize { ws_col: size.cols, ws_row: size.rows, ws_xpixel: 0, ws_ypixel: 0 };
        Ok(tcsetwinsize(&self.fd, size)?)
    }

    /// The keys that mean the end of a terminal's input now. In the middle of a line the first only hands over the
    /// line.
    pub(super) fn end_keys(&self, at_line_start: bool) -> io::Result<Vec<u8>> {
        let modes = tcgetattr(&self.fd)?;
        let by_line = modes.local_modes.contains(LocalModes::ICANON);
        let key = modes.special_codes[SpecialCodeIndex::VEOF];
        Ok(vec![key; if by_line && !at_line_start { 2 } else { 1 }])
    }
}

impl ReadBuffer {
    fn take(&mut self) -> Bytes {
        if self.0.len() >= SMALL {
            return mem::take(&mut self.0).into();
        }
        let bytes = Bytes::copy_from_slice(&self.0);
        self.0.clear();
        bytes
    }
}

/// Has the runtime watch `fd`.
pub(super) fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // Deprecated for types that may answer with another descriptor later. This one cannot.
    #[allow(deprecated)]
    AsyncFd::new(fd)
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}
