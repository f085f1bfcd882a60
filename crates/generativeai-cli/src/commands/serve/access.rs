//! Parsers of the addresses, host names and origins of `genai serve`, and the notes about refused ones.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};

use crate::render::print_line;

/// Maximum number of different refusals that are printed.
const MAX_REFUSALS: usize = 20;

/// Parses an address to listen on.
pub(super) fn host(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        _ => text.parse().map_err(|_| {
            "use an IP address of this computer, localhost, or 0.0.0.0 for all networks".to_owned()
        }),
    }
}

/// Parses the name of a host, as the header `Host` has it without the port.
pub(super) fn host_name(text: &str) -> Result<String, String> {
    let is_address = text.starts_with('[') && text.ends_with(']');
    match text.is_empty() || text.contains(['/', ' ']) || (text.contains(':') && !is_address) {
        true => Err(
            "use a host name without scheme and port, as in vm.example.com, or * for any"
                .to_owned(),
        ),
        false => Ok(text.to_owned()),
    }
}

/// Parses an origin. Returns it as browsers send it: in lower case, without a trailing slash.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let origin = text.trim_end_matches('/').to_ascii_lowercase();
    let is_url = origin.split_once("://").is_some_and(|(scheme, host)| {
        !scheme.is_empty() && !host.is_empty() && !host.contains(['/', '*'])
    });
    // Browsers send `null` for pages of the file system.
    if is_url || ["*", "null"].contains(&text) {
        return Ok(origin);
    }
    Err("use a scheme, a host and a port, as in http://localhost:5173, or * for any".to_owned())
}

/// Returns a function that prints the reason of each refused request, once for each reason: a browser hides it from the
/// page.
pub(super) fn print_refusals() -> impl Fn(&str) + Send + Sync {
    let printed = Mutex::new(BTreeSet::new());
    move |message| {
        let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = printed.len() < MAX_REFUSALS && printed.insert(message.to_owned());
        let is_last = printed.len() == MAX_REFUSALS;
        // Writing may block.
        drop(printed);
        if is_new {
            print_line(&format!("(refused: {message})"));
        }
        if is_new && is_last {
            print_line("(further reasons are not shown)");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_address_or_localhost() {
        for (text, address) in [
            ("localhost", "127.0.0.1"),
            ("0.0.0.0", "0.0.0.0"),
            ("::1", "::1"),
        ] {
            assert_eq!(host(text).unwrap().to_string(), address);
        }
        for text in ["", "example.com", "127.0.0.1:80"] {
            assert!(host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_allowed_host_has_no_scheme_and_no_port() {
        for text in ["*", "vm", "vm.example.com", "10.0.0.2", "[fd00::1]"] {
            assert!(host_name(text).is_ok(), "{text}");
        }
        for text in ["", "http://vm", "vm:8080", "vm/"] {
            assert!(host_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_origin_is_compared_in_the_form_of_browsers() {
        for (text, sent) in [
            ("*", "*"),
            ("null", "null"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("HTTPS://Example.com/", "https://example.com"),
            ("chrome-extension://abc", "chrome-extension://abc"),
        ] {
            assert_eq!(origin(text).as_deref(), Ok(sent));
        }
        for text in [
            "",
            "foo",
            "localhost:5173",
            "http://",
            "http://a/b",
            "https://*.a",
        ] {
            assert!(origin(text).is_err(), "{text}");
        }
    }
}
