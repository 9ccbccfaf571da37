//! External domains that lead to boxes.

use crate::boxes::BoxRef;
use crate::client::Client;
use crate::error::{Error, Result, doing_to};
use crate::transport::Code;
use crate::wire::{self, methods};

/// Binds external domains to boxes. From [`Compute::domains`](crate::Compute::domains).
#[derive(Clone, Debug)]
pub struct Domains {
    client: Client,
}

impl Domains {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Routes requests for a domain to a box, given by handle, name or id. The domain's DNS must already point at the
    /// cluster's proxy.
    ///
    /// ```
    /// # async fn example(compute: boxd::Compute) -> boxd::Result<()> {
    /// compute.domains().bind("app.example.com", "my-vm").await?;
    /// for domain in compute.domains().list().await? {
    ///     println!("{} -> {}", domain.domain, domain.box_id);
    /// }
    /// compute.domains().unbind("app.example.com").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for a box that is not there,
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for what is no domain or is bound already. Never sent twice.
    pub async fn bind(&self, domain: &str, to: impl Into<BoxRef>) -> Result<()> {
        let to = to.into();
        Error::unless_given("domain", domain)?;
        let vm_id = self.client.resolve(&to).await?.id;
        let doing = doing_to("bind domain", domain);
        let request = wire::BindDomainRequest { domain: domain.to_owned(), vm_id };
        let client = self.client.clone().about(&request.vm_id);
        match client.perform(doing.clone(), methods::BIND_DOMAIN, &request).await {
            Err(error) if is_missing(&error) => {
                let wire::BindDomainRequest { domain, vm_id } = request;
                let request = wire::AddCustomDomainRequest { vm_id, domain };
                client.perform(doing, methods::ADD_CUSTOM_DOMAIN, &request).await.map(drop)
            }
            outcome => outcome.map(drop),
        }
    }

    /// All bound domains of the account. Repeated on a lost connection.
    pub async fn list(&self) -> Result<Vec<Domain>> {
        match self.client.unary(methods::LIST_DOMAINS, &wire::ListDomainsRequest {}).await {
            Err(error) if is_missing(&error) => {
                let request = wire::ListCustomDomainsRequest {};
                let answer = self.client.unary(methods::LIST_CUSTOM_DOMAINS, &request).await?;
                Ok(answer.domains.into_iter().map(Into::into).collect())
            }
            answer => Ok(answer?.domains.into_iter().map(Into::into).collect()),
        }
    }

    /// Ends the routing of a domain.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when it is not bound. Never sent twice.
    pub async fn unbind(&self, domain: &str) -> Result<()> {
        Error::unless_given("domain", domain)?;
        let doing = doing_to("unbind domain", domain);
        let request = wire::UnbindDomainRequest { domain: domain.to_owned() };
        match self.client.perform(doing.clone(), methods::UNBIND_DOMAIN, &request).await {
            Err(error) if is_missing(&error) => {
                let request = wire::RemoveCustomDomainRequest { domain: request.domain };
                self.client.perform(doing, methods::REMOVE_CUSTOM_DOMAIN, &request).await.map(drop)
            }
            outcome => outcome.map(drop),
        }
    }
}

/// Newer servers have these calls under other names.
fn is_missing(error: &Error) -> bool {
    error.grpc_code() == Some(Code::Unimplemented)
}

/// A domain that leads to a box.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// The domain, `app.example.com`.
    pub domain: String,
    /// The id of the box that it leads to.
    pub box_id: String,
    /// The name of that box; empty where the server does not tell.
    pub box_name: String,
    /// Whether it works, in the server's words; empty where it does not tell.
    pub status: String,
    /// Why it does not work; empty without an error.
    pub last_error: String,
}

impl From<wire::DomainInfo> for Domain {
    fn from(info: wire::DomainInfo) -> Self {
        wire::CustomDomainInfo { domain: info.domain, vm_id: info.vm_id, ..Default::default() }.into()
    }
}

impl From<wire::CustomDomainInfo> for Domain {
    fn from(info: wire::CustomDomainInfo) -> Self {
        Self {
            domain: info.domain,
            box_id: info.vm_id,
            box_name: info.vm_name,
            status: info.status,
            last_error: info.last_error,
        }
    }
}
