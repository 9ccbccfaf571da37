//! Rows for what is beside boxes: templates, disks, domains, networks, tokens, API keys.

use boxd::wire::{fields, methods};

use super::CONFIG;
use crate::table::Operation;
use crate::table::Part::{self, Fixed, Is, Maybe, Record};

const DISK: &[Part] = &[
    Is("id", fields::disk_info::DISK_ID),
    Is("name", fields::disk_info::NAME),
    Is("sizeBytes", fields::disk_info::SIZE_BYTES),
    Is("status", fields::disk_info::STATUS),
    Maybe("workerId", fields::disk_info::WORKER_ID),
    Record(
        "attachments",
        fields::disk_info::ATTACHMENTS,
        &[
            Is("boxId", fields::disk_attachment::VM_ID),
            Is("boxName", fields::disk_attachment::VM_NAME),
            Is("mountPath", fields::disk_attachment::MOUNT_PATH),
            Is("mode", fields::disk_attachment::MOUNT_MODE),
        ],
    ),
    Maybe("createdAtMs", fields::disk_info::CREATED_AT),
];

pub(super) const ROWS: &[Operation] = &[
    Operation {
        name: "createTemplate",
        doing: "create template",
        rpc: methods::CREATE_TEMPLATE.rpc(),
        request: &[
            Is("name", fields::create_template_request::NAME),
            Is("image", fields::create_template_request::IMAGE_REF),
            Record("config", fields::create_template_request::CONFIG, CONFIG),
        ],
        answer: &[
            Is("id", fields::create_template_response::TEMPLATE_ID),
            Is("name", fields::create_template_response::NAME),
            Is("status", fields::create_template_response::STATUS),
        ],
    },
    Operation {
        name: "templates",
        doing: "list templates",
        rpc: methods::LIST_TEMPLATES.rpc(),
        request: &[],
        answer: &[Record(
            "all",
            fields::list_templates_response::TEMPLATES,
            &[
                Is("id", fields::template_info::TEMPLATE_ID),
                Is("name", fields::template_info::NAME),
                Is("image", fields::template_info::IMAGE_REF),
                Is("status", fields::template_info::STATUS),
                Is("vcpu", fields::template_info::VCPU),
                Is("memoryBytes", fields::template_info::MEMORY_BYTES),
            ],
        )],
    },
    Operation {
        name: "deleteTemplate",
        doing: "delete template",
        rpc: methods::DELETE_TEMPLATE.rpc(),
        request: &[Is("id", fields::delete_template_request::TEMPLATE_ID)],
        answer: &[],
    },
    Operation {
        name: "createFromTemplate",
        doing: "create from template {template} box",
        rpc: methods::CREATE_VM_FROM_TEMPLATE.rpc(),
        request: &[
            Is("template", fields::create_vm_from_template_request::TEMPLATE_ID),
            Is("name", fields::create_vm_from_template_request::NAME),
            Record("config", fields::create_vm_from_template_request::CONFIG, CONFIG),
        ],
        answer: &[
            Is("id", fields::create_vm_from_template_response::VM_ID),
            Is("name", fields::create_vm_from_template_response::NAME),
            Is("publicIp", fields::create_vm_from_template_response::PUBLIC_IP),
            Is("status", fields::create_vm_from_template_response::STATUS),
            Maybe("url", fields::create_vm_from_template_response::URL),
            Maybe("bootTimeMs", fields::create_vm_from_template_response::BOOT_TIME_MS),
        ],
    },
    Operation {
        name: "createDisk",
        doing: "create disk",
        rpc: methods::CREATE_DISK.rpc(),
        request: &[
            Is("name", fields::create_disk_request::NAME),
            Is("size", fields::create_disk_request::SIZE_BYTES),
        ],
        answer: &[
            Is("id", fields::create_disk_response::DISK_ID),
            Is("name", fields::create_disk_response::NAME),
            Is("sizeBytes", fields::create_disk_response::SIZE_BYTES),
            Is("status", fields::create_disk_response::STATUS),
        ],
    },
    Operation {
        name: "disks",
        doing: "list disks",
        rpc: methods::LIST_DISKS.rpc(),
        request: &[],
        answer: &[Record("all", fields::list_disks_response::DISKS, DISK)],
    },
    Operation {
        name: "attachDisk",
        doing: "attach to box {box} disk",
        rpc: methods::ATTACH_DISK.rpc(),
        request: &[
            Is("id", fields::attach_disk_request::DISK_ID),
            Is("box", fields::attach_disk_request::VM_ID),
            Is("mountPath", fields::attach_disk_request::MOUNT_PATH),
            Is("readOnly", fields::attach_disk_request::READ_ONLY),
        ],
        answer: &[],
    },
    Operation {
        name: "detachDisk",
        doing: "detach from box {box} disk",
        rpc: methods::DETACH_DISK.rpc(),
        request: &[
            Is("id", fields::detach_disk_request::DISK_ID),
            Is("box", fields::detach_disk_request::VM_ID),
        ],
        answer: &[],
    },
    Operation {
        name: "destroyDisk",
        doing: "destroy disk",
        rpc: methods::DESTROY_DISK.rpc(),
        request: &[Is("id", fields::destroy_disk_request::DISK_ID)],
        answer: &[Fixed("status", "destroyed")],
    },
    Operation {
        name: "bindDomain",
        doing: "bind domain",
        rpc: methods::BIND_DOMAIN.rpc(),
        request: &[
            Is("name", fields::bind_domain_request::DOMAIN),
            Is("box", fields::bind_domain_request::VM_ID),
        ],
        answer: &[],
    },
    Operation {
        name: "addDomain",
        doing: "bind domain",
        rpc: methods::ADD_CUSTOM_DOMAIN.rpc(),
        request: &[
            Is("name", fields::add_custom_domain_request::DOMAIN),
            Is("box", fields::add_custom_domain_request::VM_ID),
        ],
        answer: &[],
    },
    Operation {
        name: "domains",
        doing: "list domains",
        rpc: methods::LIST_DOMAINS.rpc(),
        request: &[],
        answer: &[Record(
            "all",
            fields::list_domains_response::DOMAINS,
            &[Is("domain", fields::domain_info::DOMAIN), Is("boxId", fields::domain_info::VM_ID)],
        )],
    },
    Operation {
        name: "customDomains",
        doing: "list domains",
        rpc: methods::LIST_CUSTOM_DOMAINS.rpc(),
        request: &[],
        answer: &[Record(
            "all",
            fields::list_custom_domains_response::DOMAINS,
            &[
                Is("domain", fields::custom_domain_info::DOMAIN),
                Is("boxId", fields::custom_domain_info::VM_ID),
                Is("boxName", fields::custom_domain_info::VM_NAME),
                Is("status", fields::custom_domain_info::STATUS),
                Is("lastError", fields::custom_domain_info::LAST_ERROR),
            ],
        )],
    },
    Operation {
        name: "unbindDomain",
        doing: "unbind domain",
        rpc: methods::UNBIND_DOMAIN.rpc(),
        request: &[Is("name", fields::unbind_domain_request::DOMAIN)],
        answer: &[],
    },
    Operation {
        name: "removeDomain",
        doing: "unbind domain",
        rpc: methods::REMOVE_CUSTOM_DOMAIN.rpc(),
        request: &[Is("name", fields::remove_custom_domain_request::DOMAIN)],
        answer: &[],
    },
    Operation {
        name: "createNetwork",
        doing: "create network",
        rpc: methods::CREATE_NETWORK.rpc(),
        request: &[Is("name", fields::create_network_request::NAME)],
        answer: &[Is("id", fields::create_network_response::NETWORK_ID)],
    },
    Operation {
        name: "networks",
        doing: "list networks",
        rpc: methods::LIST_NETWORKS.rpc(),
        request: &[],
        answer: &[Record(
            "all",
            fields::list_networks_response::NETWORKS,
            &[
                Is("id", fields::network_info::NETWORK_ID),
                Is("subnet", fields::network_info::SUBNET),
                Is("status", fields::network_info::STATUS),
            ],
        )],
    },
    Operation {
        name: "createToken",
        doing: "create token",
        rpc: methods::CREATE_TOKEN.rpc(),
        request: &[Is("expiresInSecs", fields::create_token_request::EXPIRES_IN_SECS)],
        answer: &[
            Is("token", fields::create_token_response::TOKEN),
            Is("expiresAt", fields::create_token_response::EXPIRES_AT),
        ],
    },
    Operation {
        name: "tokens",
        doing: "list tokens",
        rpc: methods::LIST_TOKENS.rpc(),
        request: &[],
        answer: &[Record(
            "all",
            fields::list_tokens_response::TOKENS,
            &[
                Is("jti", fields::token_info::JTI),
                Is("createdAt", fields::token_info::CREATED_AT),
                Is("expiresAt", fields::token_info::EXPIRES_AT),
            ],
        )],
    },
    Operation {
        name: "revokeToken",
        doing: "revoke token",
        rpc: methods::REVOKE_TOKEN.rpc(),
        request: &[Is("id", fields::revoke_token_request::JTI)],
        answer: &[],
    },
    Operation {
        name: "createApiKey",
        doing: "create API key",
        rpc: methods::CREATE_API_KEY.rpc(),
        request: &[
            Is("name", fields::create_api_key_request::NAME),
            Is("expiresInSecs", fields::create_api_key_request::EXPIRES_IN_SECS),
            Is("org", fields::create_api_key_request::ORG),
            Is("kind", fields::create_api_key_request::KIND),
        ],
        answer: &[
            Is("id", fields::create_api_key_response::ID),
            Is("key", fields::create_api_key_response::API_KEY),
            Maybe("expiresAt", fields::create_api_key_response::EXPIRES_AT),
        ],
    },
    Operation {
        name: "apiKeys",
        doing: "list API keys",
        rpc: methods::LIST_API_KEYS.rpc(),
        request: &[],
        answer: &[Record(
            "all",
            fields::list_api_keys_response::KEYS,
            &[
                Is("id", fields::api_key_info::ID),
                Is("name", fields::api_key_info::NAME),
                Is("keyPrefix", fields::api_key_info::KEY_PREFIX),
                Is("createdAt", fields::api_key_info::CREATED_AT),
                Maybe("lastUsedAt", fields::api_key_info::LAST_USED_AT),
                Maybe("expiresAt", fields::api_key_info::EXPIRES_AT),
                Is("org", fields::api_key_info::ORG),
                Is("kind", fields::api_key_info::KIND),
                Is("createdBy", fields::api_key_info::CREATED_BY),
                Is("mine", fields::api_key_info::MINE),
            ],
        )],
    },
    Operation {
        name: "deleteApiKey",
        doing: "delete API key",
        rpc: methods::DELETE_API_KEY.rpc(),
        request: &[Is("id", fields::delete_api_key_request::ID)],
        answer: &[],
    },
];
