//! Reading the list of faults that a user writes.

use std::str::FromStr;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use generativeai::{Error, ErrorKind};

use super::{Fault, Faults, Kind};
use crate::failure::Code;

impl FromStr for Faults {
    type Err = Error;

    /// Reads a list of faults; an empty one is none.
    fn from_str(list: &str) -> Result<Self, Error> {
        let mut read = Self {
            requests: AtomicU64::new(0),
            ..Self::default()
        };
        for item in list
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
        {
            match item.strip_prefix("seed=") {
                Some(seed) => read.seed = seed.parse().map_err(|_| bad(item))?,
                None => read.faults.push(fault(item).ok_or_else(|| bad(item))?),
            }
        }
        Ok(read)
    }
}

fn bad(item: &str) -> Error {
    let message = format!(
        "no fault is written `{item}`: use 429, 500, 503, delay=250ms, cut=3, error=500 or seed=7, \
         with x2 for the first two requests and @0.5 for half of them"
    );
    Error::new(ErrorKind::Configuration, message)
}

fn fault(item: &str) -> Option<Fault> {
    let (item, probability) = match item.split_once('@') {
        Some((item, probability)) => (item, probability.parse().ok()?),
        None => (item, 1.0),
    };
    if !(0.0..=1.0).contains(&probability) {
        return None;
    }
    let (item, first) = match item.rsplit_once('x') {
        Some((item, first)) => (item, first.parse().ok()?),
        None => (item, u64::MAX),
    };
    let kind = match item
        .split_once('=')
        .map_or((item, None), |(kind, value)| (kind, Some(value)))
    {
        ("delay", Some(time)) => Kind::Delay(duration(time)?),
        ("cut", chunks) => Kind::Cut(chunks.map_or(Some(1), |chunks| chunks.parse().ok())?),
        ("error", value) => Kind::Error(value.map_or(Some(Code::UNAVAILABLE), code)?),
        (value, None) => Kind::Refuse(code(value)?),
        _ => return None,
    };
    Some(Fault {
        kind,
        first,
        probability,
    })
}

fn code(text: &str) -> Option<Code> {
    [Code::EXHAUSTED, Code::INTERNAL, Code::UNAVAILABLE]
        .into_iter()
        .find(|code| code.0.to_string() == text)
}

fn duration(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(millis) => millis.parse().ok().map(Duration::from_millis),
        None => text
            .strip_suffix('s')?
            .parse()
            .ok()
            .map(Duration::from_secs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read() {
        let read: Faults =
            "429@0.25, 500x3@1,delay=250ms,delay=2s,cut,cut=3,error,error=500,seed=9"
                .parse()
                .expect("faults");

        let always = |kind| Fault {
            kind,
            first: u64::MAX,
            probability: 1.0,
        };
        assert_eq!(read.seed, 9);
        assert_eq!(
            read.faults,
            [
                Fault {
                    probability: 0.25,
                    ..always(Kind::Refuse(Code::EXHAUSTED))
                },
                Fault {
                    first: 3,
                    ..always(Kind::Refuse(Code::INTERNAL))
                },
                always(Kind::Delay(Duration::from_millis(250))),
                always(Kind::Delay(Duration::from_secs(2))),
                always(Kind::Cut(1)),
                always(Kind::Cut(3)),
                always(Kind::Error(Code::UNAVAILABLE)),
                always(Kind::Error(Code::INTERNAL)),
            ]
        );
        assert!("".parse::<Faults>().expect("none").faults.is_empty());
    }

    #[test]
    fn what_is_no_fault_is_refused_by_name() {
        for item in [
            "418", "cut=-1", "delay", "delay=5", "500@2", "500@-1", "500@NaN", "500x", "seed=x",
            "cut=x",
        ] {
            let error = item.parse::<Faults>().expect_err(item);

            assert!(error.to_string().contains(&format!("`{item}`")), "{error}");
        }
    }
}
