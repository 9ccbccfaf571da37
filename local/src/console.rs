//! Console logs of boxes: what is there, and what comes. One inotify instance serves every follower.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::{StreamExt as _, stream};
use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask, Watches};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::boxes::Console;

/// How much is read, and sent, at a time.
const CHUNK: usize = 64 << 10;

/// Tells followers that a file has grown.
#[derive(Clone)]
pub(crate) struct Consoles {
    followed: Arc<Mutex<Followed>>,
    _pump: Arc<AbortOnDropHandle<()>>,
}

struct Followed {
    watches: Watches,
    files: HashMap<WatchDescriptor, watch::Sender<()>>,
}

impl Consoles {
    /// Must be called within the runtime.
    pub(crate) fn new() -> io::Result<Self> {
        let inotify = Inotify::init()?;
        let followed = Followed { watches: inotify.watches(), files: HashMap::new() };
        let followed = Arc::new(Mutex::new(followed));
        let events = inotify.into_event_stream(vec![0; 4096])?;
        let pump = tokio::spawn(pump(events, Arc::clone(&followed)));
        Ok(Self { followed, _pump: Arc::new(AbortOnDropHandle::new(pump)) })
    }

    /// The output of a box so far; with `follow` also what it will write, until it is destroyed.
    pub(crate) async fn read(
        &self,
        console: Console,
        follow: bool,
    ) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static> {
        // A box that never booted has no file yet.
        let file =
            OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&console.path).await?;
        // Before the first read, so that nothing slips between the two.
        let grown = if follow { Some(self.grown(&console.path)?) } else { None };
        let reader = Reader { file, grown, console, buffer: BytesMut::new(), last: false };
        Ok(stream::try_unfold(reader, |mut reader| async move {
            Ok(reader.next().await?.map(|chunk| (chunk, reader)))
        }))
    }

    fn grown(&self, path: &Path) -> io::Result<watch::Receiver<()>> {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        // The same file gives the same descriptor again.
        let file = followed.watches.add(path, WatchMask::MODIFY)?;
        Ok(followed.files.entry(file).or_insert_with(|| watch::Sender::new(())).subscribe())
    }
}

async fn pump(events: inotify::EventStream<Vec<u8>>, followed: Arc<Mutex<Followed>>) {
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        let Ok(event) = event else { continue };
        let mut followed = followed.lock().unwrap_or_else(PoisonError::into_inner);
        if event.mask.contains(EventMask::Q_OVERFLOW) {
            followed.files.values().for_each(|file| file.send_replace(()));
        } else if event.mask.contains(EventMask::IGNORED) {
            followed.files.remove(&event.wd);
        } else if followed.files.get(&event.wd).is_some_and(|file| file.send(()).is_err()) {
            // Its last follower has gone. That the watch may be gone too is no matter.
            followed.files.remove(&event.wd);
            followed.watches.remove(event.wd).ok();
        }
    }
}

struct Reader {
    file: File,
    /// None: only what is there.
    grown: Option<watch::Receiver<()>>,
    console: Console,
    buffer: BytesMut,
    /// The box is destroyed: what is left is all there will be.
    last: bool,
}

impl Reader {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            self.buffer.reserve(CHUNK);
            if self.file.read_buf(&mut self.buffer).await? > 0 {
                return Ok(Some(self.buffer.split().freeze()));
            }
            let Some(grown) = self.grown.as_mut().filter(|_| !self.last) else { return Ok(None) };
            tokio::select! {
                // An error says that the file was deleted: its box is, too.
                changed = grown.changed() => self.last = changed.is_err(),
                () = self.console.destroyed.cancelled() => self.last = true,
                () = self.console.closing.cancelled() => {
                    return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the cluster is shutting down"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn a_follower_sees_every_byte_until_the_box_is_destroyed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console.log");
        let mut writer = std::fs::File::create(&path).unwrap();
        writer.write_all(b"before ").unwrap();
        let (destroyed, closing) = (CancellationToken::new(), CancellationToken::new());
        let console =
            || Console { path: path.clone(), destroyed: destroyed.clone(), closing: closing.clone() };
        let consoles = Consoles::new().unwrap();

        let snapshot = consoles.read(console(), false).await.unwrap();
        assert_eq!(
            snapshot.collect::<Vec<_>>().await.into_iter().map(Result::unwrap).collect::<Vec<_>>(),
            ["before "]
        );

        let mut followers = Vec::new();
        for _ in 0..3 {
            followers.push(Box::pin(consoles.read(console(), true).await.unwrap()));
        }
        for follower in &mut followers {
            assert_eq!(follower.next().await.unwrap().unwrap(), "before ");
        }
        for line in ["one", "two"] {
            writer.write_all(line.as_bytes()).unwrap();
            for follower in &mut followers {
                assert_eq!(follower.next().await.unwrap().unwrap(), line);
            }
        }
        writer.write_all(b"last").unwrap();
        destroyed.cancel();
        for follower in &mut followers {
            assert_eq!(follower.next().await.unwrap().unwrap(), "last");
            assert!(follower.next().await.is_none());
        }
        drop(followers);
        writer.write_all(b"!").unwrap();
        // The event for it clears the entry.
        while !consoles.followed.lock().unwrap().files.is_empty() {
            tokio::task::yield_now().await;
        }
    }
}
