//! What a host and the agent inside a box say to each other, and the small tools both sides need.
//!
//! Host and agent speak over a Unix socket that keeps message boundaries, one connection per operation. The agent
//! moves no payload: it opens pipes, terminals, files and sockets inside the box and hands the descriptors over, so
//! bytes flow between the host and the box's processes with nobody in between, and a slow reader is felt by
//! the writer through the kernel's own buffers.

pub mod channel;
pub mod process;
pub mod protocol;
pub mod tree;
pub mod wire;

/// Where a box sees the agent's program.
pub const AGENT_PATH: &str = "/run/boxd/agent";

/// Where commands start and relative paths begin.
pub const HOME: &str = "/home/boxd";

/// The first argument that makes the agent's program, on the host, become the program in its arguments after the next
/// one, with no open descriptors but the standard ones. The second argument is the `cgroup.procs` file of a control
/// group to join on the way, or empty.
pub const OUTSIDE: &str = "outside";

/// The first argument that makes the agent's program, on the host, mount its working directory into a box. Standard
/// input is the user namespace that the box's mounts belong to, if the third argument is `own`; standard output is the
/// box's mount namespace. The second argument is where in the box, the fourth `ro` or `rw`. The exit code is the
/// system's error number.
pub const MOUNT: &str = "mount";

/// The first argument that undoes [`MOUNT`], with the same arguments but the last.
pub const UNMOUNT: &str = "unmount";
