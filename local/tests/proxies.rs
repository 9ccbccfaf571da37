//! The RPCs of proxies and domains: what they keep, whom they answer, what they refuse.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;

use boxd_local::Cluster;
use boxd_local::machine::host_limits;
use common::server::Server;
use common::wire::{
    AddCustomDomainRequest, BindDomainRequest, CreateProxyRequest, CreateVmRequest, DeleteProxyRequest,
    DestroyVmRequest, ForkVmRequest, ListCustomDomainsRequest, ListDomainsRequest, ListProxiesRequest,
    NetworkConfig, ProxyEntry, ProxyInfo, RemoveCustomDomainRequest, RenameVmRequest, SetProxyPortRequest,
    UnbindDomainRequest, VmConfig,
};
use common::{Client, client, create, eventually, sh};
use tonic::{Code, Status};

async fn proxies(client: &mut Client, vm_name: &str) -> Vec<ProxyInfo> {
    let request = ListProxiesRequest { vm_name: vm_name.to_owned(), ..Default::default() };
    client.list_proxies(request).await.unwrap().into_inner().proxies
}

fn names(proxies: &[ProxyInfo]) -> Vec<(&str, &str, u32)> {
    proxies.iter().map(|proxy| (proxy.vm_name.as_str(), proxy.name.as_str(), proxy.port)).collect()
}

async fn add(client: &mut Client, vm_name: &str, name: &str, port: u32) -> Result<String, Status> {
    let request =
        CreateProxyRequest { name: name.into(), vm_name: vm_name.into(), port, ..Default::default() };
    client.create_proxy(request).await.map(|made| made.into_inner().domain)
}

async fn set_port(client: &mut Client, vm_name: &str, name: &str, port: &str) -> Result<(), Status> {
    let request = SetProxyPortRequest {
        name: name.into(),
        vm_name: vm_name.into(),
        port: port.into(),
        ..Default::default()
    };
    client.set_proxy_port(request).await.map(drop)
}

async fn delete(client: &mut Client, vm_name: &str, name: &str) -> Result<(), Status> {
    let request = DeleteProxyRequest { name: name.into(), vm_name: vm_name.into(), ..Default::default() };
    client.delete_proxy(request).await.map(drop)
}

async fn bind(client: &mut Client, domain: &str, vm_id: &str) -> Result<(), Status> {
    let request = BindDomainRequest { domain: domain.into(), vm_id: vm_id.into() };
    client.bind_domain(request).await.map(drop)
}

async fn domains(client: &mut Client) -> Vec<(String, String)> {
    let answer = client.list_domains(ListDomainsRequest {}).await.unwrap().into_inner();
    answer.domains.into_iter().map(|bound| (bound.domain, bound.vm_id)).collect()
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Status>) -> Code {
    outcome.unwrap_err().code()
}

#[tokio::test]
async fn proxies_are_made_pointed_elsewhere_and_deleted() {
    let cluster = Cluster::start().await.unwrap();
    let web = cluster.web_url().rsplit_once(':').unwrap().1.to_owned();
    let mut client = client(&cluster).await;
    let one = create(&mut client, "one").await;
    create(&mut client, "two").await;

    let all = proxies(&mut client, "one").await;
    assert_eq!(names(&all), [("one", "", 8000)]);
    assert!(all[0].is_default && all[0].vm_id == one.vm_id, "{all:?}");
    assert_eq!(all[0].domain, format!("one.localhost:{web}"));
    assert_eq!(one.url, format!("http://{}", all[0].domain));
    assert_eq!((all[0].port_display.as_str(), all[0].port_mode.as_str()), ("8000", "locked"));
    assert_eq!(all[0].effective_port, 8000);

    assert_eq!(add(&mut client, "one", "api", 3001).await.unwrap(), format!("api.one.localhost:{web}"));
    // The newest clients say which box in another field, and others send an id.
    let request = CreateProxyRequest { name: "api".into(), vm: "two".into(), port: 1, ..Default::default() };
    client.create_proxy(request).await.unwrap();
    set_port(&mut client, "one", "", "3000").await.unwrap();
    set_port(&mut client, &one.vm_id, "api", "65535").await.unwrap();
    let all = [("one", "", 3000), ("one", "api", 65535), ("two", "", 8000), ("two", "api", 1)];
    assert_eq!(names(&proxies(&mut client, "").await), all);
    let request = ListProxiesRequest { vm: "two".into(), ..Default::default() };
    assert_eq!(names(&client.list_proxies(request).await.unwrap().into_inner().proxies), all[2..]);

    let taken = add(&mut client, "one", "api", 3001).await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists);
    assert!(taken.message().contains("\"one\"") && taken.message().contains("\"api\""), "{taken}");
    delete(&mut client, "one", "api").await.unwrap();
    assert_eq!(names(&proxies(&mut client, "one").await), all[..1]);
    assert_eq!(code(delete(&mut client, "one", "api").await), Code::NotFound);
    assert_eq!(code(set_port(&mut client, "one", "api", "1").await), Code::NotFound);
    add(&mut client, "one", "api", 3002).await.unwrap();

    // A fork has its source's; a box that goes takes its own along.
    let fork = ForkVmRequest { source_vm_id: one.vm_id.clone(), name: "fork".into(), ..Default::default() };
    client.fork_vm(fork).await.unwrap();
    assert_eq!(names(&proxies(&mut client, "fork").await), [("fork", "", 3000), ("fork", "api", 3002)]);
    client.rename_vm(RenameVmRequest { vm_id: one.vm_id.clone(), new_name: "uno".into() }).await.unwrap();
    let renamed = proxies(&mut client, "uno").await;
    assert_eq!(renamed[1].domain, format!("api.uno.localhost:{web}"));
    client.destroy_vm(DestroyVmRequest { vm_id: one.vm_id.clone() }).await.unwrap();
    assert!(proxies(&mut client, "").await.iter().all(|proxy| proxy.vm_id != one.vm_id));
}

#[tokio::test]
async fn what_cannot_be_a_proxy_is_refused() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    create(&mut client, "one").await;
    for name in ["", "API", "a.b", "-a", "a_b", "ä", &"a".repeat(64)] {
        let refused = add(&mut client, "one", name, 3000).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
        assert!(refused.message().contains("proxy name"), "{refused}");
    }
    assert_eq!(code(add(&mut client, "one", "api", 65536).await), Code::InvalidArgument);
    for port in ["", "65536", "-1", "http", "3000.5", " 3000"] {
        assert_eq!(code(set_port(&mut client, "one", "", port).await), Code::InvalidArgument, "{port:?}");
    }
    assert_eq!(code(delete(&mut client, "one", "").await), Code::InvalidArgument);
    assert_eq!(code(add(&mut client, "none", "api", 3000).await), Code::NotFound);
    assert_eq!(code(set_port(&mut client, "none", "", "3000").await), Code::NotFound);
    assert_eq!(code(delete(&mut client, "none", "api").await), Code::NotFound);
    let of_none = ListProxiesRequest { vm_name: "none".into(), ..Default::default() };
    assert_eq!(code(client.list_proxies(of_none).await), Code::NotFound);
    assert_eq!(code(add(&mut client, "", "api", 3000).await), Code::InvalidArgument);
    assert_eq!(names(&proxies(&mut client, "").await), [("one", "", 8000)]);
}

#[tokio::test]
async fn an_automatic_proxy_finds_the_port() {
    if host_limits().unwrap().is_some() {
        return; // a box that shares this machine's ports has none of its own
    }
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let request = CreateVmRequest {
        name: "auto".into(),
        config: Some(VmConfig {
            network: Some(NetworkConfig {
                proxies: vec![ProxyEntry { name: String::new(), port: 0 }],
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let id = client.create_vm(request).await.unwrap().into_inner().vm_id;
    let proxy = proxies(&mut client, "auto").await.remove(0);
    assert_eq!((proxy.port, proxy.effective_port), (0, 0));
    assert_eq!((proxy.port_display.as_str(), proxy.port_mode.as_str()), ("auto", "auto"));
    let listen = |port: u16| {
        format!(
            "setsid python3 -c 'import socket, time\ns = socket.create_server((\"\", {port}))\ntime.sleep(1000)' \
             > /dev/null 2>&1 &"
        )
    };
    for port in [2999, 3000] {
        sh(&mut client, &id, &listen(port)).await;
        eventually("the port is found", async || {
            proxies(&mut client, "auto").await[0].effective_port == u32::from(port)
        })
        .await;
    }
    assert_eq!(proxies(&mut client, "auto").await[0].port_display, "auto (3000)");
    set_port(&mut client, "auto", "", "2999").await.unwrap();
    assert_eq!(proxies(&mut client, "auto").await[0].port_mode, "locked");
    set_port(&mut client, "auto", "", "auto").await.unwrap();
    assert_eq!(proxies(&mut client, "auto").await[0].effective_port, 3000);
}

#[tokio::test]
async fn domains_are_bound_and_unbound() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let one = create(&mut client, "one").await.vm_id;
    let two = create(&mut client, "two").await.vm_id;
    bind(&mut client, "App.Example.com.", &one).await.unwrap();
    bind(&mut client, "two.example.com", "two").await.unwrap();
    let bound = [("app.example.com".to_owned(), one.clone()), ("two.example.com".to_owned(), two.clone())];
    assert_eq!(domains(&mut client).await, bound);

    let taken = bind(&mut client, "app.example.com", &two).await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists, "{taken}");
    for bad in
        ["", "localhost", "web.localhost", "127.0.0.1", "http://a.example", "a.example:80", "*.example.com"]
    {
        let refused = bind(&mut client, bad, &one).await.unwrap_err();
        assert!(refused.code() == Code::InvalidArgument && refused.message().contains("domain"), "{refused}");
    }
    assert_eq!(code(bind(&mut client, "b.example.com", "none").await), Code::NotFound);
    let unbind = |domain: &str| UnbindDomainRequest { domain: domain.to_owned() };
    assert_eq!(code(client.unbind_domain(unbind("b.example.com")).await), Code::NotFound);
    client.unbind_domain(unbind("APP.example.com")).await.unwrap();
    assert_eq!(domains(&mut client).await, bound[1..]);

    // By the names that clients since 0.2.19 have for it.
    let custom = AddCustomDomainRequest { vm_id: one.clone(), domain: "app.example.com".into() };
    let shown = client.add_custom_domain(custom).await.unwrap().into_inner().domain.unwrap();
    assert_eq!((shown.vm_name.as_str(), shown.status.as_str()), ("one", "active"));
    let all = client.list_custom_domains(ListCustomDomainsRequest {}).await.unwrap().into_inner().domains;
    assert_eq!(all.iter().map(|one| one.vm_id.as_str()).collect::<Vec<_>>(), [&two, &one]);
    let remove = RemoveCustomDomainRequest { domain: "app.example.com".into() };
    client.remove_custom_domain(remove.clone()).await.unwrap();
    assert_eq!(code(client.remove_custom_domain(remove).await), Code::NotFound);

    client.destroy_vm(DestroyVmRequest { vm_id: two }).await.unwrap();
    assert_eq!(domains(&mut client).await, []);
}

#[tokio::test]
async fn kill_9_loses_neither() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let mut client = server.client(data.path()).await;
    let id = create(&mut client, "one").await.vm_id;
    add(&mut client, "one", "api", 3001).await.unwrap();
    set_port(&mut client, "one", "", "3000").await.unwrap();
    bind(&mut client, "app.example.com", &id).await.unwrap();
    server.kill();
    let server = Server::start(data.path(), &[]);
    let mut client = server.client(data.path()).await;
    assert_eq!(names(&proxies(&mut client, "").await), [("one", "", 3000), ("one", "api", 3001)]);
    assert_eq!(domains(&mut client).await, [("app.example.com".to_owned(), id)]);
}
