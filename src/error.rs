//! One error for the whole SDK, with the classes of the boxd SDKs as its kinds.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::boxes::PartialOutput;
use crate::transport::{Code, Status};

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Which class an [`Error`] belongs to. The same classes in every boxd SDK.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No credentials, bad ones, or not allowed: `UNAUTHENTICATED`, `PERMISSION_DENIED`.
    Authentication,
    /// No such box, file, disk…: `NOT_FOUND`.
    NotFound,
    /// A quota or a rate limit is used up: `RESOURCE_EXHAUSTED`.
    QuotaExceeded,
    /// The request cannot be right: `INVALID_ARGUMENT`, `ALREADY_EXISTS`.
    InvalidArgument,
    /// Time ran out: `DEADLINE_EXCEEDED`.
    Timeout,
    /// The cluster cannot be reached, or the connection broke: `UNAVAILABLE`.
    Connection,
    /// The server failed: `INTERNAL`, `UNKNOWN`.
    Internal,
    /// Any other status, such as `UNIMPLEMENTED` or `FAILED_PRECONDITION`; see [`Error::grpc_code`].
    Other,
}

impl ErrorKind {
    fn of(code: Code) -> Self {
        match code {
            Code::Unauthenticated | Code::PermissionDenied => Self::Authentication,
            Code::NotFound => Self::NotFound,
            Code::ResourceExhausted => Self::QuotaExceeded,
            Code::InvalidArgument | Code::AlreadyExists => Self::InvalidArgument,
            Code::DeadlineExceeded => Self::Timeout,
            Code::Unavailable => Self::Connection,
            Code::Internal | Code::Unknown => Self::Internal,
            _ => Self::Other,
        }
    }
}

/// What went wrong, on what, and what can be done.
///
/// ```
/// # async fn example(compute: boxd::Compute) -> boxd::Result<()> {
/// match compute.boxes().get("nope").await {
///     Ok(found) => println!("{}", found.id()),
///     Err(error) if error.kind() == boxd::ErrorKind::NotFound => println!("no such box"),
///     Err(error) => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    code: Option<Code>,
    /// What was being done, `exec in box "web"`.
    doing: Option<String>,
    message: String,
    retry_after: Option<Duration>,
    retryable: bool,
    outcome_unknown: bool,
    output: Option<PartialOutput>,
    source: Option<Source>,
}

enum Source {
    Status(Status),
    Other(Box<dyn StdError + Send + Sync>),
}

impl Error {
    fn new(kind: ErrorKind, code: Option<Code>, message: String) -> Self {
        Self(Arc::new(Inner {
            kind,
            code,
            doing: None,
            message,
            retry_after: None,
            retryable: false,
            outcome_unknown: false,
            output: None,
            source: None,
        }))
    }

    /// An argument that cannot be right, refused before any I/O.
    pub(crate) fn invalid_argument(argument: &str, why: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::InvalidArgument, None, [argument, ": ", why.as_ref()].concat())
    }

    /// Refuses an argument that is empty.
    pub(crate) fn unless_given(argument: &str, text: &str) -> Result<()> {
        if text.is_empty() { Err(Self::invalid_argument(argument, "is empty")) } else { Ok(()) }
    }

    /// A configuration that cannot work.
    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, None, message.into())
    }

    /// Credentials that are missing or were refused.
    pub(crate) fn authentication(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Authentication, Some(Code::Unauthenticated), message.into())
    }

    /// A local failure of a kind, such as of a file on this machine.
    pub(crate) fn of(code: Code, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::of(code), Some(code), message.into())
    }

    /// Reading or writing on this machine failed.
    pub(crate) fn local_io(doing: impl fmt::Display, error: std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::InvalidInput => ErrorKind::InvalidArgument,
            _ => ErrorKind::Other,
        };
        Self::new(kind, None, format!("{doing}: {error}")).because(error)
    }

    /// How a call ended badly. `repeatable` says whether it may be sent again without harm.
    pub(crate) fn from_status(status: Status, repeatable: bool) -> Self {
        let code = status.code();
        let error = Self::new(ErrorKind::of(code), Some(code), status.message().to_owned());
        // These come about on the way as well as at the server, which may have done the work all the same.
        let undecided = matches!(code, Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled);
        error.amend(|inner| {
            inner.outcome_unknown = undecided && !repeatable && !status.is_not_sent();
            inner.retryable = code == Code::Unavailable && (repeatable || status.is_not_sent());
            inner.retry_after =
                status.metadata().get("retry-after").and_then(crate::credentials::retry_after);
            inner.source = Some(Source::Status(status));
        })
    }

    pub(crate) fn because(self, source: impl StdError + Send + Sync + 'static) -> Self {
        // Not in a page, where each type of source would weigh a few kilobytes, and none can be seen.
        if cfg!(browser) {
            return self;
        }
        self.amend(|inner| inner.source = Some(Source::Other(Box::new(source))))
    }

    /// Adds to an error that nobody else holds yet; one that was handed out stays as it is.
    fn amend(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(inner);
        }
        self
    }

    /// Says what was being done. The innermost description wins.
    pub(crate) fn doing(self, what: String) -> Self {
        self.amend(|inner| {
            inner.doing.get_or_insert(what);
        })
    }

    pub(crate) fn with_output(self, output: PartialOutput) -> Self {
        self.amend(|inner| inner.output = Some(output))
    }

    pub(crate) fn with_retry_after(self, wait: Option<Duration>) -> Self {
        self.amend(|inner| {
            inner.retry_after = wait;
            inner.retryable = true;
        })
    }

    /// The class of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The gRPC status code; `None` for what was refused or failed on this side before a call.
    pub fn grpc_code(&self) -> Option<Code> {
        self.0.code
    }

    /// What went wrong, in the server's words where they came from there.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether trying the same again later can help and cannot do the work twice.
    pub fn retryable(&self) -> bool {
        self.0.retryable
    }

    /// How long the server asked to wait before the next try.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the call may have been carried out although it failed here: its answer was lost on the way.
    ///
    /// Look before doing it again: `get` the box that a failed `create` named, for instance.
    pub fn outcome_unknown(&self) -> bool {
        self.0.outcome_unknown
    }

    /// What a command had written before its call failed or timed out.
    pub fn output(&self) -> Option<&PartialOutput> {
        self.0.output.as_ref()
    }

    /// The error as a sentence: what `Display` shows. In a page, `Display` itself brings `std::fmt` along, 3 kB.
    pub fn sentence(&self) -> String {
        let mut out = String::new();
        if let Some(doing) = &self.0.doing {
            out.push_str(doing);
            out.push_str(": ");
        }
        out.push_str(&self.0.message);
        if let Some(code) = self.0.code {
            out.push_str(&[" (", code.name(), ")"].concat());
        }
        if self.0.outcome_unknown {
            out.push_str("; it may have been carried out all the same");
        }
        out
    }

    /// The underlying status, where the error came from a call.
    pub fn status(&self) -> Option<&Status> {
        match &self.0.source {
            Some(Source::Status(status)) => Some(status),
            _ => None,
        }
    }
}

/// A time as a person writes it. (`Duration`'s own `Debug` does so too, and weighs 2 kB in a page.)
pub(crate) fn span(time: Duration) -> String {
    if time.subsec_nanos() == 0 {
        [&time.as_secs().to_string(), " s"].concat()
    } else {
        [&u64::try_from(time.as_millis()).unwrap_or(u64::MAX).to_string(), " ms"].concat()
    }
}

/// What callers know an argument as: its name in Rust, or in the npm package's TypeScript.
pub(crate) const fn named(rust: &'static str, typescript: &'static str) -> &'static str {
    if cfg!(boxd_page) { typescript } else { rust }
}

/// `create disk "data"`; the verb alone where the server chooses the name.
pub(crate) fn doing_to(verb: &str, name: &str) -> String {
    if name.is_empty() { verb.to_owned() } else { [verb, " ", &quoted(name)].concat() }
}

/// Text in quotes, on one line. (`{:?}` does so too, and brings tables of Unicode into a page.)
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter.is_ascii_control() => out.push(char::REPLACEMENT_CHARACTER),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind).field("message", &format_args!("{self}"));
        if let Some(output) = &self.0.output {
            out.field("output", output);
        }
        if self.0.outcome_unknown {
            out.field("outcome_unknown", &true);
        }
        out.finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| match source {
            Source::Status(status) => status as &(dyn StdError + 'static),
            Source::Other(source) => source.as_ref(),
        })
    }
}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::NotFound => std::io::ErrorKind::NotFound,
            ErrorKind::Timeout => std::io::ErrorKind::TimedOut,
            ErrorKind::Connection => std::io::ErrorKind::ConnectionAborted,
            ErrorKind::InvalidArgument => std::io::ErrorKind::InvalidInput,
            ErrorKind::Authentication => std::io::ErrorKind::PermissionDenied,
            _ => std::io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
