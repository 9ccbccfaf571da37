//! Call metadata: names and values that go along with a call.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

/// Names and values that go along with a call, in order; a name may stand more than once.
///
/// Names are kept in lower case. `Debug` hides the value of `authorization`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    // Values are shared, so that a token goes along with every call without being copied.
    entries: Vec<(Cow<'static, str>, Bytes)>,
}

impl Metadata {
    /// Empty metadata.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Adds an entry, beside those of the same name. A value that is not UTF-8 is read as an empty one.
    pub fn insert(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Bytes>) {
        let mut name = name.into();
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            name.to_mut().make_ascii_lowercase();
        }
        // All of a call's at once: each growth on the way would be another allocation.
        if self.entries.is_empty() {
            self.entries.reserve(8);
        }
        self.entries.push((name, value.into()));
    }

    /// The first value of `name`, which is given in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(name, value)| (&**name, text(value)))
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds all of `other`'s entries.
    pub fn extend(&mut self, other: Metadata) {
        self.entries.extend(other.entries);
    }

    /// All entries, with their values as they are kept.
    #[cfg(any(not(browser), feature = "grpc-service"))]
    pub(super) fn entries(&self) -> &[(Cow<'static, str>, Bytes)] {
        &self.entries
    }
}

fn text(value: &Bytes) -> &str {
    std::str::from_utf8(value).unwrap_or_default()
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.iter()
                    .map(|(name, value)| (name, if name == "authorization" { "[redacted]" } else { value })),
            )
            .finish()
    }
}
