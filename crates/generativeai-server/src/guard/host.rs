//! The names under which the server may be asked, so that no web page can reach it under its own.

use std::net::IpAddr;

use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;

use crate::failure::{Code, Failure};

/// The names under which the server may be asked.
#[derive(Clone, Debug)]
pub(crate) enum Hosts {
    Any,
    /// The names of this machine for itself, and these.
    Loopback(Vec<String>),
}

impl Hosts {
    pub(crate) fn check(&self, parts: &Parts) -> Result<(), Failure> {
        let Self::Loopback(more) = self else {
            return Ok(());
        };
        let named = named(parts)?;
        let fits = |authority: &Authority| {
            let host = authority.host();
            is_loopback(host) || more.iter().any(|name| name.eq_ignore_ascii_case(host))
        };
        if named.iter().all(fits) {
            return Ok(());
        }
        let message = "this server is not to be asked under that name: allow the host to do so";
        Err(Failure::new(Code::FORBIDDEN, message))
    }
}

/// The names in the address and in the header. There must be one, and one header at most.
fn named(parts: &Parts) -> Result<Vec<Authority>, Failure> {
    let bad = || Failure::invalid("the request must name one host");
    let mut named: Vec<Authority> = parts.uri.authority().cloned().into_iter().collect();
    let headers: Vec<_> = parts.headers.get_all(HOST).iter().collect();
    match headers[..] {
        [] if named.is_empty() => return Err(bad()),
        [] => {}
        [host] => named.push(Authority::try_from(host.as_bytes()).map_err(|_| bad())?),
        _ => return Err(bad()),
    }
    Ok(named)
}

fn is_loopback(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost") || ends_with(host, ".localhost"),
    }
}

fn ends_with(host: &str, end: &str) -> bool {
    let at = host.len().wrapping_sub(end.len());
    host.get(at..)
        .is_some_and(|tail| at > 0 && tail.eq_ignore_ascii_case(end))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn code(hosts: &Hosts, uri: &str, headers: &[&str]) -> u16 {
        let request = headers
            .iter()
            .fold(Request::get(uri), |request, host| {
                request.header(HOST, *host)
            })
            .body(())
            .expect("a request");
        hosts
            .check(&request.into_parts().0)
            .map_or_else(|failure| failure.code().as_u16(), |()| 200)
    }

    #[test]
    fn only_names_of_this_machine_pass() {
        let hosts = Hosts::Loopback(vec!["box.lan".into()]);
        for host in [
            "localhost",
            "LOCALHOST:80",
            "a.localhost:1",
            "127.0.0.1:8080",
            "127.9.9.9",
            "[::1]:80",
            "Box.LAN:80",
        ] {
            assert_eq!(code(&hosts, "/", &[host]), 200, "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            ".localhost.x",
            "0.0.0.0",
            "10.0.0.1",
            "xlocalhost",
        ] {
            assert_eq!(code(&hosts, "/", &[host]), 403, "{host}");
        }
        assert_eq!(code(&Hosts::Any, "/", &["evil.example"]), 200);
    }

    #[test]
    fn one_host_must_be_named_and_no_other() {
        let hosts = Hosts::Loopback(Vec::new());

        assert_eq!(code(&hosts, "/", &[]), 400);
        assert_eq!(code(&hosts, "/", &["localhost", "localhost"]), 400);
        assert_eq!(code(&hosts, "/", &["local host"]), 400);
        assert_eq!(code(&hosts, "http://localhost/", &["evil.example"]), 403);
        assert_eq!(code(&hosts, "http://evil.example/", &["localhost"]), 403);
    }
}
