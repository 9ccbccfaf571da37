//! Rows for what is done to a box and in it: its name and timers, folders, proxies, ports.

use boxd::wire::{fields, methods};

use crate::table::Operation;
use crate::table::Part::{self, Fixed, Is, Maybe, Record};

const FORWARD: &[Part] = &[
    Is("boxName", fields::expose_port_response::VM_NAME),
    Is("boxId", fields::expose_port_response::VM_ID),
    Is("dns", fields::expose_port_response::DNS),
    Is("publicPort", fields::expose_port_response::PUBLIC_PORT),
    Is("port", fields::expose_port_response::VM_PORT),
    Is("protocol", fields::expose_port_response::PROTOCOL),
];

pub(super) const ROWS: &[Operation] = &[
    Operation {
        name: "hibernate",
        doing: "hibernate box",
        rpc: methods::HIBERNATE_VM.rpc(),
        request: &[Is("id", fields::hibernate_vm_request::VM_ID)],
        answer: &[Fixed("status", "hibernated")],
    },
    Operation {
        name: "wake",
        doing: "wake box",
        rpc: methods::WAKE_VM.rpc(),
        request: &[Is("id", fields::wake_vm_request::VM_ID)],
        answer: &[Fixed("status", "running")],
    },
    Operation {
        name: "rename",
        doing: "rename to {newName} box",
        rpc: methods::RENAME_VM.rpc(),
        request: &[
            Is("id", fields::rename_vm_request::VM_ID),
            Is("newName", fields::rename_vm_request::NEW_NAME),
        ],
        answer: &[Is("name", fields::rename_vm_response::NAME)],
    },
    Operation {
        name: "setAutoSuspendTimeout",
        doing: "set the auto-suspend timeout of box",
        rpc: methods::SET_AUTO_SUSPEND_TIMEOUT.rpc(),
        request: &[
            Is("id", fields::set_auto_suspend_timeout_request::VM_ID),
            Is("secs", fields::set_auto_suspend_timeout_request::TIMEOUT_SECS),
        ],
        answer: &[],
    },
    Operation {
        name: "listDir",
        doing: "list folder {path} in box",
        rpc: methods::LIST_DIR.rpc(),
        request: &[Is("id", fields::list_dir_request::VM_ID), Is("path", fields::list_dir_request::PATH)],
        answer: &[
            Record(
                "entries",
                fields::list_dir_response::ENTRIES,
                &[
                    Is("name", fields::dir_entry::NAME),
                    Is("isDir", fields::dir_entry::IS_DIR),
                    Is("sizeBytes", fields::dir_entry::SIZE_BYTES),
                    Is("permissions", fields::dir_entry::PERMISSIONS),
                    Is("modifiedAt", fields::dir_entry::MODIFIED_AT),
                    Maybe("addedAt", fields::dir_entry::ADDED_AT),
                ],
            ),
            Is("truncated", fields::list_dir_response::TRUNCATED),
        ],
    },
    Operation {
        name: "mkdir",
        doing: "make folder {path} in box",
        rpc: methods::MKDIR.rpc(),
        request: &[Is("id", fields::mkdir_request::VM_ID), Is("path", fields::mkdir_request::PATH)],
        answer: &[],
    },
    Operation {
        name: "renamePath",
        doing: "rename {from} to {to} in box",
        rpc: methods::RENAME_PATH.rpc(),
        request: &[
            Is("id", fields::rename_path_request::VM_ID),
            Is("from", fields::rename_path_request::OLD_PATH),
            Is("to", fields::rename_path_request::NEW_PATH),
        ],
        answer: &[],
    },
    Operation {
        name: "copyPath",
        doing: "copy {from} to {to} in box",
        rpc: methods::COPY_PATH.rpc(),
        request: &[
            Is("id", fields::copy_path_request::VM_ID),
            Is("from", fields::copy_path_request::OLD_PATH),
            Is("to", fields::copy_path_request::NEW_PATH),
        ],
        answer: &[],
    },
    Operation {
        name: "removePath",
        doing: "delete {path} in box",
        rpc: methods::DELETE_PATH.rpc(),
        request: &[
            Is("id", fields::delete_path_request::VM_ID),
            Is("path", fields::delete_path_request::PATH),
        ],
        answer: &[],
    },
    // Proxies know boxes by name.
    Operation {
        name: "proxies",
        doing: "list the proxies of box",
        rpc: methods::LIST_PROXIES.rpc(),
        request: &[
            Is("name", fields::list_proxies_request::VM_NAME),
            Is("name", fields::list_proxies_request::VM),
        ],
        answer: &[Record(
            "all",
            fields::list_proxies_response::PROXIES,
            &[
                Is("name", fields::proxy_info::NAME),
                Is("boxName", fields::proxy_info::VM_NAME),
                Is("domain", fields::proxy_info::DOMAIN),
                Is("port", fields::proxy_info::PORT),
                Is("isDefault", fields::proxy_info::IS_DEFAULT),
                Maybe("portDisplay", fields::proxy_info::PORT_DISPLAY),
                Maybe("boxId", fields::proxy_info::VM_ID),
                Maybe("portMode", fields::proxy_info::PORT_MODE),
                Maybe("effectivePort", fields::proxy_info::EFFECTIVE_PORT),
            ],
        )],
    },
    Operation {
        name: "createProxy",
        doing: "create proxy {proxy} of box",
        rpc: methods::CREATE_PROXY.rpc(),
        request: &[
            Is("proxy", fields::create_proxy_request::NAME),
            Is("name", fields::create_proxy_request::VM_NAME),
            Is("name", fields::create_proxy_request::VM),
            Is("port", fields::create_proxy_request::PORT),
        ],
        answer: &[
            Is("name", fields::create_proxy_response::NAME),
            Is("boxName", fields::create_proxy_response::VM_NAME),
            Is("domain", fields::create_proxy_response::DOMAIN),
            Is("port", fields::create_proxy_response::PORT),
        ],
    },
    Operation {
        name: "setProxyPort",
        doing: "set the port of proxy {proxy} of box",
        rpc: methods::SET_PROXY_PORT.rpc(),
        request: &[
            Is("proxy", fields::set_proxy_port_request::NAME),
            Is("name", fields::set_proxy_port_request::VM_NAME),
            Is("name", fields::set_proxy_port_request::VM),
            Is("port", fields::set_proxy_port_request::PORT),
        ],
        answer: &[],
    },
    Operation {
        name: "deleteProxy",
        doing: "delete proxy {proxy} of box",
        rpc: methods::DELETE_PROXY.rpc(),
        request: &[
            Is("proxy", fields::delete_proxy_request::NAME),
            Is("name", fields::delete_proxy_request::VM_NAME),
            Is("name", fields::delete_proxy_request::VM),
        ],
        answer: &[],
    },
    Operation {
        name: "ports",
        doing: "list the ports of box",
        rpc: methods::LIST_EXPOSED_PORTS.rpc(),
        request: &[Is("id", fields::list_exposed_ports_request::VM)],
        answer: &[Record("all", fields::list_exposed_ports_response::FORWARDS, FORWARD)],
    },
    Operation {
        name: "exposePort",
        doing: "expose a port of box",
        rpc: methods::EXPOSE_PORT.rpc(),
        request: &[
            Is("id", fields::expose_port_request::VM_ID),
            Is("id", fields::expose_port_request::VM),
            Is("port", fields::expose_port_request::VM_PORT),
            Is("protocol", fields::expose_port_request::PROTOCOL),
        ],
        answer: FORWARD,
    },
    Operation {
        name: "unexposePort",
        doing: "unexpose a port of box",
        rpc: methods::UNEXPOSE_PORT.rpc(),
        request: &[
            Is("id", fields::unexpose_port_request::VM_ID),
            Is("id", fields::unexpose_port_request::VM),
            Is("port", fields::unexpose_port_request::VM_PORT),
        ],
        answer: &[Record("forward", fields::unexpose_port_response::FORWARD, FORWARD)],
    },
];
