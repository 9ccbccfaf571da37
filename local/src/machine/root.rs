//! A box's root directory on the host.

use std::path::Path;

use super::Error;

/// Makes a new root.
pub async fn create_root(root: &Path) -> Result<(), Error> {
    todo!()
}

/// Copies a root with everything in it: permissions, links, times and holes.
pub async fn copy_root(from: &Path, to: &Path) -> Result<(), Error> {
    todo!()
}

/// Removes a root, whatever permissions were set inside.
pub async fn remove_root(root: &Path) -> Result<(), Error> {
    todo!()
}
