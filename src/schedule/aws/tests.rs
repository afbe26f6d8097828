//! The truth tables of AWS's dialects.

use super::*;

use Dialect::{MaintenanceWindow, Scheduler};

/// A Monday.
const NOON: &str = "2026-10-05T12:00:00Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a test's time")
}

fn cron(dialect: Dialect, fields: &str) -> AwsSchedule {
    AwsSchedule::parse(dialect, &format!("cron({fields})")).expect(fields)
}

fn next(schedule: &AwsSchedule, zone: Tz, after: &str, count: usize) -> Vec<String> {
    let first = schedule.next_after(zone, at(after));
    iter::successors(first, |fire| schedule.next_after(zone, *fire))
        .take(count)
        .map(|fire| fire.format("%a %Y-%m-%d %H:%M").to_string())
        .collect()
}

/// Each line: fields | the next fires after a time; fewer than two if there are no more.
fn check(dialect: Dialect, zone: Tz, after: &str, table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (fields, fires) = line.split_once(" |").expect("a row");
        let expected: Vec<&str> = fires.trim().split_terminator(", ").collect();
        let found = next(&cron(dialect, fields), zone, after, expected.len().max(2));
        assert_eq!(found, expected, "{dialect:?} {fields} {zone} after {after}");
    }
}

#[test]
fn truth_table_in_utc() {
    let check = |after: &str, table: &str| {
        for dialect in [Scheduler, MaintenanceWindow] {
            check(dialect, Tz::UTC, after, table);
        }
    };
    check(
        NOON,
        "
        0 10 * * ? *            | Tue 2026-10-06 10:00, Wed 2026-10-07 10:00
        15 12 * * ? *           | Mon 2026-10-05 12:15, Tue 2026-10-06 12:15
        0 2 ? * SUN *           | Sun 2026-10-11 02:00, Sun 2026-10-18 02:00
        0 2 ? * 1 *             | Sun 2026-10-11 02:00, Sun 2026-10-18 02:00
        0 18 ? * MON-FRI *      | Mon 2026-10-05 18:00, Tue 2026-10-06 18:00
        0 8 1 * ? *             | Sun 2026-11-01 08:00, Tue 2026-12-01 08:00
        0/15 * * * ? *          | Mon 2026-10-05 12:15, Mon 2026-10-05 12:30, Mon 2026-10-05 12:45
        0/10 * ? * MON-FRI *    | Mon 2026-10-05 12:10, Mon 2026-10-05 12:20
        5,35 14 * * ? *         | Mon 2026-10-05 14:05, Mon 2026-10-05 14:35
        0 2 L * ? *             | Sat 2026-10-31 02:00, Mon 2026-11-30 02:00
        15 10 ? * 6L *          | Fri 2026-10-30 10:15, Fri 2026-11-27 10:15
        0 2 ? * THU#3 *         | Thu 2026-10-15 02:00, Thu 2026-11-19 02:00
        30 23 ? * TUE#3 *       | Tue 2026-10-20 23:30, Tue 2026-11-17 23:30
        0 3 ? * TUE#2 *         | Tue 2026-10-13 03:00, Tue 2026-11-10 03:00
        0 9 3W * ? *            | Tue 2026-11-03 09:00, Thu 2026-12-03 09:00, Mon 2027-01-04 09:00
        0 9 1W * ? *            | Mon 2026-11-02 09:00, Tue 2026-12-01 09:00, Fri 2027-01-01 09:00
        0 9 15W * ? *           | Thu 2026-10-15 09:00, Mon 2026-11-16 09:00, Tue 2026-12-15 09:00
        0 0 ? * 3#5 *           | Tue 2026-12-29 00:00, Tue 2027-03-30 00:00
        0 4 29 2 ? *            | Tue 2028-02-29 04:00, Sun 2032-02-29 04:00
        0 4 31 * ? *            | Sat 2026-10-31 04:00, Thu 2026-12-31 04:00
        0 6 1 1,4,7,10 ? *      | Fri 2027-01-01 06:00, Thu 2027-04-01 06:00
        0 22 ? * SAT 2026-2027  | Sat 2026-10-10 22:00, Sat 2026-10-17 22:00
        0/30 20-2 ? * MON-FRI * | Mon 2026-10-05 20:00, Mon 2026-10-05 20:30, Mon 2026-10-05 21:00
        1/20 9 ? * WED *        | Wed 2026-10-07 09:01, Wed 2026-10-07 09:21, Wed 2026-10-07 09:41
        0 12 LW * ? *           | Fri 2026-10-30 12:00, Mon 2026-11-30 12:00, Thu 2026-12-31 12:00
        0 0 ? * L *             | Sat 2026-10-10 00:00, Sat 2026-10-17 00:00
        0 4 30 2 ? *            |
        ",
    );
    let saturdays = "0 22 ? * SAT 2026-2027 | Sat 2027-12-25 22:00";
    check("2027-12-25T21:59:59Z", saturdays);
    // The day of each hour counts: the first hours of Monday match, those of Saturday do not.
    let nights = "0/30 20-2 ? * MON-FRI * |";
    for (after, fires) in [
        (
            "2026-10-05T23:00:00Z",
            "Mon 2026-10-05 23:30, Tue 2026-10-06 00:00",
        ),
        (
            "2026-10-06T02:00:00Z",
            "Tue 2026-10-06 02:30, Tue 2026-10-06 20:00",
        ),
        (
            "2026-10-09T23:00:00Z",
            "Fri 2026-10-09 23:30, Mon 2026-10-12 00:00",
        ),
    ] {
        check(after, &format!("{nights} {fires}"));
    }
    let first_and_last = "0 4 1 1 ? 1970/229 | Thu 1970-01-01 04:00, Tue 2199-01-01 04:00";
    check("1969-12-01T00:00:00Z", first_and_last);
}

#[test]
fn truth_table_in_zones() {
    let check = |zone, after, table| {
        for dialect in [Scheduler, MaintenanceWindow] {
            check(dialect, zone, after, table);
        }
    };
    let morning = "30 8 * * ? * | Mon 2026-10-05 12:30, Tue 2026-10-06 12:30";
    check(Tz::America__New_York, NOON, morning);
    let winter = "30 8 * * ? * | Sat 2026-10-31 12:30, Sun 2026-11-01 13:30";
    check(Tz::America__New_York, "2026-10-31T12:00:00Z", winter);

    let london = "
        0 1 ? * SUN *     | Sun 2026-10-11 00:00, Sun 2026-10-18 00:00
        30 1 25 10 ? 2026 | Sun 2026-10-25 00:30
        ";
    check(Tz::Europe__London, NOON, london);
    // Between the two occurrences of 01:30 it does not fire again.
    let twice = "30 1 25 10 ? 2026 |";
    check(Tz::Europe__London, "2026-10-25T00:45:00Z", twice);

    let skipped = "30 2 * * ? * | Sat 2027-03-27 01:30, Mon 2027-03-29 00:30";
    check(Tz::Europe__Berlin, "2027-03-26T12:00:00Z", skipped);
    let sundays = "0 2 ? * SUN#1 * | Sat 2026-10-31 15:00, Sat 2026-12-05 15:00";
    check(Tz::Australia__Sydney, NOON, sundays);
    check(Tz::Australia__Sydney, "2026-10-01T00:00:00Z", sundays);
}

#[test]
fn windows_have_seconds_and_looser_days() {
    let seconds = cron(MaintenanceWindow, "24 30 09 ? * * *");
    let fire = seconds.next_after(Tz::UTC, at(NOON));
    assert_eq!(fire, Some(at("2026-10-06T09:30:24Z")));

    let every_day = "0 9 ? * * * | Tue 2026-10-06 09:00, Wed 2026-10-07 09:00";
    check(Scheduler, Tz::UTC, NOON, every_day);
    let table = "
        0 9 ? * * *   | Tue 2026-10-06 09:00, Wed 2026-10-07 09:00
        0 9 * * * *   | Tue 2026-10-06 09:00, Wed 2026-10-07 09:00
        0 9 ? * ? *   | Tue 2026-10-06 09:00, Wed 2026-10-07 09:00
        0 9 * * MON * | Mon 2026-10-12 09:00, Mon 2026-10-19 09:00
        0 9 ? * 2/6 * | Mon 2026-10-12 09:00, Mon 2026-10-19 09:00
        ";
    check(MaintenanceWindow, Tz::UTC, NOON, table);
}

#[test]
fn windows_have_offsets() {
    let offset = |days| cron(MaintenanceWindow, "0 30 23 ? * TUE#3 *").with_offset(days);
    let late = offset(2).expect("valid");
    let expected = ["Thu 2026-10-22 23:30", "Thu 2026-11-19 23:30"];
    assert_eq!(next(&late, Tz::UTC, NOON, 2), expected);
    let before = late.last_before(Tz::UTC, at("2026-10-22T23:29:59Z"));
    assert_eq!(before, Some(at("2026-09-17T23:30:00Z")));
    // Days of the wall clock, also into the next year and over a clock change.
    let new_year = cron(MaintenanceWindow, "0 9 L 12 ? 2026").with_offset(3);
    let new_year = new_year.expect("valid");
    for after in [NOON, "2027-01-02T12:00:00Z"] {
        let found = next(&new_year, Tz::UTC, after, 2);
        assert_eq!(found, ["Sun 2027-01-03 09:00"]);
    }
    let autumn = cron(MaintenanceWindow, "0 9 24 10 ? 2026").with_offset(1);
    let found = next(&autumn.expect("valid"), Tz::Europe__London, NOON, 2);
    assert_eq!(found, ["Sun 2026-10-25 09:00"]);

    assert!(
        [i32::MIN, 0, 7, 258]
            .into_iter()
            .all(|days| offset(days).is_err())
    );
    let error = cron(Scheduler, "0 9 L * ? *").with_offset(2);
    assert_eq!(
        error.expect_err("not a window").to_string(),
        "schedule `cron(0 9 L * ? *)`: expected an offset with a maintenance window's cron only, found `an offset of 2 days`"
    );
}

#[test]
fn once_and_at_intervals() {
    let once = AwsSchedule::parse(Scheduler, "at(2026-10-25T01:30:00)").expect("valid");
    let (london, fire) = (Tz::Europe__London, at("2026-10-25T00:30:00Z"));
    let second = TimeDelta::seconds(1);
    assert_eq!(once.next_after(london, fire - second), Some(fire));
    assert_eq!(once.next_after(london, fire), None);
    assert_eq!(once.last_before(london, fire), Some(fire));
    assert_eq!(once.last_before(london, fire - second), None);
    assert_eq!(once.last_before(london, fire + LOOK_BACK), None);

    for rate in ["1 minute", "5 minutes", "1 hour", "12 days"] {
        let rate = AwsSchedule::parse(Scheduler, &format!("rate({rate})")).expect(rate);
        assert_eq!(rate.next_after(Tz::UTC, fire), None);
        assert_eq!(rate.last_before(Tz::UTC, fire), None);
    }
}

#[test]
fn the_latest_fire_may_be_now_or_long_ago() {
    let rows: &[(&str, &str, Option<&str>)] = &[
        (
            "0 2 ? * SUN *",
            "2026-10-11T02:00:00Z",
            Some("2026-10-11T02:00:00Z"),
        ),
        (
            "0 2 ? * SUN *",
            "2026-10-11T01:59:59Z",
            Some("2026-10-04T02:00:00Z"),
        ),
        (
            "0 4 29 2 ? *",
            "2104-02-28T00:00:00Z",
            Some("2096-02-29T04:00:00Z"),
        ),
        (
            "0 0 ? 2 1#5 *",
            "2128-02-28T00:00:00Z",
            Some("2088-02-29T00:00:00Z"),
        ),
        (
            "0 0 1 1 ? 1980",
            "2019-12-31T00:00:00Z",
            Some("1980-01-01T00:00:00Z"),
        ),
        ("0 0 1 1 ? 1980", "2026-10-05T12:00:00Z", None),
        ("0 0 1 1 ? 2030", "2026-10-05T12:00:00Z", None),
    ];
    for (fields, now, expected) in rows {
        let found = cron(Scheduler, fields).last_before(Tz::UTC, at(now));
        assert_eq!(found, expected.map(at), "{fields} {now}");
    }
    // It does not fire at the second 01:30 of the night; the first is the latest.
    let nightly = cron(Scheduler, "30 1 * * ? *");
    assert_eq!(
        nightly.last_before(Tz::Europe__London, at("2026-10-25T01:30:00Z")),
        Some(at("2026-10-25T00:30:00Z"))
    );
}

/// Each line: expression | the end of the error.
fn check_refused(dialects: &[Dialect], table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (expression, expected) = line.split_once('|').expect("a row");
        let (expression, expected) = (expression.trim(), expected.trim());
        for dialect in dialects {
            let error = AwsSchedule::parse(*dialect, expression).expect_err(expression);
            let error = error.to_string();
            assert!(error.contains(&format!("`{expression}`")), "{error}");
            assert!(error.ends_with(expected), "{dialect:?}: {error}");
        }
    }
}

#[test]
fn errors_name_the_place_what_was_expected_and_what_was_found() {
    let error = AwsSchedule::parse(Scheduler, "cron(0 2 ? * 8 *)").expect_err("no such day");
    assert_eq!(
        error.to_string(),
        "cron expression `cron(0 2 ? * 8 *)`, field day of week: expected 1-7 or SUN-SAT, found `8`"
    );
    check_refused(
        &[Scheduler, MaintenanceWindow],
        "
        cron(0 10 1 * MON *)       | day of week: expected `?` in exactly one of them, found `1 and MON`
        cron()                     | fields, found 0
        cron(0 2 ? * 3#1,6#3 *)    | day of week: expected a day with # or L alone in the field, found `3#1,6#3`
        cron(0 2 ? * 0 *)          | day of week: expected 1-7 or SUN-SAT, found `0`
        cron(0 2 ? * 8L *)         | day of week: expected 1-7 or SUN-SAT, found `8`
        cron(0 2 ? * #1 *)         | day of week: expected 1-7 or SUN-SAT, found ``
        cron(0 2 ? * TUE#6 *)      | day of week: expected 1-5 after #, found `TUE#6`
        cron(0 2 1,L * ? *)        | day of month: expected L, LW or a day with W such as 15W, alone in the field, found `1,L`
        cron(0 2 32W * ? *)        | day of month: expected 1-31, found `32`
        cron(0 2 0 * ? *)          | day of month: expected 1-31, found `0`
        cron(60 2 1 * ? *)         | field minute: expected 0-59, found `60`
        cron(0 ? 1 * ? *)          | field hour: expected 0-23, found `?`
        cron(0 2 1 13 ? *)         | field month: expected 1-12 or JAN-DEC, found `13`
        cron(0 2 1 * ? 1969)       | field year: expected 1970-2199, found `1969`
        cron(0 2 1 * ? 2027-2026)  | field year: expected a range that ascends, found `2027-2026`
        rate(1 hours)              | `: expected minute, hour or day after 1, found `hours`
        rate(5 hour)               | `: expected minutes, hours or days after a value above 1, found `hour`
        rate(5 weeks)              | `: expected minutes, hours or days after a value above 1, found `weeks`
        rate(0 hours)              | `: expected a whole number from 1 on, found `0`
        rate(1.5 hours)            | `: expected a whole number from 1 on, found `1.5`
        rate(hour)                 | `: expected a value and a unit, such as `5 minutes`, found `hour`
        CRON(0 10 * * ? *)         | found `CRON(0 10 * * ? *)`
        cron(0 10 * * ? *          | found `cron(0 10 * * ? *`
        ",
    );
    check_refused(
        &[Scheduler],
        "
        cron(0 10 * * * *)         | day of week: expected `?` in exactly one of them, found `* and *`
        cron(0 10 ? * ? *)         | day of week: expected `?` in exactly one of them, found `? and ?`
        cron(0 10 * * MON *)       | day of week: expected `?` in exactly one of them, found `* and MON`
        cron(0 10 * * ?)           | `: expected 6 fields, found 5
        cron(0 0 10 * * ? *)       | `: expected 6 fields, found 7
        cron(0 2 ? * 2/2 *)        | day of week: expected no steps, which this field does not have, found `2/2`
        ",
    );
    check_refused(
        &[MaintenanceWindow],
        "
        cron(0 10 * * ?)           | `: expected 6 or 7 fields, found 5
        rate(4 minutes)            | `: expected at least 300 s apart, found `240 s`
        cron(0/4 * ? * * *)        | `: expected at least 300 s apart, found `240 s`
        cron(0,58 1-2 ? * * *)     | `: expected at least 300 s apart, found `120 s`
        cron(0,1 0 2 ? * * *)      | `: expected at least 300 s apart, found `1 s`
        ",
    );
    check_refused(
        &[Scheduler, MaintenanceWindow],
        "
        0 10 * * ? *               | `: expected cron(...), rate(...) or at(...), found `0 10 * * ? *`
        at(2026-10-06)             | `: expected a time such as `2026-10-06T02:00:00`, found `2026-10-06`
        at(2026-02-30T02:00:00)    | found `2026-02-30T02:00:00`
        at(2026-10-06T02:00:00Z)   | found `2026-10-06T02:00:00Z`
        at(2026-10-6T02:00:00)     | found `2026-10-6T02:00:00`
        at(2026-10-06T02:00:60)    | found `2026-10-06T02:00:60`
        ",
    );
}
