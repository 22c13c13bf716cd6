//! The time of the server.

use std::time::Duration;

/// A span as JetStream has it, which counts to 292 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    const MOST: u64 = i64::MAX as u64;
    u64::try_from(duration.as_nanos()).unwrap_or(MOST).min(MOST)
}

/// Nanoseconds since 1970 of a time as JetStream writes it: `2026-11-27T11:20:06.123456789Z`.
pub(crate) fn nanoseconds(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut time = time.splitn(3, ':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let fraction = format!("{fraction:0<9}").get(..9)?.parse::<u64>().ok()?;
    // Years begin in March, so that the leap day is the last one.
    let year = if month > 2 { year } else { year.checked_sub(1)? };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    let days = (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year)
        .checked_sub(719_468)?;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    seconds.checked_mul(1_000_000_000)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::nanoseconds;

    #[test]
    fn j51_times_are_read() {
        let second = 1_000_000_000;
        assert_eq!(nanoseconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(nanoseconds("2000-02-29T12:00:01.5Z"), Some(951_825_601 * second + second / 2));
        assert_eq!(nanoseconds("2026-11-27T11:20:06.123456789Z"), Some(1_795_778_406_123_456_789));
        for wrong in ["", "Z", "2026-11-27", "2026-11-27T11:20:06", "2026-x-27T11:20:06Z"] {
            assert_eq!(nanoseconds(wrong), None, "{wrong}");
        }
    }
}
