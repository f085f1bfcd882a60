//! Details of a status: retry delay, exceeded quotas, machine-readable reason.

use std::time::Duration;

use serde_json::{Value, json};

use super::Status;
use crate::protocol::time::Duration as WireDuration;

/// Quota that a request exceeded.
///
/// ```
/// use generativeai::protocol::status::Status;
///
/// let status: Status = serde_json::from_str(
///     r#"{"code":429,"status":"RESOURCE_EXHAUSTED","details":[
///         {"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[
///             {"quotaId":"GenerateRequestsPerDayPerProjectPerModel","quotaValue":"50"}]}]}"#,
/// )?;
/// let violation = status.quota_violations().next().unwrap();
/// assert_eq!(violation.value, Some("50"));
/// assert!(status.is_daily_quota());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuotaViolation<'a> {
    /// Metric that the quota limits, such as
    /// `generativelanguage.googleapis.com/generate_content_requests`.
    pub metric: Option<&'a str>,
    /// Identifier of the quota, such as `GenerateRequestsPerDayPerProjectPerModel`.
    pub id: Option<&'a str>,
    /// Subject that the quota applies to, such as `project:123`.
    pub subject: Option<&'a str>,
    /// Limit of the quota, a number in decimal digits.
    pub value: Option<&'a str>,
    /// Description of the violation, in English.
    pub description: Option<&'a str>,
}

/// Machine-readable reason of an error.
///
/// Messages may change, reasons do not. A program that reacts to an error should compare the reason:
///
/// ```
/// use generativeai::protocol::status::Status;
///
/// let status: Status = serde_json::from_str(
///     r#"{"code":403,"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",
///         "reason":"SERVICE_DISABLED","domain":"googleapis.com",
///         "metadata":{"service":"generativelanguage.googleapis.com"}}]}"#,
/// )?;
/// let info = status.error_info().unwrap();
/// assert_eq!(info.reason, Some("SERVICE_DISABLED"));
/// assert_eq!(info.metadata("service"), Some("generativelanguage.googleapis.com"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorInfo<'a> {
    /// Reason in capitals, such as `API_KEY_INVALID`. Unique within the domain.
    pub reason: Option<&'a str>,
    /// Domain that defines the reason, such as `googleapis.com`.
    pub domain: Option<&'a str>,
    metadata: Option<&'a Value>,
}

impl<'a> ErrorInfo<'a> {
    /// Returns the metadata with this name, such as `service`.
    pub fn metadata(&self, name: &str) -> Option<&'a str> {
        self.metadata?.get(name)?.as_str()
    }
}

impl Status {
    /// Returns the time to wait before a retry: the longer one of `RetryInfo` and the message. `None` if both are absent
    /// or invalid.
    ///
    /// The service cuts off the fraction of the second in `RetryInfo`, and a retry after that time is too early. Its
    /// message has the fraction: `Please retry in 48.939935699s.`
    pub fn retry_delay(&self) -> Option<Duration> {
        let in_details = || {
            let info = self.details_of("google.rpc.RetryInfo").next()?;
            WireDuration::from(text(info, "retryDelay")?).to_std()
        };
        let in_message = || {
            let (_, wait) = self.message.as_deref()?.split_once("Please retry in ")?;
            leading_duration(wait)
        };
        in_details().max(in_message())
    }

    /// Sets the `RetryInfo`, the time to wait before a retry.
    ///
    /// ```
    /// use std::time::Duration;
    /// use generativeai::protocol::status::Status;
    ///
    /// let status = Status::from_http_code(429, "slow down").with_retry_delay(Duration::from_secs(2));
    /// assert_eq!(status.retry_delay(), Some(Duration::from_secs(2)));
    /// ```
    #[must_use]
    pub fn with_retry_delay(mut self, wait: Duration) -> Self {
        let delay = WireDuration::from(wait);
        let kind = "type.googleapis.com/google.rpc.RetryInfo";
        self.details.retain(|detail| detail["@type"] != kind);
        self.details
            .push(json!({"@type": kind, "retryDelay": delay}));
        self
    }

    /// Returns the quotas that the request exceeded, from `QuotaFailure`.
    pub fn quota_violations(&self) -> impl Iterator<Item = QuotaViolation<'_>> {
        let failures = self.details_of("google.rpc.QuotaFailure");
        let lists = failures.filter_map(|failure| failure.get("violations")?.as_array());
        lists.flatten().map(|violation| QuotaViolation {
            metric: text(violation, "quotaMetric"),
            id: text(violation, "quotaId"),
            subject: text(violation, "subject"),
            value: text(violation, "quotaValue"),
            description: text(violation, "description"),
        })
    }

    /// Returns the reason for the error, from `ErrorInfo`.
    pub fn error_info(&self) -> Option<ErrorInfo<'_>> {
        let info = self.details_of("google.rpc.ErrorInfo").next()?;
        Some(ErrorInfo {
            reason: text(info, "reason"),
            domain: text(info, "domain"),
            metadata: info.get("metadata"),
        })
    }

    /// Returns whether a daily quota is exhausted, so that a retry within the day fails as well.
    pub fn is_daily_quota(&self) -> bool {
        let mut ids = self.quota_violations().filter_map(|violation| violation.id);
        let limit = self
            .error_info()
            .and_then(|info| info.metadata("quota_limit"));
        ids.any(is_daily) || limit.is_some_and(is_daily)
    }

    /// Returns whether a quota is exhausted that is not renewed soon, so that a retry fails as well: a daily one, the
    /// credit of the account, or all use of a model that has no free tier. The service states the latter ones only in
    /// its message.
    pub fn is_quota_exhausted(&self) -> bool {
        let message = self.message.as_deref().unwrap_or_default();
        let words = [
            "credits are depleted",
            "spending cap",
            "free quota tier",
            "limit: 0",
        ];
        self.is_daily_quota() || words.iter().any(|words| message.contains(words))
    }

    fn details_of(&self, kind: &'static str) -> impl Iterator<Item = &Value> {
        self.details.iter().filter(move |detail| {
            // A type URL: only the name after the last slash identifies the type.
            let name = text(detail, "@type").and_then(|name| name.rsplit('/').next());
            name == Some(kind)
        })
    }
}

/// Returns whether a quota is per day, which only its identifier shows.
fn is_daily(quota: &str) -> bool {
    let quota = quota.to_ascii_lowercase();
    quota.contains("perday") || quota.contains("per_day") || quota.contains("daily")
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

/// Reads the duration at the beginning of a text, in the notation of Go: `2h47m56.5s`, `900ms`.
fn leading_duration(mut text: &str) -> Option<Duration> {
    let units = [("ms", 1e-3), ("h", 3_600.0), ("m", 60.0), ("s", 1.0)];
    let mut seconds = None;
    while let Some(end) = text.find(|char: char| !char.is_ascii_digit() && char != '.') {
        let (number, rest) = text.split_at(end);
        let unit = units.iter().find(|(unit, _)| rest.starts_with(unit));
        let (Ok(number), Some((unit, scale))) = (number.parse::<f64>(), unit) else {
            break;
        };
        *seconds.get_or_insert(0.0) += number * scale;
        text = &rest[unit.len()..];
    }
    Duration::try_from_secs_f64(seconds?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(detail: Value) -> Status {
        serde_json::from_value(json!({"code": 429, "details": [detail]})).expect("a status")
    }

    #[test]
    fn an_invalid_retry_delay_is_none() {
        let delay = |text: Value| {
            let kind = "type.googleapis.com/google.rpc.RetryInfo";
            status(json!({"@type": kind, "retryDelay": text})).retry_delay()
        };

        assert_eq!(delay(json!("3s")), Some(Duration::from_secs(3)));
        assert_eq!(delay(json!("0.250s")), Some(Duration::from_millis(250)));
        for bad in [json!("-3s"), json!(3)] {
            assert_eq!(delay(bad.clone()), None, "{bad}");
        }
    }

    #[test]
    fn a_retry_delay_has_the_fraction_of_the_second_that_the_message_contains() {
        let delay = |message: &str, details: Value| {
            let status = json!({"code": 429, "message": message, "details": details});
            let status: Status = serde_json::from_value(status).expect("a status");
            status.retry_delay()
        };
        let info =
            json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}]);
        let exact = Some(Duration::from_millis(7_361));

        let message = "Quota exceeded.\nPlease retry in 7.361s.";
        assert_eq!(delay(message, info.clone()), exact);
        // A proxy left out the details.
        assert_eq!(delay(message, json!([])), exact);
        let hours = Duration::from_millis((2 * 3_600 + 47 * 60 + 56) * 1_000 + 500);
        for (other, wait) in [
            ("Please retry in 2h47m56.5s.", Some(hours)),
            ("Please retry in 900ms.", Some(Duration::from_millis(900))),
            ("Please retry in a moment", None),
            ("Please retry in 3 days", None),
        ] {
            assert_eq!(delay(other, json!([])), wait, "{other}");
            assert_eq!(
                delay(other, info.clone()),
                wait.max(Some(Duration::from_secs(7)))
            );
        }
    }

    #[test]
    fn a_daily_quota_is_distinguished_from_one_per_minute() {
        let quota = |id: &str| {
            let kind = "type.googleapis.com/google.rpc.QuotaFailure";
            status(json!({"@type": kind, "violations": [{"quotaId": id, "quotaValue": "50"}]}))
        };

        let day = quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier");
        assert!(day.is_daily_quota());
        assert_eq!(
            day.quota_violations().next().and_then(|quota| quota.value),
            Some("50")
        );
        assert!(!quota("GenerateRequestsPerMinutePerProjectPerModel").is_daily_quota());
        let named_by_reason = |limit: &str| {
            let kind = "type.googleapis.com/google.rpc.ErrorInfo";
            let metadata = json!({"quota_limit": limit, "quota_limit_value": "50"});
            status(json!({"@type": kind, "reason": "RATE_LIMIT_EXCEEDED", "metadata": metadata}))
        };
        assert!(named_by_reason("RequestsPerDayPerProject").is_daily_quota());
        assert!(!named_by_reason("RequestsPerMinutePerProject").is_daily_quota());
    }

    #[test]
    fn details_of_another_form_are_ignored() {
        for odd in [
            json!(null),
            json!("x"),
            json!({"@type": 3}),
            json!({"@type": "RetryInfo"}),
        ] {
            let status = status(odd);
            assert_eq!(status.retry_delay(), None);
            assert!(status.error_info().is_none() && !status.is_daily_quota());
        }
    }

    #[test]
    fn error_info_has_reason_domain_and_metadata() {
        let status = status(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": "generativelanguage.googleapis.com"},
        }));

        let info = status.error_info().expect("info");
        assert_eq!(
            (info.reason, info.domain),
            (Some("API_KEY_INVALID"), Some("googleapis.com"))
        );
        assert_eq!(
            info.metadata("service"),
            Some("generativelanguage.googleapis.com")
        );
    }
}
