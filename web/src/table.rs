//! Tables as they stand in the `.wasm`: bytes that are put together when it is compiled. Tables of structs are pointers for
//! the most part, which weigh twice as much.
#![allow(clippy::inline_always, reason = "compiled for size, a list would be read a third slower")]

use boxd::transport::Rpc;
use boxd::wire::{Field, FieldKind};

/// A unary call that only asks and tells, as the sources have it.
pub(crate) struct Operation {
    /// The name that the TypeScript side calls it by.
    pub(crate) name: &'static str,
    /// For errors: `start box`. The `name` and `id` that the caller gave are added; what else stands as `{path}` in it.
    pub(crate) doing: &'static str,
    pub(crate) rpc: Rpc,
    /// What of the caller's options goes into the request.
    pub(crate) request: &'static [Part],
    /// What of the answer goes back.
    pub(crate) answer: &'static [Part],
}

/// A part of a record that is asked or answered.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    /// A field.
    Is(&'static str, Field),
    /// A field that is left out where it is empty or 0.
    Maybe(&'static str, Field),
    /// A record, or a list of them.
    Record(&'static str, Field, &'static [Part]),
    /// What the answer implies.
    Fixed(&'static str, &'static str),
}

/// The numbers of all fields in tables are below this.
pub(crate) const NUMBERS: usize = 32;

const TEXT: u8 = 1;
const FLAG: u8 = 2;
const UNSIGNED: u8 = 3;
const SIGNED: u8 = 4;
const OTHER: u8 = 5;
const LIST: u8 = 8;
const MAYBE: u8 = 16;
const RECORD: u8 = 32;
const FIXED: u8 = 64;

/// A row is its texts, whether it may be repeated, and two blocks of entries; an entry is a kind, a number, a label, and a
/// block of its own, which only a record and something fixed fill. Texts, labels and blocks begin with their length. A label
/// is a key as it stands in JSON, behind another one.
struct Packer<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

impl<const N: usize> Packer<N> {
    const fn rows(tables: &[&[Operation]]) -> Self {
        let mut packer = Self { bytes: [0; N], at: 0 };
        let mut table = 0;
        while table < tables.len() {
            let mut row = 0;
            while row < tables[table].len() {
                packer.row(&tables[table][row]);
                row += 1;
            }
            table += 1;
        }
        packer
    }

    const fn row(&mut self, row: &Operation) {
        self.text(row.name);
        self.text(row.doing);
        self.text(row.rpc.path());
        self.byte(row.rpc.repeatable() as u8);
        self.parts(row.request);
        self.parts(row.answer);
    }

    const fn parts(&mut self, parts: &[Part]) {
        let begun = self.begin();
        let mut at = 0;
        while at < parts.len() {
            match parts[at] {
                Part::Is(key, field) => {
                    self.entry(0, key, field);
                    self.text("");
                }
                Part::Maybe(key, field) => {
                    self.entry(MAYBE, key, field);
                    self.text("");
                }
                Part::Record(key, field, inner) => {
                    self.entry(RECORD, key, field);
                    self.parts(inner);
                }
                Part::Fixed(key, value) => {
                    self.byte(FIXED);
                    self.byte(0);
                    self.label(key, true);
                    self.text(value);
                }
            }
            at += 1;
        }
        self.end(begun);
    }

    const fn entry(&mut self, flags: u8, key: &str, field: Field) {
        let kind = match field.kind {
            FieldKind::Text => TEXT,
            FieldKind::Flag => FLAG,
            FieldKind::Unsigned => UNSIGNED,
            FieldKind::Signed => SIGNED,
            FieldKind::Other => OTHER,
        };
        self.byte(flags | kind | if field.list { LIST } else { 0 });
        assert!((field.number as usize) < NUMBERS);
        #[allow(clippy::cast_possible_truncation)] // Checked just now.
        self.byte(field.number as u8);
        self.label(key, kind == TEXT && !field.list);
    }

    const fn label(&mut self, key: &str, text: bool) {
        let begun = self.begin();
        self.bytes(",\"");
        self.bytes(key);
        self.bytes(if text { "\":\"" } else { "\":" });
        self.end(begun);
    }

    const fn text(&mut self, text: &str) {
        let begun = self.begin();
        self.bytes(text);
        self.end(begun);
    }

    const fn bytes(&mut self, text: &str) {
        let mut at = 0;
        while at < text.len() {
            assert!(text.as_bytes()[at].is_ascii());
            self.byte(text.as_bytes()[at]);
            at += 1;
        }
    }

    /// Leaves room for a length.
    const fn begin(&mut self) -> usize {
        self.byte(0);
        self.byte(0);
        self.at
    }

    const fn end(&mut self, begun: usize) {
        let length = self.at - begun;
        assert!(length <= u16::MAX as usize);
        #[allow(clippy::cast_possible_truncation)] // Checked just now.
        if begun <= N {
            [self.bytes[begun - 2], self.bytes[begun - 1]] = (length as u16).to_le_bytes();
        }
    }

    /// Only counts, where there is no room for it.
    const fn byte(&mut self, byte: u8) {
        if self.at < N {
            self.bytes[self.at] = byte;
        }
        self.at += 1;
    }
}

/// How many bytes [`packed`] makes.
pub(crate) const fn length(tables: &[&[Operation]]) -> usize {
    Packer::<0>::rows(tables).at
}

pub(crate) const fn packed<const N: usize>(tables: &[&[Operation]]) -> [u8; N] {
    Packer::rows(tables).bytes
}

/// A row that was found.
pub(crate) struct Row {
    pub(crate) doing: &'static str,
    pub(crate) rpc: Rpc,
    pub(crate) request: Entries,
    pub(crate) answer: Entries,
}

/// The row of this name.
pub(crate) fn find(table: &'static [u8], wanted: &str) -> Option<Row> {
    let mut rest = Entries(table);
    loop {
        let (name, doing, path, repeatable) = (rest.text()?, rest.text()?, rest.text()?, rest.byte()?);
        let row = Row {
            doing,
            rpc: Rpc::unary(path, repeatable == 1),
            request: Entries(rest.block()?),
            answer: Entries(rest.block()?),
        };
        if name == wanted {
            return Some(row);
        }
    }
}

/// What of a record crosses, and under which names.
#[derive(Clone, Copy)]
pub(crate) struct Entries(&'static [u8]);

impl Entries {
    #[inline(always)]
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    #[inline(always)]
    fn block(&mut self) -> Option<&'static [u8]> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (block, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
        self.0 = rest;
        Some(block)
    }

    fn text(&mut self) -> Option<&'static str> {
        std::str::from_utf8(self.block()?).ok()
    }
}

/// One of them.
pub(crate) struct Entry {
    kind: u8,
    /// `,"key":`
    pub(crate) label: &'static [u8],
    pub(crate) number: u32,
    block: &'static [u8],
}

#[allow(clippy::copy_iterator)] // A copy begins where it is, as a slice's does.
impl Iterator for Entries {
    type Item = Entry;

    #[inline(always)]
    fn next(&mut self) -> Option<Entry> {
        let (kind, number, label, block) = (self.byte()?, self.byte()?.into(), self.block()?, self.block()?);
        Some(Entry { kind, label, number, block })
    }
}

impl Entry {
    pub(crate) fn key(&self) -> &'static str {
        let key = self.label.split(|byte| *byte == b'"').nth(1).unwrap_or_default();
        std::str::from_utf8(key).unwrap_or_default()
    }

    pub(crate) fn field(&self) -> Field {
        let kind = match self.kind & 7 {
            TEXT => FieldKind::Text,
            FLAG => FieldKind::Flag,
            UNSIGNED => FieldKind::Unsigned,
            SIGNED => FieldKind::Signed,
            _ => FieldKind::Other,
        };
        Field { number: self.number, kind, list: self.kind & LIST != 0 }
    }

    /// Whether it is left out where it is empty or 0.
    pub(crate) fn is_optional(&self) -> bool {
        self.kind & MAYBE != 0
    }

    /// What a record holds.
    pub(crate) fn inner(&self) -> Option<Entries> {
        (self.kind & RECORD != 0).then_some(Entries(self.block))
    }

    /// What the answer implies.
    pub(crate) fn fixed(&self) -> Option<&'static [u8]> {
        (self.kind & FIXED != 0).then_some(self.block)
    }
}
