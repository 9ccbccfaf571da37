//! What did not work, as the host is told.

use std::{
    fmt::{self, Display},
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use boxd_agent::protocol::Reply;
use rustix::io::Errno;

/// A request that did not work.
pub(crate) struct Failure {
    errno: i32,
    what: String,
}

impl Failure {
    /// `error`, about the thing called `what`.
    pub(crate) fn new(what: impl Into<String>, error: impl Into<io::Error>) -> Self {
        let error = error.into();
        let errno = error.raw_os_error().unwrap_or_else(|| match error.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => Errno::INVAL.raw_os_error(),
            _ => Errno::IO.raw_os_error(),
        });
        Self { errno, what: what.into() }
    }

    /// `error`, about the file at `path`.
    pub(crate) fn at(path: &Path) -> impl Fn(io::Error) -> Self {
        |error| Self::new(path.to_string_lossy(), error)
    }

    /// The error's number, for those who can be told no more.
    pub(crate) fn exit_code(&self) -> ExitCode {
        u8::try_from(self.errno).map_or(ExitCode::FAILURE, ExitCode::from)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, io::Error::from_raw_os_error(self.errno))
    }
}

impl From<Failure> for Reply {
    fn from(failure: Failure) -> Self {
        Self::Failed { errno: failure.errno, what: failure.what }
    }
}

impl From<boxd_agent::tree::Error> for Failure {
    fn from(error: boxd_agent::tree::Error) -> Self {
        Self::new(error.path.to_string_lossy(), error.source)
    }
}

/// Says something on standard error, which may be gone.
pub(crate) fn complain(message: &dyn Display) {
    let _ = writeln!(io::stderr(), "boxd-agent: {message}");
}
