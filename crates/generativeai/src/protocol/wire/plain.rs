//! Search for the bytes that JSON escapes in a string.

/// Returns the number of bytes in front of the first one that JSON escapes: a quote, a backslash or a control
/// character.
///
/// Inspects eight bytes at a time. Comparing each byte took 50% more instructions, and was a fifth of the instructions
/// of a chat that writes the JSON of twenty messages.
#[inline]
pub(crate) fn plain_length(text: &[u8]) -> usize {
    let mut rest = text;
    while let Some((word, after)) = rest.split_first_chunk() {
        let escaped = escaped_bytes(u64::from_le_bytes(*word));
        if escaped > 0 {
            return text.len() - rest.len() + escaped.trailing_zeros() as usize / 8;
        }
        rest = after;
    }
    let is_escaped = |byte: &u8| matches!(byte, 0..b' ' | b'"' | b'\\');
    let plain = rest.iter().position(is_escaped);
    text.len() - rest.len() + plain.unwrap_or(rest.len())
}

/// Returns the bytes of a word that JSON escapes: the lowest bit that is set is the high bit of the first one. Bits
/// above it may be set for other bytes as well.
///
/// Subtracting 32 from a smaller byte borrows, which sets its high bit. So does subtracting 1 from 0, which a quote and
/// a backslash become by an exclusive or with themselves. The borrow reaches the bytes above, so only the first one is
/// exact. `!word` excludes bytes whose high bit was set before: those of characters beyond ASCII.
fn escaped_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let all = |byte: u8| ONES * u64::from(byte);
    let control = word.wrapping_sub(all(b' '));
    let quote = (word ^ all(b'"')).wrapping_sub(ONES);
    let backslash = (word ^ all(b'\\')).wrapping_sub(ONES);
    (control | quote | backslash) & !word & HIGH
}
