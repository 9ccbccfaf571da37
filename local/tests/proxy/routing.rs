//! Which host leads where.

use boxd_local::Cluster;
use boxd_local::machine::{Network, host_limits};
use serde_json::json;

use crate::common::wire::{
    BindDomainRequest, DestroyVmRequest, GetVmRequest, RenameVmRequest, SuspendVmRequest, UnbindDomainRequest,
};
use crate::{Setup, ask, free_port};

#[tokio::test]
async fn two_boxes_serve_one_port_side_by_side() {
    if host_limits().unwrap().is_some() {
        return; // boxes share this machine's ports here
    }
    let mut setup = Setup::new().await;
    let (one, two) = (setup.app("one").await, setup.app("two").await);
    assert_eq!(ask(setup.get("one.localhost", "/a?b=c")).await, (200, "one /a?b=c".into()));
    assert_eq!(ask(setup.get("two.localhost", "/")).await, (200, "two /".into()));
    assert_eq!(ask(setup.get("Two.LocalHost.:1234", "/")).await, (200, "two /".into()));

    // What a box says of itself is what routes.
    let web = setup.web();
    let resolving = reqwest::Client::builder().no_proxy().resolve("one.localhost", web).build().unwrap();
    assert_eq!(ask(resolving.get(&one.url)).await, (200, "one /".into()));
    let shown = setup.client.get_vm(GetVmRequest { vm_id: one.id.clone() }).await.unwrap().into_inner();
    assert_eq!(format!("http://{}.{}", shown.name, shown.access_domain), one.url);

    let domain = setup.add("one", "api", 3001).await;
    let _api = setup.start(&one.id, "one-api", 3001).await;
    assert_eq!(ask(setup.get(&domain, "/")).await, (200, "one-api /".into()));
    setup.point("one", "api", 3000).await;
    assert_eq!(ask(setup.get(&domain, "/")).await, (200, "one /".into()));
    setup.point("one", "", 3001).await;
    assert_eq!(ask(setup.get("one.localhost", "/")).await, (200, "one-api /".into()));

    setup.client.destroy_vm(DestroyVmRequest { vm_id: two.id }).await.unwrap();
    assert_eq!(ask(setup.get("two.localhost", "/")).await.0, 404);
}

#[tokio::test]
async fn a_bound_domain_leads_to_its_box() {
    let mut setup = Setup::new().await;
    let one = setup.app("one").await;
    assert_eq!(ask(setup.get("app.example.com", "/")).await.0, 403, "a strange name is guarded against");
    let bind = BindDomainRequest { domain: "app.example.com".into(), vm_id: one.id.clone() };
    setup.client.bind_domain(bind).await.unwrap();
    assert_eq!(ask(setup.get("APP.example.com:80", "/x")).await, (200, "one /x".into()));
    let unbind = UnbindDomainRequest { domain: "app.example.com".into() };
    setup.client.unbind_domain(unbind).await.unwrap();
    assert_eq!(ask(setup.get("app.example.com", "/")).await.0, 403);
}

#[tokio::test]
async fn a_box_and_the_cluster_never_answer_for_each_other() {
    const EXCHANGE: &str = "/api/v1/auth/token";
    let mut setup = Setup::new().await;
    let one = setup.app("one").await;
    let bind = BindDomainRequest { domain: "app.example.com".into(), vm_id: one.id.clone() };
    setup.client.bind_domain(bind).await.unwrap();
    let key = json!({ "api_key": setup.cluster.api_key() });
    for host in ["one.localhost", "app.example.com"] {
        let answer = ask(setup.post(host, EXCHANGE).json(&key)).await;
        assert_eq!(answer, (200, format!("one {EXCHANGE}")));
    }
    for host in ["localhost", "127.0.0.1"] {
        let (status, text) = ask(setup.post(host, EXCHANGE).json(&key)).await;
        assert!(status == 200 && text.contains("expires_at"), "{status} {text}");
    }
    // A page of a box is a strange one to the cluster.
    let web = setup.web();
    let page =
        setup.post("localhost", EXCHANGE).header("origin", format!("http://one.localhost:{}", web.port()));
    assert_eq!(ask(page.json(&key)).await.0, 403);
    // Its own server decides about pages from elsewhere.
    let (status, _) = ask(setup.get("one.localhost", "/").header("origin", "https://example.com")).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_server_learns_who_asks_and_nothing_of_this_connection() {
    let mut setup = Setup::new().await;
    let _other = setup.app("other").await;
    let asked = setup
        .get("other.localhost:1234", "/headers")
        .header("x-forwarded-for", "203.0.113.9")
        .header("connection", "x-mine, keep-alive")
        .header("x-mine", "1")
        .header("te", "trailers")
        .header("authorization", "Bearer theirs")
        .header("cookie", "a=b");
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.headers()["x-own"], "1");
    assert!(!answer.headers().contains_key("keep-alive") && !answer.headers().contains_key("connection"));
    let heads: Vec<(String, String)> = answer.json().await.unwrap();
    let value = |name: &str| {
        let all: Vec<_> = heads.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect();
        all.join("|")
    };
    assert_eq!(value("host"), "other.localhost:1234");
    assert_eq!(value("x-forwarded-host"), "other.localhost:1234");
    assert_eq!(value("x-forwarded-for"), "203.0.113.9, 127.0.0.1");
    assert_eq!(value("x-forwarded-proto"), "http");
    assert_eq!((value("authorization").as_str(), value("cookie").as_str()), ("Bearer theirs", "a=b"));
    assert_eq!((value("x-mine").as_str(), value("te").as_str()), ("", ""));
    assert_eq!(value("connection"), "close");
}

#[tokio::test]
async fn a_suspended_box_is_woken_and_a_renamed_one_found() {
    let mut setup = Setup::new().await;
    let one = setup.app("one").await;
    setup.client.suspend_vm(SuspendVmRequest { vm_id: one.id.clone() }).await.unwrap();
    assert_eq!(ask(setup.get("one.localhost", "/")).await, (200, "one /".into()));
    let status =
        setup.client.get_vm(GetVmRequest { vm_id: one.id.clone() }).await.unwrap().into_inner().status;
    assert_eq!(status, "running");

    setup.client.rename_vm(RenameVmRequest { vm_id: one.id.clone(), new_name: "uno".into() }).await.unwrap();
    let _again = setup.start(&one.id, "one", one.port).await;
    assert_eq!(ask(setup.get("uno.localhost", "/")).await, (200, "one /".into()));
    assert_eq!(ask(setup.get("one.localhost", "/")).await.0, 404);
}

#[tokio::test]
async fn an_automatic_proxy_follows_the_server() {
    if host_limits().unwrap().is_some() {
        return; // a box that shares this machine's ports has none of its own
    }
    let mut setup = Setup::new().await;
    let one = setup.app_on("one", 4321).await;
    setup.add("one", "auto", 0).await;
    assert_eq!(ask(setup.get("auto.one.localhost", "/")).await, (200, "one /".into()));
    let _well_known = setup.start(&one.id, "first", 3000).await;
    assert_eq!(ask(setup.get("auto.one.localhost", "/")).await, (200, "first /".into()));
}

#[tokio::test]
async fn boxes_that_share_the_machines_network_are_reached_too() {
    let cluster = Cluster::builder().network(Network::Host).start().await.unwrap();
    let client = crate::client(&cluster).await;
    let http = reqwest::Client::builder().http1_only().no_proxy().build().unwrap();
    let mut setup = Setup { cluster, client, http };
    let _one = setup.app_on("one", free_port()).await;
    assert_eq!(ask(setup.get("one.localhost", "/")).await, (200, "one /".into()));
    setup.add("one", "auto", 0).await;
    let (status, text) = ask(setup.get("auto.one.localhost", "/")).await;
    assert!(status == 502 && text.contains("shares this machine's network"), "{status} {text}");
}
