//! What the npm package `boxd` calls: the SDK's core, exported with wasm-bindgen.
//!
//! The TypeScript around it (`web/package/src`) owns what only JavaScript can: loading, error classes, iterators,
//! disposal, the published types; and the checks of a box's configuration, which weigh a fifth there. Everything else is
//! done here or, better, in the SDK itself.
//!
//! - A box has no object on this side: its calls take its id and name, so that a list of a thousand boxes holds no
//!   memory here and needs no `free`.
//! - Every asynchronous export returns at once with a promise (see `task.rs`); an `AbortSignal` drops the work, which
//!   cancels it at the server.
//! - Records cross as one JSON text, bytes as views of the chunks that `fetch` gave.
#![cfg(all(target_family = "wasm", target_os = "unknown"))]

mod abort;
mod compute;
mod exec;
mod failure;
mod files;
mod json;
mod operations;
mod options;
mod record;
mod stream;
mod table;
mod task;

pub use compute::Compute;
pub use exec::Process;
pub use stream::ByteStream;
