//! Networks. Here they are names and numbers: boxes reach each other through none of them.

use tonic::Status;

use super::Api;
use crate::boxes::check_title;
use crate::credentials::now;
use crate::secret;
use crate::store::NetworkRefusal;
use crate::wire;

/// The network that every account has from the start.
pub(super) const DEFAULT_NETWORK: &str = "net-default";
const ACTIVE: &str = "active";

pub(super) async fn create(
    api: &Api,
    request: wire::CreateNetworkRequest,
) -> Result<wire::CreateNetworkResponse, Status> {
    let name = request.name;
    if !name.is_empty() {
        check_title("network name", &name)?;
    }
    let id = secret::random_id("net-").map_err(|error| Status::internal(error.to_string()))?;
    let added = api.store.insert_network(id.clone(), name.clone(), now(), subnet).await;
    match added.map_err(|error| Status::internal(error.to_string()))? {
        Ok(()) => Ok(wire::CreateNetworkResponse { network_id: id }),
        Err(NetworkRefusal::NameTaken) => {
            Err(Status::already_exists(format!("a network named {name:?} exists already")))
        }
        Err(NetworkRefusal::Full) => Err(Status::resource_exhausted("no subnet is left for another network")),
    }
}

pub(super) async fn list(
    api: &Api,
    _: wire::ListNetworksRequest,
) -> Result<wire::ListNetworksResponse, Status> {
    let created = api.store.networks().await.map_err(|error| Status::internal(error.to_string()))?;
    let default = subnet(0).map(|subnet| (DEFAULT_NETWORK.to_owned(), subnet));
    let created = created.into_iter().map(|network| (network.id, network.subnet));
    let networks = default.into_iter().chain(created).map(|(network_id, subnet)| wire::NetworkInfo {
        network_id,
        subnet,
        status: ACTIVE.to_owned(),
    });
    Ok(wire::ListNetworksResponse { networks: networks.collect() })
}

/// The subnet of the network with this number; the default one is 0.
fn subnet(number: u32) -> Option<String> {
    let high = u8::try_from(number / 256).ok()?.checked_add(200)?;
    Some(format!("10.{high}.{}.0/24", number % 256))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_has_a_subnet_of_its_own_until_there_is_none_left() {
        assert_eq!(subnet(0).unwrap(), "10.200.0.0/24");
        assert_eq!(subnet(257).unwrap(), "10.201.1.0/24");
        assert_eq!(subnet(56 * 256 - 1).unwrap(), "10.255.255.0/24");
        assert_eq!(subnet(56 * 256), None);
    }
}
