//! The few records that cross, as JSON text.

/// An object that is being written.
///
/// Bytes: checking each piece for what a string may hold would take a list longer than all else.
pub(crate) struct Json(Vec<u8>);

impl Json {
    pub(crate) fn object() -> Self {
        Self(vec![b'{'])
    }

    pub(crate) fn text(&mut self, key: &'static str, value: &str) -> &mut Self {
        self.key(key.as_bytes());
        push_quoted(&mut self.0, value.as_bytes());
        self
    }

    pub(crate) fn number(&mut self, key: &'static str, value: u64) -> &mut Self {
        self.key(key.as_bytes());
        push_number(&mut self.0, value);
        self
    }

    pub(crate) fn flag(&mut self, key: &'static str, value: bool) -> &mut Self {
        self.raw(key, if value { "true" } else { "false" })
    }

    /// A value that is JSON already.
    pub(crate) fn raw(&mut self, key: &'static str, value: &str) -> &mut Self {
        self.key(key.as_bytes());
        self.0.extend_from_slice(value.as_bytes());
        self
    }

    pub(crate) fn finish(mut self) -> String {
        self.0.push(b'}');
        // All that was put in was text.
        String::from_utf8(self.0).unwrap_or_default()
    }

    fn key(&mut self, key: &[u8]) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        push_quoted(&mut self.0, key);
        self.0.push(b':');
    }
}

pub(crate) fn push_quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    push_string(out, text);
}

/// A string whose opening quote stands there already.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    let special = |byte: &u8| matches!(byte, b'\0'..=b'\x1f' | b'"' | b'\\');
    for piece in text.split_inclusive(special) {
        match piece.split_last() {
            Some((byte, clean)) if special(byte) => {
                out.extend_from_slice(clean);
                let hex = |digit| b"0123456789abcdef"[usize::from(digit & 15)];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(*byte)]);
            }
            _ => out.extend_from_slice(piece),
        }
    }
    out.push(b'"');
}

pub(crate) fn push_number(out: &mut Vec<u8>, number: u64) {
    if number >= 10 {
        push_number(out, number / 10);
    }
    out.push(b'0' + u8::try_from(number % 10).unwrap_or_default());
}
