//! Folders of a box, and what is done to paths as a whole.

use std::time::SystemTime;

use super::check_path;
use crate::boxes::BoxHandle;
use crate::error::{Result, doing_to};
use crate::time::{moment, some_moment};
use crate::wire::{self, methods};

/// Relative paths start at the box user's home.
impl BoxHandle {
    /// What is in a folder of the box, in no promised order. Repeated on a lost connection.
    ///
    /// ```
    /// # async fn example(b: &boxd::BoxHandle) -> boxd::Result<()> {
    /// for entry in b.list_dir("/app").await? {
    ///     println!("{} {} {}", entry.permissions, entry.size_bytes, entry.name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for a path that is not there.
    pub async fn list_dir(&self, path: &str) -> Result<DirListing> {
        check_path("path", path)?;
        let request = wire::ListDirRequest { vm_id: self.vm_id(), path: path.to_owned() };
        let doing = self.doing_at("list folder", path);
        let answer = self.client.perform(doing, methods::LIST_DIR, &request).await?;
        let entries = answer.entries.into_iter().map(Into::into).collect();
        Ok(DirListing { entries, truncated: answer.truncated })
    }

    /// Makes a folder in the box. Make its parent first: not every server makes that as well.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when a file is there already. Never sent twice.
    pub async fn create_dir(&self, path: &str) -> Result<()> {
        check_path("path", path)?;
        let request = wire::MkdirRequest { vm_id: self.vm_id(), path: path.to_owned() };
        let doing = self.doing_at("make folder", path);
        self.client.perform(doing, methods::MKDIR, &request).await.map(drop)
    }

    /// Moves a file or folder of the box to another path.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for a path that is not there. Never sent twice.
    pub async fn rename_path(&self, from: &str, to: &str) -> Result<()> {
        let doing = self.doing_between("rename", from, to)?;
        let (old_path, new_path) = (from.to_owned(), to.to_owned());
        let request = wire::RenamePathRequest { vm_id: self.vm_id(), old_path, new_path };
        self.client.perform(doing, methods::RENAME_PATH, &request).await.map(drop)
    }

    /// Copies a file of the box, or a folder with all that is in it.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for a path that is not there. Never sent twice.
    pub async fn copy_path(&self, from: &str, to: &str) -> Result<()> {
        let doing = self.doing_between("copy", from, to)?;
        let (old_path, new_path) = (from.to_owned(), to.to_owned());
        let request = wire::CopyPathRequest { vm_id: self.vm_id(), old_path, new_path };
        self.client.perform(doing, methods::COPY_PATH, &request).await.map(drop)
    }

    /// Deletes a file of the box, or a folder with all that is in it.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for a path that is not there. Never sent twice.
    pub async fn remove_path(&self, path: &str) -> Result<()> {
        check_path("path", path)?;
        let request = wire::DeletePathRequest { vm_id: self.vm_id(), path: path.to_owned() };
        let doing = self.doing_at("delete", path);
        self.client.perform(doing, methods::DELETE_PATH, &request).await.map(drop)
    }

    fn doing_at(&self, verb: &str, path: &str) -> String {
        self.doing(&[&doing_to(verb, path), " in"].concat())
    }

    fn doing_between(&self, verb: &str, from: &str, to: &str) -> Result<String> {
        check_path("from", from)?;
        check_path("to", to)?;
        Ok(self.doing_at(&[&doing_to(verb, from), " to"].concat(), to))
    }
}

/// What is in a folder. From [`BoxHandle::list_dir`]; it iterates over its entries.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirListing {
    /// The entries, in no promised order.
    pub entries: Vec<DirEntry>,
    /// Whether the folder holds more than the server lists at once.
    pub truncated: bool,
}

impl IntoIterator for DirListing {
    type Item = DirEntry;
    type IntoIter = std::vec::IntoIter<DirEntry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

/// One entry of a folder.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name, without the folder's path.
    pub name: String,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Its size in bytes; 0 for a folder.
    pub size_bytes: u64,
    /// Kind and permissions as ls shows them, `-rw-r--r--`.
    pub permissions: String,
    /// When its content last changed, to the second.
    pub modified_at: SystemTime,
    /// When it came into the folder, as near as the box knows, to the second.
    pub added_at: Option<SystemTime>,
}

impl From<wire::DirEntry> for DirEntry {
    fn from(entry: wire::DirEntry) -> Self {
        Self {
            name: entry.name,
            is_dir: entry.is_dir,
            size_bytes: entry.size_bytes,
            permissions: entry.permissions,
            modified_at: moment(entry.modified_at),
            added_at: some_moment(entry.added_at),
        }
    }
}
