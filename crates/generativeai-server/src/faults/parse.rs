//! Parser of the list of faults.

use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use axum::http::StatusCode;
use generativeai::{Error, ErrorKind};

use super::{Fault, Faults, Rule, Sequence};

impl FromStr for Faults {
    type Err = Error;

    /// Parses a comma-separated list of faults. An empty list injects none.
    fn from_str(list: &str) -> Result<Self, Error> {
        let mut rules = Vec::new();
        let mut seed = 0;
        for item in list
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
        {
            match item.strip_prefix("seed=") {
                Some(text) => seed = text.parse().map_err(|_| invalid(item))?,
                None => rules.push(rule(item).ok_or_else(|| invalid(item))?),
            }
        }
        let sequence = Sequence {
            requests: 0,
            random: fastrand::Rng::with_seed(seed),
        };
        Ok(Self {
            rules,
            sequence: Mutex::new(sequence),
        })
    }
}

/// Creates the error that names the item and lists the possible values.
fn invalid(item: &str) -> Error {
    let message = format!(
        "invalid fault `{item}`: use 429, 500, 503, delay=250ms, cut=3, error=500 or seed=7; \
         append x2 for the first two requests only, @0.5 for a random half of them"
    );
    Error::new(ErrorKind::Configuration, message)
}

/// Parses `fault`, `faultxN`, `fault@P` or `faultxN@P`.
fn rule(item: &str) -> Option<Rule> {
    let (item, probability) = match item.split_once('@') {
        Some((item, probability)) => (item, probability.parse().ok()?),
        None => (item, 1.0),
    };
    // Refuses NaN as well, which `f64` parses and no range contains.
    if !(0.0..=1.0).contains(&probability) {
        return None;
    }
    let (item, first_requests) = match item.rsplit_once('x') {
        Some((item, count)) => (item, count.parse().ok()?),
        None => (item, u64::MAX),
    };
    let (name, value) = match item.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (item, None),
    };
    let fault = match (name, value) {
        ("delay", Some(time)) => Fault::Delay(duration(time)?),
        ("cut", None) => Fault::Cut(1),
        ("cut", Some(chunks)) => Fault::Cut(chunks.parse().ok()?),
        ("error", None) => Fault::ErrorEvent(StatusCode::SERVICE_UNAVAILABLE),
        ("error", Some(text)) => Fault::ErrorEvent(code(text)?),
        (text, None) => Fault::Reject(code(text)?),
        _ => return None,
    };
    Some(Rule {
        fault,
        first_requests,
        probability,
    })
}

/// Parses one of the codes that the service sends when it is overloaded or fails.
fn code(text: &str) -> Option<StatusCode> {
    [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::SERVICE_UNAVAILABLE,
    ]
    .into_iter()
    .find(|code| code.as_str() == text)
}

/// Parses `250ms` or `2s`.
fn duration(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(millis) => millis.parse().ok().map(Duration::from_millis),
        None => {
            let seconds = text.strip_suffix('s')?.parse().ok()?;
            Some(Duration::from_secs(seconds))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_fault_is_parsed() {
        let parsed: Faults =
            "429@0.25, 500x3@1,delay=250ms,delay=2s,cut,cut=3,error,error=500,seed=9"
                .parse()
                .expect("faults");

        let always = |fault| Rule {
            fault,
            first_requests: u64::MAX,
            probability: 1.0,
        };
        assert_eq!(
            parsed.rules,
            [
                Rule {
                    probability: 0.25,
                    ..always(Fault::Reject(StatusCode::TOO_MANY_REQUESTS))
                },
                Rule {
                    first_requests: 3,
                    ..always(Fault::Reject(StatusCode::INTERNAL_SERVER_ERROR))
                },
                always(Fault::Delay(Duration::from_millis(250))),
                always(Fault::Delay(Duration::from_secs(2))),
                always(Fault::Cut(1)),
                always(Fault::Cut(3)),
                always(Fault::ErrorEvent(StatusCode::SERVICE_UNAVAILABLE)),
                always(Fault::ErrorEvent(StatusCode::INTERNAL_SERVER_ERROR)),
            ]
        );
        assert!("".parse::<Faults>().expect("no faults").rules.is_empty());
    }

    #[test]
    fn an_invalid_fault_is_an_error_that_names_it() {
        for item in [
            "418", "cut=-1", "delay", "delay=5", "500@2", "500@-1", "500@NaN", "500x", "seed=x",
            "cut=x",
        ] {
            let error = item.parse::<Faults>().expect_err(item);

            assert!(error.to_string().contains(&format!("`{item}`")), "{error}");
        }
    }
}
