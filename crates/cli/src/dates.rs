//! Dates and ages as people read them.

use permisos_secrets_core::UnixTime;
use time::OffsetDateTime;

/// `2026-11-24 22:04`, in UTC.
pub(crate) fn date(at: UnixTime) -> String {
    let seconds = i64::try_from(at.0 / 1000).unwrap_or(i64::MAX);
    let Ok(date) = OffsetDateTime::from_unix_timestamp(seconds) else { return "-".to_owned() };
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    format!("{year}-{month:02}-{day:02} {:02}:{:02}", date.hour(), date.minute())
}

/// A date, or a dash.
pub(crate) fn date_or_dash(at: Option<UnixTime>) -> String {
    at.map_or_else(|| "-".to_owned(), date)
}

/// `3 d`, `5 h`, `7 min`: how long ago that was.
pub(crate) fn age(at: UnixTime, now: UnixTime) -> String {
    let minutes = now.0.saturating_sub(at.0) / 60_000;
    match minutes {
        0..60 => format!("{minutes} min"),
        60..2880 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / 1440),
    }
}

/// `due in 30 d`, `overdue 5 h`.
pub(crate) fn due(at: UnixTime, now: UnixTime) -> String {
    if at < now { format!("overdue {}", age(at, now)) } else { format!("due in {}", age(now, at)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_in_the_unit_that_fits() {
        let now = UnixTime(10 * 86_400_000);
        assert_eq!(age(UnixTime(now.0 - 90_000), now), "1 min");
        assert_eq!(age(UnixTime(now.0 - 3_600_000 * 47), now), "47 h");
        assert_eq!(age(UnixTime(0), now), "10 d");
        assert_eq!((due(UnixTime(0), now), due(now, UnixTime(0))), ("overdue 10 d".into(), "due in 10 d".into()));
        assert_eq!(date(UnixTime(1_795_558_990_000)), "2026-11-24 22:23");
    }
}
