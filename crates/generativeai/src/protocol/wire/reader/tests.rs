//! Tests of the reader.

use super::*;
use proptest::prelude::*;

fn read(json: &str) -> Result<Value> {
    let mut reader = Reader::new(json);
    let value = reader.value()?;
    reader.end().map(|()| value)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_value_is_read_as_it_was_written(value in value()) {
        prop_assert_eq!(read(&value.to_string()).expect("JSON"), value.clone());
        let pretty = serde_json::to_string_pretty(&value).expect("JSON");
        prop_assert_eq!(read(&pretty).expect("JSON"), value);
    }

    /// Texts of the characters of JSON, which are often almost valid.
    #[test]
    fn the_syntax_is_that_of_serde_json(json in r#"([\[\]{},:"0-9.eE+\\ \n\t-]|"a|":|true|null|é|\\n){0,12}"#) {
        match (read(&json), serde_json::from_str::<Value>(&json)) {
            (Ok(read), Ok(value)) => prop_assert_eq!(read, value),
            (Ok(_), Err(error)) => {
                prop_assert!(error.to_string().starts_with("number out of range"), "{error}");
            }
            (Err(error), Ok(_)) => prop_assert!(false, "{error}"),
            (Err(_), Err(_)) => {}
        }
    }
}

#[test]
fn escapes_are_read() {
    let json = r#""\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\uDE00""#;

    assert_eq!(read(json).expect("a string"), "\"\\/\u{8}\u{C}\n\r\té€😀");
    for wrong in [
        r#""\u12""#,
        r#""\u+123""#,
        r#""\u12é4""#,
        r#""\x""#,
        "\"\\",
        "\"\u{1}\"",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_json_of_a_value_is_returned_unchanged() {
    for json in [
        r#"{"a":["]",{"b":"\"}"}]}"#,
        "[ 1 , 2 ]",
        "\"a\\n\"",
        "-1.5e3",
        "null",
    ] {
        let text = format!(" {json} ,");
        let mut reader = Reader::new(&text);

        assert_eq!(reader.raw().expect(json), json);
        assert_eq!(reader.at, json.len() + 1);
    }
    for unclosed in ["[", "{\"a\":[]", "[\"]", "[[1]"] {
        assert!(Reader::new(unclosed).raw().is_err(), "{unclosed}");
    }
}

#[test]
fn a_number_has_the_form_of_json() {
    for number in ["0", "-0", "10", "-1.50", "1e5", "1E+05", "0.1e-1"] {
        assert_eq!(Reader::new(number).number().expect(number), number);
    }
    for wrong in [
        "01", "-01", "1.", ".5", "+1", "1e", "1e+", "--1", "0x1", "1_000", "-Inf",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_error_says_what_was_found() {
    for (json, message) in [
        ("", "expected a value, found the end of the text"),
        ("[1 2]", "expected `,` or `]`, found the number 2"),
        ("[1,]", "[1]: expected a value, found ']'"),
        ("{1:2}", "expected the name of a member, found the number 1"),
        (r#"{"a" 1}"#, "expected `:`, found the number 1"),
        ("[é]", "[0]: expected a value, found 'é'"),
        ("truE", "expected a value, found 't'"),
        ("None", "expected a value, found 'N'"),
        ("-", "a digit is missing in a number"),
        ("[] []", "expected the end of the text, found a list"),
    ] {
        assert_eq!(read(json).expect_err(json).to_string(), message);
    }
}
