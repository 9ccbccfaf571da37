//! The published Python clients, unmodified, against a running `boxd-local serve`.

#![allow(clippy::expect_used, clippy::panic)]

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const KEY: &str = "bxk_the_walk_of_the_python_client";
/// Far more than a walk takes; a client that hangs must not hang the tests.
const WALK_SECONDS: &str = "300";

#[test]
fn client_0_1_9_does_its_whole_walk_on_the_default_ports() {
    let free = ["127.0.0.1:9443", "127.0.0.1:8080"].iter().all(|address| TcpListener::bind(address).is_ok());
    let cluster = if free {
        let cluster = Cluster::start(&[]);
        assert_eq!((&*cluster.api, &*cluster.web), ("http://127.0.0.1:9443", "http://127.0.0.1:8080"));
        cluster
    } else {
        eprintln!("a default port is taken on this machine: the walk goes over free ones");
        Cluster::start(&Cluster::FREE_PORTS)
    };
    cluster.walk("0.1.9", "walk_0_1_9.py");
}

#[test]
fn client_of_the_seed_does_what_its_wheel_can() {
    Cluster::start(&Cluster::FREE_PORTS).walk("0.1.1.dev4", "walk_seed.py");
}

#[test]
fn client_0_2_19_does_what_this_cluster_has() {
    Cluster::start(&Cluster::FREE_PORTS).walk("0.2.19", "walk_0_2_19.py");
}

/// A cluster in a process of its own, ended when dropped.
struct Cluster {
    process: Child,
    api: String,
    web: String,
    folder: tempfile::TempDir,
}

impl Cluster {
    const FREE_PORTS: [&str; 4] = ["--api", "127.0.0.1:0", "--web", "127.0.0.1:0"];

    fn start(ports: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = File::create(folder.path().join("stderr")).expect("a file in it");
        let mut process = Command::new(env!("CARGO_BIN_EXE_boxd-local"))
            .args(["serve", "--api-key", KEY, "--data"])
            .arg(folder.path().join("data"))
            .args(ports)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("boxd-local starts");
        let lines = BufReader::new(process.stdout.take().expect("its stdout")).lines();
        let (sender, receiver) = mpsc::channel();
        // Reads on after the line that matters, or the cluster would block on a full pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        let mut cluster = Self { process, api: String::new(), web: String::new(), folder };
        while cluster.api.is_empty() {
            let line = receiver.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|error| {
                panic!("no line `ready api=… web=…`: {error}\n{}", cluster.log());
            });
            let ready = line.strip_prefix("ready api=").and_then(|rest| rest.split_once(" web="));
            if let Some((api, web)) = ready {
                (cluster.api, cluster.web) = (api.to_owned(), web.trim_end().to_owned());
            }
        }
        cluster
    }

    /// Runs a walk with the client of that version.
    fn walk(&self, version: &str, script: &str) {
        let output = Command::new("timeout")
            .args(["--kill-after", "5", WALK_SECONDS])
            .arg(python(version))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/python").join(script))
            .envs([
                ("BOXD_API_URL", self.api.as_str()),
                ("BOXD_EXCHANGE_URL", &format!("{}/api/v1/auth/token", self.web)),
                ("BOXD_API_KEY", KEY),
                ("BOXD_NO_UPDATE_NOTICE", "1"),
                ("NO_PROXY", "127.0.0.1"),
                ("no_proxy", "127.0.0.1"),
                ("PYTHONDONTWRITEBYTECODE", "1"),
            ])
            .env_remove("BOXD_TOKEN")
            .env_remove("BOXD_ENVIRONMENT")
            .env_remove("BOXD_BASE_URL")
            .env_remove("BOXD_ORG")
            .output()
            .expect("timeout (coreutils) runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{script} with boxd {version}: {} (124: not done within {WALK_SECONDS} s)\n{text}\n{}\nThe cluster says:\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr),
            self.log()
        );
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Asked to end, it ends its boxes; the folder goes after that.
        if let Some(id) = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let _ = self.process.wait();
    }
}

/// The interpreter of the environment that holds this version of the published client.
fn python(version: &str) -> PathBuf {
    let folder = std::env::var_os("BOXD_PYTHON_DIR").unwrap_or_else(|| "target/python".into());
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = workspace.join(folder).join(version).join("bin/python");
    assert!(
        python.exists(),
        "the published client boxd {version} is not at {}: `cargo xtask setup` prepares it",
        python.display()
    );
    python
}
