//! What `kill -9` of the cluster leaves: all that was answered for.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::server::Server;
use common::wire::{
    AddCustomDomainRequest, AttachDiskRequest, CreateApiKeyRequest, CreateDiskRequest, CreateNetworkRequest,
    CreateProxyRequest, CreateTemplateRequest, CreateTokenRequest, CreateVmFromTemplateRequest,
    CreateVmRequest, ExposePortRequest, ListApiKeysRequest, ListCustomDomainsRequest, ListDisksRequest,
    ListExposedPortsRequest, ListNetworksRequest, ListProxiesRequest, ListTemplatesRequest,
    ListTokensRequest, SetProxyPortRequest, StopVmRequest, VmConfig, WhoamiRequest,
};
use common::{Client, connect, create, eventually, exchange, sh};
use tokio::io::AsyncReadExt as _;

/// Everything that has a list, but for the boxes, whose states change.
#[derive(Debug, PartialEq)]
struct Lists {
    templates: Vec<common::wire::TemplateInfo>,
    disks: Vec<common::wire::DiskInfo>,
    networks: Vec<common::wire::NetworkInfo>,
    tokens: Vec<common::wire::TokenInfo>,
    keys: Vec<common::wire::ApiKeyInfo>,
    ports: Vec<common::wire::ExposePortResponse>,
    proxies: Vec<common::wire::ProxyInfo>,
    domains: Vec<common::wire::CustomDomainInfo>,
}

async fn lists(client: &mut Client) -> Lists {
    let mut proxies = client.list_proxies(ListProxiesRequest::default()).await.unwrap().into_inner().proxies;
    for proxy in &mut proxies {
        // Both end in the web port, which is another one after a restart.
        proxy.domain.truncate(proxy.domain.rfind(':').unwrap());
    }
    Lists {
        templates: client.list_templates(ListTemplatesRequest {}).await.unwrap().into_inner().templates,
        disks: client.list_disks(ListDisksRequest {}).await.unwrap().into_inner().disks,
        networks: client.list_networks(ListNetworksRequest {}).await.unwrap().into_inner().networks,
        tokens: client.list_tokens(ListTokensRequest {}).await.unwrap().into_inner().tokens,
        keys: client.list_api_keys(ListApiKeysRequest::default()).await.unwrap().into_inner().keys,
        ports: client
            .list_exposed_ports(ListExposedPortsRequest::default())
            .await
            .unwrap()
            .into_inner()
            .forwards,
        proxies,
        domains: client.list_custom_domains(ListCustomDomainsRequest {}).await.unwrap().into_inner().domains,
    }
}

const SERVER: &str = r#"
import socketserver
class Stream(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"served")
socketserver.TCPServer.allow_reuse_address = True
socketserver.TCPServer(("127.0.0.1", 7000), Stream).serve_forever()
"#;

#[tokio::test]
async fn templates_disks_networks_credentials_and_routes_are_as_they_were() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let mut client = server.client(data.path()).await;

    // A box that serves, one that stands by, and one that is down, each with what belongs to it.
    let cmd = ["python3", "-c", SERVER].map(str::to_owned).to_vec();
    let request = CreateVmRequest { name: "running".into(), cmd, ..Default::default() };
    client.create_vm(request).await.unwrap();
    create(&mut client, "stopped").await;
    let mut disks = Vec::new();
    for name in ["rw", "ro", "loose", "later"] {
        let request = CreateDiskRequest { name: name.into(), size_bytes: 1 << 30 };
        disks.push(client.create_disk(request).await.unwrap().into_inner().disk_id);
    }
    let attach = |disk: &str, vm: &str, path: &str, read_only| AttachDiskRequest {
        disk_id: disk.to_owned(),
        vm_id: vm.to_owned(),
        mount_path: path.to_owned(),
        read_only,
    };
    client.attach_disk(attach(&disks[0], "running", "/mnt/rw", false)).await.unwrap();
    client.attach_disk(attach(&disks[1], "running", "/mnt/ro", true)).await.unwrap();
    assert_eq!(sh(&mut client, "running", "echo kept > /mnt/rw/note && sync").await.exit_code, 0);
    client.stop_vm(StopVmRequest { vm_id: "stopped".into() }).await.unwrap();
    client.attach_disk(attach(&disks[3], "stopped", "/mnt/later", false)).await.unwrap();

    let config = Some(VmConfig { vcpu: 2, ..Default::default() });
    let template = CreateTemplateRequest { name: "t1".into(), image_ref: "img:tag".into(), config };
    let template = client.create_template(template).await.unwrap().into_inner().template_id;
    client.create_network(CreateNetworkRequest { name: "staging".into() }).await.unwrap();
    let domain = AddCustomDomainRequest { vm_id: "running".into(), domain: "app.example.com".into() };
    client.add_custom_domain(domain).await.unwrap();
    let proxy =
        CreateProxyRequest { name: "api".into(), vm: "running".into(), port: 3001, ..Default::default() };
    client.create_proxy(proxy).await.unwrap();
    let port = SetProxyPortRequest { vm: "running".into(), port: "3000".into(), ..Default::default() };
    client.set_proxy_port(port).await.unwrap();
    let expose = ExposePortRequest { vm: "running".into(), vm_port: 7000, ..Default::default() };
    let public = client.expose_port(expose).await.unwrap().into_inner().public_port;
    let key = CreateApiKeyRequest { name: "second".into(), expires_in_secs: 3600, ..Default::default() };
    let key = client.create_api_key(key).await.unwrap().into_inner().api_key;
    let token = client.create_token(CreateTokenRequest { expires_in_secs: 3600 }).await.unwrap();
    let token = token.into_inner().token;
    let before = lists(&mut client).await;
    assert_eq!((before.disks.len(), before.keys.len(), before.ports.len()), (4, 2, 1), "{before:?}");
    server.kill();

    let server = Server::start(data.path(), &[]);
    let mut client = connect(&server.api, Some(&format!("Bearer {token}"))).await;
    assert_eq!(lists(&mut client).await, before);
    let output =
        sh(&mut client, "running", "cat /mnt/rw/note; echo more >> /mnt/rw/note; touch /mnt/ro/x").await;
    assert_eq!(output.stdout, "kept\n");
    assert!(output.exit_code != 0 && output.stderr.contains("Read-only file system"), "{output:?}");
    eventually("the port leads into the box again", async || {
        let Ok(mut stream) = tokio::net::TcpStream::connect(("127.0.0.1", public.try_into().unwrap())).await
        else {
            return false;
        };
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.is_ok() && answer == "served"
    })
    .await;
    client.start_vm(common::wire::StartVmRequest { vm_id: "stopped".into() }).await.unwrap();
    assert_eq!(sh(&mut client, "stopped", "touch /mnt/later/x").await.exit_code, 0);
    let made = CreateVmFromTemplateRequest { template_id: template, name: "made".into(), config: None };
    client.create_vm_from_template(made).await.unwrap();
    let holder = exchange(&format!("{}/api/v1/auth/token", server.web), &key).await;
    let mut holder = connect(&server.api, Some(&format!("Bearer {holder}"))).await;
    holder.whoami(WhoamiRequest {}).await.unwrap();
}
