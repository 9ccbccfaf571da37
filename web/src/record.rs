//! Records by table: what callers give goes into an encoded message, and what the server answers into JSON, with no struct
//! in between. A struct of its own would cost a page about a kilobyte per operation, a table costs some hundred bytes.

use boxd::transport::EncodedMessage;
use boxd::wire::{Encoder, Field, FieldKind, Fields, Malformed, Value};

use crate::json::{push_number, push_quoted, push_string};
use crate::options::Options;
use crate::table::{Entries, NUMBERS};

/// The message of the fields that `options` hold under these names.
pub(crate) fn encode(options: &Options, entries: Entries) -> EncodedMessage {
    let mut message = Encoder::new();
    for entry in entries {
        let (key, field) = (entry.key(), entry.field());
        if options.get(key).is_none() {
            continue;
        }
        match field.kind {
            FieldKind::Text if field.list => {
                for text in options.texts(key) {
                    message.bytes(field, text.as_bytes());
                }
            }
            FieldKind::Text => message.bytes(field, options.string(key).as_bytes()),
            FieldKind::Other => {
                for record in options.records(key, field.list) {
                    let inner = entry.inner().map(|entries| encode(&record, entries).payload());
                    message.bytes(field, &inner.unwrap_or_default());
                }
            }
            FieldKind::Flag => message.number(field, options.flag(key, false).into()),
            _ => message.number(field, options.whole(key)),
        }
    }
    message.finish()
}

/// The record that `message` holds, in JSON.
pub(crate) fn json(message: &[u8], entries: Entries) -> Result<String, Malformed> {
    // The keys of a list take about as much as its values.
    let mut json = Vec::with_capacity(message.len() * 2);
    push_record(&mut json, message, entries)?;
    String::from_utf8(json).map_err(|_| Malformed)
}

fn push_record(json: &mut Vec<u8>, message: &[u8], entries: Entries) -> Result<(), Malformed> {
    let (last, begun) = (last(message)?, json.len());
    for entry in entries {
        let (field, value) = (entry.field(), value(&last, entry.number));
        if entry.is_optional() && matches!(value, None | Some(Value::Number(0) | Value::Bytes(b""))) {
            continue;
        }
        json.extend_from_slice(entry.label);
        if let Some(fixed) = entry.fixed() {
            push_string(json, fixed);
        } else if field.list {
            let begun = json.len();
            for item in Fields::new(message) {
                let (number, value) = item?;
                if number == field.number {
                    json.push(b',');
                    push_value(json, Some(value), field, entry.inner())?;
                }
            }
            enclose(json, begun, [b'[', b']']);
        } else {
            push_value(json, value, field, entry.inner())?;
        }
    }
    enclose(json, begun, [b'{', b'}']);
    Ok(())
}

/// Puts brackets around what was added, in which a comma stands before everything.
fn enclose(json: &mut Vec<u8>, begun: usize, [open, close]: [u8; 2]) {
    match json.get_mut(begun) {
        Some(comma) => *comma = open,
        None => json.push(open),
    }
    json.push(close);
}

/// What stands in a message for each field. Of one that is no list the last counts.
type Last<'a> = [Option<Value<'a>>; NUMBERS];

fn last(message: &[u8]) -> Result<Last<'_>, Malformed> {
    let mut last = [None; NUMBERS];
    for item in Fields::new(message) {
        let (number, value) = item?;
        if let Some(last) = last.get_mut(number as usize) {
            *last = Some(value);
        }
    }
    Ok(last)
}

fn value<'a>(last: &Last<'a>, number: u32) -> Option<Value<'a>> {
    last.get(number as usize).copied().flatten()
}

fn push_value(
    json: &mut Vec<u8>,
    value: Option<Value<'_>>,
    field: Field,
    inner: Option<Entries>,
) -> Result<(), Malformed> {
    let number = match value {
        Some(Value::Number(number)) => number,
        _ => 0,
    };
    let bytes = match value {
        Some(Value::Bytes(bytes)) => bytes,
        _ => &[],
    };
    match (field.kind, inner) {
        (_, Some(entries)) if value.is_some() => push_record(json, bytes, entries)?,
        (FieldKind::Text, _) if field.list => push_quoted(json, bytes),
        (FieldKind::Text, _) => push_string(json, bytes),
        (FieldKind::Flag, _) => json.extend_from_slice(if number == 0 { b"false" } else { b"true" }),
        (FieldKind::Unsigned, _) => push_number(json, number),
        (FieldKind::Signed, _) => {
            let signed = number.cast_signed();
            if signed < 0 {
                json.push(b'-');
            }
            push_number(json, signed.unsigned_abs());
        }
        (FieldKind::Other, _) => json.extend_from_slice(b"null"),
    }
    Ok(())
}
