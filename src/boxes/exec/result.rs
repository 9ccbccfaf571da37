//! What a command that ran to its end wrote, within a bound.

use std::borrow::Cow;
use std::collections::VecDeque;

use bytes::{Buf, Bytes};

/// How a command ended and what it wrote.
///
/// A command that fails is a result, not an error: look at [`success`](ExecResult::success).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecResult {
    /// The exit code, 0 to 255; 128 and the signal's number for a command that a signal ended.
    pub exit_code: i32,
    /// What it wrote to standard output, byte for byte.
    pub stdout: Bytes,
    /// What it wrote to standard error. Empty with a terminal, and from servers older than the 0.1.9 clients.
    pub stderr: Bytes,
    /// What of standard output was over the limit and is missing.
    pub stdout_cut: Option<Cut>,
    /// What of standard error was over the limit and is missing.
    pub stderr_cut: Option<Cut>,
}

impl ExecResult {
    /// Whether the exit code is 0.
    pub fn success(&self) -> bool {
        self.exit_code == 0
    }

    /// Standard output as text; what is not UTF-8 shows as `�`.
    pub fn stdout_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text; what is not UTF-8 shows as `�`.
    pub fn stderr_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }
}

/// What a command had written when its call failed. See [`Error::output`](crate::Error::output).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialOutput {
    /// Standard output so far.
    pub stdout: Bytes,
    /// Standard error so far.
    pub stderr: Bytes,
    /// What of standard output was over the limit and is missing.
    pub stdout_cut: Option<Cut>,
    /// What of standard error was over the limit and is missing.
    pub stderr_cut: Option<Cut>,
}

impl PartialOutput {
    /// Standard output as text; what is not UTF-8 shows as `�`.
    pub fn stdout_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text; what is not UTF-8 shows as `�`.
    pub fn stderr_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }
}

/// A gap in collected output.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Where in the collected bytes the gap is.
    pub at: usize,
    /// How many bytes are missing there.
    pub bytes: u64,
}

/// Both streams of a command while they are collected.
pub(crate) struct Captured {
    stdout: Capture,
    stderr: Capture,
}

impl Captured {
    pub(crate) fn new(limit: usize) -> Self {
        Self { stdout: Capture::new(limit), stderr: Capture::new(limit) }
    }

    pub(crate) fn push(&mut self, is_stderr: bool, data: Bytes) {
        if is_stderr { &mut self.stderr } else { &mut self.stdout }.push(data);
    }

    pub(crate) fn into_result(self, exit_code: i32) -> ExecResult {
        let PartialOutput { stdout, stderr, stdout_cut, stderr_cut } = self.into_partial();
        ExecResult { exit_code, stdout, stderr, stdout_cut, stderr_cut }
    }

    pub(crate) fn into_partial(self) -> PartialOutput {
        let (stdout, stdout_cut) = self.stdout.finish();
        let (stderr, stderr_cut) = self.stderr.finish();
        PartialOutput { stdout, stderr, stdout_cut, stderr_cut }
    }
}

/// Keeps the beginning and the end of a stream.
struct Capture {
    head: Vec<u8>,
    head_room: usize,
    tail: VecDeque<Bytes>,
    tail_length: usize,
    tail_room: usize,
    cut: u64,
}

impl Capture {
    fn new(limit: usize) -> Self {
        let tail_room = limit / 2;
        Self {
            head: Vec::new(),
            head_room: limit - tail_room,
            tail: VecDeque::new(),
            tail_length: 0,
            tail_room,
            cut: 0,
        }
    }

    fn push(&mut self, mut data: Bytes) {
        let take = data.len().min(self.head_room);
        self.head.extend_from_slice(&data[..take]);
        self.head_room -= take;
        data.advance(take);
        if data.is_empty() {
            return;
        }
        self.tail_length += data.len();
        self.tail.push_back(data);
        while let Some(first) = self.tail.front_mut() {
            let over = (self.tail_length - self.tail_room.min(self.tail_length)).min(first.len());
            if over == 0 {
                break;
            }
            first.advance(over);
            self.tail_length -= over;
            self.cut += over as u64;
            if first.is_empty() {
                self.tail.pop_front();
            }
        }
    }

    fn finish(mut self) -> (Bytes, Option<Cut>) {
        let cut = (self.cut > 0).then_some(Cut { at: self.head.len(), bytes: self.cut });
        self.head.reserve_exact(self.tail_length);
        for piece in self.tail {
            self.head.extend_from_slice(&piece);
        }
        (self.head.into(), cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(limit: usize, pieces: &[&'static str]) -> (Bytes, Option<Cut>) {
        let mut capture = Capture::new(limit);
        for piece in pieces {
            capture.push(Bytes::from_static(piece.as_bytes()));
        }
        capture.finish()
    }

    #[test]
    fn output_within_the_limit_is_whole() {
        assert_eq!(collect(10, &["abc", "def", "ghij"]), ("abcdefghij".into(), None));
        assert_eq!(collect(10, &[]), ("".into(), None));
    }

    #[test]
    fn output_over_the_limit_keeps_both_ends_and_counts_the_gap() {
        for pieces in
            [&["0123456789abcdef"][..], &["0", "123456", "789abcde", "f"], &["01234", "56789abcde", "f"]]
        {
            assert_eq!(collect(6, pieces), ("012def".into(), Some(Cut { at: 3, bytes: 10 })), "{pieces:?}");
        }
        assert_eq!(collect(0, &["abc"]), ("".into(), Some(Cut { at: 0, bytes: 3 })));
        assert_eq!(collect(1, &["abc"]), ("a".into(), Some(Cut { at: 1, bytes: 2 })));
    }

    #[test]
    fn characters_cut_over_chunks_are_whole_again() {
        let mut captured = Captured::new(100);
        for byte in "é€🦀".bytes() {
            captured.push(false, Bytes::copy_from_slice(&[byte]));
        }
        assert_eq!(captured.into_result(0).stdout_text(), "é€🦀");
    }
}
