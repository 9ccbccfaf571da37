//! Templates: what a box shall be, kept under a name.

use prost::Message as _;
use tonic::Status;

use super::{Api, boxes};
use crate::boxes::{DEFAULT_IMAGE, check_title};
use crate::credentials::now;
use crate::secret;
use crate::store::{StoreError, TemplateRecord};
use crate::wire;

/// A template is no more than its record, so it is ready at once.
const READY: &str = "ready";

pub(super) async fn create(
    api: &Api,
    request: wire::CreateTemplateRequest,
) -> Result<wire::CreateTemplateResponse, Status> {
    check_title("template name", &request.name)?;
    let config = request.config.unwrap_or_default();
    // What could be no box is refused now.
    boxes::new_box(String::new(), request.image_ref.clone(), config.clone()).into_record()?;
    let template = TemplateRecord {
        id: secret::random_id("tpl-").map_err(|error| Status::internal(error.to_string()))?,
        name: request.name,
        image: if request.image_ref.is_empty() { DEFAULT_IMAGE.to_owned() } else { request.image_ref },
        config: config.encode_to_vec(),
        created_at: now(),
    };
    if !api.store.insert_template(template.clone()).await.map_err(internal)? {
        return Err(Status::already_exists(format!("a template named {:?} exists already", template.name)));
    }
    Ok(wire::CreateTemplateResponse {
        template_id: template.id,
        name: template.name,
        status: READY.to_owned(),
    })
}

pub(super) async fn list(
    api: &Api,
    _: wire::ListTemplatesRequest,
) -> Result<wire::ListTemplatesResponse, Status> {
    let templates = api.store.templates().await.map_err(internal)?.into_iter().map(show);
    Ok(wire::ListTemplatesResponse { templates: templates.collect::<Result<_, _>>()? })
}

pub(super) async fn delete(
    api: &Api,
    request: wire::DeleteTemplateRequest,
) -> Result<wire::DeleteTemplateResponse, Status> {
    if api.store.delete_template(&request.template_id).await.map_err(internal)? {
        return Ok(wire::DeleteTemplateResponse::default());
    }
    Err(unknown(&request.template_id))
}

pub(super) async fn create_vm(
    api: &Api,
    request: wire::CreateVmFromTemplateRequest,
) -> Result<wire::CreateVmFromTemplateResponse, Status> {
    let template = api.store.template(&request.template_id).await.map_err(internal)?;
    let template = template.ok_or_else(|| unknown(&request.template_id))?;
    let config = merge(config(&template)?, request.config.unwrap_or_default());
    let record = api.boxes.create(boxes::new_box(request.name, template.image, config)).await?;
    let made = boxes::created(api, record);
    Ok(wire::CreateVmFromTemplateResponse {
        vm_id: made.vm_id,
        name: made.name,
        public_ip: made.public_ip,
        url: made.url,
        status: made.status,
        boot_time_ms: made.boot_time_ms,
    })
}

/// The template's config, with what was asked for instead.
fn merge(template: wire::VmConfig, asked: wire::VmConfig) -> wire::VmConfig {
    let or = |asked: u64, template| if asked == 0 { template } else { asked };
    let (own, srf) = (template.srf.unwrap_or_default(), asked.srf.unwrap_or_default());
    let (own_network, network) = (template.network.unwrap_or_default(), asked.network.unwrap_or_default());
    let mut proxies = network.proxies;
    let kept = own_network.proxies.into_iter();
    let names: Vec<_> = proxies.iter().map(|proxy| proxy.name.clone()).collect();
    proxies.extend(kept.filter(|proxy| !names.contains(&proxy.name)));
    wire::VmConfig {
        vcpu: if asked.vcpu == 0 { template.vcpu } else { asked.vcpu },
        memory_bytes: or(asked.memory_bytes, template.memory_bytes),
        disk_bytes: or(asked.disk_bytes, template.disk_bytes),
        srf: Some(wire::SrfConfig {
            auto_suspend_timeout_secs: srf.auto_suspend_timeout_secs.or(own.auto_suspend_timeout_secs),
            auto_destroy_timeout_secs: if srf.auto_destroy_timeout_secs == 0 {
                own.auto_destroy_timeout_secs
            } else {
                srf.auto_destroy_timeout_secs
            },
        }),
        network: Some(wire::NetworkConfig { ssh: network.ssh || own_network.ssh, proxies }),
        volumes: if asked.volumes.is_empty() { template.volumes } else { asked.volumes },
        idle_ignore_outbound: asked.idle_ignore_outbound.or(template.idle_ignore_outbound),
    }
}

fn show(template: TemplateRecord) -> Result<wire::TemplateInfo, Status> {
    let config = config(&template)?;
    let sizes = boxes::new_box(String::new(), String::new(), config).into_record()?.record;
    Ok(wire::TemplateInfo {
        template_id: template.id,
        name: template.name,
        image_ref: template.image,
        status: READY.to_owned(),
        vcpu: sizes.vcpu,
        memory_bytes: sizes.memory_bytes,
    })
}

fn config(template: &TemplateRecord) -> Result<wire::VmConfig, Status> {
    wire::VmConfig::decode(template.config.as_slice())
        .map_err(|error| Status::internal(format!("the config of template {:?}: {error}", template.id)))
}

fn unknown(id: &str) -> Status {
    Status::not_found(format!("no template has the id {id:?}"))
}

fn internal(error: StoreError) -> Status {
    crate::boxes::Error::from(error).into()
}
