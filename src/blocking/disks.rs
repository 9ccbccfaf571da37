//! Disks without await.

use super::runtime::Held;
use crate::boxes::BoxRef;
use crate::disks::{DiskAttachment, DiskInfo};
use crate::error::Result;

/// Creates and finds disks: [`crate::Disks`] without await. From [`Compute::disks`](super::Compute::disks).
#[derive(Clone, Debug)]
pub struct Disks(pub(super) Held<crate::Disks>);

impl Disks {
    /// Creates a disk of this name and size: `"10G"`, or a [`Size`](crate::Size). As [`crate::Disks::create`].
    ///
    /// ```
    /// # fn example(compute: boxd::blocking::Compute, b: &boxd::blocking::BoxHandle) -> boxd::Result<()> {
    /// let disk = compute.disks().create("data", "10G")?;
    /// disk.attach(b, "/mnt/data").read_only(true).call()?;
    /// disk.detach(b)?;
    /// disk.destroy()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn create(&self, name: &str, size: impl Into<String>) -> Result<DiskHandle> {
        let made = self.0.wait(self.0.inner.create(name, size))?;
        Ok(DiskHandle(self.0.with(made)))
    }

    /// All disks of the account, each with where it is attached. As [`crate::Disks::list`].
    pub fn list(&self) -> Result<Vec<DiskHandle>> {
        let all = self.0.wait(self.0.inner.list())?;
        Ok(all.into_iter().map(|disk| DiskHandle(self.0.with(disk))).collect())
    }

    /// The disk of this name or id. As [`crate::Disks::get`].
    pub fn get(&self, name_or_id: &str) -> Result<DiskHandle> {
        let found = self.0.wait(self.0.inner.get(name_or_id))?;
        Ok(DiskHandle(self.0.with(found)))
    }
}

/// A disk: [`crate::DiskHandle`] without await.
///
/// Cheap to clone; clones share what is known of the disk. Dropping a handle does nothing to the disk.
#[derive(Clone, Debug)]
pub struct DiskHandle(Held<crate::DiskHandle>);

impl DiskHandle {
    /// The disk's id, which stays the same for good.
    pub fn id(&self) -> &str {
        self.0.inner.id()
    }

    /// All that is known of the disk.
    pub fn info(&self) -> DiskInfo {
        self.0.inner.info()
    }

    /// The disk's name.
    pub fn name(&self) -> String {
        self.0.inner.name()
    }

    /// Its size in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.0.inner.size_bytes()
    }

    /// Its state, in the server's words.
    pub fn status(&self) -> String {
        self.0.inner.status()
    }

    /// The boxes that it is attached to.
    pub fn attachments(&self) -> Vec<DiskAttachment> {
        self.0.inner.attachments()
    }

    /// Asks the server for the disk's present state. As [`crate::DiskHandle::refresh`].
    pub fn refresh(&self) -> Result<DiskInfo> {
        self.0.wait(self.0.inner.refresh())
    }

    /// Mounts the disk in a box, given by handle, name or id. As [`crate::DiskHandle::attach`].
    pub fn attach(&self, to: impl Into<BoxRef>, mount_path: impl Into<String>) -> AttachDisk {
        AttachDisk(self.0.with(self.0.inner.attach(to, mount_path)))
    }

    /// Unmounts the disk from a box, given by handle, name or id. As [`crate::DiskHandle::detach`].
    pub fn detach(&self, from: impl Into<BoxRef>) -> Result<()> {
        self.0.wait(self.0.inner.detach(from))
    }

    /// Destroys the disk and what is on it, for good. As [`crate::DiskHandle::destroy`].
    pub fn destroy(&self) -> Result<()> {
        self.0.wait(self.0.inner.destroy())
    }
}

/// A disk about to be attached. See [`DiskHandle::attach`].
#[must_use = "a disk is attached by `call`"]
#[derive(Clone, Debug)]
pub struct AttachDisk(Held<crate::AttachDisk>);

impl AttachDisk {
    /// Whether writes are refused. As [`crate::AttachDisk::read_only`].
    pub fn read_only(self, read_only: bool) -> Self {
        Self(self.0.map(|inner| inner.read_only(read_only)))
    }

    /// Attaches the disk.
    ///
    /// # Errors
    /// As [`crate::DiskHandle::attach`].
    pub fn call(self) -> Result<()> {
        self.0.call().map(drop)
    }
}
