//! What is one unary call and nothing else: a table.
//!
//! An operation is a row of [`OPERATIONS`], and costs a page some 100 bytes (`table.rs`). What does more than to ask and to tell has a
//! function of its own in `compute.rs`.

mod boxes;
mod resources;

use std::future::{poll_fn, ready};

use boxd::wire::{fields, methods};
use wasm_bindgen::JsValue;

use crate::failure::{failure_doing, invalid, unreadable};
use crate::json::push_quoted;
use crate::options::Options;
use crate::record::{encode, json};
use crate::table::Part::{Fixed, Is, Maybe, Record};
use crate::table::{Entries, Operation, Part, find, length, packed};
use crate::task::{Outcome, Work};

/// A box as the fields of `BoxInfo` in `types.ts`.
const BOX: &[Part] = &[
    Is("id", fields::get_vm_response::VM_ID),
    Is("name", fields::get_vm_response::NAME),
    Is("image", fields::get_vm_response::IMAGE_REF),
    Is("publicIp", fields::get_vm_response::PUBLIC_IP),
    Is("status", fields::get_vm_response::STATUS),
    Maybe("bootTimeMs", fields::get_vm_response::BOOT_TIME_MS),
    Maybe("restartPolicy", fields::get_vm_response::RESTART_POLICY),
    Is("diskBytes", fields::get_vm_response::DISK_BYTES),
    Is("autoSuspendTimeoutSecs", fields::get_vm_response::AUTO_SUSPEND_TIMEOUT_SECS),
];

/// What a box is made with, as `config.ts` hands it over.
const CONFIG: &[Part] = &[
    Is("vcpu", fields::vm_config::VCPU),
    Is("memory", fields::vm_config::MEMORY_BYTES),
    Is("disk", fields::vm_config::DISK_BYTES),
    Record(
        "idle",
        fields::vm_config::SRF,
        &[
            Is("suspend", fields::srf_config::AUTO_SUSPEND_TIMEOUT_SECS),
            Is("destroy", fields::srf_config::AUTO_DESTROY_TIMEOUT_SECS),
        ],
    ),
    Record(
        "network",
        fields::vm_config::NETWORK,
        &[
            Is("ssh", fields::network_config::SSH),
            Record(
                "proxies",
                fields::network_config::PROXIES,
                &[Is("name", fields::proxy_entry::NAME), Is("port", fields::proxy_entry::PORT)],
            ),
        ],
    ),
    Record(
        "volumes",
        fields::vm_config::VOLUMES,
        &[
            Is("diskId", fields::volume_mount::DISK_ID),
            Is("mountPath", fields::volume_mount::MOUNT_PATH),
            Is("readOnly", fields::volume_mount::READ_ONLY),
        ],
    ),
];

const OPERATIONS: &[Operation] = &[
    Operation {
        name: "whoami",
        doing: "whoami",
        rpc: methods::WHOAMI.rpc(),
        request: &[],
        answer: &[
            Is("userId", fields::whoami_response::USER_ID),
            Is("displayName", fields::whoami_response::DISPLAY_NAME),
            Is("fingerprints", fields::whoami_response::PUBKEY_FINGERPRINTS),
            Is("defaultNetworkId", fields::whoami_response::DEFAULT_NETWORK_ID),
        ],
    },
    Operation {
        name: "config",
        doing: "config",
        rpc: methods::GET_CONFIG.rpc(),
        request: &[],
        answer: &[
            Is("defaultImage", fields::get_config_response::DEFAULT_IMAGE),
            Is("zone", fields::get_config_response::ZONE),
        ],
    },
    Operation {
        name: "list",
        doing: "list boxes",
        rpc: methods::LIST_VMS.rpc(),
        request: &[],
        answer: &[Record("boxes", fields::list_vms_response::VMS, BOX)],
    },
    Operation {
        name: "refresh",
        doing: "refresh box",
        rpc: methods::GET_VM.rpc(),
        request: &[Is("id", fields::get_vm_request::VM_ID)],
        answer: BOX,
    },
    Operation {
        name: "start",
        doing: "start box",
        rpc: methods::START_VM.rpc(),
        request: &[Is("id", fields::start_vm_request::VM_ID)],
        answer: &[Fixed("status", "running")],
    },
    Operation {
        name: "stop",
        doing: "stop box",
        rpc: methods::STOP_VM.rpc(),
        request: &[Is("id", fields::stop_vm_request::VM_ID)],
        answer: &[Fixed("status", "stopped")],
    },
    Operation {
        name: "reboot",
        doing: "reboot box",
        rpc: methods::REBOOT_VM.rpc(),
        request: &[Is("id", fields::reboot_vm_request::VM_ID)],
        answer: &[Fixed("status", "running")],
    },
    Operation {
        name: "suspend",
        doing: "suspend box",
        rpc: methods::SUSPEND_VM.rpc(),
        request: &[Is("id", fields::suspend_vm_request::VM_ID)],
        answer: &[Fixed("status", "suspended"), Is("micros", fields::suspend_vm_response::SUSPEND_US)],
    },
    Operation {
        name: "resume",
        doing: "resume box",
        rpc: methods::RESUME_VM.rpc(),
        request: &[Is("id", fields::resume_vm_request::VM_ID)],
        answer: &[Fixed("status", "running"), Is("micros", fields::resume_vm_response::RESUME_US)],
    },
    Operation {
        name: "destroy",
        doing: "destroy box",
        rpc: methods::DESTROY_VM.rpc(),
        request: &[Is("id", fields::destroy_vm_request::VM_ID)],
        answer: &[Fixed("status", "destroyed")],
    },
    Operation {
        name: "create",
        doing: "create box",
        rpc: methods::CREATE_VM.rpc(),
        request: &[
            Is("name", fields::create_vm_request::NAME),
            Is("image", fields::create_vm_request::IMAGE_REF),
            Record(
                "env",
                fields::create_vm_request::ENV,
                &[Is("key", fields::env_var::KEY), Is("value", fields::env_var::VALUE)],
            ),
            Is("cmd", fields::create_vm_request::CMD),
            Is("restartPolicy", fields::create_vm_request::RESTART_POLICY),
            Record("config", fields::create_vm_request::CONFIG, CONFIG),
        ],
        answer: &[
            Is("id", fields::create_vm_response::VM_ID),
            Is("name", fields::create_vm_response::NAME),
            Is("image", fields::create_vm_response::IMAGE),
            Is("publicIp", fields::create_vm_response::PUBLIC_IP),
            Is("status", fields::create_vm_response::STATUS),
            Maybe("url", fields::create_vm_response::URL),
            Maybe("bootTimeMs", fields::create_vm_response::BOOT_TIME_MS),
        ],
    },
    Operation {
        name: "fork",
        doing: "fork box",
        rpc: methods::FORK_VM.rpc(),
        request: &[
            Is("id", fields::fork_vm_request::SOURCE_VM_ID),
            Is("forkName", fields::fork_vm_request::NAME),
            Record("config", fields::fork_vm_request::CONFIG, CONFIG),
        ],
        answer: &[
            Is("id", fields::fork_vm_response::VM_ID),
            Is("name", fields::fork_vm_response::NAME),
            Is("image", fields::fork_vm_response::IMAGE),
            Is("publicIp", fields::fork_vm_response::PUBLIC_IP),
            Is("status", fields::fork_vm_response::STATUS),
            Maybe("url", fields::fork_vm_response::URL),
            Maybe("bootTimeMs", fields::fork_vm_response::BOOT_TIME_MS),
            Maybe("forkedFrom", fields::fork_vm_response::FORKED_FROM),
        ],
    },
];

/// All of them.
static ROWS: [u8; length(TABLES)] = packed(TABLES);
const TABLES: &[&[Operation]] = &[OPERATIONS, boxes::ROWS, resources::ROWS];

/// Does what the operation of this name does, to a record in JSON.
pub(crate) fn start(compute: &boxd::Compute, name: &str, options: &Options) -> Work {
    let Some(row) = find(&ROWS, name) else {
        // Nobody but the TypeScript side names one.
        return Box::pin(ready(Err(invalid(name, "an operation"))));
    };
    let mut answer = compute.call_encoded(row.rpc, encode(options, row.request));
    let options = options.clone();
    Box::pin(poll_fn(move |cx| {
        answer.as_mut().poll(cx).map(|answer| match answer {
            Ok(message) => told(&message, row.answer),
            Err(error) => Err(failure_doing(&doing(row.doing, &options), &error)),
        })
    }))
}

/// What the answer to a call of this name says.
pub(crate) fn answer(name: &str, message: &[u8]) -> Outcome {
    find(&ROWS, name).map_or_else(|| Err(unreadable()), |row| told(message, row.answer))
}

fn told(message: &[u8], entries: Entries) -> Outcome {
    json(message, entries).map(JsValue::from).map_err(|_| unreadable())
}

/// `start box "web" (vm-1f2e3d)`.
fn doing(what: &str, options: &Options) -> String {
    let mut doing = Vec::new();
    for (at, part) in what.split(['{', '}']).enumerate() {
        match options.text(part).filter(|_| at % 2 == 1) {
            Some(text) => push_quoted(&mut doing, text.as_bytes()),
            None => doing.extend_from_slice(part.as_bytes()),
        }
    }
    if let Some(name) = options.text("name") {
        doing.push(b' ');
        push_quoted(&mut doing, name.as_bytes());
    }
    if let Some(id) = options.text("id") {
        doing.extend_from_slice([" (", &id, ")"].concat().as_bytes());
    }
    String::from_utf8(doing).unwrap_or_default()
}
