//! Every member and every enum value of the inventory has a field and a variant.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::inventory::{FORMS, Field, inventory};
use super::{Echo, MESSAGES, message};

fn for_each_field(mut check: impl FnMut(&str, &str, &Field)) {
    let messages = inventory().messages.iter();
    for (name, fields) in messages.filter(|(name, _)| !FORMS.contains(&name.as_str())) {
        fields
            .iter()
            .for_each(|(member, field)| check(name, member, field));
    }
}

#[track_caller]
fn echo(name: &str, body: &Value) -> Echo {
    message(name)(body).unwrap_or_else(|error| panic!("{name} cannot be read: {error} in {body}"))
}

#[test]
fn every_member_and_every_enum_value_has_a_type() {
    for_each_field(|name, member, field| {
        for (read, written) in field.samples() {
            let echo = echo(name, &json!({ member: read }));
            assert!(
                echo.knows_members(),
                "{name}.{member} is not typed: {read} gives {}",
                echo.read
            );
            assert_eq!(echo.written, json!({ member: written }), "{name}.{member}");
        }
    });
}

#[test]
fn every_message_and_enum_of_the_inventory_is_tested() {
    let mut seen = BTreeSet::new();
    for_each_field(|name, _, field| {
        seen.insert(name.to_owned());
        seen.insert(field.kind.clone());
    });
    for name in inventory().enums.keys() {
        assert!(seen.contains(name), "no field is a {name}");
    }
    for name in inventory()
        .messages
        .keys()
        .filter(|name| !FORMS.contains(&name.as_str()))
    {
        assert_eq!(echo(name, &json!({})).written, json!({}), "{name}");
    }
    for (name, _) in MESSAGES {
        assert!(
            inventory().messages.contains_key(*name),
            "{name} is not in the inventory"
        );
    }
}

#[test]
fn null_is_absent_in_every_field() {
    for_each_field(|name, member, field| {
        if field.kind != "Value" && !field.is_free() {
            let echo = echo(name, &json!({ member: null }));
            assert!(echo.knows_members(), "{name}.{member}: {}", echo.read);
            assert_eq!(echo.written, json!({}), "{name}.{member}");
        }
    });
}

#[test]
fn a_value_of_another_type_is_refused_by_every_field() {
    for_each_field(|name, member, field| {
        if !field.is_free() {
            let body = json!({ member: field.misfit() });
            assert!(
                message(name)(&body).is_err(),
                "{name}.{member} takes {body}"
            );
        }
    });
}

#[test]
fn an_unknown_enum_value_is_kept_by_every_field() {
    for_each_field(|name, member, field| {
        if inventory().enums.contains_key(&field.kind) {
            for new in [json!("BRAND_NEW"), json!(99), json!(-1)] {
                let body = if field.repeated { json!([new]) } else { new };
                let body = json!({ member: body });
                assert_eq!(echo(name, &body).written, body, "{name}.{member}");
            }
        }
    });
}

#[test]
fn an_unknown_member_is_kept_by_every_message() {
    let body = json!({"brandNew": {"a": [1, null, "x"]}, "another": null});
    for (name, roundtrip) in MESSAGES {
        let echo = roundtrip(&body).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(echo.written, body, "{name}");
        assert!(!echo.knows_members(), "{name}: {}", echo.read);
    }
}
