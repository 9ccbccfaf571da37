//! Templates without await.

use super::BoxHandle;
use super::runtime::Held;
use crate::boxes::BoxConfig;
use crate::error::Result;
use crate::templates::{Template, TemplateRef};

/// Creates, lists and deletes templates, and creates boxes from them: [`crate::Templates`] without await. From
/// [`Compute::templates`](super::Compute::templates).
#[derive(Clone, Debug)]
pub struct Templates(pub(super) Held<crate::Templates>);

impl Templates {
    /// Creates a template of this name. As [`crate::Templates::create`].
    ///
    /// ```
    /// # fn example(compute: boxd::blocking::Compute) -> boxd::Result<()> {
    /// let template = compute
    ///     .templates()
    ///     .create("t1")
    ///     .image("ghcr.io/org/img:tag")
    ///     .config(boxd::BoxConfig::new().vcpu(2).memory("4G"))
    ///     .call()?;
    /// let b = compute.templates().create_vm(&template, "from-t").call()?;
    /// compute.templates().delete(&template)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn create(&self, name: impl Into<String>) -> CreateTemplate {
        CreateTemplate(self.0.with(self.0.inner.create(name)))
    }

    /// All templates of the account. As [`crate::Templates::list`].
    pub fn list(&self) -> Result<Vec<Template>> {
        self.0.wait(self.0.inner.list())
    }

    /// Deletes a template, given itself or by its id. As [`crate::Templates::delete`].
    pub fn delete(&self, template: impl Into<TemplateRef>) -> Result<()> {
        self.0.wait(self.0.inner.delete(template))
    }

    /// Creates a box from a template, given itself or by its id. As [`crate::Templates::create_vm`].
    pub fn create_vm(&self, template: impl Into<TemplateRef>, name: impl Into<String>) -> CreateFromTemplate {
        CreateFromTemplate(self.0.with(self.0.inner.create_vm(template, name)))
    }
}

/// A template about to be created. See [`Templates::create`].
#[must_use = "a template is created by `call`"]
#[derive(Clone, Debug)]
pub struct CreateTemplate(Held<crate::CreateTemplate>);

impl CreateTemplate {
    /// Sets the image. As [`crate::CreateTemplate::image`].
    pub fn image(self, image: impl Into<String>) -> Self {
        Self(self.0.map(|inner| inner.image(image)))
    }

    /// Sets size, lifecycle, network and volumes. As [`crate::CreateTemplate::config`].
    pub fn config(self, config: BoxConfig) -> Self {
        Self(self.0.map(|inner| inner.config(config)))
    }

    /// Creates the template.
    ///
    /// # Errors
    /// As [`crate::Templates::create`].
    pub fn call(self) -> Result<Template> {
        self.0.call().map(|made| made.inner)
    }
}

/// A box about to be created from a template. See [`Templates::create_vm`].
#[must_use = "a box is created by `call`"]
#[derive(Clone, Debug)]
pub struct CreateFromTemplate(Held<crate::CreateFromTemplate>);

impl CreateFromTemplate {
    /// Sets what is to differ from the template. As [`crate::CreateFromTemplate::config`].
    pub fn config(self, config: BoxConfig) -> Self {
        Self(self.0.map(|inner| inner.config(config)))
    }

    /// Creates the box.
    ///
    /// # Errors
    /// As [`crate::Templates::create_vm`].
    pub fn call(self) -> Result<BoxHandle> {
        self.0.call().map(BoxHandle)
    }
}
