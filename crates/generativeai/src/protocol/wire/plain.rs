//! Search for the bytes that JSON escapes in a string.

/// Returns the number of bytes in front of the first one that JSON escapes: a quote, a backslash or a control character.
///
/// Inspects eight bytes at a time. Comparing each byte took 50% more instructions, and was a fifth of the instructions
/// of a chat that writes the JSON of twenty messages.
#[inline]
pub(crate) fn plain_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(word) = text[at..].first_chunk() {
        let escaped = escaped_bytes(u64::from_le_bytes(*word));
        if escaped > 0 {
            return at + escaped.trailing_zeros() as usize / 8;
        }
        at += word.len();
    }
    let is_escaped = |byte: &u8| matches!(byte, 0..b' ' | b'"' | b'\\');
    let plain = text[at..].iter().position(is_escaped);
    plain.map_or(text.len(), |plain| at + plain)
}

/// Returns the bytes of a word that JSON escapes: the lowest bit that is set is the high bit of the first one. Bits
/// above it may be set for other bytes as well.
///
/// Subtracting `limit` from a byte below it borrows, which sets its high bit. The borrow reaches the bytes above, so
/// only the first one is exact. `!word` excludes bytes whose high bit was set before: those of characters beyond ASCII.
fn escaped_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    below(word, b' ') | equal(b'"') | equal(b'\\')
}
