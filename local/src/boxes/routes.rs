//! How boxes are reached over HTTP: their proxies, and the domains that are bound to them.

use std::net::IpAddr;

use super::{Boxes, Error, State, name};
use crate::store::{BoxProxy, DomainRecord, ProxyRecord, RouteRecord};

/// A port that means: whichever the box listens on.
pub(crate) const AUTO: u32 = 0;
/// Of several ports that a box listens on, the first of these is the one that is meant.
const WELL_KNOWN: [u16; 8] = [80, 3000, 8000, 8080, 5000, 5173, 4200, 4000];

impl Boxes {
    /// The proxies of the box with this name or id, or of all boxes when there is none given.
    pub(crate) async fn proxies(&self, key: &str) -> Result<Vec<BoxProxy>, Error> {
        if key.is_empty() {
            return Ok(self.inner.store.all_proxies().await?);
        }
        let of = self.get(key).await?;
        let proxies = self.inner.store.proxies(&of.id).await?.into_iter();
        let full = |proxy| BoxProxy { box_id: of.id.clone(), box_name: of.name.clone(), proxy };
        Ok(proxies.map(full).collect())
    }

    /// Adds a named proxy to a box.
    pub(crate) async fn create_proxy(&self, key: &str, proxy: ProxyRecord) -> Result<BoxProxy, Error> {
        if proxy.name.is_empty() {
            return Err(Error::invalid(
                "proxy name \"\": a new proxy needs one, the default one is there already",
            ));
        }
        name::check_label("proxy name", &proxy.name)?;
        check_port(&proxy.name, proxy.port)?;
        let of = self.get(key).await?;
        if !self.inner.store.insert_proxy(&of.id, proxy.clone()).await? {
            self.get(&of.id).await?;
            return Err(Error::ProxyTaken { of: of.name, proxy: proxy.name });
        }
        Ok(BoxProxy { box_id: of.id, box_name: of.name, proxy })
    }

    /// Points a proxy, the default one if its name is empty, at another port.
    pub(crate) async fn set_proxy_port(&self, key: &str, proxy: ProxyRecord) -> Result<(), Error> {
        check_port(&proxy.name, proxy.port)?;
        let of = self.get(key).await?;
        if self.inner.store.set_proxy_port(&of.id, proxy.clone()).await? {
            return Ok(());
        }
        Err(Error::NoSuchProxy { of: of.name, proxy: proxy.name })
    }

    pub(crate) async fn delete_proxy(&self, key: &str, proxy: &str) -> Result<(), Error> {
        if proxy.is_empty() {
            return Err(Error::invalid("proxy name \"\": the default proxy of a box cannot be deleted"));
        }
        let of = self.get(key).await?;
        if self.inner.store.delete_proxy(&of.id, proxy).await? {
            return Ok(());
        }
        Err(Error::NoSuchProxy { of: of.name, proxy: proxy.to_owned() })
    }

    /// The port that an automatic proxy of a box leads to right now. Wakes and waits for nothing.
    pub(crate) async fn listening_port(&self, id: &str) -> Option<u16> {
        let live = self.inner.live(id).ok()?;
        let machine = match &*live.state.try_lock().ok()? {
            State::Running(boot) | State::Suspended(Some(boot)) => boot.machine.clone(),
            _ => return None,
        };
        preferred(&machine.listening_ports().await.ok()?)
    }

    /// Routes a domain to a box's default proxy.
    pub(crate) async fn bind_domain(&self, domain: &str, key: &str) -> Result<DomainRecord, Error> {
        let domain = checked_domain(domain)?;
        let to = self.get(key).await?;
        if !self.inner.store.insert_domain(&domain, &to.id).await? {
            self.get(&to.id).await?;
            return Err(Error::DomainTaken(domain));
        }
        Ok(DomainRecord { domain, box_id: to.id, box_name: to.name })
    }

    pub(crate) async fn domains(&self) -> Result<Vec<DomainRecord>, Error> {
        Ok(self.inner.store.domains().await?)
    }

    pub(crate) async fn unbind_domain(&self, domain: &str) -> Result<(), Error> {
        // As one may have written it.
        let domain = domain.trim_end_matches('.').to_ascii_lowercase();
        if self.inner.store.delete_domain(&domain).await? {
            return Ok(());
        }
        Err(Error::NoSuchDomain(domain))
    }

    /// Where the proxy `proxy`, empty for the default one, of the box named `name` leads; none if no box is named so.
    pub(crate) async fn route(&self, name: &str, proxy: &str) -> Result<Option<RouteRecord>, Error> {
        Ok(self.inner.store.route(name, proxy).await?)
    }

    /// Where a domain leads; none if it is not bound.
    pub(crate) async fn route_of_domain(&self, domain: &str) -> Result<Option<RouteRecord>, Error> {
        Ok(self.inner.store.route_of_domain(domain).await?)
    }
}

/// Of the ports that a box listens on, the one that an automatic proxy leads to.
pub(crate) fn preferred(listening: &[u16]) -> Option<u16> {
    WELL_KNOWN.into_iter().find(|port| listening.contains(port)).or_else(|| listening.first().copied())
}

/// Refuses what is no port of the proxy.
pub(super) fn check_port(proxy: &str, port: u32) -> Result<(), Error> {
    if port == AUTO || u16::try_from(port).is_ok() {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "proxy {proxy:?}: port {port} is none, use 1 to 65535, or 0 for whichever the box listens on"
    )))
}

/// A domain as it is kept: lower case, without a dot at its end.
fn checked_domain(text: &str) -> Result<String, Error> {
    let domain = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let refused = |reason: &str| Err(Error::invalid(format!("domain {text:?}: {reason}")));
    if !domain.is_ascii() {
        return refused("write it as DNS does, in punycode (xn--…)");
    }
    if domain.contains([':', '/', '@']) {
        return refused("give the host name alone, without scheme, port or path");
    }
    if domain.parse::<IpAddr>().is_ok() {
        return refused("it is an address, not a name");
    }
    let last = domain.rsplit('.').next().unwrap_or_default();
    if last == "localhost" {
        return refused("names under localhost are those of boxes and their proxies already");
    }
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if domain.len() > 253 || !domain.contains('.') || !domain.split('.').all(is_label) {
        return refused("it is no host name such as app.example.com");
    }
    // What a browser takes for an address, such as 127.1 or 0x7f.1, never arrives as a name.
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        return refused("it is an address, not a name");
    }
    Ok(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_host_names() {
        for (given, kept) in [
            ("app.example.com", "app.example.com"),
            ("App.Example.COM.", "app.example.com"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("1.example", "1.example"),
            ("localhost.example", "localhost.example"),
        ] {
            assert_eq!(checked_domain(given).unwrap(), kept);
        }
        let long = format!("{}.example", "a.".repeat(130).trim_end_matches('.'));
        for bad in [
            "",
            ".",
            "localhost",
            "LOCALHOST.",
            "web.localhost",
            "example",
            "bücher.example",
            "http://app.example.com",
            "app.example.com:80",
            "app.example.com/x",
            "user@app.example.com",
            "127.0.0.1",
            "127.1",
            "a.0x7f",
            "::1",
            "[::1]",
            "a..example",
            ".example.com",
            "-a.example",
            "a-.example",
            "a_b.example",
            "*.example.com",
            "a b.example",
            "app.example.com..",
            &long,
        ] {
            assert!(checked_domain(bad).is_err(), "{bad}");
        }
    }
}
