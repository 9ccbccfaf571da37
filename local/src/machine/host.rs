//! What this machine offers to boxes.

use super::Error;

/// Checks that boxes can run on this machine; the error says what to install or enable.
pub fn check_host() -> Result<(), Error> {
    todo!()
}
