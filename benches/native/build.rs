//! tonic's own client and a server, generated from the wire as any user would.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=../../proto");
    let files = protox::compile(["boxd/api/v1/api.proto"], ["../../proto"])?;
    let stubs = tonic_prost_build::configure().generate_default_stubs(true);
    stubs.compile_fds(files)?;
    Ok(())
}
