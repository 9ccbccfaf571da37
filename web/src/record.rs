//! Records by table: what callers give goes into an encoded message, and what the server answers into JSON, with no struct
//! in between. A struct of its own would cost a page about a kilobyte per operation, a table costs some hundred bytes.

use boxd::transport::EncodedMessage;
use boxd::wire::{Encoder, Field, FieldKind, Fields, Malformed, Value};

use crate::json::{Json, push_number, push_quoted, separate};
use crate::options::Options;
use crate::table::Entries;

/// The message of the fields that `options` hold under these names.
pub(crate) fn encode(options: &Options, entries: Entries) -> EncodedMessage {
    let mut message = Encoder::new();
    for entry in entries {
        let (key, field) = (entry.key, entry.field());
        match field.kind {
            FieldKind::Text if field.list => {
                for text in options.texts(key) {
                    message.bytes(field, text.as_bytes());
                }
            }
            FieldKind::Text => {
                if let Some(text) = options.text(key) {
                    message.bytes(field, text.as_bytes());
                }
            }
            // The one message that callers give.
            FieldKind::Other => {
                if let Some(config) = options.sized_config() {
                    message.bytes(field, &config);
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
    let mut json = Json::object();
    for entry in entries {
        let (key, field, inner) = (entry.key, entry.field(), entry.inner());
        if let Some(value) = entry.fixed() {
            json.text(key, value);
        } else if field.list {
            json.key(key);
            json.0.push('[');
            for item in Fields::new(message) {
                let (number, value) = item?;
                if number == field.number {
                    separate(&mut json.0);
                    value_json(&mut json.0, Some(value), field, inner)?;
                }
            }
            json.0.push(']');
        } else {
            let last = last(message, field)?;
            let is_empty = matches!(last, None | Some(Value::Number(0) | Value::Bytes(b"")));
            if !(is_empty && entry.is_optional()) {
                json.key(key);
                value_json(&mut json.0, last, field, inner)?;
            }
        }
    }
    Ok(json.finish())
}

/// A string of `message`; empty where it has none.
pub(crate) fn text(message: &[u8], field: Field) -> String {
    match last(message, field) {
        Ok(Some(Value::Bytes(text))) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    }
}

/// Of a field that is no list the last one counts.
fn last(message: &[u8], field: Field) -> Result<Option<Value<'_>>, Malformed> {
    let mut last = None;
    for item in Fields::new(message) {
        let (number, value) = item?;
        if number == field.number {
            last = Some(value);
        }
    }
    Ok(last)
}

fn value_json(
    out: &mut String,
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
        (_, Some(entries)) if value.is_some() => out.push_str(&json(bytes, entries)?),
        (FieldKind::Text, _) => push_quoted(out, std::str::from_utf8(bytes).map_err(|_| Malformed)?),
        (FieldKind::Flag, _) => out.push_str(if number == 0 { "false" } else { "true" }),
        (FieldKind::Unsigned, _) => push_number(out, number),
        (FieldKind::Signed, _) => {
            let signed = number.cast_signed();
            if signed < 0 {
                out.push('-');
            }
            push_number(out, signed.unsigned_abs());
        }
        (FieldKind::Other, _) => out.push_str("null"),
    }
    Ok(())
}
