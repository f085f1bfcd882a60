//! Reading and writing of messages: lenient reading, canonical writing.
//!
//! The rules come from the [JSON form of Protocol Buffers](https://protobuf.dev/programming-guides/json/): a member is
//! read under its `camelCase` or its `snake_case` name, `null` is absent, numbers may be strings, enum values may be
//! numbers. Beyond these rules, enum values are read in any case and with or without the prefix of their enum. Like the
//! Gemini API, the readers accept one value where a list is expected, and nested lists of messages. Writing has one
//! form: `camelCase`, absent members left out.
//!
//! | Type of a field | Read from | Written as |
//! | --- | --- | --- |
//! | `Option<bool>`, `Option<String>` | the value, or `null` | the value |
//! | `Option<i32>`, `Option<i64>` | `7`, `7.0`, `"7"` | `7` |
//! | `Option<f64>` | `1.5`, `1`, `"1.5"`, `"NaN"` | `1.5`, `"NaN"` |
//! | an enum | `"STOP"`, `"stop"`, `"FINISH_REASON_STOP"`, `1`, `"BRAND_NEW"` | `"STOP"`, `"BRAND_NEW"` |
//! | a message | an object | an object |
//! | `Vec` of any of them | a list, or one item; for messages also nested lists | a list |
//! | `Vec<Part>` | also strings, as text parts, except in a request to the server | a list of objects |
//! | `Option<Value>` | any JSON; `null` is a value | the same JSON |
//!
//! A number out of range and a value of another type are errors, since ignoring them would lose data. Of two members
//! with the same name one is read, see [`read_json`](crate::protocol::read_json).

mod debug;
mod deserialize;
mod error;
mod member;
mod message;
mod number;
mod open_enum;
mod plain;
mod reader;

pub(crate) use debug::DebugMessage;
pub(crate) use deserialize::deserialize;
pub(crate) use member::{Member, Wire};
pub(crate) use message::{
    CamelCase, Fields, Message, is_snake_case, push_messages, read_message, write_message,
    write_value,
};
pub(crate) use open_enum::{OpenEnum, read_enum, write_enum};
pub(crate) use plain::plain_length;
pub(crate) use reader::{Reader, Result};
