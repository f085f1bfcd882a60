//! How the members of a message are read and written: leniently in, canonically out.

mod member;
mod number;
mod open_enum;
mod shown;

pub(crate) use member::{Member, Wire};
pub(crate) use open_enum::{OpenEnum, read_enum, write_enum};
pub(crate) use shown::Shown;

use serde::{Deserializer, Serializer};

/// Reads a member: `null` is absent, numbers may be strings.
pub(crate) fn read<'de, M: Member, D: Deserializer<'de>>(deserializer: D) -> Result<M, D::Error> {
    M::read(deserializer)
}

/// Writes a member that is not absent.
pub(crate) fn write<M: Member, S: Serializer>(
    member: &M,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    member.write(serializer)
}

/// Whether a member has nothing to write.
pub(crate) fn is_absent<M: Member>(member: &M) -> bool {
    member.is_absent()
}
