//! External domains without await.

use super::runtime::Held;
use crate::boxes::BoxRef;
use crate::domains::Domain;
use crate::error::Result;

/// Binds external domains to boxes: [`crate::Domains`] without await. From
/// [`Compute::domains`](super::Compute::domains).
#[derive(Clone, Debug)]
pub struct Domains(pub(super) Held<crate::Domains>);

impl Domains {
    /// Routes requests for a domain to a box, given by handle, name or id. As [`crate::Domains::bind`].
    ///
    /// ```
    /// # fn example(compute: boxd::blocking::Compute) -> boxd::Result<()> {
    /// compute.domains().bind("app.example.com", "my-vm")?;
    /// for domain in compute.domains().list()? {
    ///     println!("{} -> {}", domain.domain, domain.box_id);
    /// }
    /// compute.domains().unbind("app.example.com")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind(&self, domain: &str, to: impl Into<BoxRef>) -> Result<()> {
        self.0.wait(self.0.inner.bind(domain, to))
    }

    /// All bound domains of the account. As [`crate::Domains::list`].
    pub fn list(&self) -> Result<Vec<Domain>> {
        self.0.wait(self.0.inner.list())
    }

    /// Ends the routing of a domain. As [`crate::Domains::unbind`].
    pub fn unbind(&self, domain: &str) -> Result<()> {
        self.0.wait(self.0.inner.unbind(domain))
    }
}
