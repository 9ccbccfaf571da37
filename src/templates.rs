//! Templates: an image and a configuration, prepared to create boxes from.

use std::future::IntoFuture;

use futures_core::future::BoxFuture;

use crate::boxes::{BoxConfig, BoxHandle};
use crate::client::Client;
use crate::error::{Error, Result, doing_to};
use crate::wire::{self, methods};

/// Creates, lists and deletes templates, and creates boxes from them. From
/// [`Compute::templates`](crate::Compute::templates).
#[derive(Clone, Debug)]
pub struct Templates {
    client: Client,
}

impl Templates {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Creates a template of this name. Await it, or set its image and [`BoxConfig`] first.
    ///
    /// ```
    /// # async fn example(compute: boxd::Compute) -> boxd::Result<()> {
    /// let template = compute
    ///     .templates()
    ///     .create("t1")
    ///     .image("ghcr.io/org/img:tag")
    ///     .config(boxd::BoxConfig::new().vcpu(2).memory("4G"))
    ///     .await?;
    /// let b = compute.templates().create_vm(&template, "from-t").await?;
    /// compute.templates().delete(&template).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name that is taken or a configuration that cannot
    /// be right. Never sent twice.
    pub fn create(&self, name: impl Into<String>) -> CreateTemplate {
        CreateTemplate {
            client: self.client.clone(),
            name: name.into(),
            image: String::new(),
            config: BoxConfig::new(),
        }
    }

    /// All templates of the account. Repeated on a lost connection.
    pub async fn list(&self) -> Result<Vec<Template>> {
        let answer = self.client.unary(methods::LIST_TEMPLATES, &wire::ListTemplatesRequest {}).await?;
        Ok(answer.templates.into_iter().map(Into::into).collect())
    }

    /// Deletes a template, given itself or by its id. Boxes created from it stay.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an id that is not there. Never sent twice.
    pub async fn delete(&self, template: impl Into<TemplateRef>) -> Result<()> {
        let TemplateRef { id, .. } = template.into();
        Error::unless_given("template", &id)?;
        let doing = doing_to("delete template", &id);
        let request = wire::DeleteTemplateRequest { template_id: id };
        self.client.perform(doing, methods::DELETE_TEMPLATE, &request).await.map(drop)
    }

    /// Creates a box from a template, given itself or by its id; an empty name lets the server choose one. Await it, or
    /// set first what is to differ from the template.
    ///
    /// # Errors
    /// As [`Boxes::create`](crate::Boxes::create), and [`NotFound`](crate::ErrorKind::NotFound) for a template that is
    /// not there.
    pub fn create_vm(&self, template: impl Into<TemplateRef>, name: impl Into<String>) -> CreateFromTemplate {
        CreateFromTemplate {
            client: self.client.clone(),
            template: template.into(),
            name: name.into(),
            config: None,
        }
    }
}

/// A template.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its id, for good.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The image that its boxes boot; empty from a create that left it to the server.
    pub image: String,
    /// Its state, in the server's words.
    pub status: String,
    /// Virtual CPUs of its boxes; 0 is the server's default.
    pub vcpu: u32,
    /// Memory of its boxes in bytes; 0 is the server's default.
    pub memory_bytes: u64,
}

impl From<wire::TemplateInfo> for Template {
    fn from(info: wire::TemplateInfo) -> Self {
        Self {
            id: info.template_id,
            name: info.name,
            image: info.image_ref,
            status: info.status,
            vcpu: info.vcpu,
            memory_bytes: info.memory_bytes,
        }
    }
}

/// A template to be named in a call: itself, or its id.
#[derive(Clone, Debug)]
pub struct TemplateRef {
    id: String,
    /// Empty where it is not known.
    image: String,
}

impl From<&Template> for TemplateRef {
    fn from(template: &Template) -> Self {
        Self { id: template.id.clone(), image: template.image.clone() }
    }
}

impl From<&str> for TemplateRef {
    fn from(id: &str) -> Self {
        id.to_owned().into()
    }
}

impl From<String> for TemplateRef {
    fn from(id: String) -> Self {
        Self { id, image: String::new() }
    }
}

impl From<&String> for TemplateRef {
    fn from(id: &String) -> Self {
        id.clone().into()
    }
}

/// A template about to be created. See [`Templates::create`].
#[must_use = "a template is created when this is awaited"]
#[derive(Clone, Debug)]
pub struct CreateTemplate {
    client: Client,
    name: String,
    image: String,
    config: BoxConfig,
}

impl CreateTemplate {
    /// Sets the image, `"ghcr.io/org/img:tag"`. Default: the cluster's.
    pub fn image(mut self, image: impl Into<String>) -> Self {
        self.image = image.into();
        self
    }

    /// Sets size, lifecycle, network and volumes. The wire carries no `env`, `cmd` or restart policy for a template: a
    /// configuration that sets one is refused.
    pub fn config(mut self, config: BoxConfig) -> Self {
        self.config = config;
        self
    }

    async fn run(self) -> Result<Template> {
        let Self { client, name, image, config } = self;
        Error::unless_given("name", &name)?;
        let config = config.to_wire_without_process("a template")?;
        let (vcpu, memory_bytes) = (config.vcpu, config.memory_bytes);
        let doing = doing_to("create template", &name);
        let request = wire::CreateTemplateRequest { name, image_ref: image, config: Some(config) };
        let made = client.perform(doing, methods::CREATE_TEMPLATE, &request).await?;
        Ok(Template {
            id: made.template_id,
            name: made.name,
            image: request.image_ref,
            status: made.status,
            vcpu,
            memory_bytes,
        })
    }
}

impl IntoFuture for CreateTemplate {
    type Output = Result<Template>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// A box about to be created from a template. See [`Templates::create_vm`].
#[must_use = "a box is created when this is awaited"]
#[derive(Clone, Debug)]
pub struct CreateFromTemplate {
    client: Client,
    template: TemplateRef,
    name: String,
    config: Option<BoxConfig>,
}

impl CreateFromTemplate {
    /// Sets what is to differ from the template. The wire carries no `env`, `cmd` or restart policy here: a configuration
    /// that sets one is refused.
    pub fn config(mut self, config: BoxConfig) -> Self {
        self.config = Some(config);
        self
    }

    async fn run(self) -> Result<BoxHandle> {
        let Self { client, template, name, config } = self;
        Error::unless_given("template", &template.id)?;
        let config = config.map(|config| config.to_wire_without_process("a template")).transpose()?;
        let doing = [&doing_to("create box", &name), " from template ", &template.id].concat();
        let request = wire::CreateVmFromTemplateRequest { template_id: template.id, name, config };
        let made = client.perform(doing, methods::CREATE_VM_FROM_TEMPLATE, &request).await?;
        Ok(BoxHandle::new(
            client,
            wire::ForkVmResponse {
                vm_id: made.vm_id,
                name: made.name,
                public_ip: made.public_ip,
                url: made.url,
                image: template.image,
                status: made.status,
                boot_time_ms: made.boot_time_ms,
                ..wire::ForkVmResponse::default()
            }
            .into(),
        ))
    }
}

impl IntoFuture for CreateFromTemplate {
    type Output = Result<BoxHandle>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
