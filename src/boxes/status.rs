//! The states of a box.

use std::fmt;

/// The state of a box. A newer server may know others; they are passed through.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BoxStatus {
    /// Accepted, not yet placed.
    Pending,
    /// Booting.
    Starting,
    /// Up.
    Running,
    /// Stopped in its tracks, with its memory.
    Suspended,
    /// Its memory is on disk.
    Hibernated,
    /// Shut down; its disk is kept.
    Stopped,
    /// Could not be started, or broke.
    Failed,
    /// Gone for good.
    Destroyed,
    /// On its way to another machine.
    Migrating,
    /// One that this SDK does not know.
    Other(String),
}

impl BoxStatus {
    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Hibernated => "hibernated",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Destroyed => "destroyed",
            Self::Migrating => "migrating",
            Self::Other(name) => name,
        }
    }

    /// Whether the box will not get to `running` without being told to.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Stopped | Self::Failed | Self::Destroyed)
    }
}

impl From<&str> for BoxStatus {
    fn from(name: &str) -> Self {
        const KNOWN: [BoxStatus; 9] = [
            BoxStatus::Pending,
            BoxStatus::Starting,
            BoxStatus::Running,
            BoxStatus::Suspended,
            BoxStatus::Hibernated,
            BoxStatus::Stopped,
            BoxStatus::Failed,
            BoxStatus::Destroyed,
            BoxStatus::Migrating,
        ];
        KNOWN
            .into_iter()
            .find(|status| status.as_str() == name)
            .unwrap_or_else(|| Self::Other(name.to_owned()))
    }
}

impl fmt::Display for BoxStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::BoxStatus;

    #[test]
    fn every_name_survives_and_unknown_ones_pass() {
        for name in [
            "pending",
            "starting",
            "running",
            "suspended",
            "hibernated",
            "stopped",
            "failed",
            "destroyed",
            "migrating",
        ] {
            let status = BoxStatus::from(name);
            assert!(!matches!(status, BoxStatus::Other(_)), "{name}");
            assert_eq!(status.as_str(), name);
        }
        assert_eq!(BoxStatus::from("levitating").as_str(), "levitating");
    }
}
