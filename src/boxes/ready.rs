//! Waiting until a box can be used.

use std::future::IntoFuture;
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;

use super::{BoxHandle, BoxStatus};
use crate::client::UNREADABLE;
use crate::error::{Error, Result, span};
use crate::rt;
use crate::transport::Code;
use crate::wire::{Fields, Value, fields};

/// How long [`BoxHandle::wait_until_ready`] waits, and how often it looks.
const READY_TIMEOUT: Duration = Duration::from_secs(90);
const READY_POLL: Duration = Duration::from_millis(500);

impl BoxHandle {
    /// Waits until the box is `running` and a command succeeds in it: 90 s unless
    /// [`timeout`](WaitUntilReady::timeout) says otherwise.
    ///
    /// ```
    /// # async fn example(compute: boxd::Compute) -> boxd::Result<()> {
    /// let b = compute.boxes().create("web").await?;
    /// b.wait_until_ready().timeout(std::time::Duration::from_secs(30)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Timeout`](crate::ErrorKind::Timeout) when time runs out; at once when the box has failed, was stopped or was
    /// destroyed.
    pub fn wait_until_ready(&self) -> WaitUntilReady {
        WaitUntilReady { handle: self.clone(), limit: READY_TIMEOUT }
    }
}

/// The wait for a box to be usable. See [`BoxHandle::wait_until_ready`].
#[must_use = "this waits when it is awaited"]
#[derive(Clone, Debug)]
pub struct WaitUntilReady {
    handle: BoxHandle,
    limit: Duration,
}

impl WaitUntilReady {
    /// How long to wait; every call in it ends by then too. Default: 90 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// As awaiting it, to the encoded `GetVmResponse` by which the box ran. The handle does not learn from it.
    #[doc(hidden)]
    pub fn encoded(self) -> BoxFuture<'static, Result<Bytes>> {
        Box::pin(self.run(|_, _| Ok(())))
    }

    /// `learn` is given each answer for the handle.
    async fn run(self, learn: impl Fn(&BoxHandle, Bytes) -> Result<()>) -> Result<Bytes> {
        let Self { handle, limit } = self;
        let mut seen = handle.status();
        let ready = rt::timeout(limit, async {
            loop {
                // Longer than the wait itself, whose end says more than that of a call.
                let vm = handle.ask(limit.saturating_mul(2)).await?;
                learn(&handle, vm.clone())?;
                seen = status(&vm)?;
                if is_ready(&handle, &seen).await? {
                    return Ok(vm);
                }
                rt::sleep(READY_POLL).await;
            }
        });
        let ended = ready.await.unwrap_or_else(|| {
            let status = if seen.as_str().is_empty() { "not known" } else { seen.as_str() };
            let why = ["not ready within ", &span(limit), "; its status is ", status].concat();
            Err(Error::of(Code::DeadlineExceeded, why))
        });
        ended.map_err(|error| {
            error.doing(["wait until box ", &handle.target().sentence(), " is ready"].concat())
        })
    }
}

/// The state that an encoded `GetVmResponse` tells.
fn status(vm: &[u8]) -> Result<BoxStatus> {
    let unreadable = || Error::of(Code::Internal, UNREADABLE);
    let mut status = &[][..];
    for field in Fields::new(vm) {
        match field.map_err(|_| unreadable())? {
            (number, Value::Bytes(text)) if number == fields::get_vm_response::STATUS.number => status = text,
            _ => {}
        }
    }
    std::str::from_utf8(status).map(BoxStatus::from).map_err(|_| unreadable())
}

/// Whether the box, whose state was `seen`, takes commands.
async fn is_ready(handle: &BoxHandle, seen: &BoxStatus) -> Result<bool> {
    if seen.is_final() {
        let why = ["the box is ", seen.as_str(), ", and will not become ready by itself"].concat();
        return Err(Error::of(Code::FailedPrecondition, why));
    }
    if *seen != BoxStatus::Running {
        return Ok(false);
    }
    match handle.exec_shell("true").await {
        Ok(result) => Ok(result.success()),
        // These say that it will never work; anything else may pass.
        Err(error)
            if matches!(
                error.grpc_code(),
                Some(Code::Unauthenticated | Code::PermissionDenied | Code::NotFound)
            ) =>
        {
            Err(error)
        }
        Err(_) => Ok(false),
    }
}

impl IntoFuture for WaitUntilReady {
    type Output = Result<()>;
    type IntoFuture = BoxFuture<'static, Result<()>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { self.run(BoxHandle::learn).await.map(drop) })
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::wire;

    #[test]
    fn the_state_is_read_from_an_encoded_answer() {
        let said = |status: &str| {
            let vm =
                wire::GetVmResponse { vm_id: "vm-1".into(), status: status.into(), ..Default::default() };
            vm.encode_to_vec()
        };
        assert_eq!(status(&said("running")).unwrap(), BoxStatus::Running);
        assert_eq!(status(&said("")).unwrap(), BoxStatus::Other(String::new()));
        // The last one counts, as in any decoder.
        assert_eq!(status(&[said("starting"), said("failed")].concat()).unwrap(), BoxStatus::Failed);

        let whole = said("running");
        let not_text = whole.iter().map(|byte| if byte.is_ascii_lowercase() { 0xff } else { *byte });
        for broken in [&whole[..whole.len() - 1], &not_text.collect::<Vec<_>>()] {
            let error = status(broken).unwrap_err();
            assert_eq!((error.grpc_code(), error.message()), (Some(Code::Internal), UNREADABLE));
        }
    }
}
