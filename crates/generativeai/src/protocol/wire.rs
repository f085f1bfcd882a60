//! How the members of a message are read and written: leniently in, canonically out.

mod member;
mod message;
mod number;
mod open_enum;
mod shown;

pub(crate) use member::{Member, Wire};
pub(crate) use message::{
    CamelCase, Message, read_message, read_message_into, read_value, write_message, write_value,
};
pub(crate) use open_enum::{OpenEnum, read_enum, write_enum};
pub(crate) use shown::Shown;
