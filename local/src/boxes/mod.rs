//! The boxes of the cluster: their records, their files, and the machines that run them.

mod disks;
mod error;
mod forward;
mod lifecycle;
mod name;
mod ports;
mod rest;
mod restore;
mod routes;
mod spec;
mod status;

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use error::Error;
pub(crate) use name::{check_title, suggest as suggest_name};
pub(crate) use ports::Protocol;
pub(crate) use routes::{AUTO, preferred};
pub(crate) use spec::{DEFAULT_IMAGE, NewBox, Sizes};
pub(crate) use status::Status;

use self::forward::Forward;
use crate::machine::{Machine, Network};
use crate::store::{BoxRecord, Store};

/// How long processes have between SIGTERM and SIGKILL when a box stops or reboots.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// All boxes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Boxes {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    folder: PathBuf,
    disks: PathBuf,
    /// Where boxes and disks wait to be deleted; emptied at every start.
    trash: PathBuf,
    /// Sockets: a path short enough for them, gone with the process.
    runtime: PathBuf,
    network: Network,
    /// Where exposed ports are listened on.
    public: IpAddr,
    /// By port of this machine.
    forwards: std::sync::Mutex<HashMap<u16, Forward>>,
    live: RwLock<HashMap<String, Arc<Live>>>,
    tasks: TaskTracker,
    closing: CancellationToken,
}

/// A box in memory.
struct Live {
    id: String,
    /// Held through every change of the box, so that they follow one another.
    state: Arc<Mutex<State>>,
    destroyed: CancellationToken,
    /// When the box came into memory: the start of its rest, if it has no machine to tell.
    since: Instant,
    /// Told when the box's rest has to be planned anew: it runs again, or its timers were set.
    plans: watch::Sender<()>,
}

enum State {
    /// Stopped or failed.
    Down,
    Running(Boot),
    /// Without a machine when the cluster was restarted meanwhile: its memory is gone, and it will boot.
    Suspended(Option<Boot>),
    Destroyed,
}

/// One run of a box, from boot to end.
#[derive(Clone)]
struct Boot {
    machine: Machine,
    /// Tells one run from the next.
    run: Arc<()>,
}

/// Where a box's console output is, and until when.
pub(crate) struct Console {
    pub(crate) path: PathBuf,
    pub(crate) destroyed: CancellationToken,
    pub(crate) closing: CancellationToken,
}

impl Boxes {
    /// Takes over what the data folder holds. Boxes that ran boot again, in the background.
    pub(crate) async fn open(
        data: &Path,
        runtime: &Path,
        network: Network,
        public: IpAddr,
        store: Store,
    ) -> Result<Self, Error> {
        let inner = Inner {
            store,
            folder: data.join("boxes"),
            disks: data.join("disks"),
            trash: data.join("trash"),
            runtime: runtime.to_owned(),
            network,
            public,
            forwards: std::sync::Mutex::default(),
            live: RwLock::default(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        };
        let boxes = Self { inner: Arc::new(inner) };
        boxes.restore().await?;
        Ok(boxes)
    }

    /// By id or by name: the published client 0.2.19 sends either and looks in no list.
    pub(crate) async fn get(&self, key: &str) -> Result<BoxRecord, Error> {
        self.inner.store.box_by_id_or_name(key).await?.ok_or_else(|| Error::NoSuchBox(key.to_owned()))
    }

    pub(crate) async fn list(&self) -> Result<Vec<BoxRecord>, Error> {
        Ok(self.inner.store.boxes().await?)
    }

    pub(crate) async fn console(&self, key: &str) -> Result<Console, Error> {
        let live = self.inner.find(key).await?;
        Ok(Console {
            path: self.inner.console(&live.id),
            destroyed: live.destroyed.clone(),
            closing: self.inner.closing.clone(),
        })
    }

    /// Ends every box, and waits until no work is left. At the next start those that ran boot again.
    pub(crate) async fn shutdown(&self, grace: Duration) {
        self.inner.closing.cancel();
        let live: Vec<_> = self.inner.read().values().cloned().collect();
        for live in live {
            self.inner.tasks.spawn(async move {
                let mut state = live.state.lock().await;
                if let State::Running(boot) | State::Suspended(Some(boot)) =
                    std::mem::replace(&mut *state, State::Down)
                {
                    boot.machine.shutdown(grace).await;
                }
            });
        }
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// Runs a change of a box to its end, even if the caller hangs up meanwhile.
    async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        if self.inner.closing.is_cancelled() {
            return Err(Error::Closing);
        }
        self.inner.tasks.spawn(work).await.unwrap_or(Err(Error::Fault))
    }
}

impl Inner {
    fn folder(&self, id: &str) -> PathBuf {
        self.folder.join(id)
    }

    fn root(&self, id: &str) -> PathBuf {
        self.folder(id).join("root")
    }

    fn console(&self, id: &str) -> PathBuf {
        self.folder(id).join("console.log")
    }

    fn live(&self, id: &str) -> Result<Arc<Live>, Error> {
        self.read().get(id).cloned().ok_or_else(|| Error::NoSuchBox(id.to_owned()))
    }

    /// A box by its id or else its name.
    async fn find(&self, key: &str) -> Result<Arc<Live>, Error> {
        if let Ok(live) = self.live(key) {
            return Ok(live);
        }
        match self.store.box_by_id_or_name(key).await? {
            Some(record) => self.live(&record.id),
            None => Err(Error::NoSuchBox(key.to_owned())),
        }
    }

    /// The box with this id or name, with its state locked; an error once it is destroyed.
    async fn locked(&self, key: &str) -> Result<(Arc<Live>, OwnedMutexGuard<State>), Error> {
        let live = self.find(key).await?;
        let state = Arc::clone(&live.state).lock_owned().await;
        if matches!(*state, State::Destroyed) {
            return Err(Error::NoSuchBox(key.to_owned()));
        }
        Ok((live, state))
    }

    /// Adds a box to the map, its state locked before anyone can see it.
    async fn enter(self: &Arc<Self>, id: &str, state: State) -> (Arc<Live>, OwnedMutexGuard<State>) {
        let state = Arc::new(Mutex::new(state));
        let guard = Arc::clone(&state).lock_owned().await;
        let live = Arc::new(Live {
            id: id.to_owned(),
            state,
            destroyed: CancellationToken::new(),
            since: Instant::now(),
            plans: watch::Sender::new(()),
        });
        self.write(|boxes| boxes.insert(id.to_owned(), Arc::clone(&live)));
        self.let_rest(&live);
        (live, guard)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<String, Arc<Live>>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T>(&self, change: impl FnOnce(&mut HashMap<String, Arc<Live>>) -> T) -> T {
        change(&mut self.live.write().unwrap_or_else(PoisonError::into_inner))
    }
}
