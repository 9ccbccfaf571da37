//! Ports of this machine that lead into boxes.

use tonic::Status;

use super::Api;
use crate::boxes::Protocol;
use crate::store::PortRecord;
use crate::wire;

/// Under which a forward is reached; every resolver knows it.
const HOST: &str = "localhost";

pub(super) async fn expose(
    api: &Api,
    request: wire::ExposePortRequest,
) -> Result<wire::ExposePortResponse, Status> {
    let protocol = Protocol::parse(&request.protocol)?;
    let key = given(&request.vm, &request.vm_id);
    Ok(show(api.boxes.expose(key, request.vm_port, protocol).await?))
}

pub(super) async fn unexpose(
    api: &Api,
    request: wire::UnexposePortRequest,
) -> Result<wire::UnexposePortResponse, Status> {
    let ended = api.boxes.unexpose(given(&request.vm, &request.vm_id), request.vm_port).await?;
    Ok(wire::UnexposePortResponse { forward: Some(show(ended)) })
}

pub(super) async fn list(
    api: &Api,
    request: wire::ListExposedPortsRequest,
) -> Result<wire::ListExposedPortsResponse, Status> {
    let forwards = api.boxes.ports(&request.vm).await?.into_iter().map(show);
    Ok(wire::ListExposedPortsResponse { forwards: forwards.collect() })
}

/// The box, which clients before 0.2.19 name in another field.
fn given<'a>(vm: &'a str, vm_id: &'a str) -> &'a str {
    if vm.is_empty() { vm_id } else { vm }
}

fn show(port: PortRecord) -> wire::ExposePortResponse {
    wire::ExposePortResponse {
        vm_name: port.box_name,
        dns: HOST.to_owned(),
        public_port: port.public_port.into(),
        vm_port: port.box_port.into(),
        protocol: port.protocol,
        vm_id: port.box_id,
    }
}
