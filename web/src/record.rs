//! Records by table: what callers give goes into an encoded message, and what the server answers into JSON, with no struct
//! in between. A struct of its own would cost a page about a kilobyte per operation, a table costs some hundred bytes.

use boxd::transport::EncodedMessage;
use boxd::wire::{Encoder, Field, FieldKind, Fields, Malformed, Value};

use crate::json::{Json, push_number, push_quoted};
use crate::options::Options;
use crate::table::{Entries, NUMBERS};

/// The message of the fields that `options` hold under these names.
pub(crate) fn encode(options: &Options, entries: Entries) -> EncodedMessage {
    let mut message = Encoder::new();
    for entry in entries {
        let (key, field) = (entry.name(), entry.field());
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
    let mut json = Json(Vec::new());
    push_record(&mut json, message, entries)?;
    String::from_utf8(json.0).map_err(|_| Malformed)
}

fn push_record(json: &mut Json, message: &[u8], entries: Entries) -> Result<(), Malformed> {
    let last = last(message)?;
    json.0.push(b'{');
    for entry in entries {
        let (field, value) = (entry.field(), value(&last, entry.number));
        if let Some(fixed) = entry.fixed() {
            json.key(entry.key);
            push_quoted(&mut json.0, fixed);
        } else if field.list {
            json.key(entry.key);
            json.0.push(b'[');
            for item in Fields::new(message) {
                let (number, value) = item?;
                if number == field.number {
                    json.separate();
                    push_value(json, Some(value), field, entry.inner())?;
                }
            }
            json.0.push(b']');
        } else if !entry.is_optional() || !matches!(value, None | Some(Value::Number(0) | Value::Bytes(b"")))
        {
            json.key(entry.key);
            push_value(json, value, field, entry.inner())?;
        }
    }
    json.0.push(b'}');
    Ok(())
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
    json: &mut Json,
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
        (FieldKind::Text, _) => push_quoted(&mut json.0, bytes),
        (FieldKind::Flag, _) => json.0.extend_from_slice(if number == 0 { b"false" } else { b"true" }),
        (FieldKind::Unsigned, _) => push_number(&mut json.0, number),
        (FieldKind::Signed, _) => {
            let signed = number.cast_signed();
            if signed < 0 {
                json.0.push(b'-');
            }
            push_number(&mut json.0, signed.unsigned_abs());
        }
        (FieldKind::Other, _) => json.0.extend_from_slice(b"null"),
    }
    Ok(())
}
