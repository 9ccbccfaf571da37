//! The box's outer shell: bubblewrap, and how it is started.

use std::{
    fs, io,
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use boxd_agent::{AGENT_PATH, HOME, OUTSIDE};

use super::{
    Error, MachineSpec, Network,
    host::{Host, namespaces},
    root::SYSTEM_DIRECTORIES,
};

/// The program inside the box, built along with this library.
const AGENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/boxd-agent"));
const AGENT_HASH: &str = env!("BOXD_AGENT_HASH");

/// Configuration of the host that goes with its `/usr`.
const SHARED: [&str; 12] = [
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/fonts",
    "/etc/java",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/pki",
    "/etc/ssl",
    "/etc/terminfo",
    "/etc/vim",
];

/// What a box run by root may still do where it has no users of its own.
const ROOT_KEEPS: [&str; 8] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_NET_BIND_SERVICE",
    "CAP_SETGID",
    "CAP_SETUID",
];

/// The command that becomes the box, in a control group if there is one. The agent finds `listener` as its
/// standard input; bubblewrap tells of itself on `status`.
pub(super) fn command(
    host: &Host,
    spec: &MachineSpec,
    agent: &Path,
    group: Option<&Path>,
    listener: OwnedFd,
    status: Stdio,
) -> Command {
    let mut command = Command::new(agent);
    command
        .arg(OUTSIDE)
        .arg(group.map(|group| group.join("cgroup.procs")).unwrap_or_default())
        .arg(&host.bwrap);
    let own_network = host.own_network && spec.network == Network::Own;
    command
        .args(["--die-with-parent", "--new-session", "--json-status-fd", "1", "--hostname", &spec.hostname])
        .args(namespaces(host.own_users, own_network));
    if !host.own_users {
        command.args(ROOT_KEEPS.iter().flat_map(|capability| ["--cap-add", capability]));
    }
    command.arg("--bind").arg(&spec.root).arg("/").args(["--ro-bind", "/usr", "/usr"]);
    for directory in SYSTEM_DIRECTORIES {
        let directory = Path::new("/").join(directory);
        if directory.is_dir() && !directory.is_symlink() {
            command.arg("--ro-bind").arg(&directory).arg(&directory);
        }
    }
    command.args([
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--tmpfs",
        "/run",
        "--perms",
        "1777",
        "--dir",
        "/run/lock",
    ]);
    command.arg("--ro-bind").arg(agent).arg(AGENT_PATH);
    for file in SHARED {
        command.args(["--ro-bind-try", file, file]);
    }
    if !own_network {
        command.args(["--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"]);
    }
    for mount in &spec.mounts {
        command
            .arg(if mount.read_only { "--ro-bind" } else { "--bind" })
            .arg(&mount.source)
            .arg(&mount.target);
    }
    command.args(["--chdir", HOME, "--", AGENT_PATH]);
    command.env_clear().current_dir("/");
    command.stdin(Stdio::from(listener)).stdout(status).stderr(Stdio::piped());
    command
}

/// The agent's program in `directory`, written there if it is not.
pub(super) fn install_agent(directory: &Path) -> Result<PathBuf, Error> {
    if AGENT.is_empty() {
        return Err(Error::Host { message: "This build of boxd-local has no agent in it.".into() });
    }
    let path = directory.join(format!("agent-{AGENT_HASH}"));
    let install = || {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        if fs::read(&path).is_ok_and(|there| there == AGENT) {
            return Ok(());
        }
        let mut builder = tempfile::Builder::new();
        let mut file = builder.permissions(fs::Permissions::from_mode(0o755)).tempfile_in(directory)?;
        io::Write::write_all(&mut file, AGENT)?;
        file.into_temp_path().persist(&path)?;
        Ok(())
    };
    install().map_err(|error: io::Error| Error::path("installing the agent in", directory, error))?;
    Ok(path)
}
