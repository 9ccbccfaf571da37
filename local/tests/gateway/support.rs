//! The processes: the upstream, and the gateway in front of it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use bytes::Bytes;
use prost::Message as _;
use reqwest::{Client, RequestBuilder};
use tempfile::NamedTempFile;

use crate::common::socket::framed;

/// A process that is killed when this is dropped.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Python's gRPC server with the service of our proto.
pub(crate) struct Upstream {
    process: Killed,
    pub(crate) url: String,
    _descriptors: NamedTempFile,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        Self::run("http", "0", &[])
    }

    /// With the certificate and key that [`make_certificate`](crate::common::certificate::make_certificate) left in the folder.
    pub(crate) fn start_with_tls(folder: &Path) -> Self {
        Self::run("https", "0", &[folder.join("key.pem"), folder.join("cert.pem")])
    }

    /// As `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
    }

    /// Another one, at the same place.
    pub(crate) fn restart(&self) -> Self {
        let again = Self::run("http", self.url.rsplit_once(':').unwrap().1, &[]);
        assert_eq!(again.url, self.url);
        again
    }

    fn run(scheme: &str, port: &str, tls: &[PathBuf]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = protox::compile(["boxd/api/v1/api.proto"], [folder.join("proto")]).unwrap();
        let descriptors = NamedTempFile::new().unwrap();
        std::fs::write(descriptors.path(), files.encode_to_vec()).unwrap();
        let mut process = Command::new(python())
            .arg(folder.join("tests/gateway/upstream.py"))
            .arg(descriptors.path())
            .arg(port)
            .args(tls)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let port = first_line(&mut process);
        Self {
            url: format!("{scheme}://127.0.0.1:{port}"),
            process: Killed(process),
            _descriptors: descriptors,
        }
    }
}

/// The interpreter of one of the published clients, which has grpcio.
fn python() -> PathBuf {
    let folder = std::env::var_os("BOXD_PYTHON_DIR").unwrap_or_else(|| "target/python".into());
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder).join("0.2.19/bin/python");
    assert!(python.exists(), "there is no {}: `cargo xtask setup` prepares it", python.display());
    python
}

fn first_line(process: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// `boxd-local gateway` as a process.
pub(crate) struct Gateway {
    pub(crate) process: Killed,
    pub(crate) url: String,
    errors: BufReader<ChildStderr>,
}

impl Gateway {
    pub(crate) fn start(upstream: &str, options: &[&str]) -> Self {
        Self::start_with(upstream, options, &[])
    }

    /// With these variables in its environment.
    pub(crate) fn start_with(upstream: &str, options: &[&str], variables: &[(&str, &Path)]) -> Self {
        let mut command = gateway(upstream, options);
        command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let line = first_line(&mut process);
        let mut errors = BufReader::new(process.stderr.take().unwrap());
        let url = line.strip_prefix("ready gateway=").unwrap_or_else(|| {
            let mut said = String::new();
            errors.read_to_string(&mut said).unwrap();
            panic!("the ready line: {line:?}\n{said}")
        });
        Self { url: url.to_owned(), process: Killed(process), errors }
    }

    /// The next line that it said on standard error.
    pub(crate) fn said(&mut self) -> String {
        let mut line = String::new();
        self.errors.read_line(&mut line).unwrap();
        line
    }

    /// A POST of gRPC-web.
    pub(crate) fn post(&self, http: &Client, rpc: &str, message: &impl prost::Message) -> RequestBuilder {
        http.post(format!("{}/boxd.api.v1.BoxdApi/{rpc}", self.url))
            .header("content-type", "application/grpc-web+proto")
            .header("x-grpc-web", "1")
            .body(framed(message))
    }

    /// The messages and the trailers of a call over gRPC-web that ends.
    pub(crate) async fn call(&self, rpc: &str, message: &impl prost::Message) -> (Vec<Bytes>, String) {
        split(&self.post(&Client::new(), rpc, message).send().await.unwrap().bytes().await.unwrap())
    }
}

/// The command, on a free port; options that come later win.
pub(crate) fn gateway(upstream: &str, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boxd-local"));
    command.args(["gateway", "--listen", "127.0.0.1:0", "--upstream", upstream]).args(options);
    command.env_remove("BOXD_API_KEY").env_remove("BOXD_EXCHANGE_URL");
    command
}

/// An answer of gRPC-web: its messages, and its trailers in lines.
pub(crate) fn split(mut body: &[u8]) -> (Vec<Bytes>, String) {
    let (mut messages, mut trailers) = (Vec::new(), String::new());
    while let Some((&[flag, a, b, c, d], rest)) = body.split_first_chunk::<5>() {
        let (frame, rest) = rest.split_at(u32::from_be_bytes([a, b, c, d]) as usize);
        match flag {
            0 => messages.push(Bytes::copy_from_slice(frame)),
            _ => trailers.push_str(std::str::from_utf8(frame).unwrap()),
        }
        body = rest;
    }
    assert!(body.is_empty(), "half a frame at the end");
    (messages, trailers)
}
