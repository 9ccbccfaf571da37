//! HTTP into boxes: `http://<box>.localhost:<port>`, `http://<proxy>.<box>.localhost:<port>` and bound domains.
//!
//! Everything under `.localhost` is a box's, and the cluster's own pages are at `localhost` and its addresses only, so
//! that neither is ever taken for the other.

mod forward;
pub(crate) mod headers;
mod host;
mod page;

use std::net::IpAddr;

use axum::response::Response;
use http::{HeaderMap, Method, Request, StatusCode};
use hyper::body::Incoming;

use self::forward::forward;
use self::host::Host;
use self::page::{is_browser, page};
use crate::boxes::{AUTO, Boxes, Error, preferred};
use crate::machine::{self, Machine};
use crate::store::RouteRecord;

/// Knows which host is whose. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Proxy {
    boxes: Boxes,
}

/// Whom a request is for.
pub(crate) enum Target {
    /// The cluster's own pages, which guard themselves.
    Cluster,
    Box(RouteRecord),
    /// Nobody; what to say instead.
    Nobody(Refusal),
}

/// Why a request does not reach a server in a box.
pub(crate) struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn answer(&self, asked: &HeaderMap) -> Response {
        page(self.status, &self.message, is_browser(asked))
    }
}

impl Proxy {
    pub(crate) fn new(boxes: Boxes) -> Self {
        Self { boxes }
    }

    /// Whom the request is for, by the host that it names.
    pub(crate) async fn target<B>(&self, request: &Request<B>) -> Target {
        let host = match Host::of(request) {
            Ok(host) => host,
            Err(message) => return Target::Nobody(Refusal::new(StatusCode::BAD_REQUEST, message)),
        };
        let found = match &host {
            Host::Cluster => return Target::Cluster,
            Host::Box { name, proxy } => self.boxes.route(name, proxy).await,
            Host::Domain(domain) => self.boxes.route_of_domain(domain).await,
            Host::Nobody(_) => Ok(None),
        };
        let message = match (found, host) {
            (Ok(Some(route)), _) => return Target::Box(route),
            // It is the cluster's guard that says no to strange names.
            (Ok(None), Host::Cluster | Host::Domain(_)) => return Target::Cluster,
            (Ok(None), Host::Box { name, .. }) => {
                format!("No box is named {name:?}. Boxes are reached at <name>.localhost.")
            }
            (Ok(None), Host::Nobody(host)) => format!(
                "{host:?} is nobody's: boxes are reached at <name>.localhost, their named proxies at \
                 <proxy>.<name>.localhost."
            ),
            (Err(error), _) => {
                return Target::Nobody(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()));
            }
        };
        Target::Nobody(Refusal::new(StatusCode::NOT_FOUND, message))
    }

    /// Carries a request into a box. One that is suspended is woken.
    pub(crate) async fn forward(
        &self,
        route: RouteRecord,
        request: Request<Incoming>,
        from: IpAddr,
    ) -> Response {
        let browser = is_browser(request.headers());
        let refused = |refusal: Refusal| page(refusal.status, &refusal.message, browser);
        self.try_forward(route, request, from).await.unwrap_or_else(refused)
    }

    async fn try_forward(
        &self,
        route: RouteRecord,
        request: Request<Incoming>,
        from: IpAddr,
    ) -> Result<Response, Refusal> {
        let name = &route.box_name;
        if request.method() == Method::CONNECT {
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "CONNECT leads nowhere here."));
        }
        // Only a named proxy can be missing.
        let Some(port) = route.port else {
            let message = format!("Box {name:?} has no such proxy; it is made with create_proxy.");
            return Err(Refusal::new(StatusCode::NOT_FOUND, message));
        };
        let machine = self.boxes.awake(&route.box_id).await.map_err(|error| not_awake(&error))?;
        let in_use = machine.in_use();
        let port = port_of(&machine, port).await.map_err(|why| {
            Refusal::new(StatusCode::BAD_GATEWAY, format!("Box {name:?} cannot be asked: {why}."))
        })?;
        let connection = machine.dial(port).await.map_err(|error| {
            let message = match error {
                machine::Error::NotListening { port } => {
                    format!("Nothing listens on port {port} in box {name:?}.")
                }
                error => format!("Box {name:?}, port {port}: {error}."),
            };
            Refusal::new(StatusCode::BAD_GATEWAY, message)
        })?;
        forward(request, connection, from, in_use).await.map_err(|error| {
            let message = format!("Port {port} of box {name:?} did not answer in HTTP: {error}.");
            Refusal::new(StatusCode::BAD_GATEWAY, message)
        })
    }
}

/// The port that a proxy leads to, found in the box if it is not fixed.
async fn port_of(machine: &Machine, port: u32) -> Result<u16, String> {
    if port != AUTO {
        return u16::try_from(port).map_err(|_| format!("port {port} is none"));
    }
    let listening = machine.listening_ports().await.map_err(|error| error.to_string())?;
    preferred(&listening).ok_or_else(|| "nothing in it listens on any port".to_owned())
}

fn not_awake(error: &Error) -> Refusal {
    let status = match error {
        // Destroyed between the look-up and now.
        Error::NoSuchBox(_) => StatusCode::NOT_FOUND,
        Error::WrongStatus { .. } | Error::Closing => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_GATEWAY,
    };
    Refusal::new(status, format!("{error}."))
}
