//! Files into a box and out of it; folders.
//!
//! ```sh
//! cargo run --example files
//! ```

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use boxd::{BoxHandle, Compute, Content};
use common::{Outcome, step};
use futures_util::TryStreamExt;

#[tokio::main]
async fn main() -> Outcome {
    common::run(async |compute: &Compute| common::with_box(compute, files).await).await
}

async fn files(b: &BoxHandle) -> Outcome {
    b.create_dir("app").await?;
    b.write_file("text content", "app/file.txt").await?;
    b.write_file(vec![0, 159, 146, 150], "app/file.bin").await?;
    let source = Content::file(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/files.rs"));
    let written = b.write_file(source, "app/files.rs").await?;
    step("wrote", &format!("{written} bytes of this program"));

    step("read", &String::from_utf8_lossy(&b.read_file("app/file.txt").await?));
    // As it comes, in memory that does not grow with the file.
    let mut content = b.read_file("app/files.rs").stream();
    let mut bytes = 0;
    while let Some(chunk) = content.try_next().await? {
        bytes += chunk.len();
    }
    step("streamed", &format!("{bytes} bytes"));

    b.copy_path("app", "copy").await?;
    b.rename_path("copy/file.bin", "copy/data.bin").await?;
    let mut entries = b.list_dir("copy").await?.entries;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    for entry in entries {
        step("listed", &format!("{} {:>5} {}", entry.permissions, entry.size_bytes, entry.name));
    }
    b.remove_path("copy").await?;
    Ok(())
}
