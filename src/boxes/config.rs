//! What a box is made with: size, environment, lifecycle, network, volumes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::exec::quote::check_env_key;
use crate::error::{Error, Result, quoted};
use crate::time::whole_seconds_u32;
use crate::wire;

/// What a box is made with. Everything has the server's default unless set.
///
/// ```
/// use boxd::{BoxConfig, RestartPolicy};
///
/// let config = BoxConfig::new()
///     .vcpu(2)
///     .memory("4G")
///     .env("RUST_LOG", "info")
///     .cmd(["python", "-m", "http.server"])
///     .restart_policy(RestartPolicy::OnFailure)
///     .proxy("api", 3001);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoxConfig {
    /// Virtual CPUs; 0 is the server's default.
    pub vcpu: u32,
    /// Memory, a [`Size`] in text, as `"4G"`; empty is the server's default.
    pub memory: String,
    /// Disk, as memory.
    pub disk: String,
    /// Environment variables of the main process and what it starts.
    pub env: Vec<(String, String)>,
    /// The main process; empty is the image's own.
    pub cmd: Vec<String>,
    /// When the main process is started again.
    pub restart_policy: RestartPolicy,
    /// When the box is suspended or destroyed by itself.
    pub lifecycle: Lifecycle,
    /// How the box is reached.
    pub network: Option<Network>,
    /// Disks that are attached from the start.
    pub volumes: Vec<VolumeMount>,
}

impl BoxConfig {
    /// The server's defaults throughout.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of virtual CPUs.
    #[must_use]
    pub fn vcpu(mut self, count: u32) -> Self {
        self.vcpu = count;
        self
    }

    /// Sets the memory: `"4G"`, or a [`Size`].
    #[must_use]
    pub fn memory(mut self, size: impl Into<String>) -> Self {
        self.memory = size.into();
        self
    }

    /// Sets the disk: `"20G"`, or a [`Size`].
    #[must_use]
    pub fn disk(mut self, size: impl Into<String>) -> Self {
        self.disk = size.into();
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// Sets the main process.
    #[must_use]
    pub fn cmd(mut self, words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.cmd = words.into_iter().map(Into::into).collect();
        self
    }

    /// Sets when the main process is started again.
    #[must_use]
    pub fn restart_policy(mut self, policy: RestartPolicy) -> Self {
        self.restart_policy = policy;
        self
    }

    /// Suspends the box after this long without activity; zero is never.
    #[must_use]
    pub fn auto_suspend(mut self, after: Duration) -> Self {
        self.lifecycle.auto_suspend = Some(after);
        self
    }

    /// Destroys the box after this long; zero is never.
    #[must_use]
    pub fn auto_destroy(mut self, after: Duration) -> Self {
        self.lifecycle.auto_destroy = after;
        self
    }

    /// Adds a named proxy to a port of the box.
    #[must_use]
    pub fn proxy(mut self, name: impl Into<String>, port: u16) -> Self {
        let network = self.network.get_or_insert_with(Network::default);
        network.proxies.push(ProxyEntry { name: name.into(), port });
        self
    }

    /// Attaches a disk from the start.
    #[must_use]
    pub fn volume(mut self, volume: VolumeMount) -> Self {
        self.volumes.push(volume);
        self
    }

    /// As [`to_wire`](Self::to_wire), for `what` that keeps the processes of what it is made from: the wire carries none.
    pub(crate) fn to_wire_without_process(&self, what: &str) -> Result<wire::VmConfig> {
        let processes = !self.env.is_empty() || !self.cmd.is_empty();
        if processes || self.restart_policy != RestartPolicy::default() {
            let why = [what, " carries no env, cmd or restart policy of its own"].concat();
            return Err(Error::invalid_argument("config", why));
        }
        self.to_wire()
    }

    /// Checks what can be checked before any I/O, and turns the sized part into its message.
    pub(crate) fn to_wire(&self) -> Result<wire::VmConfig> {
        for (key, value) in &self.env {
            check_env_key(key)?;
            if value.contains('\0') {
                return Err(Error::invalid_argument(
                    "env",
                    ["the value of ", key, " holds a NUL byte"].concat(),
                ));
            }
        }
        for volume in &self.volumes {
            if volume.disk_id.is_empty() || !volume.mount_path.starts_with('/') {
                let [disk, path] = [&volume.disk_id, &volume.mount_path].map(|text| quoted(text));
                let why =
                    ["needs a disk id and an absolute mount path, has ", &disk, " and ", &path].concat();
                return Err(Error::invalid_argument("volumes", why));
            }
        }
        Ok(wire::VmConfig {
            vcpu: self.vcpu,
            memory_bytes: size("memory", &self.memory)?,
            disk_bytes: size("disk", &self.disk)?,
            srf: (self.lifecycle != Lifecycle::default()).then(|| wire::SrfConfig {
                auto_suspend_timeout_secs: self.lifecycle.auto_suspend.map(whole_seconds_u32),
                auto_destroy_timeout_secs: whole_seconds_u32(self.lifecycle.auto_destroy),
            }),
            network: self.network.as_ref().map(|network| wire::NetworkConfig {
                ssh: network.ssh,
                proxies: network
                    .proxies
                    .iter()
                    .map(|proxy| wire::ProxyEntry { name: proxy.name.clone(), port: u32::from(proxy.port) })
                    .collect(),
            }),
            volumes: self
                .volumes
                .iter()
                .map(|volume| wire::VolumeMount {
                    disk_id: volume.disk_id.clone(),
                    mount_path: volume.mount_path.clone(),
                    read_only: volume.read_only,
                })
                .collect(),
            idle_ignore_outbound: None,
        })
    }
}

/// Reads a size that was given as text, for the argument of that name.
pub(crate) fn size(argument: &str, text: &str) -> Result<u64> {
    text.parse()
        .map(Size::as_bytes)
        .map_err(|error: Error| Error::invalid_argument(argument, error.message()))
}

/// When the main process of a box is started again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Whenever it ends.
    #[default]
    Always,
    /// When it fails.
    OnFailure,
    /// Never.
    Never,
    /// One that this SDK does not know, passed through.
    Other(String),
}

impl RestartPolicy {
    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Always => "always",
            Self::OnFailure => "on-failure",
            Self::Never => "never",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for RestartPolicy {
    fn from(name: &str) -> Self {
        match name {
            "always" => Self::Always,
            "on-failure" => Self::OnFailure,
            "never" => Self::Never,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// When a box is suspended or destroyed by itself.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifecycle {
    /// After this long without activity; `None` is the server's default, zero is never. Whole seconds.
    pub auto_suspend: Option<Duration>,
    /// After this long; zero is never. Whole seconds.
    pub auto_destroy: Duration,
}

/// How a box is reached from outside.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Whether it takes SSH. On by default.
    pub ssh: bool,
    /// Named proxies beside the default one.
    pub proxies: Vec<ProxyEntry>,
}

impl Default for Network {
    fn default() -> Self {
        Self { ssh: true, proxies: Vec::new() }
    }
}

/// A named proxy to a port of the box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyEntry {
    /// The first label of its address.
    pub name: String,
    /// The port inside the box; 0 is the server's default.
    pub port: u16,
}

/// A disk and where it is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeMount {
    /// The disk's id.
    pub disk_id: String,
    /// An absolute path inside the box.
    pub mount_path: String,
    /// Refuses writes.
    pub read_only: bool,
}

/// A number of bytes, written as people do: `"512M"`, `"4G"`, `"10GiB"`. Units are powers of 1024.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

impl Size {
    /// A size of this many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn as_bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = Error;

    /// Digits, then optionally K, M, G or T, then optionally `i` and `B`, in any case; empty is 0.
    fn from_str(text: &str) -> Result<Self> {
        let refused =
            || Error::config(quoted(text) + " is not a size; write a number and K, M, G or T, as \"4G\"");
        let trimmed = text.trim().to_ascii_uppercase();
        let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = trimmed.split_at_checked(digits).unwrap_or_default();
        if trimmed.is_empty() {
            return Ok(Self(0));
        }
        let unit = unit.trim_start();
        let unit = unit.strip_suffix('B').unwrap_or(unit);
        let shift = match unit.strip_suffix('I').unwrap_or(unit) {
            "" => 0,
            "K" => 10,
            "M" => 20,
            "G" => 30,
            "T" => 40,
            _ => return Err(refused()),
        };
        let number: u64 = number.parse().map_err(|_| refused())?;
        number.checked_mul(1 << shift).map(Self).ok_or_else(refused)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shift, unit) in [(40, "T"), (30, "G"), (20, "M"), (10, "K")] {
            if self.0 != 0 && self.0.is_multiple_of(1 << shift) {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        write!(f, "{}", self.0)
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in [
            ("", 0),
            ("0", 0),
            ("17", 17),
            ("8G", 8 << 30),
            ("512m", 512 << 20),
            ("1Ki", 1024),
            ("1KiB", 1024),
            ("1 kb", 1024),
            ("2TB", 2 << 40),
            (" 5b ", 5),
        ] {
            assert_eq!(text.parse::<Size>().unwrap().as_bytes(), bytes, "{text:?}");
        }
        for text in ["G", "4X", "4GG", "-1", "1.5G", "4 G x", "99999999999999999999", "16777216T", "1KBi"] {
            assert!(text.parse::<Size>().is_err(), "{text:?}");
        }
        for bytes in [0, 1, 1536, 4 << 30] {
            assert_eq!(Size::bytes(bytes).to_string().parse::<Size>().unwrap().as_bytes(), bytes);
        }
    }

    #[test]
    fn bad_parts_are_refused_by_name() {
        let named = |config: BoxConfig| config.to_wire().unwrap_err().message().to_owned();
        assert!(named(BoxConfig::new().memory("lots")).starts_with("memory: "));
        assert!(named(BoxConfig::new().disk("1Q")).starts_with("disk: "));
        assert!(named(BoxConfig::new().env("A=B", "")).starts_with("env: "));
    }

    #[test]
    fn short_times_do_not_become_never() {
        let srf = BoxConfig::new().auto_suspend(Duration::from_millis(1)).to_wire().unwrap().srf.unwrap();
        assert_eq!(srf.auto_suspend_timeout_secs, Some(1));
        assert_eq!(BoxConfig::new().to_wire().unwrap().srf, None);
        let srf = BoxConfig::new().auto_suspend(Duration::ZERO).to_wire().unwrap().srf.unwrap();
        assert_eq!(srf.auto_suspend_timeout_secs, Some(0));
    }
}
