//! The few records that cross, as JSON text.

/// An object or list that is being written.
pub(crate) struct Json(pub(crate) String);

impl Json {
    pub(crate) fn object() -> Self {
        Self("{".to_owned())
    }

    pub(crate) fn text(&mut self, key: &'static str, value: &str) -> &mut Self {
        self.key(key);
        push_quoted(&mut self.0, value);
        self
    }

    pub(crate) fn number(&mut self, key: &'static str, value: u64) -> &mut Self {
        self.key(key);
        push_number(&mut self.0, value);
        self
    }

    pub(crate) fn flag(&mut self, key: &'static str, value: bool) -> &mut Self {
        self.raw(key, if value { "true" } else { "false" })
    }

    /// A value that is JSON already.
    pub(crate) fn raw(&mut self, key: &'static str, value: &str) -> &mut Self {
        self.key(key);
        self.0.push_str(value);
        self
    }

    pub(crate) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    pub(crate) fn key(&mut self, key: &'static str) {
        separate(&mut self.0);
        self.0.push('"');
        self.0.push_str(key);
        self.0.push_str("\":");
    }
}

pub(crate) fn separate(out: &mut String) {
    if !out.ends_with(['{', '[']) {
        out.push(',');
    }
}

pub(crate) fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            '\0'..' ' => {
                out.push_str("\\u00");
                let hex = |digit| char::from_digit(digit, 16).unwrap_or_default();
                out.extend([hex(u32::from(letter) >> 4), hex(u32::from(letter) & 15)]);
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
}

pub(crate) fn push_number(out: &mut String, number: u64) {
    if number >= 10 {
        push_number(out, number / 10);
    }
    out.push(char::from(b'0' + u8::try_from(number % 10).unwrap_or_default()));
}
