//! Which TCP ports something in a box listens on, as the kernel tells.

use std::{collections::BTreeSet, fs, io, path::Path};

use rustix::process::Pid;

use super::Error;

/// The state of a socket that listens, as `/proc/net/tcp` writes it.
const LISTEN: &str = "0A";

/// The ports in the network of the box whose first process this is, in ascending order.
pub(super) fn listening(init: Pid) -> Result<Vec<u16>, Error> {
    let of = |process: &str, what: &str| Path::new("/proc").join(process).join(what);
    let init = init.as_raw_nonzero().to_string();
    let network = |process: &str| {
        let path = of(process, "ns/net");
        fs::read_link(&path).map_err(|error| Error::path("reading", path, error))
    };
    if network(&init)? == network("self")? {
        return Err(Error::invalid(
            "the box shares this machine's network, so its ports cannot be told from others: name the port",
        ));
    }
    let mut ports = BTreeSet::new();
    for table in ["net/tcp", "net/tcp6"] {
        let path = of(&init, table);
        match fs::read_to_string(&path) {
            Ok(text) => ports.extend(text.lines().skip(1).filter_map(port)),
            // A kernel without IPv6.
            Err(error) if error.kind() == io::ErrorKind::NotFound && table == "net/tcp6" => {}
            Err(error) => return Err(Error::path("reading", path, error)),
        }
    }
    Ok(ports.into_iter().collect())
}

/// The port of a line, if its socket listens.
fn port(line: &str) -> Option<u16> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (_, port) = fields.next()?.rsplit_once(':')?;
    let state = fields.nth(1)?;
    (state == LISTEN).then(|| u16::from_str_radix(port, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_that_listen_have_a_port() {
        let line =
            |state| format!("   0: 0100007F:0BB8 00000000:0000 {state} 00000000:00000000 00:00000000 0");
        assert_eq!(port(&line("0A")), Some(3000));
        assert_eq!(port(&line("01")), None);
        assert_eq!(port("   1: 00000000000000000000000000000000:1F90 0:0 0A 0"), Some(8080));
        assert_eq!(port(""), None);
    }
}
