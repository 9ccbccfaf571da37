//! A box for a test, and what tests do with one.

use std::{
    ops::Deref,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use boxd_local::machine::{
    ExecEvent, ExecInput, ExecOutput, ExecRequest, Machine, MachineSpec, Network, RestartPolicy, WindowSize,
    create_root,
};
use bytes::Bytes;
use tempfile::TempDir;

/// No step of a test takes this long unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running box in a directory of its own; both go when it is dropped.
pub(crate) struct TestBox {
    machine: Machine,
    pub(crate) home: TempDir,
}

impl Deref for TestBox {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.machine
    }
}

pub(crate) fn spec(home: &TempDir) -> MachineSpec {
    MachineSpec {
        id: "test".into(),
        hostname: "testbox".into(),
        root: home.path().join("root"),
        runtime_dir: home.path().join("run"),
        console: home.path().join("console.log"),
        env: Vec::new(),
        cmd: Vec::new(),
        restart: RestartPolicy::Always,
        mounts: Vec::new(),
        network: Network::Own,
    }
}

/// A plain box.
pub(crate) async fn boot() -> TestBox {
    boot_with(|_| {}).await
}

/// A box that differs from the plain one.
pub(crate) async fn boot_with(change: impl FnOnce(&mut MachineSpec)) -> TestBox {
    let home = tempfile::tempdir().unwrap();
    let mut spec = spec(&home);
    create_root(&spec.root).await.unwrap();
    change(&mut spec);
    TestBox::boot(spec, home).await
}

/// A command's whole output and its code.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) code: i32,
}

impl Outcome {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap().trim_end()
    }
}

impl TestBox {
    pub(crate) async fn boot(spec: MachineSpec, home: TempDir) -> Self {
        Self { machine: Machine::boot(spec).await.unwrap(), home }
    }

    /// The same root, booted anew.
    pub(crate) async fn boot_again(self) -> Self {
        Self::boot(spec(&self.home), self.home).await
    }

    /// Starts a command.
    pub(crate) async fn start(&self, command: &str, tty: Option<WindowSize>) -> (ExecInput, ExecOutput) {
        let request = ExecRequest { command: command.into(), tty };
        self.machine.exec(request).await.unwrap().split()
    }

    /// Runs a command to its end, without input.
    pub(crate) async fn run(&self, command: &str) -> Outcome {
        let (input, output) = self.start(command, None).await;
        drop(input);
        collect(output).await
    }

    /// What a command says, without the last line's end; it must succeed.
    pub(crate) async fn say(&self, command: &str) -> String {
        let outcome = self.run(command).await;
        assert_eq!(outcome.code, 0, "{command}: {outcome:?}");
        outcome.text().to_owned()
    }
}

/// Everything that is left of a command's output.
pub(crate) async fn collect(mut output: ExecOutput) -> Outcome {
    let mut outcome = Outcome::default();
    loop {
        match next(&mut output).await {
            ExecEvent::Stdout(data) => outcome.stdout.extend_from_slice(&data),
            ExecEvent::Stderr(data) => outcome.stderr.extend_from_slice(&data),
            ExecEvent::Exit(code) => {
                outcome.code = code;
                assert!(output.next().await.is_none(), "something came after the end");
                return outcome;
            }
        }
    }
}

/// The next event, which must come.
pub(crate) async fn next(output: &mut ExecOutput) -> ExecEvent {
    let event = tokio::time::timeout(PATIENCE, output.next()).await.expect("the command hangs");
    event.expect("the stream ended without an exit").unwrap()
}

/// Reads until standard output holds `text`, and returns all of it so far.
pub(crate) async fn read_until(output: &mut ExecOutput, text: &str) -> String {
    let mut seen = Vec::new();
    loop {
        match next(output).await {
            ExecEvent::Stdout(data) => seen.extend_from_slice(&data),
            other => panic!("{other:?} instead of {text:?} after {:?}", String::from_utf8_lossy(&seen)),
        }
        let seen = String::from_utf8_lossy(&seen);
        if seen.contains(text) {
            return seen.into_owned();
        }
    }
}

pub(crate) fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// Processes that can be told from all others on this machine, from outside the box.
pub(crate) struct Marker(String);

impl Marker {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        Self(format!("86400.{}{:03}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Of another process's making.
    pub(crate) fn named(name: String) -> Self {
        Self(name)
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// A command that runs for a day.
    pub(crate) fn command(&self) -> String {
        format!("sleep {}", self.0)
    }

    /// Where `/proc` tells of such processes.
    pub(crate) fn processes(&self) -> Vec<PathBuf> {
        let command = format!("sleep\0{}\0", self.0);
        let is_ours = |path: &PathBuf| {
            std::fs::read(path.join("cmdline")).is_ok_and(|found| found == command.as_bytes())
        };
        std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()).filter(is_ours).collect()
    }

    /// How many such processes there are.
    pub(crate) fn count(&self) -> usize {
        self.processes().len()
    }

    /// Waits until there are so many. The end of another's child is an event for its parent only.
    pub(crate) async fn await_count(&self, wanted: usize) {
        let reached = async {
            while self.count() != wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let result = tokio::time::timeout(PATIENCE, reached).await;
        assert!(result.is_ok(), "{} processes instead of {wanted}", self.count());
    }
}
