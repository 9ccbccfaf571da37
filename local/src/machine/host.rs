//! What this machine offers to boxes.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use super::Error;

/// Checks that boxes can run on this machine; the error says what to install or enable.
pub fn check_host() -> Result<(), Error> {
    Host::get().map(drop)
}

/// What boxes on this machine have to do without, in a sentence that says how to get it; `None` when nothing.
pub fn host_limits() -> Result<Option<String>, Error> {
    Ok((!Host::get()?.own_network).then(|| {
        format!(
            "Boxes share this machine's network, so two of them cannot listen on the same port: {}.",
            user_namespace_advice()
        )
    }))
}

/// How boxes are made here.
#[derive(Clone)]
pub(super) struct Host {
    /// The bubblewrap program.
    pub(super) bwrap: PathBuf,
    /// Whether a box has users of its own; else, only for root, it runs as root without its privileges.
    pub(super) own_users: bool,
    /// Whether a box can have its own network.
    pub(super) own_network: bool,
}

impl Host {
    /// Finds out, once; a machine that lacks something is asked again the next time.
    pub(super) fn get() -> Result<Self, Error> {
        static KNOWN: Mutex<Option<Host>> = Mutex::new(None);
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = &*known {
            return Ok(host.clone());
        }
        let host = Self::probe()?;
        Ok(known.insert(host).clone())
    }

    fn probe() -> Result<Self, Error> {
        let bwrap = find_program("bwrap").ok_or_else(|| Error::Host {
            message: "Boxes need bubblewrap, and there is no `bwrap` on PATH: `apt-get install bubblewrap` \
                      (or your system's equivalent) installs it."
                .into(),
        })?;
        let mut refusal = String::new();
        for (own_users, own_network) in [(true, true), (true, false), (false, true), (false, false)] {
            match try_box(&bwrap, own_users, own_network) {
                Ok(()) => return Ok(Self { bwrap, own_users, own_network }),
                // The first is about what is wanted; the others only about what is left of it.
                Err(message) if refusal.is_empty() => refusal = message,
                Err(_) => {}
            }
        }
        let advice = user_namespace_advice();
        Err(Error::Host { message: format!("Boxes do not start on this machine ({refusal}): {advice}.") })
    }
}

/// The options that give a box its own users and network.
pub(super) fn namespaces(own_users: bool, own_network: bool) -> Vec<&'static str> {
    let mut options = vec!["--unshare-pid", "--unshare-uts", "--unshare-ipc", "--unshare-cgroup-try"];
    if own_users {
        options.extend(["--unshare-user", "--uid", "1000", "--gid", "1000"]);
    }
    if own_network {
        options.push("--unshare-net");
    }
    options
}

fn try_box(bwrap: &Path, own_users: bool, own_network: bool) -> Result<(), String> {
    let tried = Command::new(bwrap)
        .args(namespaces(own_users, own_network))
        .args(["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if tried.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&tried.stderr).trim().replace('\n', "; "))
}

fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(name)).find(|program| program.is_file())
}

/// What stands in the way of an ordinary user's boxes, as the kernel's switches tell.
fn user_namespace_advice() -> String {
    let is = |switch: &str, value: &str| {
        fs::read_to_string(Path::new("/proc/sys").join(switch)).is_ok_and(|text| text.trim() == value)
    };
    if is("kernel/unprivileged_userns_clone", "0") {
        "allow user namespaces with `sysctl -w kernel.unprivileged_userns_clone=1`".into()
    } else if is("user/max_user_namespaces", "0") {
        "allow user namespaces with `sysctl -w user.max_user_namespaces=10000`".into()
    } else if is("kernel/apparmor_restrict_unprivileged_userns", "1") {
        "allow user namespaces with `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`, or give `bwrap` an \
         AppArmor profile that has `userns`"
            .into()
    } else {
        "in a container, run it with the right to make namespaces (with Docker: `--privileged`, or \
         `--cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
         --security-opt systempaths=unconfined`)"
            .into()
    }
}
