//! Disks.

use tonic::Status;

use super::Api;
use crate::store::{AttachmentRecord, DiskRecord, VolumeRecord};
use crate::wire;

/// A folder is made as fast as it is asked for.
const READY: &str = "ready";
/// This machine, to the clients that ask which one holds a disk.
const WORKER: &str = "local";

pub(super) async fn create(
    api: &Api,
    request: wire::CreateDiskRequest,
) -> Result<wire::CreateDiskResponse, Status> {
    let disk = api.boxes.create_disk(request.name, request.size_bytes).await?;
    Ok(wire::CreateDiskResponse {
        disk_id: disk.id,
        name: disk.name,
        size_bytes: disk.size_bytes,
        status: READY.to_owned(),
    })
}

pub(super) async fn list(api: &Api, _: wire::ListDisksRequest) -> Result<wire::ListDisksResponse, Status> {
    let disks = api.boxes.disks().await?.into_iter().map(|(disk, attached)| show(disk, attached));
    Ok(wire::ListDisksResponse { disks: disks.collect() })
}

pub(super) async fn attach(
    api: &Api,
    request: wire::AttachDiskRequest,
) -> Result<wire::AttachDiskResponse, Status> {
    let wire::AttachDiskRequest { disk_id, vm_id, mount_path, read_only } = request;
    api.boxes.attach_disk(&vm_id, VolumeRecord { disk_id, mount_path, read_only }).await?;
    Ok(wire::AttachDiskResponse::default())
}

pub(super) async fn detach(
    api: &Api,
    request: wire::DetachDiskRequest,
) -> Result<wire::DetachDiskResponse, Status> {
    api.boxes.detach_disk(&request.vm_id, &request.disk_id).await?;
    Ok(wire::DetachDiskResponse::default())
}

pub(super) async fn destroy(
    api: &Api,
    request: wire::DestroyDiskRequest,
) -> Result<wire::DestroyDiskResponse, Status> {
    api.boxes.destroy_disk(&request.disk_id).await?;
    Ok(wire::DestroyDiskResponse::default())
}

fn show(disk: DiskRecord, attached: Option<AttachmentRecord>) -> wire::DiskInfo {
    let attachments = attached.map(|attached| wire::DiskAttachment {
        vm_id: attached.box_id,
        vm_name: attached.box_name,
        mount_path: attached.mount_path,
        mount_mode: if attached.read_only { "ro" } else { "rw" }.to_owned(),
    });
    wire::DiskInfo {
        disk_id: disk.id,
        name: disk.name,
        size_bytes: disk.size_bytes,
        status: READY.to_owned(),
        worker_id: WORKER.to_owned(),
        attachments: attachments.into_iter().collect(),
        created_at: disk.created_at_ms,
    }
}
