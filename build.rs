//! Compiles `proto/` into messages and one typed method descriptor per RPC. No protoc is needed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use prost_build::{Method, Service, ServiceGenerator};
use prost_types::DescriptorProto;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::method_options::IdempotencyLevel;

const PROTO: &str = "boxd/api/v1/api.proto";

/// Messages that carry a secret; `src/wire.rs` writes their `Debug` by hand.
const SECRET: [&str; 7] = [
    "CreateTokenResponse",
    "CreateApiKeyResponse",
    "SetVarRequest",
    "VarItem",
    "OrgInviteInfo",
    "InviteOrgMemberResponse",
    "RevokeOrgInviteRequest",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rustc-check-cfg=cfg(browser)");
    println!("cargo::rustc-check-cfg=cfg(boxd_page)");
    let target = |key: &str| std::env::var(format!("CARGO_CFG_{key}")).unwrap_or_default();
    if target("TARGET_FAMILY").contains("wasm") && target("TARGET_OS") == "unknown" {
        println!("cargo::rustc-cfg=browser");
    }

    let files = protox::Compiler::new(["proto"])?
        .include_imports(true)
        .include_source_info(true)
        .open_file(Path::new(PROTO))?
        .file_descriptor_set();
    let numbers: String = files.file.iter().flat_map(|file| &file.message_type).map(field_numbers).collect();
    std::fs::write(PathBuf::from(std::env::var("OUT_DIR")?).join("fields.rs"), numbers)?;
    let mut config = prost_build::Config::new();
    config
        .bytes(["."])
        .skip_debug(SECRET.map(|name| format!(".boxd.api.v1.{name}")))
        .service_generator(Box::new(MethodDescriptors))
        .compile_fds(files)?;
    Ok(())
}

/// A module of a message's fields: a constant for each, for what reads and writes encoded messages without their structs.
fn field_numbers(message: &DescriptorProto) -> String {
    let mut out = String::new();
    if message.field.is_empty() {
        return out;
    }
    let module = constant(message.name()).to_ascii_lowercase();
    let _ = writeln!(
        out,
        "/// The fields of `{}`.\npub mod {module} {{\nuse super::super::Field;",
        message.name()
    );
    for field in &message.field {
        let kind = match field.r#type() {
            Type::String => "Text",
            Type::Bool => "Flag",
            Type::Uint32 | Type::Uint64 => "Unsigned",
            Type::Int32 | Type::Int64 | Type::Enum => "Signed",
            // In a page: nothing that a table describes has one.
            _ => "Other",
        };
        let (name, number) = (field.name().to_ascii_uppercase(), field.number());
        let list = field.label() == Label::Repeated;
        let _ = writeln!(
            out,
            "pub const {name}: Field = Field::new({number}, super::super::FieldKind::{kind}, {list});"
        );
    }
    out.push_str("}\n");
    out
}

/// Writes a `methods` module: a constant per RPC that holds all that a call needs to know.
struct MethodDescriptors;

impl ServiceGenerator for MethodDescriptors {
    fn generate(&mut self, service: Service, out: &mut String) {
        out.push_str("/// One typed descriptor per RPC.\npub mod methods {\n");
        out.push_str("use crate::transport::{Kind, Method};\n");
        for method in &service.methods {
            descriptor(&service, method, out);
        }
        out.push_str("/// Every path of the service, in the order of the `.proto`.\n");
        let _ = writeln!(out, "pub const PATHS: [&str; {}] = [", service.methods.len());
        for method in &service.methods {
            let _ = writeln!(out, "    {}.path(),", constant(&method.proto_name));
        }
        out.push_str("];\n");
        descriptions(&service, out);
        out.push_str("}\n");
    }
}

fn descriptor(service: &Service, method: &Method, out: &mut String) {
    let kind = match (method.client_streaming, method.server_streaming) {
        (false, false) => "Unary",
        (false, true) => "ServerStream",
        (true, false) => "ClientStream",
        (true, true) => "Duplex",
    };
    // Only what changes nothing may be sent twice without asking.
    let repeatable = method.options.idempotency_level.is_some()
        && method.options.idempotency_level() == IdempotencyLevel::NoSideEffects;
    for line in &method.comments.leading {
        let _ = writeln!(out, "///{line}");
    }
    let _ = writeln!(
        out,
        "pub const {name}: Method<super::{input}, super::{output}> = \
         Method::new(\"/{package}.{service}/{rpc}\", Kind::{kind}, {repeatable});",
        name = constant(&method.proto_name),
        input = method.input_type,
        output = method.output_type,
        package = service.package,
        service = service.proto_name,
        rpc = method.proto_name,
    );
}

/// Writes a function that shows a request to people.
fn descriptions(service: &Service, out: &mut String) {
    out.push_str("/// A request to the RPC of this path as text; `None` where it cannot be read.\n");
    out.push_str("#[cfg(feature = \"mock\")]\n");
    out.push_str("pub(crate) fn describe(path: &str, request: &[u8]) -> Option<String> {\n");
    out.push_str("    match path {\n");
    for method in &service.methods {
        let _ = writeln!(
            out,
            "        \"/{}.{}/{}\" => crate::mock::text::<super::{}>(request),",
            service.package, service.proto_name, method.proto_name, method.input_type,
        );
    }
    out.push_str("        _ => None,\n    }\n}\n");
}

/// `CreateVmFromTemplate` -> `CREATE_VM_FROM_TEMPLATE`.
fn constant(name: &str) -> String {
    let mut out = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    out
}
