//! Compiles `proto/` into messages and one typed method descriptor per RPC. No protoc is needed.

use std::fmt::Write as _;
use std::path::Path;

use prost_build::{Method, Service, ServiceGenerator};
use prost_types::method_options::IdempotencyLevel;

const PROTO: &str = "boxd/api/v1/api.proto";

/// Messages that carry a secret; `src/wire.rs` writes their `Debug` by hand.
const SECRET: [&str; 5] =
    ["CreateTokenResponse", "CreateApiKeyResponse", "SetVarRequest", "VarItem", "OrgInviteInfo"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rustc-check-cfg=cfg(browser)");
    let target = |key: &str| std::env::var(format!("CARGO_CFG_{key}")).unwrap_or_default();
    if target("TARGET_FAMILY").contains("wasm") && target("TARGET_OS") == "unknown" {
        println!("cargo::rustc-cfg=browser");
    }

    let files = protox::Compiler::new(["proto"])?
        .include_imports(true)
        .include_source_info(true)
        .open_file(Path::new(PROTO))?
        .file_descriptor_set();
    let mut config = prost_build::Config::new();
    config
        .bytes(["."])
        .skip_debug(SECRET.map(|name| format!(".boxd.api.v1.{name}")))
        .service_generator(Box::new(MethodDescriptors))
        .compile_fds(files)?;
    Ok(())
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
        out.push_str("];\n}\n");
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
