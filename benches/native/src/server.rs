//! A server of made-up answers, quick enough not to be what is measured.

use futures_util::stream::{self, StreamExt};
use tokio::net::TcpListener;
use tonic::codegen::BoxStream;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

use crate::Outcome;
use crate::generated::boxd_api_server::{BoxdApi, BoxdApiServer};
use crate::generated::{
    DownloadFileChunk, DownloadFileRequest, ExecChunk, GetVmRequest, GetVmResponse, UploadFileChunk,
    UploadFileResponse, WhoamiRequest, WhoamiResponse,
};

const MIB: usize = 1024 * 1024;
pub const EXEC_CHUNK: usize = 32 * 1024;

/// Serves on a free port, which it prints.
pub async fn run() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let service =
        BoxdApiServer::new(Synthetic).max_decoding_message_size(64 * MIB).max_encoding_message_size(64 * MIB);
    tonic::transport::Server::builder()
        .tcp_nodelay(true)
        .initial_stream_window_size(4 * 1024 * 1024)
        .initial_connection_window_size(16 * 1024 * 1024)
        .add_service(service)
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?;
    Ok(())
}

struct Synthetic;

#[tonic::async_trait]
impl BoxdApi for Synthetic {
    async fn whoami(&self, _: Request<WhoamiRequest>) -> Result<Response<WhoamiResponse>, Status> {
        Ok(Response::new(WhoamiResponse {
            user_id: "bench".into(),
            pubkey_fingerprints: vec!["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU".into()],
            default_network_id: "net-1".into(),
            ..WhoamiResponse::default()
        }))
    }

    async fn get_vm(&self, request: Request<GetVmRequest>) -> Result<Response<GetVmResponse>, Status> {
        let vm_id = request.into_inner().vm_id;
        Ok(Response::new(GetVmResponse {
            vm_id,
            name: "bench".into(),
            status: "running".into(),
            ..GetVmResponse::default()
        }))
    }

    /// Writes as many MiB as the last word of the command says.
    async fn exec(
        &self,
        request: Request<Streaming<ExecChunk>>,
    ) -> Result<Response<BoxStream<ExecChunk>>, Status> {
        let first = request
            .into_inner()
            .message()
            .await?
            .ok_or_else(|| Status::invalid_argument("no first chunk"))?;
        let chunks = last_number(&first.command)? * MIB / EXEC_CHUNK;
        let chunk = ExecChunk { data: vec![b'x'; EXEC_CHUNK], ..ExecChunk::default() };
        let end = stream::iter([Ok(ExecChunk::default())]);
        Ok(Response::new(stream::iter((0..chunks).map(move |_| Ok(chunk.clone()))).chain(end).boxed()))
    }

    async fn upload_file_stream(
        &self,
        request: Request<Streaming<UploadFileChunk>>,
    ) -> Result<Response<UploadFileResponse>, Status> {
        let mut chunks = request.into_inner();
        let mut bytes_written = 0;
        while let Some(chunk) = chunks.message().await? {
            bytes_written += chunk.data.len() as u64;
        }
        Ok(Response::new(UploadFileResponse { bytes_written }))
    }

    /// As many MiB as the path says.
    async fn download_file_stream(
        &self,
        request: Request<DownloadFileRequest>,
    ) -> Result<Response<BoxStream<DownloadFileChunk>>, Status> {
        let count = last_number(&request.into_inner().path)?;
        let chunk = DownloadFileChunk { total_size: (count * MIB) as u64, data: vec![b'x'; MIB] };
        Ok(Response::new(stream::iter((0..count).map(move |_| Ok(chunk.clone()))).boxed()))
    }
}

fn last_number(words: &str) -> Result<usize, Status> {
    let last = words.rsplit([' ', '/']).next().unwrap_or_default();
    last.parse().map_err(|_| Status::invalid_argument(format!("no number at the end of {words:?}")))
}
