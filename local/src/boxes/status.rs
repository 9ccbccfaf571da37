//! What a box is doing, in the words of the wire.

/// The status strings that this cluster uses; it has no `migrating`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Being made: its files are not all there yet.
    Pending,
    /// Booting.
    Starting,
    Running,
    Suspended,
    Hibernated,
    Stopped,
    /// It did not boot.
    Failed,
}

impl Status {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Hibernated => "hibernated",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }

    /// Reads back what [`as_str`](Self::as_str) wrote.
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "pending" => Self::Pending,
            "starting" => Self::Starting,
            "running" => Self::Running,
            "suspended" => Self::Suspended,
            "hibernated" => Self::Hibernated,
            "stopped" => Self::Stopped,
            _ => Self::Failed,
        }
    }
}
