//! What an account has besides boxes and disks: templates and networks.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::collections::HashSet;

use boxd_local::Cluster;
use common::wire::{
    CreateNetworkRequest, CreateTemplateRequest, CreateVmFromTemplateRequest, DeleteTemplateRequest,
    GetVmRequest, ListNetworksRequest, ListProxiesRequest, ListTemplatesRequest, NetworkConfig, ProxyEntry,
    SrfConfig, VmConfig, VolumeMount, WhoamiRequest,
};
use common::{Client, client, sh};
use tonic::Code;

fn template(name: &str) -> CreateTemplateRequest {
    CreateTemplateRequest {
        name: name.to_owned(),
        image_ref: "ghcr.io/org/img:tag".into(),
        config: Some(VmConfig {
            vcpu: 2,
            memory_bytes: 4 << 30,
            disk_bytes: 20 << 30,
            srf: Some(SrfConfig { auto_suspend_timeout_secs: Some(600), auto_destroy_timeout_secs: 7200 }),
            network: Some(NetworkConfig {
                ssh: true,
                proxies: vec![
                    ProxyEntry { name: "api".into(), port: 3001 },
                    ProxyEntry { name: "web".into(), port: 3002 },
                ],
            }),
            ..Default::default()
        }),
    }
}

async fn proxies(client: &mut Client, vm: &str) -> Vec<(String, u32)> {
    let request = ListProxiesRequest { vm: vm.to_owned(), ..Default::default() };
    let proxies = client.list_proxies(request).await.unwrap().into_inner().proxies;
    proxies.into_iter().map(|proxy| (proxy.name, proxy.port)).collect()
}

#[tokio::test]
async fn a_box_from_a_template_is_what_the_template_says_but_for_what_is_asked() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let made = client.create_template(template("t1")).await.unwrap().into_inner();
    assert_eq!((made.name.as_str(), made.status.as_str()), ("t1", "ready"));
    let bare = CreateTemplateRequest { name: "bare".into(), ..Default::default() };
    client.create_template(bare).await.unwrap();
    let listed = client.list_templates(ListTemplatesRequest {}).await.unwrap().into_inner().templates;
    let shown = |at: usize| {
        let template = &listed[at];
        (template.name.as_str(), template.image_ref.as_str(), template.vcpu, template.memory_bytes)
    };
    assert_eq!((listed.len(), shown(0)), (2, ("t1", "ghcr.io/org/img:tag", 2, 4 << 30)));
    assert_eq!(shown(1), ("bare", "ubuntu:latest", 1, 4 << 30), "what a box gets that does not say");

    let from = |name: &str, config| CreateVmFromTemplateRequest {
        template_id: made.template_id.clone(),
        name: name.to_owned(),
        config,
    };
    let plain = client.create_vm_from_template(from("plain", None)).await.unwrap().into_inner();
    assert!(plain.status == "running" && plain.url.contains("//plain.localhost:") && plain.boot_time_ms > 0);
    assert_eq!(sh(&mut client, &plain.vm_id, "hostname").await.stdout, "plain\n");
    let get = |vm: &str| GetVmRequest { vm_id: vm.to_owned() };
    let vm = client.get_vm(get("plain")).await.unwrap().into_inner();
    assert_eq!((vm.image_ref.as_str(), vm.vcpu, vm.disk_bytes), ("ghcr.io/org/img:tag", 2, 20 << 30));
    assert_eq!((vm.auto_suspend_timeout_secs, vm.auto_destroy_timeout_secs), (600, 7200));
    let given = [(String::new(), 8000), ("api".into(), 3001), ("web".into(), 3002)];
    assert_eq!(proxies(&mut client, "plain").await, given);

    let asked = VmConfig {
        memory_bytes: 8 << 30,
        srf: Some(SrfConfig { auto_suspend_timeout_secs: Some(0), auto_destroy_timeout_secs: 0 }),
        network: Some(NetworkConfig {
            ssh: false,
            proxies: vec![ProxyEntry { name: "api".into(), port: 4000 }],
        }),
        ..Default::default()
    };
    client.create_vm_from_template(from("other", Some(asked))).await.unwrap();
    let vm = client.get_vm(get("other")).await.unwrap().into_inner();
    assert_eq!((vm.vcpu, vm.memory_bytes), (2, 8 << 30));
    assert_eq!((vm.auto_suspend_timeout_secs, vm.auto_destroy_timeout_secs), (0, 7200));
    let changed = [(String::new(), 8000), ("api".into(), 4000), ("web".into(), 3002)];
    assert_eq!(proxies(&mut client, "other").await, changed);

    // A template that goes leaves its boxes.
    let delete = DeleteTemplateRequest { template_id: made.template_id.clone() };
    client.delete_template(delete.clone()).await.unwrap();
    client.get_vm(get("plain")).await.unwrap();
    assert_eq!(client.delete_template(delete).await.unwrap_err().code(), Code::NotFound);
    let refused = client.create_vm_from_template(from("never", None)).await.unwrap_err();
    assert!(refused.code() == Code::NotFound && refused.message().contains(&made.template_id), "{refused}");
}

#[tokio::test]
async fn a_template_of_what_is_no_box_is_refused() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    client.create_template(template("taken")).await.unwrap();
    let configured = |config| CreateTemplateRequest { config: Some(config), ..template("never") };
    let volume = VolumeMount { disk_id: "disk-none".into(), mount_path: "relative".into(), read_only: false };
    let proxy = ProxyEntry { name: "Not a label".into(), port: 1 };
    let network = NetworkConfig { ssh: true, proxies: vec![proxy] };
    for (code, request) in [
        (Code::AlreadyExists, template("taken")),
        (Code::InvalidArgument, template("")),
        (Code::InvalidArgument, template("two\nlines")),
        (Code::InvalidArgument, configured(VmConfig { volumes: vec![volume], ..Default::default() })),
        (Code::InvalidArgument, configured(VmConfig { network: Some(network), ..Default::default() })),
    ] {
        let refused = client.create_template(request).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
    }
    let listed = client.list_templates(ListTemplatesRequest {}).await.unwrap().into_inner().templates;
    assert_eq!(listed.len(), 1);
}

#[tokio::test]
async fn every_account_has_a_network_and_can_have_more() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let default = client.whoami(WhoamiRequest {}).await.unwrap().into_inner().default_network_id;
    let mut made = vec![default];
    for name in ["", "", "staging"] {
        let request = CreateNetworkRequest { name: name.to_owned() };
        made.push(client.create_network(request).await.unwrap().into_inner().network_id);
    }
    let listed = client.list_networks(ListNetworksRequest {}).await.unwrap().into_inner().networks;
    assert_eq!(listed.iter().map(|network| network.network_id.clone()).collect::<Vec<_>>(), made);
    assert!(listed.iter().all(|network| network.status == "active"), "{listed:?}");
    let subnets: HashSet<_> = listed.iter().map(|network| network.subnet.as_str()).collect();
    assert_eq!(subnets.len(), made.len(), "{subnets:?}");
    assert!(subnets.iter().all(|subnet| subnet.ends_with(".0/24")), "{subnets:?}");

    let again = CreateNetworkRequest { name: "staging".into() };
    assert_eq!(client.create_network(again).await.unwrap_err().code(), Code::AlreadyExists);
    let bad = CreateNetworkRequest { name: "two\nlines".into() };
    assert_eq!(client.create_network(bad).await.unwrap_err().code(), Code::InvalidArgument);
}
