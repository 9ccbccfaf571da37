//! A certificate for this machine.

#![allow(clippy::expect_used, unreachable_pub, reason = "a test may fail")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes a certificate for 127.0.0.1 in the folder, `cert.pem`, and its key, `key.pem`. It is its own authority.
pub fn make_certificate(folder: &Path) -> PathBuf {
    let certificate = folder.join("cert.pem");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-subj", "/CN=upstream", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-days", "3650", "-keyout"])
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("the program `openssl` makes the certificate");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    certificate
}
