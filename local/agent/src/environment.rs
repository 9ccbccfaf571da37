//! What programs in a box find around them.

use std::process::Command;

use boxd_agent::{AGENT_PATH, HOME};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::launch;

const PATH: &str = "/home/boxd/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/games:/usr/games";

/// The environment of every program in the box.
pub(crate) struct Environment {
    variables: Vec<(String, String)>,
}

impl Environment {
    /// The usual variables, and `extra` on top of them.
    pub(crate) fn new(extra: Vec<(String, String)>) -> Self {
        let user = if rustix::process::getuid().is_root() { "root" } else { "boxd" };
        let usual = [
            ("HOME", HOME),
            ("LANG", "C.UTF-8"),
            ("LOGNAME", user),
            ("PATH", PATH),
            ("SHELL", shell()),
            ("USER", user),
        ];
        let mut variables: Vec<_> = usual.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        variables.extend(extra);
        Self { variables }
    }

    /// A command that becomes `program` in a session of its own, in the home directory, with this environment; with
    /// a terminal on its standard input as its controlling one if `terminal`.
    pub(crate) fn command(&self, terminal: bool, program: &str) -> Command {
        let mut command = Command::new(AGENT_PATH);
        command.arg(launch::LAUNCH).arg(if terminal { launch::TERMINAL } else { launch::PLAIN }).arg(program);
        command.env_clear().envs(self.variables.iter().map(|(key, value)| (key, value))).current_dir(HOME);
        if terminal && !self.variables.iter().any(|(key, _)| key == "TERM") {
            command.env("TERM", "xterm-256color");
        }
        command
    }
}

/// The box's best shell.
pub(crate) fn shell() -> &'static str {
    if std::path::Path::new("/bin/bash").exists() { "/bin/bash" } else { "/bin/sh" }
}

/// Programs that still use `select` break when more descriptors than this are open by default.
const PROGRAM_DESCRIPTORS: u64 = 1024;

/// As many open descriptors as the system allows, for the agent itself.
pub(crate) fn raise_descriptor_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// The customary number of open descriptors, for the programs it starts.
pub(crate) fn restore_descriptor_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = Some(maximum.map_or(PROGRAM_DESCRIPTORS, |maximum| maximum.min(PROGRAM_DESCRIPTORS)));
    let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
}
