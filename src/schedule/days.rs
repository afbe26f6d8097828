//! On which days a cron expression fires, as far as its two day fields go.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate, Weekday};

/// The days that the day fields of all dialects can name. Weekdays count from Sunday = 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Days {
    /// Every day.
    Any,
    /// `1,15`, `1-7`, `1/2`.
    OfMonth(BTreeSet<u32>),
    /// `2-6`, `MON-FRI`, `L`.
    OfWeek(BTreeSet<u32>),
    /// Crontab's day fields if one of them begins with `*`: both must match.
    Both {
        days: BTreeSet<u32>,
        weekdays: BTreeSet<u32>,
    },
    /// Crontab's day fields if neither begins with `*`: one match is enough.
    Either {
        days: BTreeSet<u32>,
        weekdays: BTreeSet<u32>,
    },
    /// `L`: the last day of the month.
    Last,
    /// `LW`: the last working day of the month.
    LastWorkingDay,
    /// `15W`: that day, or the nearest working day of the same month. A month without that day has
    /// none.
    WorkingDayNear(u32),
    /// `6L`: the last Friday of the month.
    LastOfWeek(u32),
    /// `3#2`: the second Tuesday of the month.
    NthOfWeek { weekday: u32, nth: u32 },
}

impl Days {
    /// Whether the day is one of them.
    pub(super) fn contain(&self, date: NaiveDate) -> bool {
        let day = date.day();
        let weekday = date.weekday().number_from_sunday();
        let last = || u32::from(date.num_days_in_month());
        match self {
            Self::Any => true,
            Self::OfMonth(days) => days.contains(&day),
            Self::OfWeek(weekdays) => weekdays.contains(&weekday),
            Self::Both { days, weekdays } => days.contains(&day) && weekdays.contains(&weekday),
            Self::Either { days, weekdays } => days.contains(&day) || weekdays.contains(&weekday),
            Self::Last => day == last(),
            Self::LastWorkingDay => is_working_day_near(last(), date),
            Self::WorkingDayNear(target) => is_working_day_near(*target, date),
            Self::LastOfWeek(wanted) => weekday == *wanted && day + 7 > last(),
            Self::NthOfWeek {
                weekday: wanted,
                nth,
            } => weekday == *wanted && day.div_ceil(7) == *nth,
        }
    }
}

fn is_working_day_near(target: u32, date: NaiveDate) -> bool {
    let last = u32::from(date.num_days_in_month());
    let nearest = match date.with_day(target).map(|day| day.weekday()) {
        Some(Weekday::Sat) if target == 1 => 3,
        Some(Weekday::Sat) => target - 1,
        Some(Weekday::Sun) if target == last => target - 2,
        Some(Weekday::Sun) => target + 1,
        Some(_) => target,
        None => return false,
    };
    date.day() == nearest
}
