//! A handle to a box: its lifecycle, and the doors to commands, files and logs.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use prost::Message;

use super::exec::quote::Command;
use super::exec::{Exec, Target};
use super::files::{Content, ReadFile, WriteFile};
use super::{BoxInfo, BoxStatus, LogStream, RestartPolicy};
use crate::client::{Client, decode};
use crate::error::{Error, Result, named, quoted};
use crate::time::whole_seconds_u32;
use crate::transport::{EncodedMessage, Method};
use crate::wire::{self, methods};

/// A box.
///
/// Cheap to clone; clones share what is known of the box. What the accessors tell is what the server said last:
/// [`refresh`](BoxHandle::refresh) asks again. Dropping a handle does nothing to the box.
#[derive(Clone)]
pub struct BoxHandle {
    pub(super) client: Client,
    shared: Arc<Shared>,
}

struct Shared {
    id: String,
    info: RwLock<BoxInfo>,
}

impl BoxHandle {
    pub(crate) fn new(client: Client, info: BoxInfo) -> Self {
        let client = client.about(&info.id);
        Self { client, shared: Arc::new(Shared { id: info.id.clone(), info: RwLock::new(info) }) }
    }

    /// The box's id, which stays the same for good.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// All that is known of the box.
    pub fn info(&self) -> BoxInfo {
        self.read(Clone::clone)
    }

    /// The box's name.
    pub fn name(&self) -> String {
        self.read(|info| info.name.clone())
    }

    /// The image that it was made from.
    pub fn image(&self) -> String {
        self.read(|info| info.image.clone())
    }

    /// Its public address; empty where it has none.
    pub fn public_ip(&self) -> String {
        self.read(|info| info.public_ip.clone())
    }

    /// Its state.
    pub fn status(&self) -> BoxStatus {
        self.read(|info| info.status.clone())
    }

    /// Where its default proxy answers. From create and fork.
    pub fn url(&self) -> Option<String> {
        self.read(|info| info.url.clone())
    }

    /// How long it took to boot.
    pub fn boot_time(&self) -> Option<Duration> {
        self.read(|info| info.boot_time)
    }

    /// The box that it was forked from. From fork.
    pub fn forked_from(&self) -> Option<String> {
        self.read(|info| info.forked_from.clone())
    }

    /// When its main process is started again. From get and list.
    pub fn restart_policy(&self) -> Option<RestartPolicy> {
        self.read(|info| info.restart_policy.clone())
    }

    /// The size of its disk in bytes. From get and list.
    pub fn disk_bytes(&self) -> Option<u64> {
        self.read(|info| info.disk_bytes)
    }

    /// After which idle time it is suspended; zero is never. From get and list.
    pub fn auto_suspend_timeout(&self) -> Option<Duration> {
        self.read(|info| info.auto_suspend_timeout)
    }

    /// Boots a stopped box again. Its files are those it had.
    pub async fn start(&self) -> Result<()> {
        let request = wire::StartVmRequest { vm_id: self.vm_id() };
        self.change("start", methods::START_VM, &request, BoxStatus::Running).await.map(drop)
    }

    /// Ends every process of the box. Its files are kept.
    pub async fn stop(&self) -> Result<()> {
        let request = wire::StopVmRequest { vm_id: self.vm_id() };
        self.change("stop", methods::STOP_VM, &request, BoxStatus::Stopped).await.map(drop)
    }

    /// Stops and starts the box.
    pub async fn reboot(&self) -> Result<()> {
        let request = wire::RebootVmRequest { vm_id: self.vm_id() };
        self.change("reboot", methods::REBOOT_VM, &request, BoxStatus::Running).await.map(drop)
    }

    /// Stops every process in its tracks, with its memory.
    pub async fn suspend(&self) -> Result<SuspendResult> {
        let request = wire::SuspendVmRequest { vm_id: self.vm_id() };
        let done = self.change("suspend", methods::SUSPEND_VM, &request, BoxStatus::Suspended).await?;
        Ok(SuspendResult { duration: Duration::from_micros(done.suspend_us) })
    }

    /// Lets a suspended box go on where it was.
    pub async fn resume(&self) -> Result<ResumeResult> {
        let request = wire::ResumeVmRequest { vm_id: self.vm_id() };
        let done = self.change("resume", methods::RESUME_VM, &request, BoxStatus::Running).await?;
        Ok(ResumeResult { duration: Duration::from_micros(done.resume_us) })
    }

    /// Moves the box's memory to disk and frees what it used. Cheaper than suspended; [`wake`](BoxHandle::wake) takes
    /// longer than a resume.
    pub async fn hibernate(&self) -> Result<()> {
        let request = wire::HibernateVmRequest { vm_id: self.vm_id() };
        self.change("hibernate", methods::HIBERNATE_VM, &request, BoxStatus::Hibernated).await.map(drop)
    }

    /// Lets a hibernated box go on where it was.
    pub async fn wake(&self) -> Result<()> {
        let request = wire::WakeVmRequest { vm_id: self.vm_id() };
        self.change("wake", methods::WAKE_VM, &request, BoxStatus::Running).await.map(drop)
    }

    /// Gives the box another name, under which it is reached at once. Inside, its host name may follow only when it
    /// boots, and a server may reboot it for that.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name that is taken or cannot be one. Never sent twice.
    pub async fn rename(&self, new_name: &str) -> Result<()> {
        Error::unless_given(named("new_name", "newName"), new_name)?;
        let request = wire::RenameVmRequest { vm_id: self.vm_id(), new_name: new_name.to_owned() };
        let doing = [&self.doing("rename"), " to ", new_name].concat();
        let renamed = self.client.perform(doing, methods::RENAME_VM, &request).await?;
        self.write(|info| info.name = renamed.name);
        Ok(())
    }

    /// Sets after how much time without activity the box is suspended, in whole seconds; zero is never.
    pub async fn set_auto_suspend_timeout(&self, idle: Duration) -> Result<()> {
        let timeout_secs = whole_seconds_u32(idle);
        let request = wire::SetAutoSuspendTimeoutRequest { vm_id: self.vm_id(), timeout_secs };
        let doing = self.doing("set the auto-suspend timeout of");
        self.client.perform(doing, methods::SET_AUTO_SUSPEND_TIMEOUT, &request).await?;
        self.write(|info| info.auto_suspend_timeout = Some(Duration::from_secs(timeout_secs.into())));
        Ok(())
    }

    /// Destroys the box and its files, for good.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when it was destroyed before.
    pub async fn destroy(&self) -> Result<()> {
        let request = wire::DestroyVmRequest { vm_id: self.vm_id() };
        self.change("destroy", methods::DESTROY_VM, &request, BoxStatus::Destroyed).await.map(drop)
    }

    /// Asks the server for the box's present state, which the accessors then tell. Repeated on a lost connection.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when it was destroyed.
    pub async fn refresh(&self) -> Result<BoxInfo> {
        let vm = self.ask(self.client.request_timeout()).await?;
        self.learn(vm)?;
        Ok(self.info())
    }

    /// What the server says of the box now, as an encoded `GetVmResponse`.
    pub(super) async fn ask(&self, limit: Duration) -> Result<Bytes> {
        let vm = self.client.box_of_id(&self.shared.id, limit).await;
        vm.map_err(|error| error.doing(self.doing("refresh")))
    }

    /// Takes over what the server said.
    pub(super) fn learn(&self, vm: Bytes) -> Result<()> {
        let vm = decode::<wire::GetVmResponse>(vm);
        let vm = vm.map_err(|error| error.doing(self.doing("refresh")))?;
        self.write(|info| info.update(vm.into()));
        Ok(())
    }

    /// A program and its arguments, to be run in the box. Each argument arrives as it is; no shell reads them.
    ///
    /// ```
    /// # async fn example(b: &boxd::BoxHandle) -> boxd::Result<()> {
    /// let listing = b.exec(["ls", "-la", "/tmp/a folder"]).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn exec(&self, command: impl IntoIterator<Item = impl Into<String>>) -> Exec {
        let words = command.into_iter().map(Into::into).collect();
        Exec::new(self.client.clone(), self.target(), Command::Argv(words))
    }

    /// A line for the box's shell: pipes, variables, `&&`. Variables and directory set on it hold for all of it.
    ///
    /// ```
    /// # async fn example(b: &boxd::BoxHandle) -> boxd::Result<()> {
    /// let count = b.exec_shell("cat *.log | grep -c $WORD").env("WORD", "error").current_dir("/var/log").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn exec_shell(&self, line: impl Into<String>) -> Exec {
        Exec::new(self.client.clone(), self.target(), Command::Shell(line.into()))
    }

    /// Writes a file in the box: bytes, text, a file of this machine ([`Content::file`]), or what a reader gives
    /// ([`Content::reader`]). A relative path starts at the box user's home.
    ///
    /// ```
    /// # async fn example(b: &boxd::BoxHandle) -> boxd::Result<()> {
    /// b.write_file("text content", "/app/file.txt").await?;
    /// b.write_file(vec![0, 159, 146, 150], "/app/file.bin").await?;
    /// b.write_file(boxd::Content::file("local/file.py"), "/app/file.py").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_file(&self, content: impl Into<Content>, path: impl Into<String>) -> WriteFile {
        WriteFile::new(self.client.clone(), self.target(), content.into(), path.into())
    }

    /// Reads a file of the box: whole when awaited, or [as a stream](ReadFile::stream) or
    /// [into a file](ReadFile::to_path) of this machine.
    ///
    /// ```
    /// # async fn example(b: &boxd::BoxHandle) -> boxd::Result<()> {
    /// let data: bytes::Bytes = b.read_file("/app/output.json").await?;
    /// b.read_file("/app/large.bin").to_path("large.bin").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_file(&self, path: impl Into<String>) -> ReadFile {
        ReadFile::new(self.client.clone(), self.target(), path.into())
    }

    /// The box's console output: what is there, or with [`follow(true)`](LogStream::follow) what comes too.
    pub fn stream_logs(&self) -> LogStream {
        LogStream::new(self.client.clone(), self.target())
    }

    pub(super) fn vm_id(&self) -> String {
        self.shared.id.clone()
    }

    pub(super) fn target(&self) -> Target {
        Target { id: self.vm_id(), name: self.name() }
    }

    fn read<R>(&self, what: impl FnOnce(&BoxInfo) -> R) -> R {
        what(&self.shared.info.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, what: impl FnOnce(&mut BoxInfo)) {
        what(&mut self.shared.info.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// `stop box "web" (vm-1)`, for errors.
    pub(super) fn doing(&self, verb: &str) -> String {
        [verb, " box ", &self.target().sentence()].concat()
    }

    /// A call that leads to another state.
    fn change<Req, Res>(
        &self,
        verb: &'static str,
        method: Method<Req, Res>,
        request: &Req,
        leads_to: BoxStatus,
    ) -> impl Future<Output = Result<Res>> + Send + use<Req, Res>
    where
        Req: Message,
        Res: Message + Default,
    {
        let message = EncodedMessage::encode(request);
        let reply = self.change_by(verb, method.path(), method.repeatable(), message, leads_to);
        reply.map(|reply| decode(reply?))
    }

    /// Not generic, as [`Client::exchange`].
    fn change_by(
        &self,
        verb: &'static str,
        path: &'static str,
        repeatable: bool,
        message: EncodedMessage,
        leads_to: BoxStatus,
    ) -> BoxFuture<'static, Result<Bytes>> {
        let handle = self.clone();
        Box::pin(async move {
            let done = handle.client.exchange_for(handle.doing(verb), path, repeatable, message).await?;
            handle.write(|info| info.status = leads_to);
            Ok(done)
        })
    }
}

impl fmt::Debug for BoxHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoxHandle").field(&self.info()).finish()
    }
}

impl Target {
    /// `"web" (vm-1)`.
    pub(crate) fn sentence(&self) -> String {
        [&quoted(&self.name), " (", &self.id, ")"].concat()
    }
}

/// What a suspend answers.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuspendResult {
    /// How long it took at the server, to the microsecond.
    pub duration: Duration,
}

/// What a resume answers.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumeResult {
    /// How long it took at the server, to the microsecond.
    pub duration: Duration,
}
