//! The same surface without `await`, for programs that have no async runtime, and for plain code inside those that do.
//!
//! Turned on by the feature `blocking`; not in a browser. Every type and method of the async surface that waits has its
//! twin of the same name here, with the same arguments, results and errors:
//!
//! | async | blocking |
//! |---|---|
//! | `b.stop().await?` | `b.stop()?` |
//! | a builder: `b.exec(["ls"]).env("K", "v").await?` | ends in `call`: `b.exec(["ls"]).env("K", "v").call()?` |
//! | `Stream` of `Result<Bytes>` | `Iterator` of `Result<Bytes>` |
//! | `AsyncRead`, `AsyncWrite` | [`Read`](std::io::Read), [`Write`](std::io::Write) |
//!
//! What only holds data ([`BoxConfig`](crate::BoxConfig), [`ExecResult`](crate::ExecResult), [`Error`](crate::Error)…)
//! stands at the crate's root for both.
//!
//! ```no_run
//! use boxd::blocking::Compute;
//!
//! fn main() -> boxd::Result<()> {
//!     let compute = Compute::new("bxk_…")?; // or Compute::from_env()?
//!
//!     let b = compute.boxes().create("my-vm").call()?;
//!     b.wait_until_ready().call()?;
//!     let result = b.exec(["echo", "hello"]).call()?;
//!     print!("{}", result.stdout_text());
//!     b.destroy()
//! }
//! ```
//!
//! # Threads and runtimes
//!
//! A call is worked off on the thread that makes it, which sleeps while it waits. Beneath all of them is one background
//! thread, `boxd-blocking`, that drives connections and timers; it is started by the first [`Compute`] and ends when
//! nothing of this module is left.
//!
//! So everything here may be called anywhere: on plain threads, many at once, and inside a tokio runtime of any kind,
//! whose worker is then occupied for the time of the call (`tokio::task::spawn_blocking` is for that). The one place
//! where waiting cannot work is the background thread itself, on which the [progress](WriteFile::progress) of a write is
//! reported: a call there is an [`InvalidArgument`](crate::ErrorKind::InvalidArgument) error.
//!
//! Nothing runs ahead: an iterator pulls as it is asked, so a slow reader slows the sender, and dropping a process or
//! an iterator cancels its call at the server.

mod api_keys;
mod boxes;
mod compute;
mod disks;
mod domains;
mod exec;
mod files;
mod handle;
mod networks;
mod runtime;
mod templates;
mod tokens;

pub use self::api_keys::{ApiKeys, CreateApiKey};
pub use self::boxes::{Boxes, CreateBox, ForkBox};
pub use self::compute::{Compute, ComputeBuilder};
pub use self::disks::{AttachDisk, DiskHandle, Disks};
pub use self::domains::Domains;
pub use self::exec::{Exec, ExecOutput, ExecProcess, ExecStdin};
pub use self::files::{Content, FileStream, ReadFile, WriteFile};
pub use self::handle::{BoxHandle, ExposePort, LogStream, SetProxyPort, WaitUntilReady};
pub use self::networks::{CreateNetwork, Networks};
pub use self::templates::{CreateFromTemplate, CreateTemplate, Templates};
pub use self::tokens::{CreateToken, Tokens};
