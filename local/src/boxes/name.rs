//! Names of boxes and of their proxies: they are parts of host names, so each is a DNS label.

use super::Error;

const ADJECTIVES: [&str; 32] = [
    "amber", "bold", "brave", "bright", "calm", "clever", "cosy", "crisp", "eager", "early", "fair", "fancy",
    "fresh", "gentle", "glad", "golden", "happy", "jolly", "keen", "kind", "lively", "lucky", "merry",
    "neat", "noble", "plain", "proud", "quick", "quiet", "steady", "sunny", "warm",
];
const NOUNS: [&str; 32] = [
    "acorn", "badger", "beech", "birch", "brook", "cedar", "crane", "falcon", "fern", "finch", "fox",
    "harbor", "hazel", "heron", "island", "lake", "lark", "maple", "meadow", "otter", "owl", "pebble",
    "pine", "plover", "reed", "river", "robin", "sparrow", "spruce", "swan", "thistle", "willow",
];

/// Refuses a name of a box that is no DNS label.
pub(super) fn check(name: &str) -> Result<(), Error> {
    check_label("box name", name)
}

/// Refuses what is no DNS label; `what` says what it should be the name of.
pub(super) fn check_label(what: &str, name: &str) -> Result<(), Error> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 63 || !name.chars().all(allowed) {
        return Err(Error::invalid(format!(
            "{what} {name:?}: use 1 to 63 of the characters a-z, 0-9 and -, it is a host name too"
        )));
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err(Error::invalid(format!("{what} {name:?}: it cannot start or end with -")));
    }
    Ok(())
}

/// Refuses what is no name for people; `what` says what it should be the name of.
pub(crate) fn check_title(what: &str, name: &str) -> Result<(), Error> {
    if name.is_empty() || name.len() > 255 || name.chars().any(char::is_control) || name.trim() != name {
        return Err(Error::invalid(format!(
            "{what} {name:?}: use 1 to 255 bytes, without control characters or spaces around them"
        )));
    }
    Ok(())
}

/// A name that is pleasant to say, and one of a few million.
pub(crate) fn suggest() -> Result<String, Error> {
    let random = crate::secret::random::<6>()?;
    let adjective = ADJECTIVES[usize::from(random[0]) % ADJECTIVES.len()];
    let noun = NOUNS[usize::from(random[1]) % NOUNS.len()];
    let number = u16::from_le_bytes([random[2], random[3]]) % 10_000;
    Ok(format!("{adjective}-{noun}-{number:04}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        let longest = "a".repeat(63);
        for good in ["a", "my-vm", "0", "a--b", &longest] {
            assert!(check(good).is_ok(), "{good}");
        }
        let too_long = "a".repeat(64);
        for bad in ["", "-a", "a-", "A", "a.b", "a_b", "ä", "a b", "../x", &too_long] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn suggestions_are_valid_and_differ() {
        let names: std::collections::HashSet<_> = (0..100).map(|_| suggest().unwrap()).collect();
        assert!(names.iter().all(|name| check(name).is_ok()));
        assert!(names.len() > 90);
    }
}
