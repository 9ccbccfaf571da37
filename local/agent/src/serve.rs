//! Requests: one connection each, one thread each.

use std::{
    error::Error,
    fs::{self, File},
    io,
    net::{Ipv4Addr, Ipv6Addr, TcpStream, UdpSocket},
    os::fd::{AsFd as _, OwnedFd},
    sync::Arc,
    thread,
    time::Duration,
};

use boxd_agent::{
    channel,
    process::Pid,
    protocol::{Reply, Request},
};
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT};

use crate::{
    ending,
    environment::{Environment, raise_descriptor_limit},
    exec,
    failure::{Failure, complain},
    files,
    supervisor::Supervisor,
};

/// A request needs little; the default of 2 MiB of address space each would add up.
const STACK_SIZE: usize = 256 * 1024;

struct Agent {
    environment: Environment,
    supervisor: Supervisor,
}

/// A cluster that a script put into the background, or that `nohup` runs, ignores these signals, and what is ignored
/// stays so through every start of a program, down to a command that Ctrl-C would then not reach. What is handled does not.
fn forget_ignored_signals() -> io::Result<()> {
    for signal in [SIGHUP, SIGINT, SIGQUIT] {
        signal_hook::flag::register(signal, Arc::default())?;
    }
    Ok(())
}

/// Serves until the box is shut down.
pub(crate) fn serve() -> Result<(), Box<dyn Error>> {
    let listener = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    raise_descriptor_limit();
    forget_ignored_signals()?;
    let agent = boot(&channel::accept(&listener)?)?;
    loop {
        let connection = match channel::accept(&listener) {
            Ok(connection) => connection,
            // The system is short of something; the request waits in line, and so does the loop.
            Err(error) => {
                complain(&error);
                thread::sleep(Duration::from_millis(50));
                continue;
            }
        };
        let agent = Arc::clone(&agent);
        let started = thread::Builder::new().stack_size(STACK_SIZE).spawn(move || agent.answer(&connection));
        if let Err(error) = started {
            complain(&error);
        }
    }
}

/// The first request of all.
fn boot(connection: &OwnedFd) -> Result<Arc<Agent>, Box<dyn Error>> {
    let Some((Request::Boot { env, cmd, restart }, descriptors)) = channel::receive(connection)? else {
        return Err("the first request was not to boot".into());
    };
    let console: File = descriptors.into_iter().next().ok_or("there is no console")?.into();
    rustix::stdio::dup2_stderr(&console)?;
    know_own_name().unwrap_or_else(|error| complain(&error));
    let agent = Arc::new(Agent { environment: Environment::new(env), supervisor: Supervisor::default() });
    if !cmd.is_empty() {
        let agent = Arc::clone(&agent);
        thread::Builder::new()
            .stack_size(STACK_SIZE)
            .spawn(move || agent.supervisor.run(&cmd, restart, &agent.environment, console))?;
    }
    channel::send(connection, &Reply::Done, &[])?;
    Ok(agent)
}

/// A root may have been another box's before, under another name.
fn know_own_name() -> io::Result<()> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname")?;
    if fs::read_to_string("/etc/hostname").is_ok_and(|known| known == name) {
        return Ok(());
    }
    let hosts = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
    fs::write("/etc/hosts", format!("{hosts}127.0.1.1\t{name}"))?;
    fs::write("/etc/hostname", name)
}

impl Agent {
    fn answer(&self, connection: &OwnedFd) {
        let request = match channel::receive(connection) {
            Ok(Some((request, _))) => request,
            Ok(None) => return,
            Err(error) => return complain(&error),
        };
        if let Err(failure) = self.fulfil(connection, request) {
            let _ = channel::send(connection, &Reply::from(failure), &[]);
        }
    }

    fn fulfil(&self, connection: &OwnedFd, request: Request) -> Result<(), Failure> {
        match request {
            Request::Exec { command, tty } => return exec::run(connection, &command, tty, &self.environment),
            Request::Create { path } => return files::create(connection, &path),
            Request::Open { path } => return files::open(connection, &path),
            Request::List { path } => return files::list(connection, &path),
            Request::MakeDir { path } => files::make_dir(&path)?,
            Request::Rename { from, to } => files::rename(&from, &to)?,
            Request::Copy { from, to } => files::copy(&from, &to)?,
            Request::Delete { path } => files::delete(&path)?,
            Request::Dial { port } => return dial(connection, port),
            Request::DialUdp { port } => return dial_udp(connection, port),
            Request::Shutdown { grace_ms } => self.shut_down(Duration::from_millis(grace_ms)),
            Request::Boot { .. } | Request::Commit { .. } => {
                return Err(Failure::new("request out of turn", Errno::PROTO));
            }
        }
        answer(connection, &Reply::Done, &[])
    }

    /// The end of the agent is the end of the box.
    fn shut_down(&self, grace: Duration) -> ! {
        self.supervisor.stop();
        let me = rustix::process::getpid();
        ending::end(grace, |process| process.pid != me && process.pid != Pid::INIT);
        std::process::exit(0)
    }
}

/// Answers; that the host hung up meanwhile is its own affair.
pub(crate) fn answer(connection: &OwnedFd, reply: &Reply, descriptors: &[&OwnedFd]) -> Result<(), Failure> {
    let descriptors: Vec<_> = descriptors.iter().map(|descriptor| descriptor.as_fd()).collect();
    match channel::send(connection, reply, &descriptors) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new("answer", error)),
        _ => Ok(()),
    }
}

fn dial(connection: &OwnedFd, port: u16) -> Result<(), Failure> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .or_else(|error| TcpStream::connect((Ipv6Addr::LOCALHOST, port)).map_err(|_| error))
        .map_err(|error| Failure::new(format!("port {port}"), error))?;
    answer(connection, &Reply::Done, &[&stream.into()])
}

fn dial_udp(connection: &OwnedFd, port: u16) -> Result<(), Failure> {
    let open = || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect((Ipv4Addr::LOCALHOST, port))?;
        Ok(socket)
    };
    let socket = open().map_err(|error: io::Error| Failure::new(format!("UDP port {port}"), error))?;
    answer(connection, &Reply::Done, &[&socket.into()])
}
