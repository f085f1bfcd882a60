//! Random bytes from the operating system, for keys, nonces and ids.

use generativeai::{Error, ErrorKind, Result};

/// Returns cryptographically secure random bytes.
///
/// # Errors
/// [`ErrorKind::Storage`] if the operating system has no source of random numbers.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => {
            let message = "the operating system returned no random numbers";
            Err(Error::new(ErrorKind::Storage, message).with_source(error))
        }
    }
}
