//! What an account has besides boxes, and how boxes are reached.

use std::time::{Duration, SystemTime};

use boxd::blocking::DiskHandle;
use boxd::transport::Code;
use boxd::{BoxConfig, ErrorKind, VolumeMount};

use crate::world::{client, cluster, ready, ready_box, refused, sh};

#[test]
fn identity_and_defaults() {
    let (_cluster, compute) = cluster();
    let me = compute.whoami().unwrap();
    assert!(!me.user_id.is_empty() && !me.default_network_id.is_empty(), "{me:?}");
    let config = compute.config().unwrap();
    assert!(config.default_image == "ubuntu:latest" && !config.zone.is_empty(), "{config:?}");
}

#[test]
fn proxies_and_ports_lead_into_their_box() {
    let (_cluster, _compute, b) = ready_box();
    let api = b.create_proxy("api", 3001).unwrap();
    assert!(api.domain.starts_with("api.web.") && (api.port, api.is_default) == (3001, false), "{api:?}");
    b.set_proxy_port(3000).call().unwrap();
    b.set_proxy_port(3002).name("api").call().unwrap();
    let mut ports: Vec<_> =
        b.proxies().unwrap().into_iter().map(|p| (p.name, p.port, p.is_default)).collect();
    ports.sort();
    assert_eq!(ports, [(String::new(), 3000, true), ("api".to_owned(), 3002, false)]);
    b.delete_proxy("api").unwrap();
    refused(b.delete_proxy("api"), ErrorKind::NotFound, &["\"api\"", "\"web\""]);

    let exposed = b.expose_port(5432).call().unwrap();
    assert!(exposed.public_port > 0 && exposed.protocol == "tcp", "{exposed:?}");
    assert_eq!(b.ports().unwrap(), std::slice::from_ref(&exposed));
    assert_eq!(b.unexpose_port(5432).unwrap(), exposed);
    refused(b.expose_port(1).protocol("smoke").call(), ErrorKind::InvalidArgument, &["smoke"]);
}

#[test]
fn domains_are_bound_listed_and_unbound() {
    let (_cluster, compute, b) = ready_box();
    let domains = compute.domains();
    domains.bind("a.example.com", &b).unwrap();
    domains.bind("b.example.com", "web").unwrap();
    domains.bind("c.example.com", b.id()).unwrap();
    let mut bound = domains.list().unwrap();
    bound.sort_by(|a, b| a.domain.cmp(&b.domain));
    let names: Vec<_> = bound.iter().map(|domain| domain.domain.as_str()).collect();
    assert_eq!(names, ["a.example.com", "b.example.com", "c.example.com"]);
    assert!(bound.iter().all(|domain| domain.box_id == b.id()), "{bound:?}");
    domains.unbind("a.example.com").unwrap();
    assert_eq!(domains.list().unwrap().len(), 2);
    refused(domains.unbind("a.example.com"), ErrorKind::NotFound, &["a.example.com"]);
}

#[test]
fn a_template_makes_boxes() {
    let (_cluster, compute) = cluster();
    let templates = compute.templates();
    let config = BoxConfig::new().vcpu(2).memory("4G");
    let made = templates.create("t1").image("ghcr.io/org/img:tag").config(config).call().unwrap();
    assert_eq!((made.vcpu, made.memory_bytes, made.image.as_str()), (2, 4 << 30, "ghcr.io/org/img:tag"));
    assert_eq!(templates.list().unwrap(), std::slice::from_ref(&made));
    let b = templates.create_vm(&made, "from-t").call().unwrap();
    b.wait_until_ready().call().unwrap();
    assert_eq!((b.name().as_str(), b.image().as_str()), ("from-t", "ghcr.io/org/img:tag"));
    let other = templates.create_vm(&made.id, "").config(BoxConfig::new().vcpu(1)).call().unwrap();
    assert!(!other.name().is_empty());
    templates.delete(&made.id).unwrap();
    assert_eq!(templates.list().unwrap(), []);
    refused(templates.create_vm(&made, "late").call(), ErrorKind::NotFound, &["late"]);
}

fn place(disk: &DiskHandle) -> Vec<(String, String, bool)> {
    disk.attachments().into_iter().map(|at| (at.box_name, at.mount_path, at.read_only)).collect()
}

#[test]
fn a_disk_carries_files_from_box_to_box() {
    let (_cluster, compute, first) = ready_box();
    let disks = compute.disks();
    let disk = disks.create("data", "64M").unwrap();
    assert_eq!(
        (disk.name().as_str(), disk.size_bytes(), disk.info().id.as_str()),
        ("data", 64 << 20, disk.id())
    );
    assert_eq!(disks.list().unwrap().len(), 1);

    disk.attach(&first, "/mnt/data").call().unwrap();
    sh(&first, "echo carried > /mnt/data/file");
    refused(disk.destroy(), ErrorKind::Other, &["destroy disk \"data\""]);
    disk.detach(&first).unwrap();
    assert_eq!(place(&disk), []);
    disk.attach("web", "/mnt/data").read_only(true).call().unwrap();
    assert_eq!(place(&disks.get("data").unwrap()), [("web".to_owned(), "/mnt/data".to_owned(), true)]);
    let result = first.exec_shell("echo more >> /mnt/data/file").call().unwrap();
    assert!(result.stderr_text().contains("Read-only"), "{result:?}");
    disk.detach(first.id()).unwrap();

    // Attached from the start.
    let volume =
        VolumeMount { disk_id: disk.id().to_owned(), mount_path: "/srv/data".into(), read_only: false };
    let second = compute.boxes().create("second").config(BoxConfig::new().volume(volume)).call().unwrap();
    second.wait_until_ready().call().unwrap();
    assert_eq!(sh(&second, "cat /srv/data/file"), "carried\n");
    assert_eq!(disk.refresh().unwrap().attachments.len(), 1);
    disk.detach(&second).unwrap();
    disk.destroy().unwrap();
    assert_eq!(disk.status(), "destroyed");
    refused(disks.get("data"), ErrorKind::NotFound, &["get disk", "\"data\""]);
}

#[test]
fn networks_are_made_and_listed() {
    let (_cluster, compute) = cluster();
    let networks = compute.networks();
    let unnamed = networks.create().call().unwrap();
    let named = networks.create().name("staging").call().unwrap();
    let listed = networks.list().unwrap();
    for id in [&compute.whoami().unwrap().default_network_id, &unnamed.id, &named.id] {
        let network = listed.iter().find(|network| network.id == *id).expect("it is listed");
        assert!(!network.subnet.is_empty() && !network.status.is_empty(), "{network:?}");
    }
    assert_eq!(listed.len(), 3);
}

#[test]
fn a_token_is_shown_once_works_and_can_be_revoked() {
    let (cluster, compute) = cluster();
    let before = SystemTime::now() - Duration::from_secs(2);
    let hour = Duration::from_secs(3600);
    let tokens = compute.tokens();
    let issued = tokens.create().expires_in(hour).call().unwrap();
    let lives = issued.expires_at().duration_since(before).unwrap();
    assert!((hour..hour + Duration::from_secs(60)).contains(&lives), "{lives:?}");
    assert!(!format!("{issued:?}").contains(issued.token()));
    let default = tokens.create().expires_in(Duration::ZERO).call().unwrap();
    assert!(default.expires_at() > before + 23 * hour);

    let delegate = client(&cluster).token(issued.token()).build().unwrap();
    assert_eq!(delegate.whoami().unwrap(), compute.whoami().unwrap());
    let listed = tokens.list().unwrap();
    let ours = listed.iter().find(|info| info.expires_at == issued.expires_at()).expect("it is listed");
    assert!(ours.created_at >= before && !format!("{listed:?}").contains(issued.token()));
    tokens.revoke(&ours.jti).unwrap();
    refused(delegate.whoami(), ErrorKind::Authentication, &[]);
}

#[test]
fn a_key_is_shown_once_works_and_can_be_deleted() {
    let (cluster, compute) = cluster();
    let keys = compute.api_keys();
    let issued = keys.create("ci").expires_in(Duration::from_secs(600)).call().unwrap();
    assert!(issued.expires_at().is_some() && !format!("{issued:?}").contains(issued.key()));
    let listed = keys.list().unwrap();
    let info = listed.iter().find(|info| info.id == issued.id()).expect("it is listed");
    assert!(info.name == "ci" && issued.key().starts_with(&info.key_prefix), "{info:?}");
    let other = client(&cluster).api_key(issued.key()).build().unwrap();
    assert_eq!(other.whoami().unwrap(), compute.whoami().unwrap());
    keys.delete(issued.id()).unwrap();
    refused(other.whoami(), ErrorKind::Authentication, &[]);
}

#[test]
fn any_other_rpc_can_be_called() {
    let (_cluster, compute) = cluster();
    let b = ready(&compute, "web");
    let request = boxd::wire::GetVmRequest { vm_id: b.id().to_owned() };
    let vm = compute.call(boxd::wire::methods::GET_VM, &request).unwrap();
    assert_eq!(vm.name, "web");
    let encoded = boxd::transport::EncodedMessage::encode(&request);
    let answer = compute.call_encoded(boxd::wire::methods::GET_VM.rpc(), encoded).unwrap();
    assert!(answer.windows(3).any(|part| part == b"web"));
    let error = compute.call(boxd::wire::methods::LIST_ORGS, &boxd::wire::ListOrgsRequest::default());
    refused(error, ErrorKind::Other, &["ListOrgs"]);
    let error = compute.call(boxd::wire::methods::EXEC, &boxd::wire::ExecChunk::default()).unwrap_err();
    assert!(error.message().starts_with("method: ") && error.grpc_code() != Some(Code::Internal), "{error}");
}
