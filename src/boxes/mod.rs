//! Boxes: create, list, get, fork; and all that a box does.

mod config;
pub(crate) mod exec;
mod files;
mod handle;
mod info;
mod logs;
mod ports;
mod proxies;
mod ready;
mod status;

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;

pub(crate) use self::config::size;
pub use self::config::{BoxConfig, Lifecycle, Network, ProxyEntry, RestartPolicy, Size, VolumeMount};
use self::exec::Target;
pub use self::exec::{Cut, Exec, ExecOutput, ExecProcess, ExecResult, ExecStdin, PartialOutput};
pub(crate) use self::files::Support;
pub use self::files::{Content, DirEntry, DirListing, FileStream, Progress, ReadFile, WriteFile};
pub use self::handle::{BoxHandle, ResumeResult, SuspendResult};
pub use self::info::BoxInfo;
pub use self::logs::LogStream;
pub use self::ports::{ExposePort, ExposedPort};
pub use self::proxies::{Proxy, SetProxyPort};
pub use self::ready::WaitUntilReady;
pub use self::status::BoxStatus;
use crate::client::{Client, decode};
use crate::error::{Error, Result, named, quoted};
use crate::transport::Code;
use crate::wire::{self, Encoder, Fields, Value, fields, methods};

/// Creates, finds and forks boxes. From [`Compute::boxes`](crate::Compute::boxes).
#[derive(Clone, Debug)]
pub struct Boxes {
    client: Client,
}

impl Boxes {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Creates a box of this name; an empty name lets the server choose one. Await it, or set its image and
    /// [`BoxConfig`] first.
    ///
    /// Returns once the box is scheduled; [`wait_until_ready`](BoxHandle::wait_until_ready) waits until commands run
    /// in it.
    ///
    /// ```
    /// # async fn example(compute: boxd::Compute) -> boxd::Result<()> {
    /// let plain = compute.boxes().create("web").await?;
    /// let sized = compute
    ///     .boxes()
    ///     .create("worker")
    ///     .image("ghcr.io/org/img:tag")
    ///     .config(boxd::BoxConfig::new().vcpu(2).memory("4G"))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name that is taken or a configuration that cannot
    /// be right. Never sent twice: when the answer is lost, [`Error::outcome_unknown`] holds, and
    /// [`get`](Boxes::get) by the name tells.
    pub fn create(&self, name: impl Into<String>) -> CreateBox {
        CreateBox {
            client: self.client.clone(),
            name: name.into(),
            image: String::new(),
            config: BoxConfig::new(),
        }
    }

    /// All boxes of the account. Repeated on a lost connection.
    pub async fn list(&self) -> Result<Vec<BoxHandle>> {
        let answer = self.client.unary(methods::LIST_VMS, &wire::ListVmsRequest::default()).await?;
        Ok(answer.vms.into_iter().map(|vm| BoxHandle::new(self.client.clone(), vm.into())).collect())
    }

    /// The box of this name or id. Repeated on a lost connection.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is neither.
    pub async fn get(&self, name_or_id: impl AsRef<str>) -> Result<BoxHandle> {
        let vm: wire::GetVmResponse = decode(self.find(name_or_id.as_ref().to_owned()).await?)?;
        Ok(BoxHandle::new(self.client.clone(), vm.into()))
    }

    /// As [`Boxes::get`], to the encoded `GetVmResponse`.
    #[doc(hidden)]
    pub fn find(&self, wanted: String) -> BoxFuture<'static, Result<Bytes>> {
        let client = self.client.clone();
        Box::pin(async move {
            Error::unless_given(named("name_or_id", "nameOrId"), &wanted)?;
            let limit = client.request_timeout();
            let found = client.box_of_id(&wanted, limit).await;
            let named = match &found {
                // The server looks for ids alone; names are found in the list.
                Err(error) if error.grpc_code() == Some(Code::NotFound) => {
                    let list = methods::LIST_VMS;
                    let all = client.exchange(list.path(), list.repeatable(), Encoder::new().finish(), limit);
                    by_name(&all.await?, &wanted)
                }
                _ => None,
            };
            named.map_or(found, Ok).map_err(|error| error.doing(["get box ", &quoted(&wanted)].concat()))
        })
    }

    /// A handle to the box of this id, without asking the server: for an id that was kept from before. `name` stands in
    /// errors; what else the handle tells is empty until [`refresh`](BoxHandle::refresh).
    ///
    /// ```
    /// # async fn example(compute: boxd::Compute) -> boxd::Result<()> {
    /// let b = compute.boxes().attach("vm-1f2e3d", "web");
    /// b.exec(["true"]).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn attach(&self, id: impl Into<String>, name: impl Into<String>) -> BoxHandle {
        BoxHandle::new(self.client.clone(), BoxInfo::unknown(id.into(), name.into()))
    }

    /// Forks a box, given by name, id or handle: a new box with a copy of its files. Await it, or set its name and
    /// [`BoxConfig`] first.
    ///
    /// ```
    /// # async fn example(compute: boxd::Compute) -> boxd::Result<()> {
    /// let forked = compute.boxes().fork("my-vm").name("f1").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`create`](Boxes::create), and [`NotFound`](crate::ErrorKind::NotFound) for a source that is not there.
    pub fn fork(&self, source: impl Into<BoxRef>) -> ForkBox {
        ForkBox { boxes: self.clone(), source: source.into(), name: String::new(), config: None }
    }
}

/// The box of this name in an encoded `ListVmsResponse`, encoded.
fn by_name(list: &Bytes, name: &str) -> Option<Bytes> {
    let is_named = |vm: &[u8]| {
        Fields::new(vm)
            .any(|field| field == Ok((fields::get_vm_response::NAME.number, Value::Bytes(name.as_bytes()))))
    };
    Fields::new(list).find_map(|field| match field {
        Ok((number, Value::Bytes(vm))) if number == fields::list_vms_response::VMS.number && is_named(vm) => {
            Some(list.slice_ref(vm))
        }
        _ => None,
    })
}

/// A box to be named in a call: by its handle, its name or its id.
#[derive(Clone, Debug)]
pub struct BoxRef(pub(crate) Reference);

#[derive(Clone, Debug)]
pub(crate) enum Reference {
    Known(Target),
    NameOrId(String),
}

impl From<&BoxHandle> for BoxRef {
    fn from(handle: &BoxHandle) -> Self {
        Self(Reference::Known(handle.target()))
    }
}

impl From<&str> for BoxRef {
    fn from(name_or_id: &str) -> Self {
        Self(Reference::NameOrId(name_or_id.to_owned()))
    }
}

impl From<String> for BoxRef {
    fn from(name_or_id: String) -> Self {
        Self(Reference::NameOrId(name_or_id))
    }
}

impl From<&String> for BoxRef {
    fn from(name_or_id: &String) -> Self {
        Self(Reference::NameOrId(name_or_id.clone()))
    }
}

/// A box about to be created. See [`Boxes::create`].
#[must_use = "a box is created when this is awaited"]
#[derive(Clone)]
pub struct CreateBox {
    client: Client,
    name: String,
    image: String,
    config: BoxConfig,
}

impl CreateBox {
    /// Sets the image, `"ghcr.io/org/img:tag"`. Default: the cluster's.
    pub fn image(mut self, image: impl Into<String>) -> Self {
        self.image = image.into();
        self
    }

    /// Sets everything else.
    pub fn config(mut self, config: BoxConfig) -> Self {
        self.config = config;
        self
    }

    async fn run(self) -> Result<BoxHandle> {
        let request = self.request()?;
        let doing = ["create box ", &quoted(&self.name)].concat();
        let made = self.client.perform(doing, methods::CREATE_VM, &request).await?;
        Ok(BoxHandle::new(self.client, made.into()))
    }

    fn request(&self) -> Result<wire::CreateVmRequest> {
        let env = self.config.env.iter();
        Ok(wire::CreateVmRequest {
            name: self.name.clone(),
            image_ref: self.image.clone(),
            env: env.map(|(key, value)| wire::EnvVar { key: key.clone(), value: value.clone() }).collect(),
            cmd: self.config.cmd.clone(),
            restart_policy: self.config.restart_policy.as_str().to_owned(),
            config: Some(self.config.to_wire()?),
            ..wire::CreateVmRequest::default()
        })
    }
}

impl IntoFuture for CreateBox {
    type Output = Result<BoxHandle>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for CreateBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateBox")
            .field("name", &self.name)
            .field("image", &self.image)
            .finish_non_exhaustive()
    }
}

/// A fork about to be made. See [`Boxes::fork`].
#[must_use = "a box is forked when this is awaited"]
#[derive(Clone, Debug)]
pub struct ForkBox {
    boxes: Boxes,
    source: BoxRef,
    name: String,
    config: Option<BoxConfig>,
}

impl ForkBox {
    /// Sets the new box's name. Default: the server chooses one.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets another size than the source's. The wire carries no `env`, `cmd` or restart policy for a fork: a
    /// configuration that sets one is refused.
    pub fn config(mut self, config: BoxConfig) -> Self {
        self.config = Some(config);
        self
    }

    async fn run(self) -> Result<BoxHandle> {
        // Before the source is asked for.
        let config = self.checked()?;
        let client = self.boxes.client.clone();
        let source = client.resolve(&self.source).await?;
        let request = self.request(&source.id, config);
        let made =
            client.perform(["fork box ", &source.sentence()].concat(), methods::FORK_VM, &request).await?;
        Ok(BoxHandle::new(client, made.into()))
    }

    fn checked(&self) -> Result<Option<wire::VmConfig>> {
        self.config.as_ref().map(|config| config.to_wire_without_process("a fork")).transpose()
    }

    fn request(&self, source: &str, config: Option<wire::VmConfig>) -> wire::ForkVmRequest {
        wire::ForkVmRequest {
            source_vm_id: source.to_owned(),
            name: self.name.clone(),
            config,
            ..wire::ForkVmRequest::default()
        }
    }
}

impl IntoFuture for ForkBox {
    type Output = Result<BoxHandle>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl Client {
    /// What the server says of the box of this id, as an encoded `GetVmResponse`.
    fn box_of_id(&self, id: &str, limit: Duration) -> BoxFuture<'static, Result<Bytes>> {
        let mut request = Encoder::new();
        request.bytes(fields::get_vm_request::VM_ID, id.as_bytes());
        let get = methods::GET_VM;
        self.exchange(get.path(), get.repeatable(), request.finish(), limit)
    }

    /// The box that was named in a call.
    pub(crate) async fn resolve(&self, reference: &BoxRef) -> Result<Target> {
        match &reference.0 {
            Reference::Known(target) => Ok(target.clone()),
            Reference::NameOrId(wanted) => Ok(Boxes::new(self.clone()).get(wanted).await?.target()),
        }
    }
}
