//! What `boxd-local` is built from besides its source: the wire, and the program inside the boxes.

#[path = "build/agent.rs"]
mod agent;
#[path = "build/wire.rs"]
mod wire;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    wire::compile()?;
    agent::build()
}
