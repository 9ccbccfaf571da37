//! What a start makes of the data folder that the last run left, however it ended.

use std::sync::Arc;

use super::{Boxes, Error, Inner, State, Status};

impl Boxes {
    pub(super) async fn restore(&self) -> Result<(), Error> {
        let inner = &self.inner;
        for folder in [&inner.folder, &inner.disks, &inner.trash] {
            tokio::fs::create_dir_all(folder)
                .await
                .map_err(|error| Error::io(format!("making {}", folder.display()), error))?;
        }
        for record in inner.store.boxes().await? {
            match record.status {
                // Never answered for: its maker was killed while its files were being laid down.
                Status::Pending => inner.store.delete_box(&record.id).await?,
                Status::Starting | Status::Running => inner.boot_again(&record.id).await?,
                Status::Suspended | Status::Hibernated => {
                    drop(inner.enter(&record.id, State::Suspended(None)).await);
                }
                Status::Stopped | Status::Failed => drop(inner.enter(&record.id, State::Down).await),
            }
        }
        self.forward_again().await?;
        inner.sweep().await
    }
}

impl Inner {
    /// Boots a box in the background; it is locked until it runs, so calls to it wait.
    async fn boot_again(self: &Arc<Self>, id: &str) -> Result<(), Error> {
        self.store.set_status(id, Status::Starting).await?;
        let (live, mut state) = self.enter(id, State::Down).await;
        let inner = Arc::clone(self);
        self.tasks.spawn(async move {
            if let Err(error) = inner.boot(&live, &mut state).await {
                eprintln!("boxd-local: {error}");
            }
        });
        Ok(())
    }

    /// Deletes what the last run was deleting, and the folders that belong to nothing any more.
    async fn sweep(self: &Arc<Self>) -> Result<(), Error> {
        for name in names(&self.trash).await? {
            self.remove(self.trash.join(name));
        }
        for id in names(&self.folder).await? {
            if self.live(&id).is_err() {
                self.discard_folder(&self.folder(&id), &id).await?;
            }
        }
        let disks = self.store.disks().await?;
        for id in names(&self.disks).await? {
            if !disks.iter().any(|(disk, _)| disk.id == id) {
                self.discard_folder(&self.disk(&id), &id).await?;
            }
        }
        Ok(())
    }
}

async fn names(folder: &std::path::Path) -> Result<Vec<String>, Error> {
    let reading = |error| Error::io(format!("reading {}", folder.display()), error);
    let mut entries = tokio::fs::read_dir(folder).await.map_err(reading)?;
    let mut names = Vec::new();
    while let Some(entry) = entries.next_entry().await.map_err(reading)? {
        names.extend(entry.file_name().into_string());
    }
    Ok(names)
}
