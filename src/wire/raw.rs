//! Encoded messages, read and written field by field without their structs: where each struct would weigh too much.
#![allow(clippy::inline_always, reason = "compiled for size, a page would read a list a third slower")]

use crate::transport::{EncodedMessage, PREFIX};

/// A field of a message, from [`wire::fields`](super::fields).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its number on the wire.
    pub number: u32,
    /// Its type.
    pub kind: FieldKind,
    /// Whether it is a list.
    pub list: bool,
}

impl Field {
    pub(super) const fn new(number: u32, kind: FieldKind, list: bool) -> Self {
        Self { number, kind, list }
    }
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A string.
    Text,
    /// A boolean.
    Flag,
    /// A number from 0.
    Unsigned,
    /// A number, or an enumeration's.
    Signed,
    /// A message, bytes, a fraction.
    Other,
}

/// What stands in an encoded message for a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number or a boolean, as the wire has it.
    Number(u64),
    /// A string, bytes, or an encoded message.
    Bytes(&'a [u8]),
}

/// A message that is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The fields of an encoded message in their order, with their numbers. Those of a fixed width are passed over. It ends
/// after an error.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Reads `message`.
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    #[inline(always)]
    fn varint(&mut self) -> Option<u64> {
        // Most are of one byte.
        if let [byte @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Some(u64::from(*byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            // The tenth byte holds the last bit.
            if shift == 63 && *byte > 1 {
                return None;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Some(number);
            }
            shift += 7;
        }
    }

    #[inline(always)]
    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    /// One field; without a value where it is of a fixed width.
    #[inline(always)]
    fn field(&mut self) -> Option<(u32, Option<Value<'a>>)> {
        let key = u32::try_from(self.varint()?).ok()?;
        let value = match key & 7 {
            0 => Some(Value::Number(self.varint()?)),
            2 => {
                let length = self.varint()?;
                Some(Value::Bytes(self.take(length)?))
            }
            1 => self.take(8).map(|_| None)?,
            5 => self.take(4).map(|_| None)?,
            // Groups, which proto3 does not have.
            _ => return None,
        };
        (key >= 8).then_some((key >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            match self.field() {
                Some((number, Some(value))) => return Some(Ok((number, value))),
                Some((_, None)) => {}
                None => {
                    self.rest = &[];
                    return Some(Err(Malformed));
                }
            }
        }
        None
    }
}

/// A message that is being encoded, field by field.
#[derive(Clone, Debug)]
pub struct Encoder {
    framed: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { framed: vec![0; PREFIX] }
    }
}

impl Encoder {
    /// An empty message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a number or a boolean; one of a list as well.
    pub fn number(&mut self, field: Field, value: u64) {
        self.varint(u64::from(field.number) << 3);
        self.varint(value);
    }

    /// Adds a string, bytes, or an encoded message; one of a list as well.
    pub fn bytes(&mut self, field: Field, value: &[u8]) {
        self.varint(u64::from(field.number) << 3 | 2);
        self.varint(value.len() as u64);
        self.framed.extend_from_slice(value);
    }

    /// The message.
    pub fn finish(self) -> EncodedMessage {
        EncodedMessage::framing(self.framed)
    }

    #[allow(clippy::cast_possible_truncation)]
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.framed.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.framed.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::wire::{self, fields};

    #[test]
    fn what_is_written_is_what_prost_reads() {
        let mut encoder = Encoder::new();
        encoder.bytes(fields::get_vm_response::VM_ID, b"vm-1");
        encoder.number(fields::get_vm_response::DISK_BYTES, u64::MAX);
        encoder.number(fields::get_vm_response::AUTO_SUSPEND_TIMEOUT_SECS, 300);
        let expected = wire::GetVmResponse {
            vm_id: "vm-1".into(),
            disk_bytes: u64::MAX,
            auto_suspend_timeout_secs: 300,
            ..wire::GetVmResponse::default()
        };
        assert_eq!(wire::GetVmResponse::decode(encoder.finish().payload()).unwrap(), expected);
    }

    #[test]
    fn what_prost_writes_is_read() {
        let vm =
            wire::GetVmResponse { vm_id: "vm-1".into(), boot_time_ms: -1, ..wire::GetVmResponse::default() };
        let list = wire::ListVmsResponse { vms: vec![vm.clone(), vm], ..wire::ListVmsResponse::default() };
        let encoded = list.encode_to_vec();
        for item in Fields::new(&encoded) {
            let (number, Value::Bytes(vm)) = item.unwrap() else { panic!("no message") };
            assert_eq!(number, fields::list_vms_response::VMS.number);
            let found: Vec<_> = Fields::new(vm).collect::<Result<_, _>>().unwrap();
            assert_eq!(
                found,
                [
                    (fields::get_vm_response::VM_ID.number, Value::Bytes(b"vm-1")),
                    (fields::get_vm_response::BOOT_TIME_MS.number, Value::Number(u64::MAX)),
                ]
            );
        }
        assert_eq!(Fields::new(&encoded).count(), 2);
    }

    #[test]
    fn fixed_widths_are_passed_over_and_what_is_cut_is_an_error() {
        let whole = [0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x15, 1, 2, 3, 4, 0x18, 0x96, 0x01];
        assert_eq!(Fields::new(&whole).collect::<Vec<_>>(), [Ok((3, Value::Number(150)))]);
        for length in [1, 8, 10, 13, 15, 16] {
            let last = Fields::new(&whole[..length]).last();
            assert_eq!(last, Some(Err(Malformed)), "cut at {length}");
        }
        let no_field_number = [0x00, 0x01];
        let too_long = [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f];
        let endless = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        let group = [0x0b];
        for broken in [&no_field_number[..], &too_long, &endless, &group] {
            assert_eq!(Fields::new(broken).collect::<Vec<_>>(), [Err(Malformed)], "{broken:?}");
        }
    }
}
