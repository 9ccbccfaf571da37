//! Public ports that are forwarded to a box.

use std::future::IntoFuture;

use futures_core::future::BoxFuture;

use super::BoxHandle;
use super::proxies::port;
use crate::error::{Error, Result};
use crate::wire::{self, methods};

impl BoxHandle {
    /// Forwards a public port to a port of the box, over TCP unless [`protocol`](ExposePort::protocol) says otherwise.
    /// A port that is exposed already keeps its public port.
    ///
    /// ```
    /// # async fn example(b: &boxd::BoxHandle) -> boxd::Result<()> {
    /// let forward = b.expose_port(5432).await?;
    /// println!("{}:{}", forward.dns, forward.public_port);
    /// b.unexpose_port(5432).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for port 0 or a protocol that the server does not know.
    /// Never sent twice.
    pub fn expose_port(&self, port: u16) -> ExposePort {
        ExposePort { handle: self.clone(), port, protocol: "tcp".to_owned() }
    }

    /// Ends the forward to a port of the box, and gives what it was.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when the port is not exposed. Never sent twice.
    pub async fn unexpose_port(&self, port: u16) -> Result<ExposedPort> {
        let id = self.vm_id();
        let request = wire::UnexposePortRequest { vm_id: id.clone(), vm_port: port.into(), vm: id };
        let doing = self.doing(&["unexpose port ", &port.to_string(), " of"].concat());
        let answer = self.client.perform(doing, methods::UNEXPOSE_PORT, &request).await?;
        Ok(answer.forward.unwrap_or_default().into())
    }

    /// The ports of the box that are exposed. Repeated on a lost connection.
    pub async fn ports(&self) -> Result<Vec<ExposedPort>> {
        let request = wire::ListExposedPortsRequest { vm: self.vm_id() };
        let doing = self.doing("list the ports of");
        let answer = self.client.perform(doing, methods::LIST_EXPOSED_PORTS, &request).await?;
        let name = self.name();
        // Older servers list those of all boxes, and tell names alone.
        let mine = |forward: &wire::ExposePortResponse| match forward.vm_id.as_str() {
            "" => forward.vm_name == name,
            id => id == self.id(),
        };
        Ok(answer.forwards.into_iter().filter(mine).map(Into::into).collect())
    }
}

/// A public port that is forwarded to a box.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExposedPort {
    /// The name of the box.
    pub box_name: String,
    /// The id of the box; empty where the server does not tell.
    pub box_id: String,
    /// The host name under which it is reached.
    pub dns: String,
    /// The port under which it is reached.
    pub public_port: u16,
    /// The port inside the box.
    pub port: u16,
    /// `tcp`, `udp` or `both`.
    pub protocol: String,
}

impl From<wire::ExposePortResponse> for ExposedPort {
    fn from(forward: wire::ExposePortResponse) -> Self {
        Self {
            box_name: forward.vm_name,
            box_id: forward.vm_id,
            dns: forward.dns,
            public_port: port(forward.public_port),
            port: port(forward.vm_port),
            protocol: forward.protocol,
        }
    }
}

/// A port about to be exposed. See [`BoxHandle::expose_port`].
#[must_use = "a port is exposed when this is awaited"]
#[derive(Clone, Debug)]
pub struct ExposePort {
    handle: BoxHandle,
    port: u16,
    protocol: String,
}

impl ExposePort {
    /// `"tcp"`, `"udp"` or `"both"`; others are passed on. Default: `"tcp"`.
    pub fn protocol(mut self, protocol: impl Into<String>) -> Self {
        self.protocol = protocol.into();
        self
    }

    async fn run(self) -> Result<ExposedPort> {
        let Self { handle, port, protocol } = self;
        if port == 0 {
            return Err(Error::invalid_argument("port", "is 0, which nothing listens on"));
        }
        let id = handle.vm_id();
        let doing = handle.doing(&["expose port ", &port.to_string(), " of"].concat());
        let request = wire::ExposePortRequest { vm_id: id.clone(), vm_port: port.into(), protocol, vm: id };
        Ok(handle.client.perform(doing, methods::EXPOSE_PORT, &request).await?.into())
    }
}

impl IntoFuture for ExposePort {
    type Output = Result<ExposedPort>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
