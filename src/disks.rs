//! Disks: kept apart from boxes, and attached to them.

use std::fmt;
use std::future::IntoFuture;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use futures_core::future::BoxFuture;

use crate::boxes::{BoxRef, size as parse_size};
use crate::client::Client;
use crate::error::{Error, Result, doing_to, named};
use crate::time::some_moment_ms;
use crate::transport::Code;
use crate::wire::{self, methods};

/// Creates and finds disks. From [`Compute::disks`](crate::Compute::disks).
#[derive(Clone, Debug)]
pub struct Disks {
    client: Client,
}

impl Disks {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Creates a disk of this name and size: `"10G"`, or a [`Size`](crate::Size).
    ///
    /// ```
    /// # async fn example(compute: boxd::Compute, b: &boxd::BoxHandle) -> boxd::Result<()> {
    /// let disk = compute.disks().create("data", "10G").await?;
    /// disk.attach(b, "/mnt/data").await?;
    /// disk.detach(b).await?;
    /// disk.attach(b, "/mnt/data").read_only(true).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name that is taken or what is no size. Never sent
    /// twice: when the answer is lost, [`Error::outcome_unknown`] holds, and [`get`](Disks::get) by the name tells.
    pub async fn create(&self, name: &str, size: impl Into<String>) -> Result<DiskHandle> {
        let size = size.into();
        Error::unless_given("name", name)?;
        let request =
            wire::CreateDiskRequest { name: name.to_owned(), size_bytes: parse_size("size", &size)? };
        let made = self.client.perform(doing_to("create disk", name), methods::CREATE_DISK, &request).await?;
        Ok(self.handle(wire::DiskInfo {
            disk_id: made.disk_id,
            name: made.name,
            size_bytes: made.size_bytes,
            status: made.status,
            ..wire::DiskInfo::default()
        }))
    }

    /// All disks of the account, each with where it is attached. Repeated on a lost connection.
    pub async fn list(&self) -> Result<Vec<DiskHandle>> {
        let answer = self.client.unary(methods::LIST_DISKS, &wire::ListDisksRequest {}).await?;
        Ok(answer.disks.into_iter().map(|disk| self.handle(disk)).collect())
    }

    /// The disk of this name or id. Repeated on a lost connection.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is neither.
    pub async fn get(&self, name_or_id: &str) -> Result<DiskHandle> {
        Error::unless_given(named("name_or_id", "nameOrId"), name_or_id)?;
        let found = find(&self.client, "get disk", name_or_id, |disk| {
            disk.disk_id == name_or_id || disk.name == name_or_id
        });
        Ok(self.handle(found.await?))
    }

    fn handle(&self, disk: wire::DiskInfo) -> DiskHandle {
        let info = DiskInfo::from(disk);
        let shared = Shared { id: info.id.clone(), info: RwLock::new(info) };
        DiskHandle { client: self.client.clone(), shared: Arc::new(shared) }
    }
}

/// The first disk that is `wanted`. The wire has no call for one disk.
async fn find(
    client: &Client,
    verb: &str,
    name: &str,
    wanted: impl Fn(&wire::DiskInfo) -> bool,
) -> Result<wire::DiskInfo> {
    let answer =
        client.perform(doing_to(verb, name), methods::LIST_DISKS, &wire::ListDisksRequest {}).await?;
    answer.disks.into_iter().find(wanted).ok_or_else(|| {
        Error::of(Code::NotFound, "there is no disk of this name or id").doing(doing_to(verb, name))
    })
}

/// A disk.
///
/// Cheap to clone; clones share what is known of the disk. What the accessors tell is what the server said last, and
/// what was done through this handle since: [`refresh`](DiskHandle::refresh) asks again. Dropping a handle does nothing
/// to the disk.
#[derive(Clone)]
pub struct DiskHandle {
    client: Client,
    shared: Arc<Shared>,
}

struct Shared {
    id: String,
    info: RwLock<DiskInfo>,
}

/// What is known of a disk. See [`DiskHandle::info`].
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskInfo {
    /// The id, for good.
    pub id: String,
    /// The name.
    pub name: String,
    /// The size in bytes.
    pub size_bytes: u64,
    /// Its state, in the server's words.
    pub status: String,
    /// The id of the host that holds it; empty where the server does not tell.
    pub worker_id: String,
    /// The boxes that it is attached to.
    pub attachments: Vec<DiskAttachment>,
    /// When it was created, to the millisecond; `None` where the server does not tell.
    pub created_at: Option<SystemTime>,
}

/// A disk's place in a box.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskAttachment {
    /// The id of the box.
    pub box_id: String,
    /// The name of the box.
    pub box_name: String,
    /// Where it stands inside the box.
    pub mount_path: String,
    /// Whether writes are refused.
    pub read_only: bool,
}

impl From<wire::DiskInfo> for DiskInfo {
    fn from(disk: wire::DiskInfo) -> Self {
        let place = |at: wire::DiskAttachment| DiskAttachment {
            box_id: at.vm_id,
            box_name: at.vm_name,
            mount_path: at.mount_path,
            read_only: at.mount_mode == "ro",
        };
        Self {
            id: disk.disk_id,
            name: disk.name,
            size_bytes: disk.size_bytes,
            status: disk.status,
            worker_id: disk.worker_id,
            attachments: disk.attachments.into_iter().map(place).collect(),
            created_at: some_moment_ms(disk.created_at),
        }
    }
}

impl DiskHandle {
    /// The disk's id, which stays the same for good.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// All that is known of the disk.
    pub fn info(&self) -> DiskInfo {
        self.read(Clone::clone)
    }

    /// The disk's name.
    pub fn name(&self) -> String {
        self.read(|info| info.name.clone())
    }

    /// Its size in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.read(|info| info.size_bytes)
    }

    /// Its state, in the server's words.
    pub fn status(&self) -> String {
        self.read(|info| info.status.clone())
    }

    /// The boxes that it is attached to.
    pub fn attachments(&self) -> Vec<DiskAttachment> {
        self.read(|info| info.attachments.clone())
    }

    /// Asks the server for the disk's present state, which the accessors then tell. Repeated on a lost connection.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when it was destroyed.
    pub async fn refresh(&self) -> Result<DiskInfo> {
        let name = self.name();
        let found = find(&self.client, "refresh disk", &name, |disk| disk.disk_id == self.shared.id);
        let info = DiskInfo::from(found.await?);
        self.change(|known| known.clone_from(&info));
        Ok(info)
    }

    /// Mounts the disk in a box, given by handle, name or id, at an absolute path. Await it, or make it
    /// [read-only](AttachDisk::read_only) first.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a path that is not absolute,
    /// [`NotFound`](crate::ErrorKind::NotFound) for a box that is not there. Never sent twice.
    pub fn attach(&self, to: impl Into<BoxRef>, mount_path: impl Into<String>) -> AttachDisk {
        AttachDisk { disk: self.clone(), to: to.into(), mount_path: mount_path.into(), read_only: false }
    }

    /// Unmounts the disk from a box, given by handle, name or id. What is on it is kept.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for a box that is not there. Never sent twice.
    pub async fn detach(&self, from: impl Into<BoxRef>) -> Result<()> {
        let from = self.client.resolve(&from.into()).await?;
        let doing = [&doing_to("detach disk", &self.name()), " from box ", &from.sentence()].concat();
        let request = wire::DetachDiskRequest { disk_id: self.shared.id.clone(), vm_id: from.id };
        let client = self.client.clone().about(&request.vm_id);
        client.perform(doing, methods::DETACH_DISK, &request).await?;
        self.change(|info| info.attachments.retain(|at| at.box_id != request.vm_id));
        Ok(())
    }

    /// Destroys the disk and what is on it, for good.
    ///
    /// # Errors
    /// Refused while it is attached; [`NotFound`](crate::ErrorKind::NotFound) when it was destroyed before. Never sent
    /// twice.
    pub async fn destroy(&self) -> Result<()> {
        let doing = doing_to("destroy disk", &self.name());
        let request = wire::DestroyDiskRequest { disk_id: self.shared.id.clone() };
        self.client.perform(doing, methods::DESTROY_DISK, &request).await?;
        self.change(|info| "destroyed".clone_into(&mut info.status));
        Ok(())
    }

    fn read<R>(&self, what: impl FnOnce(&DiskInfo) -> R) -> R {
        what(&self.shared.info.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, what: impl FnOnce(&mut DiskInfo)) {
        what(&mut self.shared.info.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl fmt::Debug for DiskHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DiskHandle").field(&self.info()).finish()
    }
}

/// A disk about to be attached. See [`DiskHandle::attach`].
#[must_use = "a disk is attached when this is awaited"]
#[derive(Clone, Debug)]
pub struct AttachDisk {
    disk: DiskHandle,
    to: BoxRef,
    mount_path: String,
    read_only: bool,
}

impl AttachDisk {
    /// Whether writes are refused. Default: they are not.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    async fn run(self) -> Result<()> {
        let Self { disk, to, mount_path, read_only } = self;
        if !mount_path.starts_with('/') {
            return Err(Error::invalid_argument(named("mount_path", "mountPath"), "is not an absolute path"));
        }
        let to = disk.client.resolve(&to).await?;
        let doing = [&doing_to("attach disk", &disk.name()), " to box ", &to.sentence()].concat();
        let request = wire::AttachDiskRequest {
            disk_id: disk.shared.id.clone(),
            vm_id: to.id.clone(),
            mount_path: mount_path.clone(),
            read_only,
        };
        disk.client.clone().about(&to.id).perform(doing, methods::ATTACH_DISK, &request).await?;
        disk.change(|info| {
            info.attachments.retain(|at| at.box_id != to.id);
            info.attachments.push(DiskAttachment { box_id: to.id, box_name: to.name, mount_path, read_only });
        });
        Ok(())
    }
}

impl IntoFuture for AttachDisk {
    type Output = Result<()>;
    type IntoFuture = BoxFuture<'static, Result<()>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
