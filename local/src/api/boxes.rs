//! Boxes, from create to destroy.

use std::collections::HashMap;
use std::time::Duration;

use tonic::Status;

use super::Api;
use crate::boxes::{NewBox, Sizes, suggest_name as suggest};
use crate::store::{BoxRecord, ProxyRecord, VolumeRecord};
use crate::wire;

/// Boxes are reached through this machine.
const PUBLIC_IP: &str = "127.0.0.1";

pub(super) async fn create(
    api: &Api,
    request: wire::CreateVmRequest,
) -> Result<wire::CreateVmResponse, Status> {
    let new = NewBox {
        restart_policy: request.restart_policy,
        env: request.env.into_iter().map(|variable| (variable.key, variable.value)).collect(),
        cmd: request.cmd,
        labels: request.labels.into_iter().collect(),
        ..new_box(request.name, request.image_ref, request.config.unwrap_or_default())
    };
    Ok(created(api, api.boxes.create(new).await?))
}

/// What the wire tells of a box that was just made.
pub(super) fn created(api: &Api, record: BoxRecord) -> wire::CreateVmResponse {
    wire::CreateVmResponse {
        url: url(api, &record),
        vm_id: record.id,
        name: record.name,
        public_ip: PUBLIC_IP.to_owned(),
        image: record.image,
        status: record.status.as_str().to_owned(),
        boot_time_ms: record.boot_time_ms,
        ..Default::default()
    }
}

pub(super) async fn fork(api: &Api, request: wire::ForkVmRequest) -> Result<wire::ForkVmResponse, Status> {
    let new = NewBox {
        labels: request.labels.into_iter().collect(),
        ..new_box(request.name, String::new(), request.config.unwrap_or_default())
    };
    let record = api.boxes.fork(&request.source_vm_id, new).await?;
    Ok(wire::ForkVmResponse {
        url: url(api, &record),
        vm_id: record.id,
        name: record.name,
        public_ip: PUBLIC_IP.to_owned(),
        image: record.image,
        status: record.status.as_str().to_owned(),
        forked_from: record.source_id,
        boot_time_ms: record.boot_time_ms,
        ..Default::default()
    })
}

pub(super) async fn get(api: &Api, request: wire::GetVmRequest) -> Result<wire::GetVmResponse, Status> {
    Ok(show(api, api.boxes.get(&request.vm_id).await?))
}

pub(super) async fn list(api: &Api, request: wire::ListVmsRequest) -> Result<wire::ListVmsResponse, Status> {
    let boxes = api.boxes.list().await?.into_iter().map(|record| show(api, record));
    let vms = boxes.filter(|vm| request.label_selector.iter().all(|one| selects(one, &vm.labels)));
    Ok(wire::ListVmsResponse { vms: vms.collect(), ..Default::default() })
}

/// `key=value` asks for that value, `key` for any.
fn selects(selector: &str, labels: &HashMap<String, String>) -> bool {
    match selector.split_once('=') {
        Some((key, value)) => labels.get(key).is_some_and(|label| label == value),
        None => labels.contains_key(selector),
    }
}

pub(super) async fn destroy(
    api: &Api,
    request: wire::DestroyVmRequest,
) -> Result<wire::DestroyVmResponse, Status> {
    api.boxes.destroy(&request.vm_id).await?;
    Ok(wire::DestroyVmResponse::default())
}

pub(super) async fn start(api: &Api, request: wire::StartVmRequest) -> Result<wire::StartVmResponse, Status> {
    api.boxes.start(&request.vm_id).await?;
    Ok(wire::StartVmResponse::default())
}

pub(super) async fn stop(api: &Api, request: wire::StopVmRequest) -> Result<wire::StopVmResponse, Status> {
    api.boxes.stop(&request.vm_id).await?;
    Ok(wire::StopVmResponse::default())
}

pub(super) async fn reboot(
    api: &Api,
    request: wire::RebootVmRequest,
) -> Result<wire::RebootVmResponse, Status> {
    api.boxes.reboot(&request.vm_id).await?;
    Ok(wire::RebootVmResponse::default())
}

pub(super) async fn suspend(
    api: &Api,
    request: wire::SuspendVmRequest,
) -> Result<wire::SuspendVmResponse, Status> {
    let took = api.boxes.suspend(&request.vm_id).await?;
    Ok(wire::SuspendVmResponse { suspend_us: micros(took) })
}

pub(super) async fn resume(
    api: &Api,
    request: wire::ResumeVmRequest,
) -> Result<wire::ResumeVmResponse, Status> {
    let took = api.boxes.resume(&request.vm_id).await?;
    Ok(wire::ResumeVmResponse { resume_us: micros(took) })
}

pub(super) async fn rename(
    api: &Api,
    request: wire::RenameVmRequest,
) -> Result<wire::RenameVmResponse, Status> {
    api.boxes.rename(&request.vm_id, &request.new_name).await?;
    Ok(wire::RenameVmResponse { name: request.new_name })
}

pub(super) async fn suggest_name(
    _: &Api,
    _: wire::SuggestVmNameRequest,
) -> Result<wire::SuggestVmNameResponse, Status> {
    Ok(wire::SuggestVmNameResponse { name: suggest()? })
}

pub(super) async fn set_auto_suspend(
    api: &Api,
    request: wire::SetAutoSuspendTimeoutRequest,
) -> Result<wire::SetAutoSuspendTimeoutResponse, Status> {
    api.boxes.set_auto_suspend(&request.vm_id, request.timeout_secs).await?;
    Ok(wire::SetAutoSuspendTimeoutResponse::default())
}

pub(super) async fn hibernate(
    api: &Api,
    request: wire::HibernateVmRequest,
) -> Result<wire::HibernateVmResponse, Status> {
    api.boxes.hibernate(&request.vm_id).await?;
    Ok(wire::HibernateVmResponse::default())
}

pub(super) async fn wake(api: &Api, request: wire::WakeVmRequest) -> Result<wire::WakeVmResponse, Status> {
    api.boxes.resume(&request.vm_id).await?;
    Ok(wire::WakeVmResponse::default())
}

pub(super) async fn set_auto_hibernate(
    api: &Api,
    request: wire::SetAutoHibernateTimeoutRequest,
) -> Result<wire::SetAutoHibernateTimeoutResponse, Status> {
    api.boxes.set_auto_hibernate(&request.vm_id, request.timeout_secs).await?;
    Ok(wire::SetAutoHibernateTimeoutResponse::default())
}

/// A box as its config says, and otherwise as by default.
pub(super) fn new_box(name: String, image: String, config: wire::VmConfig) -> NewBox {
    let srf = config.srf.unwrap_or_default();
    let sizes = Sizes {
        vcpu: Some(config.vcpu).filter(|vcpu| *vcpu > 0),
        memory_bytes: Some(config.memory_bytes).filter(|bytes| *bytes > 0),
        disk_bytes: Some(config.disk_bytes).filter(|bytes| *bytes > 0),
        auto_suspend_secs: srf.auto_suspend_timeout_secs,
        auto_destroy_secs: Some(srf.auto_destroy_timeout_secs).filter(|secs| *secs > 0),
    };
    let proxies = config.network.unwrap_or_default().proxies.into_iter();
    let volumes = config.volumes.into_iter().map(|volume| {
        let wire::VolumeMount { disk_id, mount_path, read_only } = volume;
        VolumeRecord { disk_id, mount_path, read_only }
    });
    NewBox {
        name,
        image,
        sizes,
        proxies: proxies.map(|proxy| ProxyRecord { name: proxy.name, port: proxy.port }).collect(),
        volumes: volumes.collect(),
        ..NewBox::default()
    }
}

fn show(api: &Api, record: BoxRecord) -> wire::GetVmResponse {
    let source_info = (!record.source_id.is_empty()).then(|| wire::VmSource {
        kind: "fork".to_owned(),
        name: record.source_name.clone(),
        version: 0,
        id: record.source_id,
    });
    wire::GetVmResponse {
        access_domain: format!("localhost:{}", api.web_port),
        vm_id: record.id,
        name: record.name,
        image_ref: record.image,
        public_ip: PUBLIC_IP.to_owned(),
        status: record.status.as_str().to_owned(),
        restart_policy: record.restart_policy,
        disk_bytes: record.disk_bytes,
        auto_suspend_timeout_secs: record.auto_suspend_secs,
        auto_destroy_timeout_secs: record.auto_destroy_secs,
        auto_hibernate_timeout_secs: record.auto_hibernate_secs,
        hibernated_at_ms: record.hibernated_at_ms,
        source: record.source_name,
        source_info,
        vcpu: record.vcpu,
        memory_bytes: record.memory_bytes,
        created_at: record.created_at,
        boot_time_ms: i64::try_from(record.boot_time_ms).unwrap_or(i64::MAX),
        labels: record.labels.into_iter().collect(),
        created_by: crate::credentials::USER.to_owned(),
        ..Default::default()
    }
}

fn url(api: &Api, record: &BoxRecord) -> String {
    format!("http://{}.localhost:{}", record.name, api.web_port)
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
