//! Boxes at rest: put there by idleness or by hand, and woken by use.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use boxd_local::Cluster;
use common::server::Server;
use common::wire::{
    CreateVmRequest, GetVmRequest, GetVmResponse, HibernateVmRequest, ResumeVmRequest,
    SetAutoHibernateTimeoutRequest, SetAutoSuspendTimeoutRequest, SrfConfig, StopVmRequest, SuspendVmRequest,
    VmConfig, WakeVmRequest,
};
use common::{Client, client, create, eventually, sh};
use tonic::Code;

async fn get(client: &mut Client, id: &str) -> GetVmResponse {
    client.get_vm(GetVmRequest { vm_id: id.to_owned() }).await.unwrap().into_inner()
}

async fn becomes(client: &mut Client, id: &str, status: &str) {
    eventually(status, async || get(client, id).await.status == status).await;
}

/// A box whose main process never rests by itself.
async fn create_idle(client: &mut Client, timers: SrfConfig) -> String {
    let count = "n=0; while :; do n=$((n+1)); echo $n > count; sleep 0.01; done";
    let request = CreateVmRequest {
        cmd: ["sh", "-c", count].map(str::to_owned).to_vec(),
        config: Some(VmConfig { srf: Some(timers), ..Default::default() }),
        ..Default::default()
    };
    client.create_vm(request).await.unwrap().into_inner().vm_id
}

fn suspend_after(secs: u32) -> SrfConfig {
    SrfConfig { auto_suspend_timeout_secs: Some(secs), auto_destroy_timeout_secs: 0 }
}

#[tokio::test]
async fn an_idle_box_is_suspended_and_the_next_use_wakes_it() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create_idle(&mut client, suspend_after(1)).await;
    // What its main process does is no use; that it has stopped shows that it really stands still.
    becomes(&mut client, &id, "suspended").await;
    let file = cluster.data_dir().join("boxes").join(&id).join("root/home/boxd/count");
    let before = std::fs::read_to_string(&file).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
    // A command that takes longer than the timer is use all the while: were it suspended, it would never end.
    assert_eq!(sh(&mut client, &id, "sleep 3; echo done").await.stdout, "done\n");
    becomes(&mut client, &id, "suspended").await;
    client.resume_vm(ResumeVmRequest { vm_id: id.clone() }).await.unwrap();
    becomes(&mut client, &id, "suspended").await;
}

#[tokio::test]
async fn the_timer_of_a_running_box_can_be_set_and_taken_away() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create_idle(&mut client, suspend_after(0)).await;
    let by_name = get(&mut client, &id).await.name;
    let set = |secs| SetAutoSuspendTimeoutRequest { vm_id: by_name.clone(), timeout_secs: secs };
    client.set_auto_suspend_timeout(set(3600)).await.unwrap();
    assert_eq!(get(&mut client, &id).await.auto_suspend_timeout_secs, 3600);
    // Without a word to whoever waits for the old one to pass, this would take an hour.
    client.set_auto_suspend_timeout(set(1)).await.unwrap();
    becomes(&mut client, &id, "suspended").await;
    client.set_auto_suspend_timeout(set(0)).await.unwrap();
    client.resume_vm(ResumeVmRequest { vm_id: id.clone() }).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert_eq!(get(&mut client, &id).await.status, "running");
}

#[tokio::test]
async fn a_hibernated_box_wakes_with_its_memory() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "winter").await.vm_id;
    let pid = sh(&mut client, &id, "sleep 4242 > /dev/null 2>&1 & echo $!").await.stdout;
    let alive = format!("kill -0 {pid}");
    let hibernate = || HibernateVmRequest { vm_id: "winter".into() };
    client.hibernate_vm(hibernate()).await.unwrap();
    let vm = get(&mut client, &id).await;
    assert!(vm.status == "hibernated" && vm.hibernated_at_ms > 1_700_000_000_000, "{vm:?}");
    client.hibernate_vm(hibernate()).await.unwrap();
    assert_eq!(get(&mut client, &id).await.hibernated_at_ms, vm.hibernated_at_ms, "it is hibernated already");
    client.wake_vm(WakeVmRequest { vm_id: "winter".into() }).await.unwrap();
    let vm = get(&mut client, &id).await;
    assert_eq!((vm.status.as_str(), vm.hibernated_at_ms), ("running", 0));
    assert_eq!(sh(&mut client, &id, &alive).await.exit_code, 0);

    // A suspended box can go on to hibernate, and use wakes it, too.
    client.suspend_vm(SuspendVmRequest { vm_id: id.clone() }).await.unwrap();
    client.hibernate_vm(hibernate()).await.unwrap();
    assert_eq!(get(&mut client, &id).await.status, "hibernated");
    assert_eq!(sh(&mut client, &id, &alive).await.exit_code, 0);

    client.stop_vm(StopVmRequest { vm_id: id.clone() }).await.unwrap();
    for refused in [
        client.hibernate_vm(hibernate()).await.err(),
        client.wake_vm(WakeVmRequest { vm_id: id.clone() }).await.err(),
    ] {
        assert_eq!(refused.unwrap().code(), Code::FailedPrecondition);
    }
}

#[tokio::test]
async fn an_idle_box_goes_from_suspended_to_hibernated_to_destroyed() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let timers = SrfConfig { auto_suspend_timeout_secs: Some(1), auto_destroy_timeout_secs: 6 };
    let id = create_idle(&mut client, timers).await;
    let set = SetAutoHibernateTimeoutRequest { vm_id: id.clone(), timeout_secs: 3 };
    client.set_auto_hibernate_timeout(set).await.unwrap();
    let mut seen = Vec::new();
    eventually("it is destroyed", async || match client.get_vm(GetVmRequest { vm_id: id.clone() }).await {
        Ok(vm) => {
            seen.push(vm.into_inner().status);
            seen.dedup();
            false
        }
        Err(error) => error.code() == Code::NotFound,
    })
    .await;
    // On a machine that stands still for seconds a state can pass unseen; none comes out of turn.
    let order = ["running", "suspended", "hibernated"];
    let places: Vec<_> = seen.iter().map(|seen| order.iter().position(|status| status == seen)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{seen:?}");
    assert!(!cluster.data_dir().join("boxes").join(&id).exists());
}

#[tokio::test]
async fn a_box_at_rest_stays_so_through_a_kill_and_boots_when_used() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let mut client = server.client(data.path()).await;
    let id = create(&mut client, "winter").await.vm_id;
    sh(&mut client, &id, "echo kept > kept").await;
    client.hibernate_vm(HibernateVmRequest { vm_id: id.clone() }).await.unwrap();
    let before = get(&mut client, &id).await;
    server.kill();
    let server = Server::start(data.path(), &[]);
    let mut client = server.client(data.path()).await;
    let after = get(&mut client, &id).await;
    assert_eq!((after.status.as_str(), after.hibernated_at_ms), ("hibernated", before.hibernated_at_ms));
    assert_eq!(sh(&mut client, "winter", "cat kept").await.stdout, "kept\n");
    assert_eq!(get(&mut client, &id).await.status, "running");
}
