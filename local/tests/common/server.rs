//! `boxd-local serve` as a process.

#![allow(clippy::panic, reason = "a test may fail")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{Client, connect, exchange};

/// A running `boxd-local serve`. Dropped, it is killed.
pub struct Server {
    pub process: Child,
    pub api: String,
    pub web: String,
}

impl Server {
    pub fn start(data: &Path, options: &[&str]) -> Self {
        Self::run(serve(data, options))
    }

    pub fn run(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let parts: Vec<_> = line.trim_end().split(' ').collect();
        let [ready, api, web] = parts[..] else { panic!("the ready line: {line:?}") };
        let url = |part: &str, name| part.strip_prefix(name).unwrap().to_owned();
        assert_eq!(ready, "ready");
        Self { api: url(api, "api="), web: url(web, "web="), process }
    }

    pub async fn client(&self, data: &Path) -> Client {
        let key = std::fs::read_to_string(data.join("api-key")).unwrap();
        let token = exchange(&format!("{}/api/v1/auth/token", self.web), key.trim_end()).await;
        connect(&self.api, Some(&format!("Bearer {token}"))).await
    }

    /// As `kill -9` does.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM; the exit code, and what it printed after the ready line.
    pub fn terminate(mut self) -> (Option<i32>, String) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let mut rest = String::new();
        self.process.stdout.as_mut().unwrap().read_to_string(&mut rest).unwrap();
        (self.process.wait().unwrap().code(), rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The command, on free ports; options that come later win.
pub fn serve(data: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boxd-local"));
    command.args(["serve", "--api", "127.0.0.1:0", "--web", "127.0.0.1:0", "--data"]).arg(data).args(options);
    command
}
