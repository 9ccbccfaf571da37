//! Templates, and boxes made from them.

use boxd::transport::Transport;
use boxd::{BoxConfig, ErrorKind, Template};

use crate::world::{World, over_each_transport, refused, sh};

over_each_transport!(
    a_template_makes_boxes,
    what_makes_no_template_is_refused,
    templates_outlive_the_cluster
);

async fn a_template_makes_boxes<T: Transport>(world: World<T>) {
    let templates = world.compute.templates();
    let config = BoxConfig::new().vcpu(2).memory("4G");
    let made = templates.create("t1").image("ghcr.io/org/img:tag").config(config).await.unwrap();
    assert!(!made.id.is_empty() && !made.status.is_empty(), "{made:?}");
    assert_eq!((made.name.as_str(), made.image.as_str()), ("t1", "ghcr.io/org/img:tag"));
    assert_eq!((made.vcpu, made.memory_bytes), (2, 4 << 30));
    assert_eq!(templates.list().await.unwrap(), std::slice::from_ref(&made));

    let b = templates.create_vm(&made, "from-t").await.unwrap();
    b.wait_until_ready().await.unwrap();
    assert_eq!((b.name().as_str(), b.image().as_str()), ("from-t", "ghcr.io/org/img:tag"));
    assert!(b.url().unwrap().starts_with("http://from-t.localhost:"), "{b:?}");
    assert_eq!(sh(&b, "hostname").await, "from-t\n");
    let request = boxd::wire::GetVmRequest { vm_id: b.id().to_owned() };
    let vm = world.compute.call(boxd::wire::methods::GET_VM, &request).await.unwrap();
    assert_eq!((vm.vcpu, vm.memory_bytes, vm.image_ref.as_str()), (2, 4 << 30, "ghcr.io/org/img:tag"));

    // By its id alone, with another size and a name of the server's choice.
    let other = templates.create_vm(&made.id, "").config(BoxConfig::new().vcpu(1)).await.unwrap();
    assert!(!other.name().is_empty());
    let request = boxd::wire::GetVmRequest { vm_id: other.id().to_owned() };
    let vm = world.compute.call(boxd::wire::methods::GET_VM, &request).await.unwrap();
    assert_eq!((vm.vcpu, vm.memory_bytes), (1, 4 << 30), "what isn't set is the template's");

    templates.delete(&made).await.unwrap();
    assert_eq!(templates.list().await.unwrap(), []);
    refused(templates.delete(&made.id).await, ErrorKind::NotFound, &["delete template", &made.id]);
    refused(templates.create_vm(&made.id, "late").await, ErrorKind::NotFound, &["late", &made.id]);
    assert_eq!(sh(&b, "echo still here").await, "still here\n");
}

async fn what_makes_no_template_is_refused<T: Transport>(world: World<T>) {
    let templates = world.compute.templates();
    refused(templates.create("").await, ErrorKind::InvalidArgument, &["name: "]);
    for config in [BoxConfig::new().env("A", "b"), BoxConfig::new().cmd(["true"])] {
        refused(
            templates.create("t").config(config.clone()).await,
            ErrorKind::InvalidArgument,
            &["config: "],
        );
        let made = templates.create_vm("template-1", "b").config(config).await;
        refused(made, ErrorKind::InvalidArgument, &["config: "]);
    }
    refused(
        templates.create("t").config(BoxConfig::new().memory("lots")).await,
        ErrorKind::InvalidArgument,
        &["memory: "],
    );
    refused(templates.delete("").await, ErrorKind::InvalidArgument, &["template: "]);
    refused(templates.create_vm("", "b").await, ErrorKind::InvalidArgument, &["template: "]);
    assert_eq!(templates.list().await.unwrap(), []);

    templates.create("t").await.unwrap();
    refused(templates.create("t").await, ErrorKind::InvalidArgument, &["\"t\""]);
}

async fn templates_outlive_the_cluster<T: Transport>(mut world: World<T>) {
    let config = BoxConfig::new().vcpu(2).memory("1G");
    let made: Template = world.compute.templates().create("kept").config(config).await.unwrap();
    let listed = world.compute.templates().list().await.unwrap();
    world.restart().await;
    let templates = world.compute.templates();
    assert_eq!(templates.list().await.unwrap(), listed);
    assert_eq!(templates.create_vm(&made, "later").await.unwrap().name(), "later");
}
