//! A box from create to destroy, and everything it can be in between.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::collections::HashMap;

use boxd_local::Cluster;
use common::wire::{
    CreateVmRequest, DestroyVmRequest, DownloadFileRequest, EnvVar, ForkVmRequest, GetVmRequest,
    GetVmResponse, ListDirRequest, ListVmsRequest, NetworkConfig, ProxyEntry, RebootVmRequest,
    RenameVmRequest, ResumeVmRequest, SetAutoSuspendTimeoutRequest, SrfConfig, StartVmRequest, StopVmRequest,
    StreamLogsRequest, SuggestVmNameRequest, SuspendVmRequest, UploadFileRequest, VmConfig, VolumeMount,
};
use common::{Client, client, create, eventually, sh};
use tonic::Code;

async fn get(client: &mut Client, id: &str) -> GetVmResponse {
    client.get_vm(GetVmRequest { vm_id: id.to_owned() }).await.unwrap().into_inner()
}

async fn create_error(client: &mut Client, request: CreateVmRequest) -> (Code, String) {
    let error = client.create_vm(request).await.unwrap_err();
    (error.code(), error.message().to_owned())
}

#[tokio::test]
async fn a_box_is_what_was_asked_for() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let made = client
        .create_vm(CreateVmRequest {
            name: "whole".into(),
            image_ref: "ghcr.io/org/img:tag".into(),
            env: vec![EnvVar { key: "GREETING".into(), value: "hello world".into() }],
            restart_policy: "on-failure".into(),
            labels: HashMap::from([("team".into(), "red".into())]),
            config: Some(VmConfig {
                vcpu: 2,
                memory_bytes: 4 << 30,
                disk_bytes: 20 << 30,
                srf: Some(SrfConfig { auto_suspend_timeout_secs: Some(600), auto_destroy_timeout_secs: 0 }),
                network: Some(NetworkConfig {
                    ssh: true,
                    proxies: vec![ProxyEntry { name: "api".into(), port: 3001 }],
                }),
                ..Default::default()
            }),
            ..Default::default()
        })
        .await
        .unwrap()
        .into_inner();
    let port = cluster.web_url().rsplit(':').next().unwrap().to_owned();
    assert_eq!(
        (made.name.as_str(), made.image.as_str(), made.public_ip.as_str(), made.status.as_str()),
        ("whole", "ghcr.io/org/img:tag", "127.0.0.1", "running")
    );
    assert_eq!(made.url, format!("http://whole.localhost:{port}"));
    assert!(made.boot_time_ms > 0);

    let vm = get(&mut client, &made.vm_id).await;
    assert_eq!((vm.vm_id.as_str(), vm.name.as_str()), (made.vm_id.as_str(), "whole"));
    assert_eq!((vm.restart_policy.as_str(), vm.auto_suspend_timeout_secs), ("on-failure", 600));
    assert_eq!((vm.vcpu, vm.memory_bytes, vm.disk_bytes), (2, 4 << 30, 20 << 30));
    assert_eq!(vm.labels, HashMap::from([("team".to_owned(), "red".to_owned())]));
    let output = sh(&mut client, &made.vm_id, "echo \"$GREETING from $(hostname)\"; pwd").await;
    assert_eq!((output.stdout.as_str(), output.exit_code), ("hello world from whole\n/home/boxd\n", 0));

    let change = SetAutoSuspendTimeoutRequest { vm_id: made.vm_id.clone(), timeout_secs: 0 };
    client.set_auto_suspend_timeout(change).await.unwrap();
    assert_eq!(get(&mut client, &made.vm_id).await.auto_suspend_timeout_secs, 0);
}

#[tokio::test]
async fn what_makes_no_box_is_refused_and_leaves_none() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    create(&mut client, "taken").await;
    let named = |name: &str| CreateVmRequest { name: name.into(), ..Default::default() };
    let (code, message) = create_error(&mut client, named("taken")).await;
    assert!(code == Code::AlreadyExists && message.contains("taken"), "{code} {message}");
    let configured = |config| CreateVmRequest { config: Some(config), ..named("never") };
    let proxy = |port| NetworkConfig { proxies: vec![ProxyEntry { name: "api".into(), port }], ssh: false };
    let env = |key: &str| vec![EnvVar { key: key.into(), value: String::new() }];
    let volume = VolumeMount { disk_id: "disk-none".into(), mount_path: "/mnt".into(), read_only: false };
    for (expected, request) in [
        (Code::InvalidArgument, named("Not-A-Label")),
        (Code::InvalidArgument, named("../escape")),
        (Code::InvalidArgument, CreateVmRequest { restart_policy: "sometimes".into(), ..named("never") }),
        (Code::InvalidArgument, CreateVmRequest { env: env("A=B"), ..named("never") }),
        (Code::InvalidArgument, CreateVmRequest { env: env(""), ..named("never") }),
        (Code::InvalidArgument, configured(VmConfig { network: Some(proxy(65536)), ..Default::default() })),
        (Code::NotFound, configured(VmConfig { volumes: vec![volume], ..Default::default() })),
    ] {
        let (code, message) = create_error(&mut client, request).await;
        assert_eq!(code, expected, "{message}");
    }
    let vms = client.list_vms(ListVmsRequest::default()).await.unwrap().into_inner().vms;
    assert_eq!(vms.len(), 1);
}

#[tokio::test]
async fn names_are_chosen_suggested_changed_and_free_again() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let (first, second) = (create(&mut client, "").await, create(&mut client, "").await);
    assert!(!first.name.is_empty() && first.name != second.name);
    let suggested = client.suggest_vm_name(SuggestVmNameRequest {}).await.unwrap().into_inner().name;
    let third = create(&mut client, &suggested).await;

    let rename = |id: &str, name: &str| RenameVmRequest { vm_id: id.into(), new_name: name.into() };
    let error = client.rename_vm(rename(&third.vm_id, &first.name)).await.unwrap_err();
    assert_eq!(error.code(), Code::AlreadyExists, "{error}");
    let error = client.rename_vm(rename(&third.vm_id, "No")).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    assert_eq!(client.rename_vm(rename(&third.vm_id, "mine")).await.unwrap().into_inner().name, "mine");
    let vm = get(&mut client, &third.vm_id).await;
    assert_eq!((vm.name.as_str(), vm.status.as_str()), ("mine", "running"));
    assert_eq!(sh(&mut client, &third.vm_id, "hostname").await.stdout, "mine\n");
    create(&mut client, &suggested).await;
}

#[tokio::test]
async fn labels_select() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    for (name, team) in [("a", "red"), ("b", "blue")] {
        let labels = HashMap::from([("team".to_owned(), team.to_owned())]);
        let request = CreateVmRequest { name: name.into(), labels, ..Default::default() };
        client.create_vm(request).await.unwrap();
    }
    create(&mut client, "c").await;
    for (selector, expected) in [
        (vec![], vec!["a", "b", "c"]),
        (vec!["team"], vec!["a", "b"]),
        (vec!["team=red"], vec!["a"]),
        (vec!["team", "team=blue"], vec!["b"]),
        (vec!["team=green"], vec![]),
    ] {
        let label_selector = selector.iter().map(|&one| one.to_owned()).collect();
        let request = ListVmsRequest { label_selector, ..Default::default() };
        let vms = client.list_vms(request).await.unwrap().into_inner().vms;
        assert_eq!(vms.iter().map(|vm| vm.name.as_str()).collect::<Vec<_>>(), expected, "{selector:?}");
    }
}

#[tokio::test]
async fn stop_ends_every_process_and_start_keeps_the_files() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "cycle").await.vm_id;
    let line = "echo here > note; setsid sleep 4242 > /dev/null 2>&1 & sleep 0; pgrep -cx sleep";
    eventually("the sleep runs", async || sh(&mut client, &id, line).await.exit_code == 0).await;

    client.stop_vm(StopVmRequest { vm_id: id.clone() }).await.unwrap();
    assert_eq!(get(&mut client, &id).await.status, "stopped");
    client.stop_vm(StopVmRequest { vm_id: id.clone() }).await.unwrap();
    for refused in [
        client.suspend_vm(SuspendVmRequest { vm_id: id.clone() }).await.err(),
        client.resume_vm(ResumeVmRequest { vm_id: id.clone() }).await.err(),
        client.reboot_vm(RebootVmRequest { vm_id: id.clone() }).await.err(),
    ] {
        let refused = refused.unwrap();
        assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
        assert!(refused.message().contains("cycle"), "{refused}");
    }
    client.start_vm(StartVmRequest { vm_id: id.clone() }).await.unwrap();
    assert_eq!(get(&mut client, &id).await.status, "running");
    assert_eq!(sh(&mut client, &id, "cat note; pgrep -cx sleep").await.stdout, "here\n0\n");

    sh(&mut client, &id, "setsid sleep 4242 > /dev/null 2>&1 &").await;
    client.reboot_vm(RebootVmRequest { vm_id: id.clone() }).await.unwrap();
    assert_eq!(sh(&mut client, &id, "cat note; pgrep -cx sleep").await.stdout, "here\n0\n");
}

#[tokio::test]
async fn a_suspended_box_stands_still_and_goes_on_with_its_memory() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "pause").await.vm_id;
    // Counts in a shell variable: what goes on after resume is the same process.
    let line = "n=0; while :; do n=$((n+1)); echo $n > count; sleep 0.01; done > /dev/null 2>&1 & echo $!";
    let pid = sh(&mut client, &id, line).await.stdout;
    let file = cluster.data_dir().join("boxes").join(&id).join("root/home/boxd/count");
    let count = || std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse::<u64>().ok());
    eventually("it counts", async || count().is_some_and(|count| count > 3)).await;

    let took =
        client.suspend_vm(SuspendVmRequest { vm_id: id.clone() }).await.unwrap().into_inner().suspend_us;
    assert!(took > 0);
    assert_eq!(get(&mut client, &id).await.status, "suspended");
    let before = std::fs::read_to_string(&file).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before, "it counted on while suspended");

    let took = client.resume_vm(ResumeVmRequest { vm_id: id.clone() }).await.unwrap().into_inner().resume_us;
    assert!(took > 0);
    assert_eq!(get(&mut client, &id).await.status, "running");
    let suspended_at: u64 = before.trim().parse().unwrap_or(0);
    eventually("it counts on", async || count().is_some_and(|count| count > suspended_at)).await;
    assert_eq!(sh(&mut client, &id, &format!("kill -0 {pid}")).await.exit_code, 0);

    // Exec wakes it, as in the cloud.
    client.suspend_vm(SuspendVmRequest { vm_id: id.clone() }).await.unwrap();
    assert_eq!(sh(&mut client, &id, "echo awake").await.stdout, "awake\n");
    assert_eq!(get(&mut client, &id).await.status, "running");
}

#[tokio::test]
async fn a_fork_has_the_files_and_a_life_of_its_own() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let request = CreateVmRequest {
        name: "source".into(),
        env: vec![EnvVar { key: "KEPT".into(), value: "yes".into() }],
        ..Default::default()
    };
    let source = client.create_vm(request).await.unwrap().into_inner().vm_id;
    sh(
        &mut client,
        &source,
        "mkdir -p app && echo one > app/data && chmod 600 app/data && ln -s data app/link",
    )
    .await;
    for (at, name) in ["of-running", "of-suspended", "of-stopped"].into_iter().enumerate() {
        match at {
            1 => drop(client.suspend_vm(SuspendVmRequest { vm_id: source.clone() }).await.unwrap()),
            2 => drop(client.stop_vm(StopVmRequest { vm_id: source.clone() }).await.unwrap()),
            _ => {}
        }
        let request =
            ForkVmRequest { source_vm_id: source.clone(), name: name.to_owned(), ..Default::default() };
        let fork = client.fork_vm(request).await.unwrap().into_inner();
        assert_eq!((fork.name.as_str(), fork.status.as_str()), (name, "running"));
        assert_eq!(fork.forked_from, source);
        let vm = get(&mut client, &fork.vm_id).await;
        assert_eq!(vm.source_info.unwrap().name, "source");
        let output =
            sh(&mut client, &fork.vm_id, "cat app/link; stat -c %a app/data; echo $KEPT $(hostname)").await;
        assert_eq!(output.stdout, format!("one\n600\nyes {name}\n"), "{}", output.stderr);
        sh(&mut client, &fork.vm_id, "echo two > app/data").await;
    }
    assert_eq!(get(&mut client, &source).await.status, "stopped");
    client.start_vm(StartVmRequest { vm_id: source.clone() }).await.unwrap();
    assert_eq!(sh(&mut client, &source, "cat app/data").await.stdout, "one\n");
    let missing = ForkVmRequest { source_vm_id: "no-such".into(), ..Default::default() };
    assert_eq!(client.fork_vm(missing).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_box_answers_to_its_name_wherever_it_does_to_its_id() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "known").await.vm_id;
    let name = || "known".to_owned();
    let (path, data) = ("note".to_owned(), bytes::Bytes::from("text"));
    client.upload_file(UploadFileRequest { vm_id: name(), path: path.clone(), data }).await.unwrap();
    assert_eq!(sh(&mut client, "known", "cat note").await.stdout, "text");
    let download = DownloadFileRequest { vm_id: name(), path };
    assert_eq!(client.download_file(download.clone()).await.unwrap().into_inner().data, "text");
    client.download_file_stream(download).await.unwrap();
    client.list_dir(ListDirRequest { vm_id: name(), path: ".".into() }).await.unwrap();
    client.stream_logs(StreamLogsRequest { vm_id: name(), follow: false }).await.unwrap();
    client.suspend_vm(SuspendVmRequest { vm_id: name() }).await.unwrap();
    client.resume_vm(ResumeVmRequest { vm_id: name() }).await.unwrap();
    client.reboot_vm(RebootVmRequest { vm_id: name() }).await.unwrap();
    client.stop_vm(StopVmRequest { vm_id: name() }).await.unwrap();
    client.start_vm(StartVmRequest { vm_id: name() }).await.unwrap();
    let fork = ForkVmRequest { source_vm_id: name(), ..Default::default() };
    assert_eq!(client.fork_vm(fork).await.unwrap().into_inner().forked_from, id);
    client.rename_vm(RenameVmRequest { vm_id: name(), new_name: "renamed".into() }).await.unwrap();
    assert_eq!(sh(&mut client, "renamed", "cat note").await.stdout, "text");
    // An id comes first: a box that calls itself by another's id does not hide that one.
    let twin = create(&mut client, &id).await.vm_id;
    assert_eq!(get(&mut client, &id).await.vm_id, id);
    client.destroy_vm(DestroyVmRequest { vm_id: "renamed".into() }).await.unwrap();
    assert_eq!(get(&mut client, &id).await.vm_id, twin);
}

#[tokio::test]
async fn a_destroyed_box_is_gone_with_its_files() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "short").await.vm_id;
    sh(&mut client, &id, "mkdir locked && touch locked/file && chmod 000 locked").await;
    let by_name = client.get_vm(GetVmRequest { vm_id: "short".into() }).await.unwrap().into_inner();
    assert_eq!(by_name.vm_id, id);
    client.destroy_vm(DestroyVmRequest { vm_id: id.clone() }).await.unwrap();
    for gone in [
        client.destroy_vm(DestroyVmRequest { vm_id: id.clone() }).await.err(),
        client.get_vm(GetVmRequest { vm_id: id.clone() }).await.err(),
        client.start_vm(StartVmRequest { vm_id: id.clone() }).await.err(),
        client.exec(futures_util::stream::iter([common::first(&id, "true")])).await.err(),
    ] {
        assert_eq!(gone.unwrap().code(), Code::NotFound);
    }
    assert!(!cluster.data_dir().join("boxes").join(&id).exists());
    eventually("its files are deleted", async || {
        std::fs::read_dir(cluster.data_dir().join("trash")).unwrap().next().is_none()
    })
    .await;
    create(&mut client, "short").await;
}

#[tokio::test]
async fn a_cluster_ends_with_everything_in_it() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "last").await.vm_id;
    let marker = format!("sleep 31{}", std::process::id());
    sh(&mut client, &id, &format!("{marker} > /dev/null 2>&1 &")).await;
    let data = cluster.data_dir().to_owned();
    eventually("it runs", async || runs(&marker)).await;
    drop(cluster);
    assert!(!data.exists(), "the temporary folder is removed");
    assert!(!runs(&marker), "a process outlived its cluster");
    client.get_vm(GetVmRequest { vm_id: id }).await.unwrap_err();
}

/// Whether a process with this command line runs on this machine.
fn runs(line: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|process| {
        std::fs::read(process.path().join("cmdline"))
            .is_ok_and(|cmdline| String::from_utf8_lossy(&cmdline).replace('\0', " ").trim_end() == line)
    })
}

#[tokio::test]
async fn boxes_can_use_the_machines_network() {
    let shared = Cluster::builder().network(boxd_local::machine::Network::Host).start().await.unwrap();
    let own = Cluster::start().await.unwrap();
    let port = shared.api_url().rsplit(':').next().unwrap().to_owned();
    for (cluster, reaches) in [(&shared, true), (&own, !own_network())] {
        let mut client = client(cluster).await;
        let id = create(&mut client, "").await.vm_id;
        let line = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
        let output = sh(&mut client, &id, &format!("bash -c '{line}'")).await;
        assert_eq!(output.exit_code == 0, reaches, "{}", output.stderr);
    }
}

/// Whether boxes can have their own network on this machine.
fn own_network() -> bool {
    boxd_local::machine::host_limits().unwrap().is_none()
}
