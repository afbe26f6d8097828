//! One field of a cron expression: lists, ranges, steps and names become sets of numbers.

use std::collections::BTreeSet;

use super::error::ScheduleError;

/// The values and forms that a field allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldKind {
    pub(super) name: &'static str,
    pub(super) min: u32,
    pub(super) max: u32,
    /// Names of the values from `min` on, upper case; empty where the dialect has none.
    pub(super) names: &'static [&'static str],
    pub(super) descending: Descending,
}

/// The meaning of a range whose end lies below its beginning.
#[derive(Clone, Copy, Debug)]
pub(super) enum Descending {
    /// It is an error.
    Refused,
    /// An end of `min` counts as this value: Sunday is 7 in `FRI-SUN`. Others are errors.
    MinAgain(u32),
    /// It wraps around: `20-2` is 20 to 23 and 0 to 2.
    Wraps,
}

pub(super) const MONTHS: &[&str] = &[
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
pub(super) const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

pub(super) const SECOND: FieldKind = FieldKind {
    name: "second",
    ..MINUTE
};
pub(super) const MINUTE: FieldKind = FieldKind {
    name: "minute",
    min: 0,
    max: 59,
    names: &[],
    descending: Descending::Refused,
};
pub(super) const HOUR: FieldKind = FieldKind {
    name: "hour",
    min: 0,
    max: 23,
    names: &[],
    descending: Descending::Refused,
};
pub(super) const DAY_OF_MONTH: FieldKind = FieldKind {
    name: "day of month",
    min: 1,
    max: 31,
    names: &[],
    descending: Descending::Refused,
};
pub(super) const MONTH: FieldKind = FieldKind {
    name: "month",
    min: 1,
    max: 12,
    names: MONTHS,
    descending: Descending::Refused,
};

/// A field's text and its whole expression; errors show both.
#[derive(Clone, Copy)]
pub(super) struct FieldText<'a> {
    pub(super) expression: &'a str,
    pub(super) text: &'a str,
}

impl FieldKind {
    /// The values that the text names, within `min..=max`.
    ///
    /// # Errors
    /// The first item that is wrong, with what was expected and found.
    pub(super) fn parse(&self, field: FieldText<'_>) -> Result<BTreeSet<u32>, ScheduleError> {
        let mut values = BTreeSet::new();
        for item in field.text.split(',') {
            let (range, step) = match item.split_once('/') {
                Some((range, step)) => (range, Some(self.step(field, step)?)),
                None => (item, None),
            };
            let (first, last) = match range.split_once('-') {
                _ if range == "*" => (self.min, self.max),
                Some((first, last)) => (self.value(field, first)?, self.value(field, last)?),
                // `a/n` runs from a to the end of the field.
                None if step.is_some() => (self.value(field, range)?, self.max),
                None => (self.value(field, range)?, self.value(field, range)?),
            };
            let size = self.max - self.min + 1;
            let last = match self.descending {
                Descending::MinAgain(again) if last == self.min && first > last => again,
                Descending::Wraps if first > last => last + size,
                _ => last,
            };
            if first > last {
                return Err(self.error(field, "a range that ascends", range));
            }
            let wrap = |value| {
                if value > self.max {
                    value - size
                } else {
                    value
                }
            };
            values.extend((first..=last).step_by(step.unwrap_or(1)).map(wrap));
        }
        Ok(values)
    }

    /// The same field in dialects whose ranges may wrap around.
    pub(super) const fn wrapping(self) -> Self {
        Self {
            descending: Descending::Wraps,
            ..self
        }
    }

    /// Reads one value, a number or a name.
    ///
    /// # Errors
    /// The text is neither, or the value is outside `min..=max`.
    pub(super) fn value(&self, field: FieldText<'_>, text: &str) -> Result<u32, ScheduleError> {
        let named = self
            .names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text))
            .map(|at| self.min + at as u32);
        named
            .or_else(|| number(text))
            .filter(|value| (self.min..=self.max).contains(value))
            .ok_or_else(|| self.error(field, &self.values(), text))
    }

    fn step(&self, field: FieldText<'_>, text: &str) -> Result<usize, ScheduleError> {
        number(text)
            .filter(|step| (1..=self.max).contains(step))
            .map(|step| step as usize)
            .ok_or_else(|| self.error(field, &format!("a step of 1 to {}", self.max), text))
    }

    fn values(&self) -> String {
        match (self.names.first(), self.names.last()) {
            (Some(first), Some(last)) => {
                format!("{}-{} or {first}-{last}", self.min, self.max)
            }
            _ => format!("{}-{}", self.min, self.max),
        }
    }

    /// The error that the field's text is not as `expected`.
    pub(super) fn error(&self, field: FieldText<'_>, expected: &str, found: &str) -> ScheduleError {
        ScheduleError::Field {
            expression: field.expression.into(),
            field: self.name,
            expected: expected.into(),
            found: found.into(),
        }
    }
}

/// A number of digits only: `u32::from_str` would also accept `+5`.
pub(super) fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
