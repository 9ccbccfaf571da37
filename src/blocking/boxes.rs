//! Boxes without await: create, list, get, fork.

use super::BoxHandle;
use super::runtime::Held;
use crate::boxes::{BoxConfig, BoxRef};
use crate::error::Result;

/// Creates, finds and forks boxes: [`crate::Boxes`] without await. From [`Compute::boxes`](super::Compute::boxes).
#[derive(Clone, Debug)]
pub struct Boxes(pub(super) Held<crate::Boxes>);

impl Boxes {
    /// Creates a box of this name; an empty name lets the server choose one. As [`crate::Boxes::create`].
    ///
    /// ```
    /// # fn example(compute: boxd::blocking::Compute) -> boxd::Result<()> {
    /// let plain = compute.boxes().create("web").call()?;
    /// let sized = compute
    ///     .boxes()
    ///     .create("worker")
    ///     .image("ghcr.io/org/img:tag")
    ///     .config(boxd::BoxConfig::new().vcpu(2).memory("4G"))
    ///     .call()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn create(&self, name: impl Into<String>) -> CreateBox {
        CreateBox(self.0.with(self.0.inner.create(name)))
    }

    /// All boxes of the account. As [`crate::Boxes::list`].
    pub fn list(&self) -> Result<Vec<BoxHandle>> {
        let all = self.0.wait(self.0.inner.list())?;
        Ok(all.into_iter().map(|handle| BoxHandle(self.0.with(handle))).collect())
    }

    /// The box of this name or id. As [`crate::Boxes::get`].
    pub fn get(&self, name_or_id: impl AsRef<str>) -> Result<BoxHandle> {
        let found = self.0.wait(self.0.inner.get(name_or_id))?;
        Ok(BoxHandle(self.0.with(found)))
    }

    /// A handle to the box of this id, without asking the server. As [`crate::Boxes::attach`].
    pub fn attach(&self, id: impl Into<String>, name: impl Into<String>) -> BoxHandle {
        BoxHandle(self.0.with(self.0.inner.attach(id, name)))
    }

    /// Forks a box, given by name, id or handle. As [`crate::Boxes::fork`].
    ///
    /// ```
    /// # fn example(compute: boxd::blocking::Compute) -> boxd::Result<()> {
    /// let forked = compute.boxes().fork("my-vm").name("f1").call()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn fork(&self, source: impl Into<BoxRef>) -> ForkBox {
        ForkBox(self.0.with(self.0.inner.fork(source)))
    }
}

impl From<&BoxHandle> for BoxRef {
    fn from(handle: &BoxHandle) -> Self {
        Self::from(&handle.0.inner)
    }
}

/// A box about to be created. See [`Boxes::create`].
#[must_use = "a box is created by `call`"]
#[derive(Clone, Debug)]
pub struct CreateBox(Held<crate::CreateBox>);

impl CreateBox {
    /// Sets the image. As [`crate::CreateBox::image`].
    pub fn image(self, image: impl Into<String>) -> Self {
        Self(self.0.map(|inner| inner.image(image)))
    }

    /// Sets everything else. As [`crate::CreateBox::config`].
    pub fn config(self, config: BoxConfig) -> Self {
        Self(self.0.map(|inner| inner.config(config)))
    }

    /// Creates the box.
    ///
    /// # Errors
    /// As [`crate::Boxes::create`].
    pub fn call(self) -> Result<BoxHandle> {
        self.0.call().map(BoxHandle)
    }
}

/// A fork about to be made. See [`Boxes::fork`].
#[must_use = "a box is forked by `call`"]
#[derive(Clone, Debug)]
pub struct ForkBox(Held<crate::ForkBox>);

impl ForkBox {
    /// Sets the new box's name. As [`crate::ForkBox::name`].
    pub fn name(self, name: impl Into<String>) -> Self {
        Self(self.0.map(|inner| inner.name(name)))
    }

    /// Sets another size than the source's. As [`crate::ForkBox::config`].
    pub fn config(self, config: BoxConfig) -> Self {
        Self(self.0.map(|inner| inner.config(config)))
    }

    /// Forks the box.
    ///
    /// # Errors
    /// As [`crate::Boxes::fork`].
    pub fn call(self) -> Result<BoxHandle> {
        self.0.call().map(BoxHandle)
    }
}
