//! A handle to a box without await: its lifecycle, and the doors to commands, files and logs.

use std::time::Duration;

use bytes::Bytes;

use super::runtime::Held;
use super::{Content, Exec, ReadFile, WriteFile};
use crate::boxes::{
    BoxInfo, BoxStatus, DirListing, ExposedPort, Proxy, RestartPolicy, ResumeResult, SuspendResult,
};
use crate::error::Result;

/// A box: [`crate::BoxHandle`] without await.
///
/// Cheap to clone; clones share what is known of the box. What the accessors tell is what the server said last:
/// [`refresh`](BoxHandle::refresh) asks again. Dropping a handle does nothing to the box.
#[derive(Clone, Debug)]
pub struct BoxHandle(pub(super) Held<crate::BoxHandle>);

/// What is known of the box.
impl BoxHandle {
    /// The box's id, which stays the same for good.
    pub fn id(&self) -> &str {
        self.0.inner.id()
    }

    /// All that is known of the box.
    pub fn info(&self) -> BoxInfo {
        self.0.inner.info()
    }

    /// The box's name.
    pub fn name(&self) -> String {
        self.0.inner.name()
    }

    /// The image that it was made from.
    pub fn image(&self) -> String {
        self.0.inner.image()
    }

    /// Its public address; empty where it has none.
    pub fn public_ip(&self) -> String {
        self.0.inner.public_ip()
    }

    /// Its state.
    pub fn status(&self) -> BoxStatus {
        self.0.inner.status()
    }

    /// Where its default proxy answers. From create and fork.
    pub fn url(&self) -> Option<String> {
        self.0.inner.url()
    }

    /// How long it took to boot.
    pub fn boot_time(&self) -> Option<Duration> {
        self.0.inner.boot_time()
    }

    /// The box that it was forked from. From fork.
    pub fn forked_from(&self) -> Option<String> {
        self.0.inner.forked_from()
    }

    /// When its main process is started again. From get and list.
    pub fn restart_policy(&self) -> Option<RestartPolicy> {
        self.0.inner.restart_policy()
    }

    /// The size of its disk in bytes. From get and list.
    pub fn disk_bytes(&self) -> Option<u64> {
        self.0.inner.disk_bytes()
    }

    /// After which idle time it is suspended; zero is never. From get and list.
    pub fn auto_suspend_timeout(&self) -> Option<Duration> {
        self.0.inner.auto_suspend_timeout()
    }
}

/// Its lifecycle.
impl BoxHandle {
    /// Boots a stopped box again. As [`crate::BoxHandle::start`].
    pub fn start(&self) -> Result<()> {
        self.0.wait(self.0.inner.start())
    }

    /// Ends every process of the box. As [`crate::BoxHandle::stop`].
    pub fn stop(&self) -> Result<()> {
        self.0.wait(self.0.inner.stop())
    }

    /// Stops and starts the box. As [`crate::BoxHandle::reboot`].
    pub fn reboot(&self) -> Result<()> {
        self.0.wait(self.0.inner.reboot())
    }

    /// Stops every process in its tracks, with its memory. As [`crate::BoxHandle::suspend`].
    pub fn suspend(&self) -> Result<SuspendResult> {
        self.0.wait(self.0.inner.suspend())
    }

    /// Lets a suspended box go on where it was. As [`crate::BoxHandle::resume`].
    pub fn resume(&self) -> Result<ResumeResult> {
        self.0.wait(self.0.inner.resume())
    }

    /// Moves the box's memory to disk. As [`crate::BoxHandle::hibernate`].
    pub fn hibernate(&self) -> Result<()> {
        self.0.wait(self.0.inner.hibernate())
    }

    /// Lets a hibernated box go on where it was. As [`crate::BoxHandle::wake`].
    pub fn wake(&self) -> Result<()> {
        self.0.wait(self.0.inner.wake())
    }

    /// Gives the box another name. As [`crate::BoxHandle::rename`].
    pub fn rename(&self, new_name: &str) -> Result<()> {
        self.0.wait(self.0.inner.rename(new_name))
    }

    /// Sets after how much time without activity the box is suspended. As
    /// [`crate::BoxHandle::set_auto_suspend_timeout`].
    pub fn set_auto_suspend_timeout(&self, idle: Duration) -> Result<()> {
        self.0.wait(self.0.inner.set_auto_suspend_timeout(idle))
    }

    /// Destroys the box and its files, for good. As [`crate::BoxHandle::destroy`].
    pub fn destroy(&self) -> Result<()> {
        self.0.wait(self.0.inner.destroy())
    }

    /// Asks the server for the box's present state. As [`crate::BoxHandle::refresh`].
    pub fn refresh(&self) -> Result<BoxInfo> {
        self.0.wait(self.0.inner.refresh())
    }

    /// Waits until the box is `running` and a command succeeds in it. As [`crate::BoxHandle::wait_until_ready`].
    ///
    /// ```
    /// # fn example(b: boxd::blocking::BoxHandle) -> boxd::Result<()> {
    /// b.wait_until_ready().timeout(std::time::Duration::from_secs(30)).call()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_until_ready(&self) -> WaitUntilReady {
        WaitUntilReady(self.0.with(self.0.inner.wait_until_ready()))
    }
}

/// Commands, files and the log.
impl BoxHandle {
    /// A program and its arguments, to be run in the box; no shell reads them. As [`crate::BoxHandle::exec`].
    ///
    /// ```
    /// # fn example(b: &boxd::blocking::BoxHandle) -> boxd::Result<()> {
    /// let listing = b.exec(["ls", "-la", "/tmp/a folder"]).call()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn exec(&self, command: impl IntoIterator<Item = impl Into<String>>) -> Exec {
        Exec(self.0.with(self.0.inner.exec(command)))
    }

    /// A line for the box's shell: pipes, variables, `&&`. As [`crate::BoxHandle::exec_shell`].
    pub fn exec_shell(&self, line: impl Into<String>) -> Exec {
        Exec(self.0.with(self.0.inner.exec_shell(line)))
    }

    /// Writes a file in the box: bytes, text, a file of this machine ([`Content::file`]), or what a reader gives
    /// ([`Content::reader`]). As [`crate::BoxHandle::write_file`].
    ///
    /// ```
    /// # fn example(b: &boxd::blocking::BoxHandle) -> boxd::Result<()> {
    /// b.write_file("text content", "/app/file.txt").call()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_file(&self, content: impl Into<Content>, path: impl Into<String>) -> WriteFile {
        WriteFile(self.0.with(self.0.inner.write_file(content.into().0, path)))
    }

    /// Reads a file of the box: whole by [`call`](ReadFile::call), or [piece by piece](ReadFile::stream) or
    /// [into a file](ReadFile::to_path) of this machine. As [`crate::BoxHandle::read_file`].
    ///
    /// ```
    /// # fn example(b: &boxd::blocking::BoxHandle) -> boxd::Result<()> {
    /// let data: bytes::Bytes = b.read_file("/app/output.json").call()?;
    /// b.read_file("/app/large.bin").to_path("large.bin")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_file(&self, path: impl Into<String>) -> ReadFile {
        ReadFile(self.0.with(self.0.inner.read_file(path)))
    }

    /// What is in a folder of the box. As [`crate::BoxHandle::list_dir`].
    pub fn list_dir(&self, path: &str) -> Result<DirListing> {
        self.0.wait(self.0.inner.list_dir(path))
    }

    /// Makes a folder in the box. As [`crate::BoxHandle::create_dir`].
    pub fn create_dir(&self, path: &str) -> Result<()> {
        self.0.wait(self.0.inner.create_dir(path))
    }

    /// Moves a file or folder of the box to another path. As [`crate::BoxHandle::rename_path`].
    pub fn rename_path(&self, from: &str, to: &str) -> Result<()> {
        self.0.wait(self.0.inner.rename_path(from, to))
    }

    /// Copies a file or folder of the box. As [`crate::BoxHandle::copy_path`].
    pub fn copy_path(&self, from: &str, to: &str) -> Result<()> {
        self.0.wait(self.0.inner.copy_path(from, to))
    }

    /// Deletes a file or folder of the box. As [`crate::BoxHandle::remove_path`].
    pub fn remove_path(&self, path: &str) -> Result<()> {
        self.0.wait(self.0.inner.remove_path(path))
    }

    /// The box's console output: what is there, or with [`follow(true)`](LogStream::follow) what comes too. As
    /// [`crate::BoxHandle::stream_logs`].
    pub fn stream_logs(&self) -> LogStream {
        LogStream(self.0.with(self.0.inner.stream_logs()))
    }
}

/// How it is reached.
impl BoxHandle {
    /// The box's HTTP proxies. As [`crate::BoxHandle::proxies`].
    pub fn proxies(&self) -> Result<Vec<Proxy>> {
        self.0.wait(self.0.inner.proxies())
    }

    /// Creates a proxy to a port of the box. As [`crate::BoxHandle::create_proxy`].
    ///
    /// ```
    /// # fn example(b: &boxd::blocking::BoxHandle) -> boxd::Result<()> {
    /// let api = b.create_proxy("api", 3001)?;
    /// println!("{}", api.domain);
    /// b.set_proxy_port(3000).call()?; // of the default proxy
    /// b.set_proxy_port(3002).name("api").call()?;
    /// b.delete_proxy("api")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn create_proxy(&self, name: &str, port: u16) -> Result<Proxy> {
        self.0.wait(self.0.inner.create_proxy(name, port))
    }

    /// Points the default proxy at another port of the box, or that of [`name`](SetProxyPort::name). As
    /// [`crate::BoxHandle::set_proxy_port`].
    pub fn set_proxy_port(&self, port: u16) -> SetProxyPort {
        SetProxyPort(self.0.with(self.0.inner.set_proxy_port(port)))
    }

    /// Deletes a proxy that was created by name. As [`crate::BoxHandle::delete_proxy`].
    pub fn delete_proxy(&self, name: &str) -> Result<()> {
        self.0.wait(self.0.inner.delete_proxy(name))
    }

    /// Forwards a public port to a port of the box. As [`crate::BoxHandle::expose_port`].
    pub fn expose_port(&self, port: u16) -> ExposePort {
        ExposePort(self.0.with(self.0.inner.expose_port(port)))
    }

    /// Ends the forward to a port of the box, and gives what it was. As [`crate::BoxHandle::unexpose_port`].
    pub fn unexpose_port(&self, port: u16) -> Result<ExposedPort> {
        self.0.wait(self.0.inner.unexpose_port(port))
    }

    /// The ports of the box that are exposed. As [`crate::BoxHandle::ports`].
    pub fn ports(&self) -> Result<Vec<ExposedPort>> {
        self.0.wait(self.0.inner.ports())
    }
}

/// The wait for a box to be usable. See [`BoxHandle::wait_until_ready`].
#[must_use = "`call` waits"]
#[derive(Clone, Debug)]
pub struct WaitUntilReady(Held<crate::WaitUntilReady>);

impl WaitUntilReady {
    /// How long to wait. As [`crate::WaitUntilReady::timeout`].
    pub fn timeout(self, limit: Duration) -> Self {
        Self(self.0.map(|inner| inner.timeout(limit)))
    }

    /// Waits.
    ///
    /// # Errors
    /// As [`crate::BoxHandle::wait_until_ready`].
    pub fn call(self) -> Result<()> {
        self.0.call().map(drop)
    }
}

/// A proxy about to be pointed elsewhere. See [`BoxHandle::set_proxy_port`].
#[must_use = "a proxy is changed by `call`"]
#[derive(Clone, Debug)]
pub struct SetProxyPort(Held<crate::SetProxyPort>);

impl SetProxyPort {
    /// Which proxy to change. As [`crate::SetProxyPort::name`].
    pub fn name(self, name: impl Into<String>) -> Self {
        Self(self.0.map(|inner| inner.name(name)))
    }

    /// Changes the proxy.
    ///
    /// # Errors
    /// As [`crate::BoxHandle::set_proxy_port`].
    pub fn call(self) -> Result<()> {
        self.0.call().map(drop)
    }
}

/// A port about to be exposed. See [`BoxHandle::expose_port`].
#[must_use = "a port is exposed by `call`"]
#[derive(Clone, Debug)]
pub struct ExposePort(Held<crate::ExposePort>);

impl ExposePort {
    /// `"tcp"`, `"udp"` or `"both"`. As [`crate::ExposePort::protocol`].
    pub fn protocol(self, protocol: impl Into<String>) -> Self {
        Self(self.0.map(|inner| inner.protocol(protocol)))
    }

    /// Exposes the port.
    ///
    /// # Errors
    /// As [`crate::BoxHandle::expose_port`].
    pub fn call(self) -> Result<ExposedPort> {
        self.0.call().map(|made| made.inner)
    }
}

/// The console output of a box: an iterator over pieces of it. As [`crate::LogStream`].
///
/// Nothing is sent before the first one. Dropping it ends the call. A log that is read slowly makes the server wait.
///
/// ```
/// # fn example(b: &boxd::blocking::BoxHandle) -> boxd::Result<()> {
/// for chunk in b.stream_logs().follow(true) {
///     print!("{}", String::from_utf8_lossy(&chunk?));
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a log is read by iterating over it"]
#[derive(Debug)]
pub struct LogStream(Held<crate::LogStream>);

impl LogStream {
    /// Whether to stay for what comes (true), or to end with what is there (false, the default). Of no effect once the
    /// first piece was asked for.
    pub fn follow(self, follow: bool) -> Self {
        Self(self.0.map(|inner| inner.follow(follow)))
    }
}

impl Iterator for LogStream {
    type Item = Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.runtime.next(&mut self.0.inner)
    }
}
