//! The typed description of an RPC, generated from the `.proto`.

use std::fmt;
use std::marker::PhantomData;

/// Which sides of a call are streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One message each way.
    Unary,
    /// One message there, many back.
    ServerStream,
    /// Many messages there, one back.
    ClientStream,
    /// Many messages both ways.
    Duplex,
}

/// An RPC: its path, its messages' types, its kind, and whether it may be sent twice.
///
/// One constant per RPC stands in [`wire::methods`](crate::wire::methods).
pub struct Method<Req, Res> {
    path: &'static str,
    kind: Kind,
    repeatable: bool,
    messages: PhantomData<fn(Req) -> Res>,
}

impl<Req, Res> Method<Req, Res> {
    pub(crate) const fn new(path: &'static str, kind: Kind, repeatable: bool) -> Self {
        Self { path, kind, repeatable, messages: PhantomData }
    }

    /// `/boxd.api.v1.BoxdApi/GetVm`.
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// Which sides are streams.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether sending the call twice changes nothing. True of reads alone (`NO_SIDE_EFFECTS` in the `.proto`).
    pub const fn repeatable(&self) -> bool {
        self.repeatable
    }

    /// The RPC without the types of its messages.
    pub const fn rpc(&self) -> Rpc {
        Rpc { path: self.path, kind: self.kind, repeatable: self.repeatable }
    }

    /// The RPC's name, `GetVm`.
    pub fn name(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }
}

/// An RPC without the types of its messages: what a call of it needs to know. From [`Method::rpc`]
/// or, for one that this version does not know, [`Rpc::unary`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rpc {
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    pub(crate) repeatable: bool,
}

impl Rpc {
    /// A unary RPC by its path, `/package.Service/Method`, and whether sending it twice changes nothing.
    pub const fn unary(path: &'static str, repeatable: bool) -> Self {
        Self { path, kind: Kind::Unary, repeatable }
    }

    /// `/boxd.api.v1.BoxdApi/GetVm`.
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// Whether sending the call twice changes nothing.
    pub const fn repeatable(&self) -> bool {
        self.repeatable
    }
}

impl<Req, Res> Clone for Method<Req, Res> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Req, Res> Copy for Method<Req, Res> {}

impl<Req, Res> fmt::Debug for Method<Req, Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Method")
            .field("path", &self.path)
            .field("kind", &self.kind)
            .field("repeatable", &self.repeatable)
            .finish()
    }
}
