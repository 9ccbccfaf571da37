//! HTTP proxies of boxes.

use tonic::Status;

use super::Api;
use crate::boxes::AUTO;
use crate::store::{BoxProxy, ProxyRecord};
use crate::wire;

pub(super) async fn create(
    api: &Api,
    request: wire::CreateProxyRequest,
) -> Result<wire::CreateProxyResponse, Status> {
    let proxy = ProxyRecord { name: request.name, port: request.port };
    let made = api.boxes.create_proxy(given(&request.vm, &request.vm_name)?, proxy).await?;
    Ok(wire::CreateProxyResponse {
        domain: domain(api, &made),
        name: made.proxy.name,
        vm_name: made.box_name,
        port: made.proxy.port,
    })
}

pub(super) async fn list(
    api: &Api,
    request: wire::ListProxiesRequest,
) -> Result<wire::ListProxiesResponse, Status> {
    let key = if request.vm.is_empty() { &request.vm_name } else { &request.vm };
    let mut proxies = Vec::new();
    for proxy in api.boxes.proxies(key).await? {
        let effective_port = match proxy.proxy.port {
            AUTO => api.boxes.listening_port(&proxy.box_id).await.map_or(AUTO, u32::from),
            port => port,
        };
        proxies.push(show(api, proxy, effective_port));
    }
    Ok(wire::ListProxiesResponse { proxies })
}

pub(super) async fn set_port(
    api: &Api,
    request: wire::SetProxyPortRequest,
) -> Result<wire::SetProxyPortResponse, Status> {
    let port = match request.port.as_str() {
        "auto" => AUTO,
        digits => digits.parse().map_err(|_| {
            Status::invalid_argument(format!("port {digits:?} is none, use 1 to 65535, or \"auto\""))
        })?,
    };
    let proxy = ProxyRecord { name: request.name, port };
    api.boxes.set_proxy_port(given(&request.vm, &request.vm_name)?, proxy).await?;
    Ok(wire::SetProxyPortResponse::default())
}

pub(super) async fn delete(
    api: &Api,
    request: wire::DeleteProxyRequest,
) -> Result<wire::DeleteProxyResponse, Status> {
    api.boxes.delete_proxy(given(&request.vm, &request.vm_name)?, &request.name).await?;
    Ok(wire::DeleteProxyResponse::default())
}

/// The box, which clients before 0.2.19 name in another field.
fn given<'a>(vm: &'a str, vm_name: &'a str) -> Result<&'a str, Status> {
    match (vm, vm_name) {
        ("", "") => Err(Status::invalid_argument("vm: it is empty; name the box that the proxy leads into")),
        ("", name) => Ok(name),
        (vm, _) => Ok(vm),
    }
}

fn show(api: &Api, proxy: BoxProxy, effective_port: u32) -> wire::ProxyInfo {
    let auto = proxy.proxy.port == AUTO;
    wire::ProxyInfo {
        domain: domain(api, &proxy),
        vm_id: proxy.box_id,
        vm_name: proxy.box_name,
        is_default: proxy.proxy.name.is_empty(),
        name: proxy.proxy.name,
        port: proxy.proxy.port,
        port_display: match (auto, effective_port) {
            (false, port) => port.to_string(),
            (true, AUTO) => "auto".to_owned(),
            (true, port) => format!("auto ({port})"),
        },
        port_mode: if auto { "auto" } else { "locked" }.to_owned(),
        effective_port,
    }
}

/// The host under which the proxy answers, with the port, since it is not HTTP's own.
fn domain(api: &Api, BoxProxy { box_name, proxy, .. }: &BoxProxy) -> String {
    let dot = if proxy.name.is_empty() { "" } else { "." };
    format!("{}{dot}{box_name}.localhost:{}", proxy.name, api.web_port)
}
