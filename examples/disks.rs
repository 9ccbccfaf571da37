//! Disks: what stays when boxes go.
//!
//! ```sh
//! cargo run --example disks
//! ```

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use boxd::{BoxHandle, Compute};
use common::{Outcome, step};

#[tokio::main]
async fn main() -> Outcome {
    common::run(disks).await
}

async fn disks(compute: &Compute) -> Outcome {
    let disk = compute.disks().create(&common::unique("data"), "1G").await?;
    step("disk", &format!("{}, {} bytes", disk.name(), disk.size_bytes()));

    common::with_box(compute, async |b: &BoxHandle| {
        disk.attach(b, "/mnt/data").await?;
        b.write_file("carried over", "/mnt/data/note").await?;
        for at in disk.attachments() {
            step("attached", &format!("to {} at {}", at.box_name, at.mount_path));
        }
        disk.detach(b).await?;
        Ok(())
    })
    .await?;

    common::with_box(compute, async |b: &BoxHandle| {
        disk.attach(b, "/mnt/data").read_only(true).await?;
        step("read", &String::from_utf8_lossy(&b.read_file("/mnt/data/note").await?));
        let refused = b.exec(["touch", "/mnt/data/new"]).await?;
        step("written", &format!("not: {}", refused.stderr_text().trim_end()));
        disk.detach(b).await?;
        Ok(())
    })
    .await?;

    disk.destroy().await?;
    Ok(())
}
