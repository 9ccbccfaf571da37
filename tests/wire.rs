//! Holds `proto/` against the published Python clients: each name, number and type is theirs, and none
//! of theirs is missing. What a comment says of versions is checked as well.

#![allow(clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto};

const CLIENTS: [&str; 3] = ["0.1.1.dev4", "0.1.9", "0.2.19"];

/// The one difference there is. Presence changes no byte of a value that is set, but a client without it
/// cannot send 0: to that client, 0 is the server's default.
const WITHOUT_PRESENCE: (&str, &str) = (
    "0.1.1.dev4",
    "SrfConfig.1: theirs `uint32 auto_suspend_timeout_secs`, ours `optional uint32 auto_suspend_timeout_secs`",
);

/// What a descriptor says, one fact an entry: `GetVmRequest.1` is `string vm_id`.
type Facts = BTreeMap<String, String>;

#[test]
fn every_client_speaks_this_wire() {
    let ours = facts(&ours());
    for client in CLIENTS {
        let theirs = facts(&published(client));
        assert!(theirs.len() > 300, "boxd {client}: only {} facts in its descriptor", theirs.len());
        let differences: Vec<String> = theirs
            .iter()
            .filter(|(key, fact)| ours.get(*key) != Some(fact))
            .map(|(key, fact)| {
                let ours = ours.get(key).map_or("nothing", String::as_str);
                format!("{key}: theirs `{fact}`, ours `{ours}`")
            })
            .collect();
        let known: &[&str] = if client == WITHOUT_PRESENCE.0 { &[WITHOUT_PRESENCE.1] } else { &[] };
        assert_eq!(differences, known, "boxd {client} differs:\n{}", differences.join("\n"));
    }
}

#[test]
fn nothing_is_here_that_no_client_has() {
    let theirs: Facts = CLIENTS.into_iter().flat_map(|client| facts(&published(client))).collect();
    let ours = facts(&ours());
    let invented: Vec<&String> = ours.keys().filter(|key| !theirs.contains_key(*key)).collect();
    assert!(invented.is_empty(), "in no published client: {invented:#?}");
}

/// A number that a client reserves was used once: it stands for nothing here, unless for what another
/// client has under it.
#[test]
fn reserved_numbers_stay_unused() {
    let ours = ours();
    for client in CLIENTS {
        for theirs in published(client).message_type {
            let message = ours.message_type.iter().find(|message| message.name == theirs.name);
            let message = message.unwrap_or_else(|| panic!("boxd {client} has {}", theirs.name()));
            for number in theirs.reserved_range.iter().flat_map(|range| range.start()..range.end()) {
                let reserved =
                    message.reserved_range.iter().any(|range| (range.start()..range.end()).contains(&number));
                let used = message.field.iter().any(|field| field.number() == number);
                assert!(reserved || used, "boxd {client} reserves {}.{number}; ours does not", theirs.name());
            }
        }
    }
}

#[test]
fn comments_tell_the_truth_about_versions() {
    let found: Vec<BTreeSet<String>> =
        CLIENTS.iter().map(|client| facts(&published(client)).into_keys().collect()).collect();
    let mark = |key: &str| -> &str {
        match [0, 1, 2].map(|client| found[client].contains(key)) {
            [true, true, true] => "",
            [false, true, true] => "Since 0.1.9.",
            [false, false, true] => "Since 0.2.19.",
            [true, true, false] => "Gone in 0.2.19.",
            [false, true, false] => "Since 0.1.9, gone in 0.2.19.",
            other => panic!("{key} comes and goes: {other:?}"),
        }
    };
    let ours = ours();
    let comments = comments(&ours);
    let mut wrong = Vec::new();
    for (key, comment) in &comments {
        // A field bears no mark of its own where its message bears the same.
        let owner = key.split_once('.').map_or("", |(message, _)| mark(message));
        let expected = if mark(key) == owner { "" } else { mark(key) };
        let marks: Vec<&str> = comment
            .split_inclusive(". ")
            .map(str::trim)
            .filter(|sentence| sentence.starts_with("Since 0.") || sentence.starts_with("Gone in 0."))
            .collect();
        if marks != [expected].into_iter().filter(|mark| !mark.is_empty()).collect::<Vec<_>>() {
            wrong.push(format!("{key}: says {marks:?}, should say {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let uncommented: Vec<String> =
        facts(&ours).into_keys().filter(|key| !comments.contains_key(key) && key != "file").collect();
    assert!(uncommented.is_empty(), "without a comment: {uncommented:#?}");
}

fn ours() -> FileDescriptorProto {
    let mut files = protox::Compiler::new([concat!(env!("CARGO_MANIFEST_DIR"), "/proto")])
        .expect("proto/ is there")
        .include_source_info(true)
        .open_file("boxd/api/v1/api.proto")
        .expect("the .proto compiles")
        .file_descriptor_set()
        .file;
    assert_eq!(files.len(), 1, "the .proto imports nothing");
    files.remove(0)
}

/// The descriptor inside a published client, asked of the client itself.
fn published(version: &str) -> FileDescriptorProto {
    let folder = std::env::var_os("BOXD_PYTHON_DIR").unwrap_or_else(|| "target/python".into());
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(version).join("bin/python");
    assert!(
        python.exists(),
        "the published client boxd {version} is not at {}: `cargo xtask setup` prepares it",
        python.display()
    );
    let output = Command::new(&python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/descriptor.py"))
        .arg(version)
        .output()
        .unwrap_or_else(|error| panic!("{} does not run: {error}", python.display()));
    assert!(
        output.status.success(),
        "boxd {version} tells no descriptor (`cargo xtask setup` prepares it):\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    FileDescriptorProto::decode(output.stdout.as_slice()).expect("a FileDescriptorProto")
}

fn facts(file: &FileDescriptorProto) -> Facts {
    assert!(file.dependency.is_empty() && file.enum_type.is_empty() && file.extension.is_empty());
    let mut facts = Facts::from([("file".into(), format!("{} {}", file.syntax(), file.package()))]);
    for service in &file.service {
        for method in &service.method {
            let stream = |yes| if yes { "stream " } else { "" };
            let fact = format!(
                "({}{}) returns ({}{})",
                stream(method.client_streaming()),
                method.input_type(),
                stream(method.server_streaming()),
                method.output_type()
            );
            facts.insert(format!("rpc {}/{}", service.name(), method.name()), fact);
        }
    }
    for message in &file.message_type {
        assert!(message.enum_type.is_empty() && message.extension.is_empty());
        assert!(message.nested_type.iter().all(is_map_entry), "{}: only maps nest", message.name());
        facts.insert(message.name().into(), "message".into());
        for field in &message.field {
            facts.insert(format!("{}.{}", message.name(), field.number()), describe(message, field));
        }
    }
    facts
}

fn is_map_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry)
}

/// `repeated message .boxd.api.v1.EnvVar env`, `optional bool enabled`, `oneof kind string team`.
fn describe(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let name = field.name();
    let of = |field: &FieldDescriptorProto| match field.r#type() {
        Type::Message => field.type_name().to_owned(),
        scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    };
    let entry = message.nested_type.iter().find(|nested| {
        field.r#type() == Type::Message && field.type_name().ends_with(&format!(".{}", nested.name()))
    });
    if let Some(entry) = entry {
        return format!("map<{}, {}> {name}", of(&entry.field[0]), of(&entry.field[1]));
    }
    let prefix = match (field.label(), field.proto3_optional(), field.oneof_index) {
        (Label::Repeated, ..) => "repeated ".to_owned(),
        (_, true, _) => "optional ".to_owned(),
        (_, _, Some(index)) => {
            format!("oneof {} ", message.oneof_decl[usize::try_from(index).expect("an index")].name())
        }
        (label, ..) => if label == Label::Required { "required " } else { "" }.to_owned(),
    };
    format!("{prefix}{} {name}", of(field))
}

/// The comment of each fact, with its lines joined.
fn comments(file: &FileDescriptorProto) -> BTreeMap<String, String> {
    let index = |at: i32| usize::try_from(at).expect("an index");
    let locations = &file.source_code_info.as_ref().expect("asked for source info").location;
    let mut comments = BTreeMap::new();
    for location in locations.iter().filter(|location| location.leading_comments.is_some()) {
        // Numbers of the fields of descriptor.proto: 4 = message_type, 6 = service; in both, 2 = field, method.
        let key = match location.path[..] {
            [4, at] => file.message_type[index(at)].name().to_owned(),
            [4, at, 2, field] => {
                let message = &file.message_type[index(at)];
                format!("{}.{}", message.name(), message.field[index(field)].number())
            }
            [6, at, 2, method] => {
                let service = &file.service[index(at)];
                format!("rpc {}/{}", service.name(), service.method[index(method)].name())
            }
            _ => continue,
        };
        let words: Vec<&str> = location.leading_comments().split_whitespace().collect();
        comments.insert(key, words.join(" "));
    }
    comments
}
