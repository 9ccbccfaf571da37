//! Disks: folders of this machine that outlive the boxes they are mounted into.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Boot, Boxes, Error, Inner, Live, State, name, spec};
use crate::credentials::now_ms;
use crate::machine::{Mount, check_mount};
use crate::secret;
use crate::store::{AttachmentRecord, DiskRecord, DiskRefusal, VolumeRecord};

impl Boxes {
    /// Makes an empty disk; a size of 0 means the default.
    pub(crate) async fn create_disk(&self, name: String, size_bytes: u64) -> Result<DiskRecord, Error> {
        name::check_title("disk name", &name)?;
        if i64::try_from(size_bytes).is_err() {
            return Err(Error::invalid(format!("disk size {size_bytes}: no disk is that large")));
        }
        let disk = DiskRecord {
            id: secret::random_id("disk-")?,
            name,
            size_bytes: if size_bytes == 0 { spec::DISK_BYTES } else { size_bytes },
            created_at_ms: now_ms(),
        };
        let inner = Arc::clone(&self.inner);
        self.detached(async move {
            let folder = inner.disk(&disk.id);
            // Before the record: what has a record has a folder, and a folder without one is swept at the next start.
            tokio::fs::create_dir_all(&folder)
                .await
                .map_err(|error| Error::io(format!("making {}", folder.display()), error))?;
            if inner.store.insert_disk(disk.clone()).await? {
                return Ok(disk);
            }
            inner.discard_folder(&folder, &disk.id).await?;
            Err(Error::DiskNameTaken(disk.name))
        })
        .await
    }

    pub(crate) async fn disks(&self) -> Result<Vec<(DiskRecord, Option<AttachmentRecord>)>, Error> {
        Ok(self.inner.store.disks().await?)
    }

    /// Mounts a disk into a box: at once if it runs or is suspended, at its next start if not.
    pub(crate) async fn attach_disk(&self, key: &str, volume: VolumeRecord) -> Result<(), Error> {
        let (inner, key) = (Arc::clone(&self.inner), key.to_owned());
        self.detached(async move {
            let (live, state) = inner.locked(&key).await?;
            let mut volumes = inner.store.volumes(&live.id).await?;
            // A disk that is attached here already is refused as such, below.
            volumes.retain(|other| other.disk_id != volume.disk_id);
            volumes.push(volume.clone());
            check_volumes(&volumes)?;
            inner.store.attach(&live.id, volume.clone()).await??;
            let Some(boot) = up(&state) else { return Ok(()) };
            let mounted = boot.machine.mount(inner.mount(&volume)).await;
            if let Err(source) = mounted {
                inner.store.detach(&live.id, &volume.disk_id).await?;
                return Err(inner.failed(&live.id, source).await);
            }
            Ok(())
        })
        .await
    }

    /// Takes a disk out of a box; refused while the box's processes use it.
    pub(crate) async fn detach_disk(&self, key: &str, disk_id: &str) -> Result<(), Error> {
        let (inner, key, disk_id) = (Arc::clone(&self.inner), key.to_owned(), disk_id.to_owned());
        self.detached(async move {
            let (live, state) = inner.locked(&key).await?;
            let volumes = inner.store.volumes(&live.id).await?;
            let Some(volume) = volumes.into_iter().find(|volume| volume.disk_id == disk_id) else {
                return Err(inner.not_attached(&live, &disk_id).await);
            };
            if let Some(boot) = up(&state)
                && let Err(source) = boot.machine.unmount(&volume.mount_path).await
            {
                return Err(inner.failed(&live.id, source).await);
            }
            inner.store.detach(&live.id, &disk_id).await?;
            Ok(())
        })
        .await
    }

    /// Deletes a disk that is attached to no box, and what is on it.
    pub(crate) async fn destroy_disk(&self, id: &str) -> Result<(), Error> {
        let (inner, id) = (Arc::clone(&self.inner), id.to_owned());
        self.detached(async move {
            inner.store.delete_disk(&id).await??;
            inner.discard_folder(&inner.disk(&id), &id).await
        })
        .await
    }
}

impl Inner {
    /// Where a disk's content is.
    pub(super) fn disk(&self, id: &str) -> PathBuf {
        self.disks.join(id)
    }

    pub(super) fn mount(&self, volume: &VolumeRecord) -> Mount {
        Mount {
            source: self.disk(&volume.disk_id),
            target: volume.mount_path.clone(),
            read_only: volume.read_only,
        }
    }

    async fn not_attached(&self, live: &Live, disk_id: &str) -> Error {
        let known = async {
            let box_name = self.record(&live.id).await?.name;
            let disks = self.store.disks().await?;
            Ok::<_, Error>((box_name, disks.iter().any(|(disk, _)| disk.id == disk_id)))
        };
        let disk_id = disk_id.to_owned();
        match known.await {
            Ok((box_name, true)) => Error::DiskNotAttached { disk_id, box_name },
            Ok((_, false)) => Error::NoSuchDisk(disk_id),
            Err(error) => error,
        }
    }
}

/// The box's machine, if there is one.
fn up(state: &State) -> Option<&Boot> {
    match state {
        State::Running(boot) | State::Suspended(Some(boot)) => Some(boot),
        State::Suspended(None) | State::Down | State::Destroyed => None,
    }
}

/// Refuses paths that cannot be, and of two disks one that would hide the other.
pub(super) fn check_volumes(volumes: &[VolumeRecord]) -> Result<(), Error> {
    for (at, volume) in volumes.iter().enumerate() {
        check_mount(&volume.mount_path).map_err(|error| Error::invalid(error.to_string()))?;
        let path = Path::new(&volume.mount_path);
        for other in &volumes[..at] {
            if other.disk_id == volume.disk_id {
                return Err(Error::invalid(format!("disk {:?} is given twice", volume.disk_id)));
            }
            let there = Path::new(&other.mount_path);
            if path.starts_with(there) || there.starts_with(path) {
                return Err(Error::invalid(format!(
                    "mount path {:?}: disk {:?} is at {:?}, and one would hide the other",
                    volume.mount_path, other.disk_id, other.mount_path
                )));
            }
        }
    }
    Ok(())
}

impl From<DiskRefusal> for Error {
    fn from(refusal: DiskRefusal) -> Self {
        match refusal {
            DiskRefusal::Unknown(disk_id) => Self::NoSuchDisk(disk_id),
            DiskRefusal::Attached { disk_id, box_name } => Self::DiskAttached { disk_id, box_name },
        }
    }
}
