//! Two clocks, ours and the CA's, and when they are too far apart.

use std::time::{Duration, Instant};

use http::HeaderValue;
use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

use crate::ca_error::CaError;

/// Certificates start five minutes back; clocks further apart than that
/// cannot agree on what is valid.
pub(crate) const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// The CA's clock, from the `Date` of its first answer.
#[derive(Debug)]
pub(crate) struct CaClock {
    ca: OffsetDateTime,
    local: OffsetDateTime,
    read: Instant,
}

impl CaClock {
    pub(crate) fn new(ca: OffsetDateTime) -> Self {
        Self::seen_at(OffsetDateTime::now_utc(), ca)
    }

    /// What it said when ours said `local`.
    pub(crate) fn seen_at(local: OffsetDateTime, ca: OffsetDateTime) -> Self {
        Self {
            ca,
            local,
            read: Instant::now(),
        }
    }

    /// What the CA's clock says now.
    pub(crate) fn now(&self) -> OffsetDateTime {
        self.ca.saturating_add(
            time::Duration::try_from(self.read.elapsed()).unwrap_or(time::Duration::ZERO),
        )
    }

    /// Refuses to go on where the clocks are too far apart: what would be
    /// issued now would seem expired or not valid yet on this computer.
    pub(crate) fn check(&self) -> Result<(), CaError> {
        let apart = (self.local - self.ca).unsigned_abs();
        if apart > TOLERANCE {
            return Err(CaError::Clock {
                local: self.local,
                ca: self.ca,
            });
        }
        Ok(())
    }
}

/// The time in a `Date` header (RFC 9110 section 5.6.7, the form that servers
/// must send).
pub(crate) fn http_date(value: &HeaderValue) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(value.to_str().ok()?, &Rfc2822).ok()
}

/// Seconds since 1970 as a time; the last one that can be written where they
/// are more.
pub(crate) fn from_unix(seconds: u64) -> OffsetDateTime {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or(time::macros::datetime!(9999-12-31 23:59:59 UTC))
}

/// Seconds since 1970; zero before.
pub(crate) fn to_unix(time: OffsetDateTime) -> u64 {
    u64::try_from(time.unix_timestamp()).unwrap_or(0)
}

/// "2026-11-23T18:04:05Z".
pub(crate) fn rfc3339(time: OffsetDateTime) -> String {
    let whole = time.replace_nanosecond(0).unwrap_or(time);
    whole.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_understood() {
        let header = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(to_unix(http_date(&header).unwrap()), 784_111_777);
        assert_eq!(http_date(&HeaderValue::from_static("yesterday")), None);
    }

    #[test]
    fn five_minutes_are_tolerated_and_more_are_not() {
        let away =
            |seconds| CaClock::new(OffsetDateTime::now_utc() + time::Duration::seconds(seconds));
        assert!(away(290).check().is_ok());
        assert!(away(-290).check().is_ok());
        assert!(matches!(away(310).check(), Err(CaError::Clock { .. })));
        assert!(matches!(away(-310).check(), Err(CaError::Clock { .. })));
    }

    #[test]
    fn a_far_future_does_not_overflow() {
        assert_eq!(rfc3339(from_unix(u64::MAX)), "9999-12-31T23:59:59Z");
    }
}
