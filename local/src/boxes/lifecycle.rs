//! From create to destroy. Each change holds the box's lock, writes the store last, and runs to its end.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Boot, Boxes, Error, GRACE, Inner, Live, NewBox, Sizes, State, Status, name, spec};
use crate::machine::{self, Machine, MachineSpec};
use crate::store::{BoxRecord, BoxRefusal, NewBoxRecord, ProxyRecord};

/// How often a taken name is replaced by another suggestion.
const NAMES_TRIED: usize = 20;

impl Boxes {
    /// Makes a box and boots it.
    pub(crate) async fn create(&self, new: NewBox) -> Result<BoxRecord, Error> {
        let new = new.into_record()?;
        let inner = Arc::clone(&self.inner);
        self.detached(async move {
            let root = inner.root(&new.record.id);
            let fill = async move { machine::create_root(&root).await };
            inner.make(new, fill).await
        })
        .await
    }

    /// Makes a box with a copy of another's files and boots it. The source stands still meanwhile. Its disks stay where
    /// they are.
    pub(crate) async fn fork(&self, source: &str, new: NewBox) -> Result<BoxRecord, Error> {
        let inner = Arc::clone(&self.inner);
        let source = source.to_owned();
        self.detached(async move {
            let (live, state) = inner.locked(&source).await?;
            let from = inner.record(&live.id).await?;
            let proxies = match new.proxies.as_slice() {
                [] => inner.store.proxies(&live.id).await?,
                _ => new.proxies.clone(),
            };
            let mut new = inherit(new, &from, proxies).into_record()?;
            new.record.auto_hibernate_secs = from.auto_hibernate_secs;
            new.record.source_id = from.id;
            new.record.source_name = from.name;
            let paused = match &*state {
                State::Running(boot) => Some(boot.machine.clone()),
                _ => None,
            };
            let (from, to) = (inner.root(&live.id), inner.root(&new.record.id));
            let fill = async move {
                if let Some(machine) = &paused {
                    machine.suspend().await?;
                }
                let copied = machine::copy_root(&from, &to).await;
                if let Some(machine) = &paused {
                    machine.resume().await?;
                }
                drop(state);
                copied
            };
            inner.make(new, fill).await
        })
        .await
    }

    pub(crate) async fn start(&self, key: &str) -> Result<(), Error> {
        let (inner, key) = (Arc::clone(&self.inner), key.to_owned());
        self.detached(async move {
            let (live, mut state) = inner.locked(&key).await?;
            match &*state {
                State::Running(_) => Ok(()),
                State::Suspended(_) => inner.resume(&live, &mut state).await,
                State::Down | State::Destroyed => inner.boot(&live, &mut state).await,
            }
        })
        .await
    }

    pub(crate) async fn stop(&self, key: &str) -> Result<(), Error> {
        let (inner, key) = (Arc::clone(&self.inner), key.to_owned());
        self.detached(async move {
            let (live, mut state) = inner.locked(&key).await?;
            halt(&mut state, GRACE).await;
            Ok(inner.store.set_status(&live.id, Status::Stopped).await?)
        })
        .await
    }

    pub(crate) async fn reboot(&self, key: &str) -> Result<(), Error> {
        let (inner, key) = (Arc::clone(&self.inner), key.to_owned());
        self.detached(async move {
            let (live, mut state) = inner.locked(&key).await?;
            if matches!(*state, State::Down) {
                return Err(inner.wrong_status(&live.id, "start it instead").await);
            }
            halt(&mut state, GRACE).await;
            inner.boot(&live, &mut state).await
        })
        .await
    }

    /// Ends a box at once and forgets it.
    pub(crate) async fn destroy(&self, key: &str) -> Result<(), Error> {
        let (inner, key) = (Arc::clone(&self.inner), key.to_owned());
        self.detached(async move {
            let (live, mut state) = inner.locked(&key).await?;
            inner.discard(&live, &mut state).await
        })
        .await
    }

    /// Gives a box another name. Its host name is that too, so a running box reboots, as in the cloud.
    pub(crate) async fn rename(&self, key: &str, name: &str) -> Result<(), Error> {
        name::check(name)?;
        let (inner, key, name) = (Arc::clone(&self.inner), key.to_owned(), name.to_owned());
        self.detached(async move {
            let (live, mut state) = inner.locked(&key).await?;
            if inner.record(&live.id).await?.name == name {
                return Ok(());
            }
            if !inner.store.rename_box(&live.id, &name).await? {
                return Err(Error::NameTaken(name));
            }
            if matches!(*state, State::Running(_) | State::Suspended(_)) {
                halt(&mut state, GRACE).await;
                inner.boot(&live, &mut state).await?;
            }
            Ok(())
        })
        .await
    }
}

impl Inner {
    /// Records a box, lets `fill` lay down its root, and boots it. What fails leaves nothing.
    async fn make(
        self: &Arc<Self>,
        new: NewBoxRecord,
        fill: impl Future<Output = Result<(), machine::Error>>,
    ) -> Result<BoxRecord, Error> {
        let record = self.insert(new).await?;
        let (live, mut state) = self.enter(&record.id, State::Down).await;
        let made = async {
            let folder = self.folder(&record.id);
            tokio::fs::create_dir_all(&folder)
                .await
                .map_err(|error| Error::io(format!("making {}", folder.display()), error))?;
            fill.await.map_err(|source| Error::Machine { name: record.name.clone(), source })?;
            self.boot(&live, &mut state).await?;
            self.record(&record.id).await
        };
        match made.await {
            Ok(record) => Ok(record),
            Err(error) => {
                self.discard(&live, &mut state).await?;
                Err(error)
            }
        }
    }

    async fn insert(&self, mut new: NewBoxRecord) -> Result<BoxRecord, Error> {
        let given = !new.record.name.is_empty();
        for _ in 0..NAMES_TRIED {
            if !given {
                new.record.name = name::suggest()?;
            }
            match self.store.insert_box(new.clone()).await? {
                Ok(()) => return Ok(new.record),
                Err(BoxRefusal::Disk(refusal)) => return Err(refusal.into()),
                Err(BoxRefusal::NameTaken) if given => break,
                Err(BoxRefusal::NameTaken) => {}
            }
        }
        Err(Error::NameTaken(new.record.name))
    }

    pub(super) async fn record(&self, id: &str) -> Result<BoxRecord, Error> {
        self.store.box_by_id(id).await?.ok_or_else(|| Error::NoSuchBox(id.to_owned()))
    }

    pub(super) async fn boot(self: &Arc<Self>, live: &Arc<Live>, state: &mut State) -> Result<(), Error> {
        let record = self.record(&live.id).await?;
        self.store.set_status(&live.id, Status::Starting).await?;
        let started = Instant::now();
        match self.machine(&record).await {
            // `shutdown` may have looked before the box was there.
            Ok(machine) if self.closing.is_cancelled() => {
                machine.shutdown(Duration::ZERO).await;
                Err(Error::Closing)
            }
            Ok(machine) => {
                let boot = Boot { machine, run: Arc::new(()) };
                *state = State::Running(boot.clone());
                live.plans.send_replace(());
                self.watch(Arc::clone(live), boot);
                let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                // 0 would mean that it is not known.
                Ok(self.store.set_booted(&live.id, millis.max(1)).await?)
            }
            Err(error) => {
                *state = State::Down;
                self.store.set_status(&live.id, Status::Failed).await?;
                Err(error)
            }
        }
    }

    async fn machine(&self, record: &BoxRecord) -> Result<Machine, Error> {
        let volumes = self.store.volumes(&record.id).await?;
        Machine::boot(MachineSpec {
            id: record.id.clone(),
            hostname: record.name.clone(),
            root: self.root(&record.id),
            runtime_dir: self.runtime.clone(),
            console: self.console(&record.id),
            env: record.env.clone(),
            cmd: record.cmd.clone(),
            restart: spec::restart_policy(&record.restart_policy)?,
            mounts: volumes.iter().map(|volume| self.mount(volume)).collect(),
            network: self.network,
        })
        .await
        .map_err(|source| Error::Machine { name: record.name.clone(), source })
    }

    /// Notices when a box ends by itself.
    fn watch(self: &Arc<Self>, live: Arc<Live>, boot: Boot) {
        let inner = Arc::clone(self);
        self.tasks.spawn(async move {
            boot.machine.exited().await;
            let mut state = live.state.lock().await;
            let ended = match &*state {
                State::Running(now) | State::Suspended(Some(now)) => Arc::ptr_eq(&now.run, &boot.run),
                _ => false,
            };
            if ended && !inner.closing.is_cancelled() {
                *state = State::Down;
                if let Err(error) = inner.store.set_status(&live.id, Status::Stopped).await {
                    eprintln!("boxd-local: box {} ended, but that could not be recorded: {error}", live.id);
                }
            }
        });
    }

    /// Ends a box and removes all that is kept of it.
    pub(super) async fn discard(self: &Arc<Self>, live: &Live, state: &mut State) -> Result<(), Error> {
        halt(state, Duration::ZERO).await;
        self.store.delete_box(&live.id).await?;
        self.end_forwards(&live.id).await;
        *state = State::Destroyed;
        self.write(|boxes| boxes.remove(&live.id));
        live.destroyed.cancel();
        self.discard_folder(&self.folder(&live.id), &live.id).await
    }

    /// Puts a folder out of the way now and deletes it in the background.
    pub(super) async fn discard_folder(self: &Arc<Self>, folder: &Path, id: &str) -> Result<(), Error> {
        let away = self.trash.join(id);
        match tokio::fs::rename(folder, &away).await {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io(format!("moving {} to the trash", folder.display()), error)),
        }
        self.remove(away);
        Ok(())
    }

    /// Deletes a folder in the background; what cannot be deleted now is tried again at the next start.
    pub(super) fn remove(&self, folder: PathBuf) {
        self.tasks.spawn(async move {
            if let Err(error) = machine::remove_root(&folder).await {
                eprintln!("boxd-local: {} stays until the next start: {error}", folder.display());
            }
        });
    }

    pub(super) async fn wrong_status(&self, id: &str, hint: &'static str) -> Error {
        match self.record(id).await {
            Ok(record) => Error::WrongStatus { name: record.name, status: record.status, hint },
            Err(error) => error,
        }
    }

    pub(super) async fn failed(&self, id: &str, source: machine::Error) -> Error {
        match self.record(id).await {
            Ok(record) => Error::Machine { name: record.name, source },
            Err(error) => error,
        }
    }
}

/// Ends the machine, if there is one.
async fn halt(state: &mut State, grace: Duration) {
    match std::mem::replace(state, State::Down) {
        State::Running(boot) => boot.machine.shutdown(grace).await,
        State::Suspended(Some(boot)) => {
            // A process that stands still cannot act on SIGTERM; a box that is already gone cannot be resumed.
            if !grace.is_zero() {
                boot.machine.resume().await.ok();
            }
            boot.machine.shutdown(grace).await;
        }
        State::Suspended(None) | State::Down | State::Destroyed => {}
    }
}

/// A fork is its source but for what was asked.
fn inherit(new: NewBox, from: &BoxRecord, proxies: Vec<ProxyRecord>) -> NewBox {
    let mut labels = from.labels.clone();
    labels.extend(new.labels);
    let sizes = new.sizes;
    NewBox {
        name: new.name,
        image: from.image.clone(),
        restart_policy: from.restart_policy.clone(),
        env: from.env.clone(),
        cmd: from.cmd.clone(),
        labels,
        sizes: Sizes {
            vcpu: sizes.vcpu.or(Some(from.vcpu)),
            memory_bytes: sizes.memory_bytes.or(Some(from.memory_bytes)),
            disk_bytes: sizes.disk_bytes.or(Some(from.disk_bytes)),
            auto_suspend_secs: sizes.auto_suspend_secs.or(Some(from.auto_suspend_secs)),
            auto_destroy_secs: sizes.auto_destroy_secs.or(Some(from.auto_destroy_secs)),
        },
        proxies,
        volumes: new.volumes,
    }
}
