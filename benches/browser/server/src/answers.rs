//! The answers, with the fields that a local cluster fills.

use boxd::wire;
use bytes::Bytes;

const BOXES: u32 = 1000;

pub(crate) fn whoami() -> wire::WhoamiResponse {
    wire::WhoamiResponse {
        user_id: "usr_bench".to_owned(),
        pubkey_fingerprints: vec!["SHA256:gWqHIzYEsOYzGBbpKZtNyZ1XOvWE6w2FdUgRO0Mvnco".to_owned()],
        default_network_id: "net_bench".to_owned(),
        display_name: "Benchmark".to_owned(),
        ..wire::WhoamiResponse::default()
    }
}

pub(crate) fn list() -> wire::ListVmsResponse {
    let vms = (0..BOXES).map(|n| machine(format!("vm_{n:08x}"), format!("bench-box-{n:04}"), n)).collect();
    wire::ListVmsResponse { vms, ..wire::ListVmsResponse::default() }
}

pub(crate) fn named(name: String) -> wire::GetVmResponse {
    machine(name.clone(), name, 0)
}

fn machine(id: String, name: String, n: u32) -> wire::GetVmResponse {
    let forked = n % 4 == 3;
    wire::GetVmResponse {
        vm_id: id,
        name,
        image_ref: "ghcr.io/example/python-app:3.12-slim".to_owned(),
        public_ip: format!("203.0.113.{}", n % 254 + 1),
        status: ["running", "suspended", "stopped"][n as usize % 3].to_owned(),
        restart_policy: "always".to_owned(),
        disk_bytes: u64::from(n % 8 + 1) << 30,
        auto_suspend_timeout_secs: 300 * (n % 3),
        access_domain: "boxes.example.test".to_owned(),
        source: if forked { "bench-box-0000".to_owned() } else { String::new() },
        source_info: forked.then(|| wire::VmSource {
            kind: "fork".to_owned(),
            name: "bench-box-0000".to_owned(),
            id: "vm_00000000".to_owned(),
            ..wire::VmSource::default()
        }),
        vcpu: n % 4 + 1,
        memory_bytes: u64::from(n % 4 + 1) << 29,
        created_at: 1_790_000_000 + i64::from(n),
        boot_time_ms: 180 + i64::from(n % 50),
        labels: [("project".to_owned(), format!("p{}", n % 16)), ("owner".to_owned(), "bench".to_owned())]
            .into(),
        created_by: "usr_bench".to_owned(),
        ..wire::GetVmResponse::default()
    }
}

/// Printable lines, as a log has.
pub(crate) fn text(size: usize) -> Bytes {
    let line = b"2026-01-01T00:00:00.000Z INFO worker[17]: request finished in 12.7 ms, 1843 bytes sent\n";
    line.iter().copied().cycle().take(size).collect()
}
