//! Domains that are bound to boxes; clients since 0.2.19 call them custom.

use tonic::Status;

use super::Api;
use crate::store::DomainRecord;
use crate::wire;

pub(super) async fn bind(
    api: &Api,
    request: wire::BindDomainRequest,
) -> Result<wire::BindDomainResponse, Status> {
    api.boxes.bind_domain(&request.domain, &request.vm_id).await?;
    Ok(wire::BindDomainResponse::default())
}

pub(super) async fn list(
    api: &Api,
    _: wire::ListDomainsRequest,
) -> Result<wire::ListDomainsResponse, Status> {
    let domains = api.boxes.domains().await?.into_iter();
    let domains = domains.map(|bound| wire::DomainInfo { domain: bound.domain, vm_id: bound.box_id });
    Ok(wire::ListDomainsResponse { domains: domains.collect() })
}

pub(super) async fn unbind(
    api: &Api,
    request: wire::UnbindDomainRequest,
) -> Result<wire::UnbindDomainResponse, Status> {
    api.boxes.unbind_domain(&request.domain).await?;
    Ok(wire::UnbindDomainResponse::default())
}

pub(super) async fn add_custom(
    api: &Api,
    request: wire::AddCustomDomainRequest,
) -> Result<wire::AddCustomDomainResponse, Status> {
    let bound = api.boxes.bind_domain(&request.domain, &request.vm_id).await?;
    Ok(wire::AddCustomDomainResponse { domain: Some(show(bound)) })
}

pub(super) async fn list_custom(
    api: &Api,
    _: wire::ListCustomDomainsRequest,
) -> Result<wire::ListCustomDomainsResponse, Status> {
    let domains = api.boxes.domains().await?;
    Ok(wire::ListCustomDomainsResponse { domains: domains.into_iter().map(show).collect() })
}

pub(super) async fn remove_custom(
    api: &Api,
    request: wire::RemoveCustomDomainRequest,
) -> Result<wire::RemoveCustomDomainResponse, Status> {
    api.boxes.unbind_domain(&request.domain).await?;
    Ok(wire::RemoveCustomDomainResponse::default())
}

fn show(bound: DomainRecord) -> wire::CustomDomainInfo {
    wire::CustomDomainInfo {
        domain: bound.domain,
        vm_id: bound.box_id,
        vm_name: bound.box_name,
        // Nobody looks at its DNS here, so it works at once.
        status: "active".to_owned(),
        last_error: String::new(),
    }
}
