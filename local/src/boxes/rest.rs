//! Boxes at rest: suspended or hibernated, on request or because nobody uses them; and awake again.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Boot, Boxes, Error, Inner, Live, State, Status};
use crate::credentials::now_ms;
use crate::machine::{InUse, Machine};

/// When a rest that did not succeed is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// A box that runs, and that is in use, so that it does not fall asleep, while this is held.
pub(crate) struct Awake {
    machine: Machine,
    _in_use: InUse,
}

impl Awake {
    fn of(boot: &Boot) -> Self {
        Self { _in_use: boot.machine.in_use(), machine: boot.machine.clone() }
    }
}

impl Deref for Awake {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.machine
    }
}

impl Boxes {
    /// A box that runs; one at rest is woken, as in the cloud.
    pub(crate) async fn awake(&self, key: &str) -> Result<Awake, Error> {
        let (live, mut state) = self.inner.locked(key).await?;
        if let State::Running(boot) = &*state {
            return Ok(Awake::of(boot));
        }
        if matches!(*state, State::Down) {
            return Err(self.inner.wrong_status(&live.id, "start it first").await);
        }
        let inner = Arc::clone(&self.inner);
        self.detached(async move {
            inner.resume(&live, &mut state).await?;
            match &*state {
                State::Running(boot) => Ok(Awake::of(boot)),
                _ => Err(Error::NoSuchBox(live.id.clone())),
            }
        })
        .await
    }

    /// Stops every process where it stands, and says how long that took.
    pub(crate) async fn suspend(&self, key: &str) -> Result<Duration, Error> {
        let (inner, key) = (Arc::clone(&self.inner), key.to_owned());
        self.detached(async move {
            let (live, mut state) = inner.locked(&key).await?;
            inner.suspend(&live, &mut state).await
        })
        .await
    }

    /// Suspends a box, if it is not, and has it count as hibernated.
    pub(crate) async fn hibernate(&self, key: &str) -> Result<(), Error> {
        let (inner, key) = (Arc::clone(&self.inner), key.to_owned());
        self.detached(async move {
            let (live, mut state) = inner.locked(&key).await?;
            inner.hibernate(&live, &mut state).await
        })
        .await
    }

    /// Lets a suspended or hibernated box go on, and says how long that took.
    pub(crate) async fn resume(&self, key: &str) -> Result<Duration, Error> {
        let (inner, key) = (Arc::clone(&self.inner), key.to_owned());
        self.detached(async move {
            let (live, mut state) = inner.locked(&key).await?;
            let started = Instant::now();
            match &*state {
                State::Running(_) => {}
                State::Suspended(_) => inner.resume(&live, &mut state).await?,
                State::Down | State::Destroyed => {
                    return Err(inner.wrong_status(&live.id, "start it first").await);
                }
            }
            Ok(started.elapsed())
        })
        .await
    }

    /// After how many idle seconds a box is suspended; 0 for never.
    pub(crate) async fn set_auto_suspend(&self, key: &str, secs: u32) -> Result<(), Error> {
        let (live, _state) = self.inner.locked(key).await?;
        self.inner.store.set_auto_suspend(&live.id, secs).await?;
        live.plans.send_replace(());
        Ok(())
    }

    /// After how many idle seconds a box is hibernated; 0 for never.
    pub(crate) async fn set_auto_hibernate(&self, key: &str, secs: u32) -> Result<(), Error> {
        let (live, _state) = self.inner.locked(key).await?;
        self.inner.store.set_auto_hibernate(&live.id, secs).await?;
        live.plans.send_replace(());
        Ok(())
    }
}

impl Inner {
    async fn suspend(&self, live: &Live, state: &mut State) -> Result<Duration, Error> {
        let boot = match &*state {
            State::Running(boot) => boot.clone(),
            State::Suspended(_) => return Ok(Duration::ZERO),
            State::Down | State::Destroyed => {
                return Err(self.wrong_status(&live.id, "start it first").await);
            }
        };
        let started = Instant::now();
        if let Err(source) = boot.machine.suspend().await {
            return Err(self.failed(&live.id, source).await);
        }
        let took = started.elapsed();
        *state = State::Suspended(Some(boot));
        self.store.set_status(&live.id, Status::Suspended).await?;
        Ok(took)
    }

    async fn hibernate(&self, live: &Live, state: &mut State) -> Result<(), Error> {
        self.suspend(live, state).await?;
        if self.record(&live.id).await?.status != Status::Hibernated {
            self.store.set_hibernated(&live.id, now_ms()).await?;
        }
        Ok(())
    }

    pub(super) async fn resume(self: &Arc<Self>, live: &Arc<Live>, state: &mut State) -> Result<(), Error> {
        let State::Suspended(Some(boot)) = &*state else { return self.boot(live, state).await };
        if let Err(source) = boot.machine.resume().await {
            return Err(self.failed(&live.id, source).await);
        }
        // From here on it is idle anew.
        drop(boot.machine.in_use());
        *state = State::Running(boot.clone());
        self.store.set_status(&live.id, Status::Running).await?;
        live.plans.send_replace(());
        Ok(())
    }

    /// Puts a box to rest when it has been idle for as long as its timers say, until it is destroyed.
    pub(super) fn let_rest(self: &Arc<Self>, live: &Arc<Live>) {
        let (inner, live) = (Arc::clone(self), Arc::clone(live));
        let mut plans = live.plans.subscribe();
        self.tasks.spawn(async move {
            while !inner.closing.is_cancelled() && !live.destroyed.is_cancelled() {
                plans.mark_unchanged();
                let next = inner.rest(&live).await;
                let due = async {
                    match next {
                        Some(next) => tokio::time::sleep_until(next.into()).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = due => {}
                    // The other side lives as long as the box.
                    _ = plans.changed() => {}
                    () = live.destroyed.cancelled() => {}
                    () = inner.closing.cancelled() => {}
                }
            }
        });
    }

    /// Does what is due, and says when to look again.
    async fn rest(self: &Arc<Self>, live: &Live) -> Option<Instant> {
        let mut state = live.state.lock().await;
        match self.rest_if_due(live, &mut state).await {
            Ok(next) => next,
            Err(error) => {
                eprintln!("boxd-local: box {} could not be put to rest: {error}", live.id);
                Some(Instant::now() + RETRY)
            }
        }
    }

    async fn rest_if_due(self: &Arc<Self>, live: &Live, state: &mut State) -> Result<Option<Instant>, Error> {
        let used = match &*state {
            State::Running(boot) | State::Suspended(Some(boot)) => boot.machine.last_activity(),
            State::Suspended(None) => live.since,
            State::Down | State::Destroyed => return Ok(None),
        };
        let record = self.record(&live.id).await?;
        let (runs, hibernated) = (matches!(*state, State::Running(_)), record.status == Status::Hibernated);
        let after = |secs: u32| (secs > 0).then(|| used + Duration::from_secs(secs.into()));
        let destroy = after(record.auto_destroy_secs);
        let hibernate = after(record.auto_hibernate_secs).filter(|_| !hibernated);
        let suspend = after(record.auto_suspend_secs).filter(|_| runs);
        let now = Instant::now();
        let is_due = |when: Option<Instant>| when.is_some_and(|when| when <= now);
        if is_due(destroy) {
            self.discard(live, state).await?;
        } else if is_due(hibernate) {
            self.hibernate(live, state).await?;
        } else if is_due(suspend) {
            self.suspend(live, state).await?;
        } else {
            return Ok([destroy, hibernate, suspend].into_iter().flatten().min());
        }
        // What comes after this.
        Ok(Some(now))
    }
}
