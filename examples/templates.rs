//! Templates: an image and a size, prepared once to create boxes from.
//!
//! ```sh
//! cargo run --example templates
//! ```

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use boxd::{BoxConfig, Compute, Size};
use common::{Outcome, step, unique};

#[tokio::main]
async fn main() -> Outcome {
    common::run(templates).await
}

async fn templates(compute: &Compute) -> Outcome {
    let templates = compute.templates();
    let size = BoxConfig::new().vcpu(2).memory("4G");
    let template = templates.create(unique("t")).image("ubuntu:latest").config(size).await?;
    for template in templates.list().await? {
        let memory = Size::bytes(template.memory_bytes);
        step("template", &format!("{}: {} vCPU, {memory}", template.name, template.vcpu));
    }

    let b = templates.create_vm(&template, unique("from-t")).await?;
    step("box", &format!("{} of image {}", b.name(), b.image()));
    b.destroy().await?;
    templates.delete(&template).await?;
    Ok(())
}
