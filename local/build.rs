//! What `boxd-local` is built from besides its source: the wire.

#[path = "build/wire.rs"]
mod wire;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    wire::compile()
}
