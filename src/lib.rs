#![doc = include_str!("../README.md")]

mod api_keys;
#[cfg(all(feature = "blocking", not(browser)))]
pub mod blocking;
mod boxes;
mod client;
mod compute;
mod config;
mod credentials;
mod disks;
mod domains;
mod error;
#[cfg(feature = "mock")]
pub mod mock;
mod networks;
mod rt;
mod stream;
mod templates;
mod time;
mod tokens;
mod trace;
pub mod transport;
pub mod wire;

pub use api_keys::{ApiKey, ApiKeyInfo, ApiKeys, CreateApiKey};
pub use boxes::{
    BoxConfig, BoxHandle, BoxInfo, BoxRef, BoxStatus, Boxes, Content, CreateBox, Cut, DirEntry, DirListing,
    Exec, ExecOutput, ExecProcess, ExecResult, ExecStdin, ExposePort, ExposedPort, FileStream, ForkBox,
    Lifecycle, LogStream, Network, PartialOutput, Progress, Proxy, ProxyEntry, ReadFile, RestartPolicy,
    ResumeResult, SetProxyPort, Size, SuspendResult, VolumeMount, WaitUntilReady, WriteFile,
};
pub use compute::{ClusterConfig, Compute, ComputeBuilder, Identity};
pub use config::Environment;
pub use disks::{AttachDisk, DiskAttachment, DiskHandle, DiskInfo, Disks};
pub use domains::{Domain, Domains};
pub use error::{Error, ErrorKind, Result};
/// Promises as futures, and futures behind promises: for what is exported to JavaScript.
#[cfg(browser)]
#[doc(hidden)]
pub mod host {
    pub use crate::rt::{Awaited, begun, promise};
}

pub use networks::{CreateNetwork, NetworkInfo, Networks};
pub use templates::{CreateFromTemplate, CreateTemplate, Template, TemplateRef, Templates};
pub use tokens::{CreateToken, Token, TokenInfo, Tokens};
pub use transport::DefaultTransport;
