//! The inventory of messages and enums, from the descriptors of the API.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::{Value, json};

/// Messages and enums by name.
#[derive(Deserialize)]
pub(super) struct Inventory {
    pub(super) enums: BTreeMap<String, Vec<String>>,
    pub(super) messages: BTreeMap<String, BTreeMap<String, Field>>,
}

/// Type of a field.
#[derive(Deserialize)]
pub(super) struct Field {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) repeated: bool,
}

/// Messages with a special JSON form.
pub(super) const FORMS: &[&str] = &[
    "Any",
    "Duration",
    "ListValue",
    "Struct",
    "Timestamp",
    "Value",
];

/// Reads the inventory from the folder in `WIRE_DIR`, or from the copy in this crate.
pub(super) fn inventory() -> &'static Inventory {
    static INVENTORY: OnceLock<Inventory> = OnceLock::new();
    INVENTORY.get_or_init(|| {
        let copy = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/wire");
        let folder = std::env::var_os("WIRE_DIR").map_or(PathBuf::from(copy), PathBuf::from);
        let file = folder.join("v1beta.fields.json");
        let text = std::fs::read_to_string(&file);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        serde_json::from_str(&text).expect("an inventory")
    })
}

impl Field {
    /// Returns whether the field accepts any JSON value.
    pub(super) fn is_free(&self) -> bool {
        matches!(self.kind.as_str(), "Any" | "Struct" | "Value")
    }

    /// Returns values of the field, each with the form in which it is written.
    pub(super) fn samples(&self) -> Vec<(Value, Value)> {
        let same = |value: Value| (value.clone(), value);
        let samples = match self.kind.as_str() {
            "string" => vec![same(json!("Ben Nevis")), same(json!(""))],
            "bytes" => vec![same(json!("+/8=")), same(json!("-_8"))],
            "bool" => vec![same(json!(true)), same(json!(false))],
            "int32" | "int64" => vec![
                same(json!(-7)),
                same(json!(0)),
                same(json!(i32::MAX)),
                (json!("7"), json!(7)),
                (json!(7.0), json!(7)),
            ],
            "float" | "double" => vec![
                same(json!(0.25)),
                same(json!(0.0)),
                same(json!(-1e-9)),
                same(json!("NaN")),
                same(json!("-Infinity")),
                (json!(3), json!(3.0)),
            ],
            "Timestamp" => vec![same(json!("2026-11-23T12:00:00.5Z"))],
            "Duration" => vec![same(json!("3.5s"))],
            "Any" => vec![same(json!({"@type": "type.googleapis.com/x", "a": [1]}))],
            "Struct" => vec![
                same(json!({"b": null, "a": {"c": [1, 2.5, "x"]}})),
                same(json!({})),
            ],
            "Value" => vec![same(json!([1, null])), same(json!("x")), same(json!(0))],
            "map<string,Schema>" => vec![same(json!({"b": {}, "a": {"type": "STRING"}}))],
            kind if inventory().enums.contains_key(kind) => enum_samples(kind),
            kind => {
                assert!(
                    inventory().messages.contains_key(kind),
                    "no sample of {kind}"
                );
                vec![same(json!({}))]
            }
        };
        if !self.repeated {
            return samples;
        }
        samples
            .into_iter()
            .map(|(read, written)| (json!([read]), json!([written])))
            .collect()
    }

    /// Returns a value of a wrong type.
    pub(super) fn misfit(&self) -> Value {
        match self.kind.as_str() {
            // A string is a text part.
            "Part" => json!(1),
            kind if inventory().messages.contains_key(kind) && !FORMS.contains(&kind) => json!("x"),
            "map<string,Schema>" => json!("x"),
            _ => json!({}),
        }
    }
}

/// Returns each value by name and by number.
fn enum_samples(kind: &str) -> Vec<(Value, Value)> {
    let names = inventory().enums[kind].iter().enumerate();
    let samples =
        names.flat_map(|(number, name)| [(json!(name), json!(name)), (json!(number), json!(name))]);
    samples.collect()
}
