//! Addresses of this machine. Connections to them need neither a proxy nor encryption.

use std::net::IpAddr;

use reqwest::Url;

/// Returns whether a URL names this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    // An IPv6 address has brackets in a URL, which `IpAddr` does not parse.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let ip: Option<IpAddr> = host.parse().ok();
    ip.map_or(host == "localhost", |ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_and_loopback_addresses_name_this_machine() {
        for (url, is_local) in [
            ("http://127.0.0.1:8000/v1", true),
            ("http://[::1]:8000/v1", true),
            ("http://localhost/v1", true),
            ("http://vllm:8000/v1", false),
            ("http://10.0.0.1/v1", false),
        ] {
            let parsed = Url::parse(url).expect("a URL");
            assert_eq!(is_loopback(&parsed), is_local, "{url}");
        }
    }
}
