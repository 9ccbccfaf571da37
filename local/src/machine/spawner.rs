//! The thread that starts processes.

use std::{
    io,
    sync::{OnceLock, mpsc},
    thread,
};

use super::Error;

type Job = Box<dyn FnOnce() + Send>;

/// Runs `work` on a thread that lives as long as this process, one at a time. Both matter: the kernel ends
/// bubblewrap with the *thread* that started it, and threads of a runtime come and go; and a program that is written
/// while a process is started elsewhere cannot be run for a moment, since the new process holds it open.
pub(super) fn on_spawner<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    static SPAWNER: OnceLock<io::Result<mpsc::Sender<Job>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, todo) = mpsc::channel::<Job>();
        thread::Builder::new()
            .name("boxd-spawner".into())
            .spawn(move || todo.into_iter().for_each(|job| job()))?;
        Ok(jobs)
    });
    let lost = || Error::io("starting a box", io::Error::other("the thread that starts boxes is gone"));
    let jobs = spawner.as_ref().map_err(|_| lost())?;
    let (answer, answered) = mpsc::sync_channel(1);
    jobs.send(Box::new(move || drop(answer.send(work())))).map_err(|_| lost())?;
    answered.recv().map_err(|_| lost())?
}
