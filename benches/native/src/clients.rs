//! The two clients, doing the same things.

use std::time::Duration;

use boxd::transport::GrpcTransport;
use boxd::{BoxHandle, Compute};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;

use crate::Outcome;
use crate::generated::boxd_api_client::BoxdApiClient;
use crate::generated::{DownloadFileRequest, ExecChunk, UploadFileChunk, WhoamiRequest};

const MIB: usize = 1024 * 1024;
const LIMIT: Duration = Duration::from_secs(60);

/// What is compared.
pub trait Client: Clone {
    const NAME: &'static str;
    async fn whoami(&self) -> Outcome;
    /// Reads the output of a command that writes so many MiB; returns how many bytes came.
    async fn exec(&self, mib: usize) -> Outcome<usize>;
    async fn upload(&self, content: Bytes) -> Outcome<usize>;
    async fn download(&self, mib: usize) -> Outcome<usize>;
}

#[derive(Clone)]
pub struct Sdk {
    compute: Compute<GrpcTransport<Channel>>,
    handle: BoxHandle,
}

impl Sdk {
    pub async fn new(channel: Channel) -> Outcome<Self> {
        let compute = Compute::builder().token("bench").transport(GrpcTransport::new(channel)).build()?;
        let handle = compute.boxes().get("vm-1").await?;
        Ok(Self { compute, handle })
    }
}

impl Client for Sdk {
    const NAME: &'static str = "boxd";

    async fn whoami(&self) -> Outcome {
        self.compute.whoami().await?;
        Ok(())
    }

    async fn exec(&self, mib: usize) -> Outcome<usize> {
        let mut process = self.handle.exec(["produce", &mib.to_string()]).stream().await?;
        let mut stdout = process.take_stdout().ok_or("stdout is there once")?;
        let mut length = 0;
        while let Some(chunk) = stdout.next().await {
            length += chunk?.len();
        }
        match process.wait().await? {
            0 => Ok(length),
            code => Err(format!("exit code {code}").into()),
        }
    }

    async fn upload(&self, content: Bytes) -> Outcome<usize> {
        Ok(usize::try_from(self.handle.write_file(content, "/upload").await?)?)
    }

    async fn download(&self, mib: usize) -> Outcome<usize> {
        let mut pieces = self.handle.read_file(format!("/download/{mib}")).stream();
        let mut length = 0;
        while let Some(piece) = pieces.next().await {
            length += piece?.len();
        }
        Ok(length)
    }
}

#[derive(Clone)]
pub struct Raw {
    client: BoxdApiClient<Channel>,
    bearer: MetadataValue<Ascii>,
}

impl Raw {
    pub fn new(channel: Channel) -> Self {
        let client = BoxdApiClient::new(channel)
            .max_decoding_message_size(64 * MIB)
            .max_encoding_message_size(64 * MIB);
        Self { client, bearer: MetadataValue::from_static("Bearer bench") }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.bearer.clone());
        request
    }
}

impl Client for Raw {
    const NAME: &'static str = "tonic";

    async fn whoami(&self) -> Outcome {
        let mut request = self.request(WhoamiRequest {});
        // The SDK never leaves a call without a limit; this is how tonic's users give it one.
        request.set_timeout(LIMIT);
        self.client.clone().whoami(request).await?;
        Ok(())
    }

    async fn exec(&self, mib: usize) -> Outcome<usize> {
        let first =
            ExecChunk { vm_id: "vm-1".into(), command: format!("produce {mib}"), ..ExecChunk::default() };
        let input = stream::iter([first]).chain(stream::pending());
        let mut answers = self.client.clone().exec(self.request(input)).await?.into_inner();
        let (mut length, mut exit_code) = (0, None);
        while let Some(chunk) = answers.message().await? {
            length += chunk.data.len();
            exit_code = Some(chunk.exit_code);
        }
        match exit_code {
            Some(0) => Ok(length),
            other => Err(format!("exit code {other:?}").into()),
        }
    }

    async fn upload(&self, content: Bytes) -> Outcome<usize> {
        let header = UploadFileChunk {
            vm_id: "vm-1".into(),
            path: "/upload".into(),
            total_size: content.len() as u64,
            data: Vec::new(),
        };
        let pieces = (0..content.len()).step_by(MIB).map(move |at| UploadFileChunk {
            data: content[at..content.len().min(at + MIB)].to_vec(),
            ..UploadFileChunk::default()
        });
        let chunks = stream::iter(std::iter::once(header).chain(pieces));
        let answer = self.client.clone().upload_file_stream(self.request(chunks)).await?.into_inner();
        Ok(usize::try_from(answer.bytes_written)?)
    }

    async fn download(&self, mib: usize) -> Outcome<usize> {
        let request = DownloadFileRequest { vm_id: "vm-1".into(), path: format!("/download/{mib}") };
        let mut answers = self.client.clone().download_file_stream(self.request(request)).await?.into_inner();
        let mut length = 0;
        while let Some(chunk) = answers.message().await? {
            length += chunk.data.len();
        }
        Ok(length)
    }
}
