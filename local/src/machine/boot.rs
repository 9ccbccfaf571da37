//! From a root on disk to a box whose agent answers.

use std::{
    fs::{self, File},
    os::{
        fd::{AsFd as _, AsRawFd as _, OwnedFd},
        unix::fs::OpenOptionsExt as _,
    },
    path::PathBuf,
    sync::{Arc, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use boxd_agent::{
    channel,
    protocol::{Reply, Request, Restart},
};
use rustix::fs::OFlags;
use tokio::{sync::Mutex, time::timeout};

use super::{
    Error, Inner, Machine, MachineSpec, RestartPolicy,
    activity::Activity,
    bwrap,
    connection::unexpected,
    freezer::{self, Freezer},
    host::Host,
    monitor::{self, Life, Remains},
    mounts,
    root::blocking,
    spawner::on_spawner,
};

/// A box takes milliseconds to boot; one that takes this long on a busy machine never will.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn boot(spec: MachineSpec) -> Result<Machine, Error> {
    check(&spec)?;
    let hello = Request::Boot {
        env: spec.env.clone(),
        cmd: spec.cmd.clone(),
        restart: match spec.restart {
            RestartPolicy::Always => Restart::Always,
            RestartPolicy::OnFailure => Restart::OnFailure,
            RestartPolicy::Never => Restart::Never,
        },
    };
    let Started { door, agent, console, group, mut life } = blocking(move || start(&spec)).await?;
    let Ok(init) = (&mut life.init).await else { return Err(failure(life).await) };
    let group = group.filter(|group| freezer::is_member(group, init.pid));
    let machine = Machine {
        inner: Arc::new(Inner {
            door,
            agent,
            init,
            ended: life.ended.clone(),
            freezer: Arc::new(Mutex::new(group.map_or(Freezer::Signals(Vec::new()), Freezer::Cgroup))),
            suspended: AtomicBool::new(false),
            activity: Activity::new(),
        }),
    };
    let greeting = async {
        let connection = machine.connect()?;
        match connection.call(&hello, &[console.as_fd()]).await? {
            (Reply::Done, []) => Ok(()),
            _ => Err(unexpected()),
        }
    };
    match timeout(PATIENCE, greeting).await {
        Ok(Ok(())) => Ok(machine),
        Ok(Err(Error::Gone)) => {
            machine.inner.init.kill();
            Err(failure(life).await)
        }
        Ok(Err(error)) => Err(error),
        Err(_) => Err(Error::Boot { message: format!("its agent did not answer within {PATIENCE:?}") }),
    }
}

/// Why a box ended before it began.
async fn failure(mut life: Life) -> Error {
    let _ = life.ended.wait_for(|ended| *ended).await;
    let complaints = life.complaints.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let message = if complaints.is_empty() { "it ended at once, without a word".into() } else { complaints };
    Error::Boot { message }
}

fn check(spec: &MachineSpec) -> Result<(), Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if spec.id.is_empty() || spec.id.len() > 64 || !spec.id.bytes().all(is_plain) {
        return Err(Error::invalid(format!(
            "{:?} is no id for a box: 1 to 64 letters, digits, - or _",
            spec.id
        )));
    }
    if spec.hostname.is_empty() || spec.hostname.len() > 64 || spec.hostname.contains('\0') {
        return Err(Error::invalid(format!("{:?} is no host name: 1 to 64 bytes", spec.hostname)));
    }
    for (key, value) in &spec.env {
        if key.is_empty() || key.contains(['=', '\0']) || value.contains('\0') {
            // The value stays out of it: it may be a secret.
            return Err(Error::invalid(format!(
                "environment variable {key:?} has a name or value that cannot be"
            )));
        }
    }
    if spec.cmd.iter().any(|word| word.contains('\0')) || spec.cmd.first().is_some_and(String::is_empty) {
        return Err(Error::invalid("the main process's command has an empty program or a zero byte"));
    }
    spec.mounts.iter().try_for_each(|mount| mounts::check(&mount.target))
}

struct Started {
    door: Door,
    /// The agent's program on the host.
    agent: PathBuf,
    console: File,
    group: Option<PathBuf>,
    life: Life,
}

/// Where the agent is reached. A Unix socket's path may have 108 bytes at most, so the way there is by an open
/// directory, whose own path may be as long as it likes.
pub(super) struct Door {
    directory: OwnedFd,
    name: String,
}

impl Door {
    pub(super) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}/{}", self.directory.as_raw_fd(), self.name).into()
    }
}

fn start(spec: &MachineSpec) -> Result<Started, Error> {
    if !spec.root.join("home/boxd").is_dir() {
        return Err(Error::invalid(format!("{} is not a box's root", spec.root.display())));
    }
    spec.mounts.iter().try_for_each(mounts::check_source)?;
    let runtime_dir = spec.runtime_dir.clone();
    let (host, agent) = on_spawner(move || Ok((Host::get()?, bwrap::install_agent(&runtime_dir)?)))?;
    let console = File::options()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&spec.console)
        .map_err(|error| Error::path("opening the console", &spec.console, error))?;
    let directory = File::options()
        .read(true)
        .custom_flags((OFlags::PATH | OFlags::DIRECTORY).bits().cast_signed())
        .open(&spec.runtime_dir)
        .map_err(|error| Error::path("opening", &spec.runtime_dir, error))?;
    let door = Door { directory: directory.into(), name: format!("{}.sock", spec.id) };
    let socket = spec.runtime_dir.join(&door.name);
    // Left behind by a host that was killed.
    let _ = fs::remove_file(&socket);
    let listener =
        channel::listen(&door.path()).map_err(|error| Error::path("listening on", &socket, error))?;
    let group = freezer::create_group(&spec.id);
    let (status, told) =
        monitor::status_pipe().map_err(|error| Error::io("making a pipe for bwrap", error))?;
    let mut command = bwrap::command(&host, spec, &agent, group.as_deref(), listener, told);
    let remains = Remains { socket, group: group.clone() };
    // The command goes with it, and our copy of the listener with the command.
    let child = on_spawner(move || command.spawn().map_err(|error| Error::io("starting bwrap", error)));
    let life = match child {
        Ok(child) => monitor::watch_over(child, status, host.own_users, remains)?,
        Err(error) => {
            remains.clear();
            return Err(error);
        }
    };
    Ok(Started { door, agent, console, group, life })
}
