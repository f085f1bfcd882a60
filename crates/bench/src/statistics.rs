//! Median and range of a figure over all rounds.

use std::fmt;

/// Values of a figure, one for each round, in ascending order.
#[derive(Debug, Default)]
pub(crate) struct Values(Vec<f64>);

impl Values {
    /// Adds a value at its place in the order.
    pub(crate) fn add(&mut self, value: f64) {
        let at = self.0.partition_point(|known| *known < value);
        self.0.insert(at, value);
    }

    fn median(&self) -> Option<f64> {
        let half = self.0.len() / 2;
        let upper = *self.0.get(half)?;
        if self.0.len() % 2 == 1 {
            return Some(upper);
        }
        Some((self.0[half - 1] + upper) / 2.0)
    }
}

/// Prints the median and the range, as in `1.04 (0.98–1.21)`. A single value is printed without a range.
impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(median), [first, .., last]) = (self.median(), &self.0[..]) else {
            return match &self.0[..] {
                [only] => write!(f, "{}", Short(*only)),
                _ => f.write_str("–"),
            };
        };
        write!(f, "{} ({}–{})", Short(median), Short(*first), Short(*last))
    }
}

/// Number that is printed with three digits if it is between 1 and 1,000, and never with more than two decimals.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.0.abs() {
            size if size < 10.0 => 2,
            size if size < 100.0 => 1,
            _ => 0,
        };
        write!(f, "{:.digits$}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(values: &[f64]) -> String {
        let mut all = Values::default();
        values.iter().for_each(|value| all.add(*value));
        all.to_string()
    }

    #[test]
    fn the_median_is_printed_with_its_range() {
        assert_eq!(shown(&[]), "–");
        assert_eq!(shown(&[1.5]), "1.50");
        assert_eq!(shown(&[3.0, 1.0, 120.0]), "3.00 (1.00–120)");
        assert_eq!(shown(&[4.0, 1.0, 2.0, 23.45]), "3.00 (1.00–23.4)");
    }
}
