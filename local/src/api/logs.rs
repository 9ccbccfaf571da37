//! The console of a box.

use futures_util::{StreamExt as _, TryStreamExt as _};
use tonic::Status;

use super::{Api, Stream};
use crate::wire;

pub(super) async fn stream(
    api: &Api,
    request: wire::StreamLogsRequest,
) -> Result<Stream<wire::LogChunk>, Status> {
    let console = api.boxes.console(&request.vm_id).await?;
    let chunks = api.consoles.read(console, request.follow).await?;
    Ok(chunks.map_ok(|data| wire::LogChunk { data }).map_err(|error| failed(&error)).boxed())
}

fn failed(error: &std::io::Error) -> Status {
    match error.kind() {
        std::io::ErrorKind::ConnectionAborted => Status::unavailable(error.to_string()),
        _ => Status::internal(format!("reading the console: {error}")),
    }
}
