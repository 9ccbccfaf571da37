#![doc = include_str!("../README.md")]

mod boxes;
mod client;
mod compute;
mod config;
mod credentials;
mod error;
mod rt;
mod stream;
pub mod transport;
pub mod wire;

pub use boxes::{
    BoxConfig, BoxHandle, BoxInfo, BoxRef, BoxStatus, Boxes, Content, CreateBox, Cut, Exec, ExecOutput,
    ExecProcess, ExecResult, ExecStdin, FileStream, ForkBox, Lifecycle, LogStream, Network, PartialOutput,
    Progress, ProxyEntry, ReadFile, RestartPolicy, ResumeResult, Size, SuspendResult, VolumeMount,
    WaitUntilReady, WriteFile,
};
pub use compute::{ClusterConfig, Compute, ComputeBuilder, Identity};
pub use config::Environment;
pub use error::{Error, ErrorKind, Result};
pub use transport::DefaultTransport;
