//! The program: what it prints, what it refuses, and what outlives it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::server::{Server, serve};
use common::wire::{
    CreateTokenRequest, DestroyVmRequest, GetVmRequest, ListVmsRequest, RevokeTokenRequest, StopVmRequest,
    SuspendVmRequest, WhoamiRequest,
};
use common::{Client, connect, create, eventually, exchange, post, sh};
use serde_json::json;
use tempfile::TempDir;
use tonic::Code;

fn refused(data: &Path, options: &[&str]) -> String {
    let Output { status, stdout, stderr } = serve(data, options).output().unwrap();
    assert!(!status.success() && stdout.is_empty(), "{status} {stdout:?}");
    String::from_utf8(stderr).unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[tokio::test]
async fn the_first_start_makes_a_key_that_only_its_owner_reads() {
    let data = folder();
    let mut process = serve(data.path(), &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    let server = Server { process, api: String::new(), web: String::new() };
    let key = std::fs::read_to_string(data.path().join("api-key")).unwrap();
    assert!(key.starts_with("bxk_") && line.contains(key.trim_end()), "{line}");
    for secret in ["api-key", "jwt-key"] {
        let mode = std::fs::metadata(data.path().join(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    drop(server);
    // It is shown once, unless someone looks on from a terminal.
    let mut process = serve(data.path(), &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
    process.kill().unwrap();
    let mut errors = String::new();
    process.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    process.wait().unwrap();
    assert!(ready.starts_with("ready api=http://127.0.0.1:") && !errors.contains("bxk_"), "{ready}{errors}");
}

#[tokio::test]
async fn sigterm_ends_it_in_order() {
    let data = folder();
    let server = Server::start(data.path(), &["--api-key", "bxk_given-by-hand"]);
    let token = exchange(&format!("{}/api/v1/auth/token", server.web), "bxk_given-by-hand").await;
    let mut client = connect(&server.api, Some(&format!("Bearer {token}"))).await;
    client.whoami(WhoamiRequest {}).await.unwrap();
    assert!(!data.path().join("api-key").exists(), "a given key is not kept in clear");
    assert_eq!(server.terminate(), (Some(0), String::new()), "one line on stdout, and no more");
}

#[tokio::test]
async fn commands_end_by_ctrl_c_though_the_cluster_itself_ignores_it() {
    let data = folder();
    let serve = serve(data.path(), &[]);
    let mut background = Command::new("sh");
    background
        .args(["-c", "trap '' HUP INT QUIT; exec \"$@\"", "sh"])
        .arg(serve.get_program())
        .args(serve.get_args());
    let server = Server::run(background);
    let mut client = server.client(data.path()).await;
    let id = create(&mut client, "").await.vm_id;
    for (signal, code) in [("HUP", 129), ("INT", 130)] {
        assert_eq!(sh(&mut client, &id, &format!("kill -{signal} $$")).await.exit_code, code, "SIG{signal}");
    }
}

#[test]
fn what_others_could_reach_is_refused_unless_allowed() {
    let data = folder();
    for option in ["--api", "--web"] {
        let errors = refused(data.path(), &[option, "0.0.0.0:0"]);
        assert!(errors.contains("0.0.0.0") && errors.contains("--allow-remote"), "{errors}");
    }
    let server = Server::start(data.path(), &["--web", "0.0.0.0:0", "--allow-remote"]);
    assert!(server.web.starts_with("http://0.0.0.0:"));
}

#[test]
fn a_second_one_on_the_same_folder_or_port_is_refused() {
    let (data, other) = (folder(), folder());
    let server = Server::start(data.path(), &[]);
    let errors = refused(data.path(), &[]);
    assert!(
        errors.contains("another boxd-local") && errors.contains(data.path().to_str().unwrap()),
        "{errors}"
    );
    let address = server.api.strip_prefix("http://").unwrap();
    let errors = refused(other.path(), &["--api", address]);
    assert!(errors.contains(&format!("cannot listen on {address}")), "{errors}");
}

#[tokio::test]
async fn the_exchange_is_limited_as_in_the_cloud_and_can_be_let_loose() {
    let data = folder();
    let server = Server::start(data.path(), &[]);
    let url = format!("{}/api/v1/auth/token", server.web);
    for _ in 0..30 {
        assert_eq!(post(&url, &json!({ "api_key": "bxk_wrong" })).await.0, 401);
    }
    let (status, retry_after, _) = post(&url, &json!({ "api_key": "bxk_wrong" })).await;
    assert!(status == 429 && (1..=60).contains(&retry_after.unwrap()), "{status} {retry_after:?}");
    server.kill();
    let server = Server::start(data.path(), &["--exchange-limit", "0"]);
    let url = format!("{}/api/v1/auth/token", server.web);
    for _ in 0..40 {
        assert_eq!(post(&url, &json!({ "api_key": "bxk_wrong" })).await.0, 401);
    }
}

#[tokio::test]
async fn kill_9_loses_nothing_that_was_answered() {
    let data = folder();
    let options = ["--exchange-limit", "0"];
    let server = Server::start(data.path(), &options);
    let mut client = server.client(data.path()).await;
    let token =
        client.create_token(CreateTokenRequest { expires_in_secs: 600 }).await.unwrap().into_inner().token;
    let revoked =
        client.create_token(CreateTokenRequest { expires_in_secs: 600 }).await.unwrap().into_inner();
    let tokens = client.list_tokens(common::wire::ListTokensRequest {}).await.unwrap().into_inner().tokens;
    client.revoke_token(RevokeTokenRequest { jti: tokens[1].jti.clone() }).await.unwrap();

    let running = create(&mut client, "running").await.vm_id;
    let stopped = create(&mut client, "stopped").await.vm_id;
    let suspended = create(&mut client, "suspended").await.vm_id;
    let destroyed = create(&mut client, "destroyed").await.vm_id;
    for id in [&running, &stopped, &suspended] {
        let output =
            sh(&mut client, id, "echo kept > kept; sync; sleep 1000 > /dev/null 2>&1 & echo $!").await;
        assert_eq!(output.exit_code, 0, "{output:?}");
    }
    client.stop_vm(StopVmRequest { vm_id: stopped.clone() }).await.unwrap();
    client.suspend_vm(SuspendVmRequest { vm_id: suspended.clone() }).await.unwrap();
    client.destroy_vm(DestroyVmRequest { vm_id: destroyed.clone() }).await.unwrap();
    server.kill();

    let server = Server::start(data.path(), &options);
    let mut client = connect(&server.api, Some(&format!("Bearer {token}"))).await;
    let status = async |client: &mut Client, id: &str| {
        client.get_vm(GetVmRequest { vm_id: id.to_owned() }).await.map(|vm| vm.into_inner().status)
    };
    eventually("the running box boots again", async || {
        status(&mut client, &running).await.unwrap() == "running"
    })
    .await;
    assert_eq!(status(&mut client, &stopped).await.unwrap(), "stopped");
    assert_eq!(status(&mut client, &suspended).await.unwrap(), "suspended");
    assert_eq!(status(&mut client, &destroyed).await.unwrap_err().code(), Code::NotFound);
    let names = client.list_vms(ListVmsRequest::default()).await.unwrap().into_inner().vms;
    assert_eq!(
        names.iter().map(|vm| vm.name.as_str()).collect::<Vec<_>>(),
        ["running", "stopped", "suspended"]
    );

    // The files are there, the processes of before are not: exec wakes what was suspended, and a stopped box says so.
    for id in [&running, &suspended] {
        let output = sh(&mut client, id, "cat kept; pgrep -cx sleep").await;
        assert_eq!(output.stdout, "kept\n0\n", "{output:?}");
    }
    let refused =
        client.exec(futures_util::stream::iter([common::first(&stopped, "true")])).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    assert!(refused.message().contains("stopped") && refused.message().contains("start"), "{refused}");
    let mut holder = connect(&server.api, Some(&format!("Bearer {}", revoked.token))).await;
    assert_eq!(holder.whoami(WhoamiRequest {}).await.unwrap_err().code(), Code::Unauthenticated);
}
