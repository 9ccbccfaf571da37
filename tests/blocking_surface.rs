//! The surface without await is the async one, item by item: read off both sources, so that neither drifts.
//!
//! A public type of the async surface has a twin when it waits: when a method is async, when it is a future, a stream,
//! a reader or a writer, or when it leads to a type that waits. The twin has the same methods with the same arguments
//! and results, where `await` has become `call`, a stream an iterator, and tokio's traits those of the standard library.

// What a test expects, it may insist on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::{
    Attribute, FnArg, ImplItem, Item, ItemImpl, Pat, ReturnType, Signature, Type, UseTree, Visibility,
};

/// What differs on purpose: type, item, and why.
const INTENDED: [(&str, &str, &str); 0] = [];

/// Parts of the crate that are no surface: what is generated, what carries, what tests use.
const ELSEWHERE: [&str; 5] = ["blocking", "mock", "rt", "transport", "wire"];

/// What is public of a type: a line for each method and trait.
type Items = BTreeSet<String>;

#[derive(Default)]
struct Surface {
    exported: BTreeSet<String>,
    types: BTreeMap<String, Items>,
    /// Types with something that waits, and the types that their methods give out.
    waiting: BTreeSet<String>,
    leads_to: BTreeMap<String, BTreeSet<String>>,
}

#[test]
fn both_surfaces_are_the_same() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut asynchronous = Surface::default();
    for file in sources(&src, &ELSEWHERE) {
        let is_root = file == src.join("lib.rs");
        asynchronous.read(&fs::read_to_string(file).unwrap(), is_root);
    }
    let mut blocking = Surface::default();
    for file in sources(&src.join("blocking"), &[]) {
        let is_root = file == src.join("blocking/mod.rs");
        blocking.read(&fs::read_to_string(file).unwrap(), is_root);
    }
    // So that a parser that finds nothing cannot pass.
    assert!(blocking.exported.len() > 30 && blocking.types["BoxHandle"].len() > 40);

    let intended = INTENDED.map(|(name, item, _)| format!("{name}: {item}"));
    let mut differences = differences(&asynchronous, &blocking);
    for expected in intended {
        let at = differences.iter().position(|difference| *difference == expected);
        differences.remove(at.unwrap_or_else(|| panic!("no difference any more: {expected}")));
    }
    assert!(differences.is_empty(), "src/blocking and the rest differ:\n{}", differences.join("\n"));
}

#[test]
fn what_is_missing_or_changed_is_found() {
    let asynchronous = "
        pub use things::{Thing, Make};
        #[derive(Clone)] #[must_use] pub struct Thing;
        impl Thing {
            pub fn name(&self) -> String {}
            pub async fn stop(&self, after: std::time::Duration) -> Result<()> {}
            pub fn make(mut self, path: impl Into<String>) -> Make {}
            pub(crate) fn inner(&self) {}
        }
        impl IntoFuture for Make { type Output = Result<Thing>; }
        impl tokio::io::AsyncRead for Make {}
        impl Stream for Make { type Item = Result<Bytes>; }
    ";
    let twin = "
        pub use things::{Thing, Make};
        #[derive(Clone)] #[must_use] pub struct Thing(Held<crate::Thing>);
        impl Thing {
            pub fn name(&self) -> String {}
            pub fn stop(&self, after: Duration) -> crate::Result<()> {}
            pub fn make(self, path: impl Into<String>) -> Make {}
        }
        impl Make { pub fn call(self) -> Result<Thing> {} }
        impl io::Read for Make {}
        impl Iterator for Make { type Item = Result<Bytes>; }
    ";
    let compare = |twin: &str| {
        let (mut left, mut right) = (Surface::default(), Surface::default());
        left.read(asynchronous, true);
        right.read(twin, true);
        differences(&left, &right)
    };
    assert_eq!(compare(twin), [""; 0]);
    for (from, to, found) in [
        ("Thing, Make", "Thing", 1),                         // a type is not exported
        ("pub fn name(&self) -> String {}", "", 1),          // a method is missing
        ("after: Duration", "after: u64", 2),                // an argument has another type
        ("path: impl", "file: impl", 2),                     // or another name
        ("fn call(self)", "fn call(&self)", 2),              // or self
        ("-> Result<Thing>", "-> Result<()>", 2),            // another result
        ("-> String {}", "-> String {} pub fn new() {}", 1), // one more method
        ("impl io::Read for Make {}", "", 1),                // a trait is missing
        ("type Item = Result<Bytes>", "type Item = Bytes", 2),
        ("#[derive(Clone)]", "", 1),
        ("#[must_use]", "", 1),
    ] {
        let differences = compare(&twin.replace(from, to));
        assert_eq!(differences.len(), found, "{from} -> {to}: {differences:?}");
    }
}

/// One line for each item that one surface has and the other has not.
fn differences(asynchronous: &Surface, blocking: &Surface) -> Vec<String> {
    let wanted = asynchronous.twins();
    let mut out = Vec::new();
    for name in wanted.union(&blocking.exported) {
        match (wanted.contains(name), blocking.exported.contains(name)) {
            (true, false) => out.push(format!("{name}: has no twin in boxd::blocking")),
            (false, true) => out.push(format!("{name}: stands in boxd::blocking alone")),
            _ => {
                let items = |surface: &Surface| surface.types.get(name).cloned().unwrap_or_default();
                let (left, right) = (items(asynchronous), items(blocking));
                out.extend(left.difference(&right).map(|item| format!("{name}: only async has {item}")));
                out.extend(right.difference(&left).map(|item| format!("{name}: only blocking has {item}")));
            }
        }
    }
    out
}

impl Surface {
    /// Takes in one source file; the root says what is exported.
    fn read(&mut self, source: &str, is_root: bool) {
        for item in syn::parse_file(source).expect("it compiles, so it parses").items {
            match item {
                Item::Use(item) if is_root && matches!(item.vis, Visibility::Public(_)) => {
                    self.export(&item.tree);
                }
                Item::Struct(item) => self.attributes(&item.ident.to_string(), &item.attrs),
                Item::Impl(item) => self.implementation(&item),
                _ => {}
            }
        }
    }

    fn export(&mut self, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => self.export(&path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.export(tree)),
            UseTree::Name(name) => drop(self.exported.insert(name.ident.to_string())),
            UseTree::Rename(_) | UseTree::Glob(_) => panic!("exports are by their own names"),
        }
    }

    fn add(&mut self, name: &str, item: impl Into<String>) {
        self.types.entry(name.to_owned()).or_default().insert(item.into());
    }

    fn attributes(&mut self, name: &str, attributes: &[Attribute]) {
        for attribute in attributes {
            if attribute.path().is_ident("must_use") {
                self.add(name, "#[must_use]");
            }
            if attribute.path().is_ident("derive") {
                attribute
                    .parse_nested_meta(|derived| {
                        self.add(name, format!("impl {}", text(&derived.path)));
                        Ok(())
                    })
                    .unwrap();
            }
        }
    }

    fn implementation(&mut self, block: &ItemImpl) {
        let Type::Path(path) = &*block.self_ty else { return };
        let name = path.path.segments.last().unwrap().ident.to_string();
        let Some((_, implemented, _)) = &block.trait_ else {
            let (generics, this) = (text(&block.generics), text(&block.self_ty));
            for item in &block.items {
                let ImplItem::Fn(method) = item else { continue };
                let left_out = |a: &Attribute| ["# [doc (hidden)]", "# [cfg (browser)]"].contains(&&*text(a));
                if matches!(method.vis, Visibility::Public(_)) && !method.attrs.iter().any(left_out) {
                    self.method(&name, &format!("impl{generics} {this}"), &method.sig);
                }
            }
            return;
        };
        let named = |wanted: &str| {
            block.items.iter().find_map(|item| match item {
                ImplItem::Type(item) if item.ident == wanted => Some(item.ty.clone()),
                _ => None,
            })
        };
        let implemented = implemented.segments.last().unwrap().ident.to_string();
        match implemented.as_str() {
            "IntoFuture" => {
                let output = named("Output").unwrap();
                let given_out = names(&output);
                self.leads_to.entry(name.clone()).or_default().extend(given_out);
                self.waiting.insert(name.clone());
                let (generics, this) = (text(&block.generics), text(&block.self_ty));
                self.add(&name, format!("impl{generics} {this}: fn call(self) -> {}", text(&output)));
            }
            "Stream" | "Iterator" => {
                self.waiting.insert(name.clone());
                self.add(&name, format!("impl Iterator of {}", text(&named("Item").unwrap())));
            }
            "AsyncRead" | "AsyncWrite" => {
                self.waiting.insert(name.clone());
                self.add(&name, format!("impl {}", implemented.trim_start_matches("Async")));
            }
            "Read" | "Write" | "Clone" | "Debug" | "Default" => {
                self.add(&name, format!("impl {implemented}"));
            }
            // Conversions into a twin take another form: see what takes one.
            _ => {}
        }
    }

    fn method(&mut self, name: &str, place: &str, signature: &Signature) {
        let arguments = signature.inputs.iter().map(|argument| match argument {
            FnArg::Receiver(receiver) => match (&receiver.reference, &receiver.mutability) {
                (None, _) => "self".to_owned(),
                (Some(_), None) => "&self".to_owned(),
                (Some(_), Some(_)) => "&mut self".to_owned(),
            },
            FnArg::Typed(argument) => {
                let Pat::Ident(pattern) = &*argument.pat else { panic!("an argument has a name") };
                format!("{}: {}", pattern.ident, text(&argument.ty))
            }
        });
        let arguments = arguments.collect::<Vec<_>>().join(", ");
        let (generics, bounds) = (text(&signature.generics), text(&signature.generics.where_clause));
        let result = text(&signature.output);
        let boxed = result.strip_prefix("-> BoxFuture < 'static , ").and_then(|rest| rest.strip_suffix(" >"));
        let awaited = boxed.map_or_else(|| result.clone(), |output| format!("-> {output}"));
        let method = signature.ident.to_string();
        let item = format!("{place}: fn {method}{generics}({arguments}) {awaited} {bounds}");
        self.add(name, item.trim_end());
        if signature.asyncness.is_some() || boxed.is_some() || arguments.contains(": impl Read") {
            self.waiting.insert(name.to_owned());
        }
        if let ReturnType::Type(_, output) = &signature.output {
            self.leads_to.entry(name.to_owned()).or_default().extend(names(output));
        }
    }

    /// The exported types that wait, or lead to what waits.
    fn twins(&self) -> BTreeSet<String> {
        let mut waiting = self.waiting.clone();
        loop {
            let more = self.leads_to.iter().filter(|(_, given)| !given.is_disjoint(&waiting));
            let more: Vec<_> = more.map(|(name, _)| name.clone()).filter(|n| !waiting.contains(n)).collect();
            if more.is_empty() {
                return waiting.intersection(&self.exported).cloned().collect();
            }
            waiting.extend(more);
        }
    }
}

/// Source code without the paths before names, and with the standard library's traits for tokio's.
fn text(code: &impl ToTokens) -> String {
    let tokens = code.to_token_stream().to_string();
    let mut words: Vec<&str> = Vec::new();
    for word in tokens.split_whitespace() {
        if word == "::" {
            words.pop();
            continue;
        }
        words.push(match word {
            "AsyncRead" => "Read",
            "AsyncWrite" => "Write",
            "Stream" => "Iterator",
            word => word,
        });
    }
    words.join(" ")
}

/// The names in a piece of source code.
fn names(code: &impl ToTokens) -> BTreeSet<String> {
    text(code).split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect()
}

/// Every source file below a folder, without those in the parts to skip.
fn sources(folder: &Path, skip: &[&str]) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if skip.contains(&name) {
            continue;
        }
        if path.is_dir() {
            out.extend(sources(&path, &[]));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
    out
}
