//! HTTP proxies of a box.

use boxd::transport::Transport;
use boxd::{BoxConfig, BoxHandle, ErrorKind, Proxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{World, eventually, over_each_transport, refused};

over_each_transport!(
    proxies_lead_to_ports_of_their_box,
    what_makes_no_proxy_is_refused,
    proxies_outlive_the_cluster,
);

/// Answers every connection on `port` with `word`.
async fn serve(b: &BoxHandle, port: u16, word: &str) {
    let answer = format!(
        "HTTP/1.1 200 OK\\r\\nContent-Length: {}\\r\\nConnection: close\\r\\n\\r\\n{word}",
        word.len()
    );
    let program = format!(
        "import socket\n\
         s = socket.create_server(('0.0.0.0', {port}))\n\
         print('up', flush=True)\n\
         while True:\n\
         \x20   c = s.accept()[0]\n\
         \x20   while b'\\r\\n\\r\\n' not in c.recv(65536): pass\n\
         \x20   c.sendall(b'{answer}')\n\
         \x20   c.close()\n"
    );
    b.write_file(program, format!("/tmp/serve-{port}.py")).await.unwrap();
    let start = format!("setsid python3 /tmp/serve-{port}.py > /tmp/serve-{port}.out 2>&1 & ");
    assert!(b.exec_shell(start).await.unwrap().success());
    eventually("a server in the box", async || {
        let said = b.read_file(format!("/tmp/serve-{port}.out")).await.ok()?;
        (said == "up\n").then_some(()).or_else(|| {
            assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
            None
        })
    })
    .await;
}

/// What is answered to `GET /` of a host on the cluster's web port.
async fn get<T: Transport>(world: &World<T>, host: &str) -> String {
    let address = world.cluster().web_url();
    let mut socket = TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or(answer)
}

fn by_name(proxies: &[Proxy], name: &str) -> Proxy {
    let found = proxies.iter().find(|proxy| proxy.name == name);
    found.unwrap_or_else(|| panic!("{name:?} is not in {proxies:?}")).clone()
}

async fn proxies_lead_to_ports_of_their_box<T: Transport>(world: World<T>) {
    let b = world.ready_box("web").await;
    let proxies = b.proxies().await.unwrap();
    assert_eq!(proxies.len(), 1, "every box has a default one: {proxies:?}");
    assert!(proxies[0].is_default && proxies[0].box_name == "web", "{proxies:?}");

    let api = b.create_proxy("api", 3001).await.unwrap();
    assert_eq!((api.name.as_str(), api.box_name.as_str(), api.port), ("api", "web", 3001));
    assert!(api.domain.starts_with("api.web.") && !api.is_default, "{api:?}");
    let proxies = b.proxies().await.unwrap();
    assert_eq!(proxies.len(), 2, "{proxies:?}");
    let listed = by_name(&proxies, "api");
    assert_eq!((&listed.domain, listed.port, listed.is_default), (&api.domain, 3001, false));

    let default = by_name(&proxies, "").domain;
    serve(&b, 3000, "three thousand").await;
    serve(&b, 3001, "and one").await;
    assert_eq!(get(&world, &api.domain).await, "and one");
    b.set_proxy_port(3000).await.unwrap();
    assert_eq!(by_name(&b.proxies().await.unwrap(), "").port, 3000);
    assert_eq!(get(&world, &default).await, "three thousand");
    b.set_proxy_port(3000).name("api").await.unwrap();
    assert_eq!(by_name(&b.proxies().await.unwrap(), "api").port, 3000);
    assert_eq!(get(&world, &api.domain).await, "three thousand");

    // A handle that was made from an id alone asks for the name.
    let attached = world.compute.boxes().attach(b.id(), "");
    attached.set_proxy_port(3001).await.unwrap();
    assert_eq!(get(&world, &default).await, "and one");

    // Port 0: the server finds it.
    b.set_proxy_port(0).await.unwrap();
    let found = by_name(&b.proxies().await.unwrap(), "");
    assert_eq!((found.port, found.port_mode.as_str()), (0, "auto"), "{found:?}");

    b.delete_proxy("api").await.unwrap();
    assert_eq!(b.proxies().await.unwrap().len(), 1);
    refused(b.delete_proxy("api").await, ErrorKind::NotFound, &["delete proxy \"api\" of box \"web\""]);
    refused(b.set_proxy_port(3000).name("api").await, ErrorKind::NotFound, &["\"api\"", "\"web\""]);
}

async fn what_makes_no_proxy_is_refused<T: Transport>(world: World<T>) {
    let b = world.compute.boxes().create("web").await.unwrap();
    refused(b.create_proxy("", 3000).await, ErrorKind::InvalidArgument, &["name: "]);
    refused(b.delete_proxy("").await, ErrorKind::InvalidArgument, &["name: "]);
    refused(b.create_proxy("Not A Label", 3000).await, ErrorKind::InvalidArgument, &["Not A Label"]);
    b.create_proxy("api", 3000).await.unwrap();
    refused(b.create_proxy("api", 3000).await, ErrorKind::InvalidArgument, &["\"api\""]);
    b.destroy().await.unwrap();
    refused(b.create_proxy("late", 3000).await, ErrorKind::NotFound, &["\"web\""]);
}

async fn proxies_outlive_the_cluster<T: Transport>(mut world: World<T>) {
    let b = world.compute.boxes().create("web").config(BoxConfig::new().proxy("api", 3001)).await.unwrap();
    b.create_proxy("admin", 3002).await.unwrap();
    b.set_proxy_port(3003).await.unwrap();
    let ports = async |b: &BoxHandle| {
        let mut ports: Vec<_> =
            b.proxies().await.unwrap().into_iter().map(|proxy| (proxy.name, proxy.port)).collect();
        ports.sort();
        ports
    };
    let before = ports(&b).await;
    assert_eq!(before, [(String::new(), 3003), ("admin".to_owned(), 3002), ("api".to_owned(), 3001)]);
    world.restart().await;
    assert_eq!(ports(&world.compute.boxes().get("web").await.unwrap()).await, before);
}
