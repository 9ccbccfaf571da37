//! What is known of a box.

use std::time::Duration;

use super::{BoxStatus, RestartPolicy};
use crate::wire;

/// What the server last said of a box. See [`BoxHandle::info`](super::BoxHandle::info).
///
/// A create or fork answers fewer fields than a `get` or `list`; [`refresh`](super::BoxHandle::refresh) fills them.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoxInfo {
    /// The id, for good.
    pub id: String,
    /// The name.
    pub name: String,
    /// The image that it was made from.
    pub image: String,
    /// Its public address; empty where it has none.
    pub public_ip: String,
    /// Its state.
    pub status: BoxStatus,
    /// Where its default proxy answers. From create and fork.
    pub url: Option<String>,
    /// How long it took to boot.
    pub boot_time: Option<Duration>,
    /// The box that it was forked from. From fork.
    pub forked_from: Option<String>,
    /// When its main process is started again. From get and list.
    pub restart_policy: Option<RestartPolicy>,
    /// The size of its disk in bytes. From get and list.
    pub disk_bytes: Option<u64>,
    /// After which idle time it is suspended; zero is never. From get and list.
    pub auto_suspend_timeout: Option<Duration>,
}

impl BoxInfo {
    /// Of a box that nothing was asked about yet.
    pub(super) fn unknown(id: String, name: String) -> Self {
        Self {
            id,
            name,
            image: String::new(),
            public_ip: String::new(),
            status: BoxStatus::Other(String::new()),
            url: None,
            boot_time: None,
            forked_from: None,
            restart_policy: None,
            disk_bytes: None,
            auto_suspend_timeout: None,
        }
    }

    /// Takes over what a newer answer says, and keeps what it leaves out.
    pub(super) fn update(&mut self, newer: BoxInfo) {
        let older = std::mem::replace(self, newer);
        self.url = self.url.take().or(older.url);
        self.boot_time = self.boot_time.or(older.boot_time);
        self.forked_from = self.forked_from.take().or(older.forked_from);
    }
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn millis(count: u64) -> Option<Duration> {
    (count > 0).then(|| Duration::from_millis(count))
}

impl From<wire::GetVmResponse> for BoxInfo {
    fn from(vm: wire::GetVmResponse) -> Self {
        Self {
            id: vm.vm_id,
            name: vm.name,
            image: vm.image_ref,
            public_ip: vm.public_ip,
            status: vm.status.as_str().into(),
            url: None,
            boot_time: u64::try_from(vm.boot_time_ms).ok().and_then(millis),
            forked_from: None,
            restart_policy: some(vm.restart_policy).map(|name| name.as_str().into()),
            disk_bytes: Some(vm.disk_bytes),
            auto_suspend_timeout: Some(Duration::from_secs(vm.auto_suspend_timeout_secs.into())),
        }
    }
}

/// What a create answers is what a fork answers, less the source.
impl From<wire::CreateVmResponse> for BoxInfo {
    fn from(vm: wire::CreateVmResponse) -> Self {
        wire::ForkVmResponse {
            vm_id: vm.vm_id,
            name: vm.name,
            public_ip: vm.public_ip,
            url: vm.url,
            image: vm.image,
            status: vm.status,
            boot_time_ms: vm.boot_time_ms,
            ..wire::ForkVmResponse::default()
        }
        .into()
    }
}

impl From<wire::ForkVmResponse> for BoxInfo {
    fn from(vm: wire::ForkVmResponse) -> Self {
        Self {
            id: vm.vm_id,
            name: vm.name,
            image: vm.image,
            public_ip: vm.public_ip,
            status: vm.status.as_str().into(),
            url: some(vm.url),
            boot_time: millis(vm.boot_time_ms),
            forked_from: some(vm.forked_from),
            restart_policy: None,
            disk_bytes: None,
            auto_suspend_timeout: None,
        }
    }
}
