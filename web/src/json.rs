//! The few records that cross, as JSON text.

use std::fmt::Write as _;

/// An object or list that is being written.
pub(crate) struct Json(String);

impl Json {
    pub(crate) fn object() -> Self {
        Self("{".to_owned())
    }

    /// A list of `items`, each already JSON.
    pub(crate) fn list(items: impl Iterator<Item = String>) -> String {
        let mut out = "[".to_owned();
        for item in items {
            separate(&mut out);
            out.push_str(&item);
        }
        out.push(']');
        out
    }

    pub(crate) fn text(&mut self, key: &'static str, value: &str) -> &mut Self {
        self.key(key);
        push_quoted(&mut self.0, value);
        self
    }

    pub(crate) fn number(&mut self, key: &'static str, value: u64) -> &mut Self {
        self.key(key);
        let _ = write!(self.0, "{value}");
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

    fn key(&mut self, key: &'static str) {
        separate(&mut self.0);
        self.0.push('"');
        self.0.push_str(key);
        self.0.push_str("\":");
    }
}

fn separate(out: &mut String) {
    if !out.ends_with(['{', '[']) {
        out.push(',');
    }
}

pub(crate) fn quote(text: &str) -> String {
    let mut out = String::new();
    push_quoted(&mut out, text);
    out
}

fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            '\0'..' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
}
