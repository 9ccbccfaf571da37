//! Random bytes, and files that only their owner may read.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const OWNER_ONLY: u32 = 0o600;

/// Bytes from the operating system's generator.
pub(crate) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// `prefix` and 24 random bytes in characters that need no quoting anywhere.
pub(crate) fn random_text(prefix: &str) -> io::Result<String> {
    Ok(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random::<24>()?)))
}

/// `prefix` and 16 random hex digits: an id.
pub(crate) fn random_id(prefix: &str) -> io::Result<String> {
    Ok(format!("{prefix}{:016x}", u64::from_le_bytes(random()?)))
}

/// The content of a file that only its owner may read, from now on; none if there is no file.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(content) => {
            fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY))?;
            Ok(Some(content.trim_end().to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes such a file: aside first, so that a crash leaves the whole of it or what was there before.
pub(crate) fn write(path: &Path, content: &str) -> io::Result<()> {
    let aside = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(OWNER_ONLY).open(&aside)?;
    writeln!(file, "{content}")?;
    file.sync_all()?;
    fs::rename(&aside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_file_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(read(&path).unwrap(), None);
        let key = random_text("bxk_").unwrap();
        write(&path, &key).unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(read(&path).unwrap(), Some(key));
        assert_eq!(mode(), 0o600);
    }
}
