//! Files in a box, whole or as streams, and its directories.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use futures_util::{StreamExt as _, stream};
use tonic::{Status, Streaming};

use super::{Api, MESSAGE_BYTES, Stream};
use crate::wire;

/// The most of a file that fits one message, beside the field that holds it.
const WHOLE_FILE_BYTES: usize = MESSAGE_BYTES - 16;

pub(super) async fn upload(
    api: &Api,
    request: wire::UploadFileRequest,
) -> Result<wire::UploadFileResponse, Status> {
    let machine = api.boxes.awake(&request.vm_id).await?;
    let mut upload = machine.upload(&request.path, request.data.len() as u64).await?;
    upload.write(request.data).await?;
    Ok(wire::UploadFileResponse { bytes_written: upload.finish().await? })
}

pub(super) async fn upload_stream(
    api: &Api,
    mut chunks: Streaming<wire::UploadFileChunk>,
) -> Result<wire::UploadFileResponse, Status> {
    let first = chunks.message().await?.ok_or_else(|| {
        Status::invalid_argument(
            "the upload ended before its first chunk, which names the box, path and size",
        )
    })?;
    let machine = api.boxes.awake(&first.vm_id).await?;
    let mut upload = machine.upload(&first.path, first.total_size).await?;
    let mut left = first.total_size;
    let mut data = first.data;
    loop {
        let length = data.len() as u64;
        let Some(rest) = left.checked_sub(length) else {
            return Err(Status::invalid_argument(format!(
                "{}: more than the {} bytes that the first chunk announced; nothing was written",
                first.path, first.total_size
            )));
        };
        left = rest;
        if length > 0 {
            upload.write(data).await?;
        }
        // Exactly what was announced is read: a client may wait for the answer before it closes its side.
        if left == 0 {
            return Ok(wire::UploadFileResponse { bytes_written: upload.finish().await? });
        }
        data = match chunks.message().await? {
            Some(chunk) => chunk.data,
            None => {
                return Err(Status::invalid_argument(format!(
                    "{}: the upload ended after {} of {} bytes; nothing was written",
                    first.path,
                    first.total_size - left,
                    first.total_size
                )));
            }
        };
    }
}

pub(super) async fn download(
    api: &Api,
    request: wire::DownloadFileRequest,
) -> Result<wire::DownloadFileResponse, Status> {
    let machine = api.boxes.awake(&request.vm_id).await?;
    let mut download = machine.download(&request.path).await?;
    let too_large = || {
        Status::resource_exhausted(format!(
            "{}: larger than the {} MiB that fit one message; use DownloadFileStream",
            request.path,
            MESSAGE_BYTES >> 20
        ))
    };
    let expected = usize::try_from(download.size()).ok().filter(|size| *size <= WHOLE_FILE_BYTES);
    let mut data = BytesMut::with_capacity(expected.ok_or_else(too_large)?);
    while let Some(chunk) = download.next().await {
        let chunk = chunk?;
        if data.len() + chunk.len() > WHOLE_FILE_BYTES {
            return Err(too_large());
        }
        data.extend_from_slice(&chunk);
    }
    Ok(wire::DownloadFileResponse { data: data.freeze() })
}

pub(super) async fn download_stream(
    api: &Api,
    request: wire::DownloadFileRequest,
) -> Result<Stream<wire::DownloadFileChunk>, Status> {
    let machine = api.boxes.awake(&request.vm_id).await?;
    let download = machine.download(&request.path).await?;
    let first = wire::DownloadFileChunk { total_size: download.size(), ..Default::default() };
    let rest = stream::unfold(download, |mut download| async move {
        let chunk = match download.next().await? {
            Ok(data) => Ok(wire::DownloadFileChunk { data, total_size: 0 }),
            Err(error) => Err(error.into()),
        };
        Some((chunk, download))
    });
    Ok(stream::iter([Ok(first)]).chain(rest).boxed())
}

pub(super) async fn list_dir(
    api: &Api,
    request: wire::ListDirRequest,
) -> Result<wire::ListDirResponse, Status> {
    let machine = api.boxes.awake(&request.vm_id).await?;
    let listing = machine.list_dir(&request.path).await?;
    let entries = listing.entries.into_iter().map(|entry| wire::DirEntry {
        name: entry.name,
        is_dir: entry.is_dir,
        size_bytes: entry.size_bytes,
        permissions: entry.permissions,
        modified_at: unix_seconds(entry.modified_at),
        added_at: unix_seconds(entry.added_at),
    });
    Ok(wire::ListDirResponse { entries: entries.collect(), truncated: listing.truncated })
}

pub(super) async fn mkdir(api: &Api, request: wire::MkdirRequest) -> Result<wire::MkdirResponse, Status> {
    api.boxes.awake(&request.vm_id).await?.mkdir(&request.path).await?;
    Ok(wire::MkdirResponse::default())
}

pub(super) async fn rename(
    api: &Api,
    request: wire::RenamePathRequest,
) -> Result<wire::RenamePathResponse, Status> {
    api.boxes.awake(&request.vm_id).await?.rename(&request.old_path, &request.new_path).await?;
    Ok(wire::RenamePathResponse::default())
}

pub(super) async fn copy(
    api: &Api,
    request: wire::CopyPathRequest,
) -> Result<wire::CopyPathResponse, Status> {
    api.boxes.awake(&request.vm_id).await?.copy(&request.old_path, &request.new_path).await?;
    Ok(wire::CopyPathResponse::default())
}

pub(super) async fn delete(
    api: &Api,
    request: wire::DeletePathRequest,
) -> Result<wire::DeletePathResponse, Status> {
    api.boxes.awake(&request.vm_id).await?.delete(&request.path).await?;
    Ok(wire::DeletePathResponse::default())
}

fn unix_seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_secs().cast_signed(),
        Err(before) => -before.duration().as_secs().cast_signed(),
    }
}
