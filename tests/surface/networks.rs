//! Networks.

use boxd::transport::Transport;
use boxd::{ErrorKind, NetworkInfo};

use crate::world::{World, over_each_transport, refused};

over_each_transport!(networks_are_made_and_listed, networks_outlive_the_cluster);

async fn networks_are_made_and_listed<T: Transport>(world: World<T>) {
    let networks = world.compute.networks();
    let default = world.compute.whoami().await.unwrap().default_network_id;
    let ids = async || -> Vec<String> {
        let listed: Vec<NetworkInfo> = networks.list().await.unwrap();
        assert!(
            listed.iter().all(|network| !network.subnet.is_empty() && !network.status.is_empty()),
            "{listed:?}"
        );
        let mut subnets: Vec<_> = listed.iter().map(|network| &network.subnet).collect();
        subnets.sort();
        subnets.dedup();
        assert_eq!(subnets.len(), listed.len(), "each has addresses of its own: {listed:?}");
        listed.into_iter().map(|network| network.id).collect()
    };
    assert_eq!(ids().await, [default.as_str()], "every account has its default network");
    let unnamed = networks.create().await.unwrap();
    let named = networks.create().name("staging").await.unwrap();
    assert!(unnamed.id != named.id && unnamed.id != default && !unnamed.id.is_empty());
    let all = ids().await;
    assert_eq!(all.len(), 3);
    assert!([&default, &unnamed.id, &named.id].into_iter().all(|id| all.contains(id)), "{all:?}");
    refused(
        networks.create().name("staging").await,
        ErrorKind::InvalidArgument,
        &["create network", "staging"],
    );
}

async fn networks_outlive_the_cluster<T: Transport>(mut world: World<T>) {
    world.compute.networks().create().name("staging").await.unwrap();
    let before = world.compute.networks().list().await.unwrap();
    world.restart().await;
    assert_eq!(world.compute.networks().list().await.unwrap(), before);
}
