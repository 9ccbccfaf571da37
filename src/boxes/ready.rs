//! Waiting until a box can be used.

use std::future::IntoFuture;
use std::time::Duration;

use futures_core::future::BoxFuture;

use super::{BoxHandle, BoxStatus};
use crate::error::{Error, Result, span};
use crate::rt;
use crate::transport::Code;

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

    async fn run(self) -> Result<()> {
        let Self { handle, limit } = self;
        let mut seen = handle.status();
        let ready = rt::timeout(limit, async {
            while !is_ready(&handle, limit, &mut seen).await? {
                rt::sleep(READY_POLL).await;
            }
            Ok(())
        });
        let doing = || ["wait until box ", &handle.target().sentence(), " is ready"].concat();
        let ended = ready.await.unwrap_or_else(|| {
            Err(Error::of(
                Code::DeadlineExceeded,
                ["not ready within ", &span(limit), "; its status is ", seen.as_str()].concat(),
            ))
        });
        ended.map_err(|error| error.doing(doing))
    }
}

/// Whether the box runs and takes commands.
async fn is_ready(handle: &BoxHandle, limit: Duration, seen: &mut BoxStatus) -> Result<bool> {
    *seen = handle.refresh_within(limit).await?.status;
    if seen.is_final() {
        let why = ["the box is ", seen.as_str(), ", and will not become ready by itself"].concat();
        return Err(Error::of(Code::FailedPrecondition, why));
    }
    if *seen != BoxStatus::Running {
        return Ok(false);
    }
    match handle.exec(["true"]).await {
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
        Box::pin(self.run())
    }
}
