//! Lengths of strings and values in JSON text, found without parsing them.

/// Returns the length of the string at the start, with its quotes. A string without an end extends to the end of the
/// text.
pub(super) fn string_length(json: &str) -> usize {
    // The opening quote is skipped like an escaped one.
    let mut escaped = true;
    let end = json.bytes().position(|byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        byte => byte == b'"',
    });
    end.map_or(json.len(), |end| end + 1)
}

/// Returns the length of the JSON value at the start, including white space before it. `None` if the value has no end.
pub(super) fn value_length(json: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = json.len() - json.trim_start().len();
    let start = at;
    loop {
        match *json.as_bytes().get(at)? {
            b'"' => {
                at += string_length(&json[at..]);
                if depth == 0 {
                    return Some(at);
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return (at > start).then_some(at),
            b'}' | b']' if depth == 1 => return Some(at + 1),
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return (at > start).then_some(at),
            _ => {}
        }
        at += 1;
    }
}
