//! Call metadata: names and values that go along with a call.

use std::fmt;

/// Names and values that go along with a call, in order; a name may stand more than once.
///
/// Names are kept in lower case. `Debug` hides the value of `authorization`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    entries: Vec<(String, String)>,
}

impl Metadata {
    /// Empty metadata.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Adds an entry, beside those of the same name.
    pub fn insert(&mut self, name: impl AsRef<str>, value: impl Into<String>) {
        self.entries.push((name.as_ref().to_ascii_lowercase(), value.into()));
    }

    /// The first value of `name`, which is given in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds all of `other`'s entries.
    pub fn extend(&mut self, other: Metadata) {
        self.entries.extend(other.entries);
    }
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
