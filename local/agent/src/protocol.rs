//! The messages. A connection carries one [`Request`] and then what that request says.

use crate::wire::{wire_enum, wire_struct};

wire_enum! {
    /// What the host asks for.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Request {
        /// The first request of all, with the console's file: how to run. Answered by [`Reply::Done`].
        0 => Boot {
            /// Environment of the main process and of every command.
            env: Vec<(String, String)>,
            /// The main process; empty for none.
            cmd: Vec<String>,
            /// When it is started again.
            restart: Restart,
        },
        /// Run a command. Answered by [`Reply::Started`], with the descriptors of its standard input, output and
        /// error, or of its terminal alone; then by [`Reply::Exited`]. Hanging up before ends the command.
        1 => Exec {
            /// For the box's shell; empty for a login shell.
            command: String,
            /// The terminal to open for it.
            tty: Option<WindowSize>,
        },
        /// Open a file for writing, to appear at `path` by [`Request::Commit`] on the same connection. Answered by
        /// [`Reply::Opened`] with the file. Hanging up before leaves nothing behind.
        2 => Create {
            /// Where the file shall be; its parents are made.
            path: String,
        },
        /// Put the created file in its place, if it has this size. Answered by [`Reply::Done`].
        3 => Commit {
            /// Bytes.
            size: u64,
        },
        /// Open a regular file for reading. Answered by [`Reply::Opened`] with the file.
        4 => Open {
            /// The file.
            path: String,
        },
        /// List a directory. Answered by as many [`Reply::Entries`] as it takes.
        5 => List {
            /// The directory.
            path: String,
        },
        /// Make a directory and its parents. Answered by [`Reply::Done`].
        6 => MakeDir {
            /// The directory.
            path: String,
        },
        /// Rename, replacing nothing. Answered by [`Reply::Done`].
        7 => Rename {
            /// What.
            from: String,
            /// Its new path.
            to: String,
        },
        /// Copy a file or a tree, replacing nothing. Answered by [`Reply::Done`].
        8 => Copy {
            /// What.
            from: String,
            /// The copy's path.
            to: String,
        },
        /// Delete a file or a tree. Answered by [`Reply::Done`].
        9 => Delete {
            /// What.
            path: String,
        },
        /// Connect to a port of the box's loopback. Answered by [`Reply::Done`] with the connection.
        10 => Dial {
            /// The TCP port.
            port: u16,
        },
        /// End every process, then the agent itself and with it the box. There is no answer but the end.
        11 => Shutdown {
            /// Milliseconds between asking the processes to end and ending them.
            grace_ms: u64,
        },
        /// Open a socket for datagrams to a port of the box's loopback. Answered by [`Reply::Done`] with the socket.
        12 => DialUdp {
            /// The UDP port.
            port: u16,
        },
    }
}

wire_enum! {
    /// What the agent answers.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Reply {
        /// It is done.
        0 => Done,
        /// It did not work.
        1 => Failed {
            /// The system's error number.
            errno: i32,
            /// The path or thing that it was about.
            what: String,
        },
        /// The command runs.
        2 => Started,
        /// The command's leader ended.
        3 => Exited {
            /// 0 to 255; 128 + n by signal n.
            code: i32,
        },
        /// The file is open.
        4 => Opened {
            /// Its size in bytes.
            size: u64,
        },
        /// A part of a directory's entries.
        5 => Entries {
            /// By name.
            entries: Vec<Entry>,
            /// Whether further parts follow.
            more: bool,
            /// Whether the directory has more entries than are told.
            truncated: bool,
        },
    }
}

wire_enum! {
    /// When the main process is started again.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Restart {
        /// Always.
        0 => Always,
        /// After a non-zero exit or a signal.
        1 => OnFailure,
        /// Never.
        2 => Never,
    }
}

wire_struct! {
    /// The size of a terminal.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct WindowSize {
        /// Columns.
        pub cols: u16,
        /// Rows.
        pub rows: u16,
    }
}

wire_struct! {
    /// One entry of a directory. Times are seconds and nanoseconds since the epoch.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Entry {
        /// Its name, without the directory.
        pub name: String,
        /// A directory, or a link to one.
        pub is_dir: bool,
        /// Bytes.
        pub size: u64,
        /// Type and permission bits, as `stat` has them.
        pub mode: u32,
        /// Last change of content.
        pub modified: (i64, u32),
        /// Birth, or last change of status where the file system keeps no birth.
        pub added: (i64, u32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Malformed, Wire, decode};

    fn bytes(value: &impl Wire) -> Vec<u8> {
        let mut out = Vec::new();
        value.put(&mut out);
        out
    }

    fn entry() -> Entry {
        Entry {
            name: "ünïcode".into(),
            is_dir: true,
            size: u64::MAX,
            mode: 0o041_755,
            modified: (-1, 999_999_999),
            added: (i64::MAX, 0),
        }
    }

    #[test]
    fn every_message_survives_the_wire_and_no_part_of_it_passes_for_a_whole() {
        let requests = [
            Request::Boot {
                env: vec![("A".into(), "1".into()), (String::new(), "x=y".into())],
                cmd: vec!["sleep".into(), "1".into()],
                restart: Restart::OnFailure,
            },
            Request::Exec { command: "echo hi".into(), tty: Some(WindowSize { cols: 80, rows: 24 }) },
            Request::Exec { command: String::new(), tty: None },
            Request::Create { path: "a".into() },
            Request::Commit { size: 7 },
            Request::Open { path: "a".into() },
            Request::List { path: "a".into() },
            Request::MakeDir { path: "a".into() },
            Request::Rename { from: "a".into(), to: "b".into() },
            Request::Copy { from: "a".into(), to: "b".into() },
            Request::Delete { path: "a".into() },
            Request::Dial { port: 65535 },
            Request::Shutdown { grace_ms: 1 << 40 },
            Request::DialUdp { port: 1 },
        ];
        for request in requests {
            let whole = bytes(&request);
            assert_eq!(decode::<Request>(&whole), Ok(request));
            for cut in 0..whole.len() {
                assert_eq!(decode::<Request>(&whole[..cut]), Err(Malformed));
            }
        }
        let replies = [
            Reply::Done,
            Reply::Failed { errno: 2, what: "/x".into() },
            Reply::Started,
            Reply::Exited { code: 255 },
            Reply::Opened { size: 3 },
            Reply::Entries { entries: vec![entry(), entry()], more: true, truncated: false },
        ];
        for reply in replies {
            let mut whole = bytes(&reply);
            assert_eq!(decode::<Reply>(&whole), Ok(reply));
            whole.push(0);
            assert_eq!(decode::<Reply>(&whole), Err(Malformed));
        }
    }

    #[test]
    fn a_length_that_lies_is_refused() {
        assert_eq!(decode::<Vec<u64>>(&u32::MAX.to_le_bytes()), Err(Malformed));
        assert_eq!(decode::<String>(&[1, 0, 0, 0, 0xff]), Err(Malformed));
        assert_eq!(decode::<bool>(&[2]), Err(Malformed));
    }
}
