//! Compiles `proto/` into the messages, the server trait and, for the tests, a raw client. No protoc is needed.

use std::error::Error;
use std::path::{Path, PathBuf};

use prost_build::{Service, ServiceGenerator};

const PROTO: &str = "boxd/api/v1/api.proto";

/// Messages that carry a secret, or a message that does: no `Debug`, so that none can reach a log.
const SECRET: [&str; 7] = [
    "CreateTokenResponse",
    "CreateApiKeyResponse",
    "SetVarRequest",
    "VarItem",
    "VarListReply",
    "OrgInviteInfo",
    "GetOrgMembersResponse",
];

pub(crate) fn compile() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto/{PROTO}");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let server =
        tonic_prost_build::configure().build_client(false).generate_default_stubs(true).service_generator();
    generate(&out.join("server"), Box::new(NamedStubs(server)))?;
    let client = tonic_prost_build::configure().build_server(false).service_generator();
    generate(&out.join("client"), client)
}

fn generate(out: &Path, services: Box<dyn ServiceGenerator>) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(out)?;
    let files = protox::Compiler::new(["proto"])?
        .include_imports(true)
        .include_source_info(true)
        .open_file(Path::new(PROTO))?
        .file_descriptor_set();
    prost_build::Config::new()
        .out_dir(out)
        .bytes(["."])
        .skip_debug(SECRET.map(|name| format!(".boxd.api.v1.{name}")))
        .service_generator(services)
        .compile_fds(files)?;
    Ok(())
}

/// tonic's default methods all answer "Not yet implemented"; a caller wants to know which RPC it was.
struct NamedStubs(Box<dyn ServiceGenerator>);

impl ServiceGenerator for NamedStubs {
    fn generate(&mut self, service: Service, out: &mut String) {
        let names: Vec<String> = service.methods.iter().map(|method| method.proto_name.clone()).collect();
        let mut code = String::new();
        self.0.generate(service, &mut code);
        let parts: Vec<&str> = code.split("\"Not yet implemented\"").collect();
        assert_eq!(parts.len(), names.len() + 1, "one default method per RPC, in the order of the proto");
        for (part, name) in parts.iter().zip(&names) {
            out.extend([part, "\"boxd-local does not have ", name, "\""]);
        }
        out.extend(parts.last().copied());
        let rpcs =
            format!("/// The names of all RPCs.\npub const RPCS: [&str; {}] = {names:?};\n", names.len());
        out.push_str(&rpcs);
    }
}
