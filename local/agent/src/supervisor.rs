//! The box's main process: its output is the console, and it is started again as the box's owner wishes.

use std::{
    fs::File,
    io::Write as _,
    process::{Child, Stdio},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use boxd_agent::protocol::Restart;

use crate::{environment::Environment, exec::exit_code};

/// The pause before the first new start; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A run this long was a good one: the pauses begin anew.
const GOOD_RUN: Duration = Duration::from_secs(10);

/// Keeps the main process running until the box shuts down.
#[derive(Default)]
pub(crate) struct Supervisor {
    stopping: Mutex<bool>,
    stopped: Condvar,
}

impl Supervisor {
    /// No start from here on.
    pub(crate) fn stop(&self) {
        *self.lock() = true;
        self.stopped.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `command` again and again, as `restart` says.
    pub(crate) fn run(
        &self,
        command: &[String],
        restart: Restart,
        environment: &Environment,
        mut console: File,
    ) {
        let mut pause = FIRST_PAUSE;
        loop {
            let began = Instant::now();
            let end = match self.start(command, environment, &console) {
                None => return,
                Some(Ok(mut child)) => match child.wait() {
                    Ok(status) if status.success() && restart == Restart::OnFailure => return,
                    Ok(status) => format!("ended with code {}", exit_code(status)),
                    Err(error) => format!("cannot be watched: {error}"),
                },
                Some(Err(error)) => format!("does not start: {error}"),
            };
            if *self.lock() {
                return;
            }
            if restart == Restart::Never {
                let _ = writeln!(console, "boxd: the main process {end}");
                return;
            }
            if began.elapsed() >= GOOD_RUN {
                pause = FIRST_PAUSE;
            }
            let _ = writeln!(console, "boxd: the main process {end}; it starts again in {pause:?}");
            if self.stops_within(pause) {
                return;
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// `None` when the box shuts down. A start and the order to stop exclude each other, so that no process is
    /// born behind the back of the one that ends them all.
    fn start(
        &self,
        command: &[String],
        environment: &Environment,
        console: &File,
    ) -> Option<std::io::Result<Child>> {
        let (program, arguments) = command.split_first()?;
        let stopping = self.lock();
        if *stopping {
            return None;
        }
        let start = || {
            let mut process = environment.command(false, program);
            process.args(arguments).stdin(Stdio::null());
            process.stdout(console.try_clone()?).stderr(console.try_clone()?).spawn()
        };
        Some(start())
    }

    fn stops_within(&self, pause: Duration) -> bool {
        let stopping = self.lock();
        let waited = self.stopped.wait_timeout_while(stopping, pause, |stopping| !*stopping);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
