//! What a box is asked to be, and what is wrong with it.

use std::collections::{BTreeMap, HashSet};

use super::disks::check_volumes;
use super::{Error, Status, name, routes};
use crate::credentials::now;
use crate::machine::RestartPolicy;
use crate::secret;
use crate::store::{BoxRecord, NewBoxRecord, ProxyRecord, VolumeRecord};

/// Sizes of a box that does not say. They are recorded and shown; a local box uses what the machine has.
const VCPU: u32 = 1;
const MEMORY_BYTES: u64 = 4 << 30;
pub(super) const DISK_BYTES: u64 = 10 << 30;
const DEFAULT_PORT: u32 = 8000;
pub(crate) const DEFAULT_IMAGE: &str = "ubuntu:latest";

/// A box to be made.
#[derive(Debug, Default)]
pub(crate) struct NewBox {
    /// Empty: a name is chosen.
    pub(crate) name: String,
    /// Kept and shown. Every local box sees this machine's own /usr, whatever it says.
    pub(crate) image: String,
    pub(crate) restart_policy: String,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cmd: Vec<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) sizes: Sizes,
    pub(crate) proxies: Vec<ProxyRecord>,
    pub(crate) volumes: Vec<VolumeRecord>,
}

/// What a fork may have otherwise than its source; none means the source's.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    pub(crate) vcpu: Option<u32>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) disk_bytes: Option<u64>,
    /// 0: never.
    pub(crate) auto_suspend_secs: Option<u32>,
    pub(crate) auto_destroy_secs: Option<u32>,
}

impl NewBox {
    /// Checks everything and makes the record; its name may still be empty.
    pub(crate) fn into_record(self) -> Result<NewBoxRecord, Error> {
        if !self.name.is_empty() {
            name::check(&self.name)?;
        }
        restart_policy(&self.restart_policy)?;
        for (key, value) in &self.env {
            if key.is_empty() || key.contains(['=', '\0']) || value.contains('\0') {
                return Err(Error::invalid(format!(
                    "environment variable {key:?}: a name is not empty and holds no = or NUL, a value no NUL"
                )));
            }
        }
        if self.cmd.iter().any(|argument| argument.contains('\0')) {
            return Err(Error::invalid("cmd: an argument holds a NUL character"));
        }
        let proxies = with_default(self.proxies)?;
        check_volumes(&self.volumes)?;
        let record = BoxRecord {
            id: secret::random_id("vm-")?,
            name: self.name,
            image: if self.image.is_empty() { DEFAULT_IMAGE.to_owned() } else { self.image },
            status: Status::Pending,
            restart_policy: if self.restart_policy.is_empty() {
                "always".into()
            } else {
                self.restart_policy
            },
            env: self.env,
            cmd: self.cmd,
            labels: self.labels,
            vcpu: self.sizes.vcpu.unwrap_or(VCPU),
            memory_bytes: self.sizes.memory_bytes.unwrap_or(MEMORY_BYTES),
            disk_bytes: self.sizes.disk_bytes.unwrap_or(DISK_BYTES),
            auto_suspend_secs: self.sizes.auto_suspend_secs.unwrap_or(0),
            auto_destroy_secs: self.sizes.auto_destroy_secs.unwrap_or(0),
            auto_hibernate_secs: 0,
            hibernated_at_ms: 0,
            source_id: String::new(),
            source_name: String::new(),
            boot_time_ms: 0,
            created_at: now(),
        };
        Ok(NewBoxRecord { record, proxies, volumes: self.volumes })
    }
}

/// What the runtime knows a restart policy as.
pub(super) fn restart_policy(text: &str) -> Result<RestartPolicy, Error> {
    match text {
        "" | "always" => Ok(RestartPolicy::Always),
        "on-failure" => Ok(RestartPolicy::OnFailure),
        "never" => Ok(RestartPolicy::Never),
        other => Err(Error::invalid(format!("restart policy {other:?}: use always, on-failure or never"))),
    }
}

/// Checks the proxies of a box, and adds the default one that every box has.
fn with_default(mut proxies: Vec<ProxyRecord>) -> Result<Vec<ProxyRecord>, Error> {
    let mut names = HashSet::new();
    for proxy in &proxies {
        if !proxy.name.is_empty() {
            name::check_label("proxy name", &proxy.name)?;
        }
        routes::check_port(&proxy.name, proxy.port)?;
        if !names.insert(proxy.name.as_str()) {
            return Err(Error::invalid(format!("proxy {:?} is given twice", proxy.name)));
        }
    }
    if !names.contains("") {
        proxies.push(ProxyRecord { name: String::new(), port: DEFAULT_PORT });
    }
    Ok(proxies)
}
