//! The schedule that a person probably meant who wrote one that fires every hour of a night.

/// For `cron(00 23-5 ? * THU#3 *)`, which fires at 23:00 and then at every hour to 5:00, each on the third Thursday: a
/// window that opens at 23:00, and its length in hours. None for another schedule.
pub fn meant(expression: &str) -> Option<(String, u32)> {
    let fields = expression.strip_prefix("cron(")?.strip_suffix(')')?;
    let mut fields: Vec<&str> = fields.split_whitespace().collect();
    // With seconds, the hour is the third.
    let place = fields.len().checked_sub(5)?;
    let (from, to) = fields.get(place)?.split_once('-')?;
    let (from, to): (u32, u32) = (from.parse().ok()?, to.parse().ok()?);
    if from > 23 || to > 23 || from == to {
        return None;
    }
    let start = from.to_string();
    *fields.get_mut(place)? = &start;
    let hours = (24 + to - from) % 24;
    Some((format!("cron({})", fields.join(" ")), hours))
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn the_seeds_schedules_become_windows_of_one_opening() {
        let rows = [
            (
                "cron(00 23-5 ? * THU#3 *)",
                Some(("cron(00 23 ? * THU#3 *)", 6)),
            ),
            (
                "cron(0 00 23-5 ? * THU#3 *)",
                Some(("cron(0 00 23 ? * THU#3 *)", 6)),
            ),
            ("cron(0 1-4 ? * SUN *)", Some(("cron(0 1 ? * SUN *)", 3))),
            ("cron(0 4 ? * WED#2 *)", None),
            ("rate(7 days)", None),
        ];
        for (expression, expected) in rows {
            let expected = expected.map(|(text, hours)| (text.to_owned(), hours));
            assert_eq!(meant(expression), expected, "{expression}");
        }
    }
}
