//! Reading with a maximum size.

use std::io::{self, Read};

/// Reads everything, at most `max` bytes. Returns `None` if there are more.
pub(crate) fn read_at_most(from: impl Read, max: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    // One byte more than allowed shows that there are more.
    from.take(max + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= max).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_maximum_is_none() {
        let read = |max| read_at_most(&b"abc"[..], max).expect("memory is readable");

        assert_eq!(read(3).as_deref(), Some(&b"abc"[..]));
        assert_eq!(read(2), None);
    }
}
