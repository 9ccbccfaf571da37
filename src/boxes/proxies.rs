//! A box's HTTP proxies: host names that lead to ports inside it.

use std::future::IntoFuture;

use futures_core::future::BoxFuture;

use super::BoxHandle;
use crate::error::{Error, Result, doing_to};
use crate::wire::{self, methods};

impl BoxHandle {
    /// The box's HTTP proxies: the default one, and those that were created. Repeated on a lost connection.
    pub async fn proxies(&self) -> Result<Vec<Proxy>> {
        let name = self.name_on_wire().await?;
        let request = wire::ListProxiesRequest { vm_name: name.clone(), vm: name };
        let doing = self.doing("list the proxies of");
        let answer = self.client.perform(doing, methods::LIST_PROXIES, &request).await?;
        Ok(answer.proxies.into_iter().map(Into::into).collect())
    }

    /// Creates a proxy to a port of the box: `http://<name>.<box>.<zone>`. Port 0 lets the server find it.
    ///
    /// ```
    /// # async fn example(b: &boxd::BoxHandle) -> boxd::Result<()> {
    /// let api = b.create_proxy("api", 3001).await?;
    /// println!("{}", api.domain);
    /// b.set_proxy_port(3000).await?; // of the default proxy
    /// b.set_proxy_port(3002).name("api").await?;
    /// b.delete_proxy("api").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name that is taken or cannot be a part of a host
    /// name. Never sent twice.
    pub async fn create_proxy(&self, name: &str, port: u16) -> Result<Proxy> {
        Error::unless_given("name", name)?;
        let vm = self.name_on_wire().await?;
        let doing = self.doing(&[&doing_to("create proxy", name), " of"].concat());
        let request =
            wire::CreateProxyRequest { name: name.to_owned(), vm_name: vm.clone(), vm, port: port.into() };
        let made = self.client.perform(doing, methods::CREATE_PROXY, &request).await?;
        Ok(wire::ProxyInfo {
            name: made.name,
            vm_name: made.vm_name,
            domain: made.domain,
            port: made.port,
            vm_id: self.vm_id(),
            ..wire::ProxyInfo::default()
        }
        .into())
    }

    /// Points the default proxy at another port of the box, or that of [`name`](SetProxyPort::name). Port 0 lets the
    /// server find it, which older servers refuse.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for a name that is not there. Never sent twice.
    pub fn set_proxy_port(&self, port: u16) -> SetProxyPort {
        SetProxyPort { handle: self.clone(), port, name: String::new() }
    }

    /// Deletes a proxy that was created by name. The default one stays.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for a name that is not there. Never sent twice.
    pub async fn delete_proxy(&self, name: &str) -> Result<()> {
        Error::unless_given("name", name)?;
        let vm = self.name_on_wire().await?;
        let doing = self.doing(&[&doing_to("delete proxy", name), " of"].concat());
        let request = wire::DeleteProxyRequest { name: name.to_owned(), vm_name: vm.clone(), vm };
        self.client.perform(doing, methods::DELETE_PROXY, &request).await.map(drop)
    }

    /// Proxies know boxes by name, which a handle [made from an id](crate::Boxes::attach) may not have.
    async fn name_on_wire(&self) -> Result<String> {
        let name = self.name();
        if name.is_empty() { Ok(self.refresh().await?.name) } else { Ok(name) }
    }
}

/// An HTTP proxy of a box.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its name; empty for the default one.
    pub name: String,
    /// The name of its box.
    pub box_name: String,
    /// The host name under which it is reached.
    pub domain: String,
    /// The port inside the box; 0 where the server finds it.
    pub port: u16,
    /// Whether it is the box's default one.
    pub is_default: bool,
    /// The port, for people. From list.
    pub port_display: String,
    /// The id of its box; empty where the server does not tell.
    pub box_id: String,
    /// How the port is chosen, in the server's words; empty where it does not tell.
    pub port_mode: String,
    /// The port that requests go to right now; `None` where the server does not tell.
    pub effective_port: Option<u16>,
}

impl From<wire::ProxyInfo> for Proxy {
    fn from(info: wire::ProxyInfo) -> Self {
        Self {
            name: info.name,
            box_name: info.vm_name,
            domain: info.domain,
            port: port(info.port),
            is_default: info.is_default,
            port_display: info.port_display,
            box_id: info.vm_id,
            port_mode: info.port_mode,
            effective_port: Some(port(info.effective_port)).filter(|&port| port > 0),
        }
    }
}

/// The wire has 32 bits for what are 16.
pub(super) fn port(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(0)
}

/// A proxy about to be pointed elsewhere. See [`BoxHandle::set_proxy_port`].
#[must_use = "a proxy is changed when this is awaited"]
#[derive(Clone, Debug)]
pub struct SetProxyPort {
    handle: BoxHandle,
    port: u16,
    name: String,
}

impl SetProxyPort {
    /// Which proxy to change. Default: the box's default one.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    async fn run(self) -> Result<()> {
        let Self { handle, port, name } = self;
        let vm = handle.name_on_wire().await?;
        let which = if name.is_empty() { "the default proxy".to_owned() } else { doing_to("proxy", &name) };
        let doing = handle.doing(&["set the port of ", &which, " of"].concat());
        let port = if port == 0 { "auto".to_owned() } else { port.to_string() };
        let request = wire::SetProxyPortRequest { name, vm_name: vm.clone(), port, vm };
        handle.client.perform(doing, methods::SET_PROXY_PORT, &request).await.map(drop)
    }
}

impl IntoFuture for SetProxyPort {
    type Output = Result<()>;
    type IntoFuture = BoxFuture<'static, Result<()>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
