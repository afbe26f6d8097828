//! Reads the day fields of AWS's cron dialects: lists and ranges, and days that depend on the month.
//!
//! Where AWS's documentation says nothing, Quartz decides, whose cron this is: a bare `L` as day of
//! the week is Saturday, `LW` is the month's last working day.

use crate::schedule::days::Days;
use crate::schedule::error::ScheduleError;
use crate::schedule::field::{DAY_OF_MONTH, Descending, FieldKind, FieldText, WEEKDAYS, number};

const DAY_OF_WEEK: FieldKind = FieldKind {
    name: "day of week",
    min: 1,
    max: 7,
    names: WEEKDAYS,
    descending: Descending::Wraps,
};
/// No month has more of any weekday.
const MOST_WEEKS: u32 = 5;

/// Reads a day-of-month field.
///
/// # Errors
/// The field is invalid: what was expected and what was found.
pub(super) fn of_month(field: FieldText<'_>) -> Result<Days, ScheduleError> {
    let (kind, text) = (DAY_OF_MONTH.wrapping(), field.text);
    if text.eq_ignore_ascii_case("L") {
        return Ok(Days::Last);
    }
    if text.eq_ignore_ascii_case("LW") {
        return Ok(Days::LastWorkingDay);
    }
    let near = text.strip_suffix(['W', 'w']);
    if let Some(day) = near.filter(|day| number(day).is_some()) {
        return kind.value(field, day).map(Days::WorkingDayNear);
    }
    if text.contains(['L', 'l', 'W', 'w']) {
        let expected = "L, LW or a day with W such as 15W, alone in the field";
        return Err(kind.error(field, expected, text));
    }
    kind.parse(field).map(Days::OfMonth)
}

/// Reads a day-of-week field; `steps` says whether the dialect allows steps such as `2/2` in it.
///
/// # Errors
/// The field is invalid: what was expected and what was found.
pub(super) fn of_week(field: FieldText<'_>, steps: bool) -> Result<Days, ScheduleError> {
    let (kind, text) = (DAY_OF_WEEK, field.text);
    let refuse = |expected| Err(kind.error(field, expected, text));
    if text.contains(',') && text.contains(['#', 'L', 'l']) {
        return refuse("a day with # or L alone in the field");
    }
    if text.contains('/') && !steps {
        return refuse("no steps, which this field does not have");
    }
    if text.eq_ignore_ascii_case("L") {
        return Ok(Days::OfWeek([kind.max].into()));
    }
    if let Some(weekday) = text.strip_suffix(['L', 'l']) {
        return kind.value(field, weekday).map(Days::LastOfWeek);
    }
    if let Some((weekday, nth)) = text.split_once('#') {
        let weekday = kind.value(field, weekday)?;
        let nth = number(nth).filter(|nth| (1..=MOST_WEEKS).contains(nth));
        return match nth {
            Some(nth) => Ok(Days::NthOfWeek { weekday, nth }),
            None => refuse("1-5 after #"),
        };
    }
    kind.parse(field).map(Days::OfWeek)
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, NaiveDate};

    use super::*;

    /// The days of a month that a field allows.
    fn of(year: i32, month: u32, days: &Days) -> Vec<u32> {
        (1..=31)
            .filter_map(|day| NaiveDate::from_ymd_opt(year, month, day))
            .filter(|date| days.contain(*date))
            .map(|date| date.day())
            .collect()
    }

    #[test]
    fn days_of_the_month() {
        // (field, year, month, days). August 2026 begins on a Saturday, May 2026 ends on a Sunday.
        let rows: [(&str, i32, u32, &[u32]); 16] = [
            ("L", 2028, 2, &[29]),
            ("l", 2027, 2, &[28]),
            ("LW", 2026, 5, &[29]),
            ("LW", 2026, 10, &[30]),
            ("LW", 2026, 9, &[30]),
            ("1W", 2026, 8, &[3]),
            ("1W", 2026, 11, &[2]),
            ("31W", 2026, 5, &[29]),
            ("31W", 2026, 10, &[30]),
            ("31W", 2026, 6, &[]),
            ("15w", 2026, 8, &[14]),
            ("03W", 2026, 9, &[3]),
            ("1/10", 2026, 9, &[1, 11, 21]),
            ("1-9/4,30", 2027, 2, &[1, 5, 9]),
            ("30-2", 2026, 10, &[1, 2, 30, 31]),
            (
                "*",
                2027,
                2,
                &std::array::from_fn::<u32, 28, _>(|n| n as u32 + 1),
            ),
        ];
        for (text, year, month, expected) in rows {
            let field = FieldText {
                expression: text,
                text,
            };
            let days = of_month(field).expect(text);
            assert_eq!(of(year, month, &days), expected, "{text} {year}-{month}");
        }
    }

    #[test]
    fn days_of_the_week() {
        // (field, days of October 2026, which begins on a Thursday)
        let rows: [(&str, &[u32]); 15] = [
            ("L", &[3, 10, 17, 24, 31]),
            ("1", &[4, 11, 18, 25]),
            ("sat", &[3, 10, 17, 24, 31]),
            ("6L", &[30]),
            ("7L", &[31]),
            ("FRIL", &[30]),
            ("WEDl", &[28]),
            ("THU#3", &[15]),
            ("5#1", &[1]),
            ("5#5", &[29]),
            ("1#5", &[]),
            ("2,SUN", &[4, 5, 11, 12, 18, 19, 25, 26]),
            (
                "FRI-SUN",
                &[2, 3, 4, 9, 10, 11, 16, 17, 18, 23, 24, 25, 30, 31],
            ),
            ("2-4/2", &[5, 7, 12, 14, 19, 21, 26, 28]),
            ("1/6", &[3, 4, 10, 11, 17, 18, 24, 25, 31]),
        ];
        for (text, expected) in rows {
            let field = FieldText {
                expression: text,
                text,
            };
            let days = of_week(field, true).expect(text);
            assert_eq!(of(2026, 10, &days), expected, "{text}");
            let steps = of_week(field, false);
            assert_eq!(steps.is_err(), text.contains('/'), "{text}");
        }
    }
}
