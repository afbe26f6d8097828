use std::collections::BTreeSet;

use super::*;

/// The example has every key, so that it says what there is.
const EXAMPLE: &str = include_str!("../../docs/asg-patch.example.toml");

fn faults(text: &str, origin: Origin) -> Vec<String> {
    let parsed = parse(text, origin);
    parsed.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn names_are_unique_and_plain() {
    let distinct =
        |name: fn(&Setting) -> String| SETTINGS.iter().map(name).collect::<BTreeSet<_>>();
    assert_eq!(distinct(Setting::path).len(), SETTINGS.len());
    assert_eq!(distinct(Setting::variable).len(), SETTINGS.len());
    let max = SETTINGS.iter().find(|s| s.key == "max-in-flight").unwrap();
    assert_eq!(max.path(), "run.max-in-flight");
    assert_eq!(max.variable(), "ASG_PATCH_RUN_MAX_IN_FLIGHT");
}

#[test]
fn the_example_has_every_key() {
    let parsed = parse(EXAMPLE, Origin::Named);
    assert_eq!(parsed.faults, []);
    let set: Vec<String> = parsed.entries.iter().map(|e| e.setting.path()).collect();
    for setting in &SETTINGS {
        assert!(
            set.contains(&setting.path()),
            "{} is missing",
            setting.path()
        );
    }
    // A file that was only found may set less.
    let untrusted = SETTINGS.iter().filter(|s| s.trust == Trust::Named);
    let of_windows = parsed.windows.iter().flat_map(|w| &w.entries);
    let of_windows = of_windows.filter(|e| e.setting.trust == Trust::Named);
    assert_eq!(
        faults(EXAMPLE, Origin::Found).len(),
        untrusted.count() + of_windows.count()
    );
}

#[test]
fn everything_wrong_is_found_with_its_place() {
    let text = "\
regoin = \"eu-west-1\"
max-in-flight = 3
region = 4

[run]
duration = 3
max-in-flight = -1
only-tagged-templates = \"yes\"
tag = \"a=b\"
allow-document = [\"A\"]
operation = \"\"

[documents]
allow = [\"Acme-Patch\", 7]

[windows]
";
    let found = faults(text, Origin::Named);
    let expected = [
        "1:1: regoin: expected one of region, profile,",
        "2:1: max-in-flight: expected one of region, profile,",
        "3:10: region: expected a text in quotes, found the number 4",
        "6:12: run.duration: expected a time such as \"3h\", \"45m\" or \"1h 30m\", found the number 3",
        "7:17: run.max-in-flight: expected a whole number, 0 or more, found the number -1",
        "8:25: run.only-tagged-templates: expected true or false, found 'yes'",
        "9:1: run.tag: expected one of duration,",
        "10:1: run.allow-document: expected one of duration,",
        "11:13: run.operation: expected one of Install, Scan, found ''",
        "14:24: documents.allow: expected a list of texts such as [\"one\", \"two\"], found the number 7",
        "16:2: windows: expected one of region,",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
    assert!(
        found[0].ends_with("found `regoin`. Did you mean `region`?"),
        "{}",
        found[0]
    );
    assert!(
        found[1].ends_with("`max-in-flight` stands in [run]"),
        "{}",
        found[1]
    );
    assert!(
        found[6].ends_with("`tag` stands before the first table"),
        "{}",
        found[6]
    );
    assert!(
        found[7].ends_with("`allow` stands in [documents]"),
        "{}",
        found[7]
    );
}

#[test]
fn a_text_that_is_no_toml_has_its_place_too() {
    let found = faults("[run]\nduration = 3h\n", Origin::Named);
    assert!(found[0].starts_with("2:"), "{found:?}");
    let found = faults("region = \"a\"\nregion = \"b\"\n", Origin::Named);
    assert!(found[0].starts_with("2:1: "), "{found:?}");
    let found = faults("run = 3\n", Origin::Named);
    assert_eq!(
        found,
        ["1:7: run: expected a table, [run], found another value"]
    );
}

/// A file that someone put into a directory on the way up must not choose the account, the groups, or what runs on
/// them.
#[test]
fn a_file_that_was_only_found_may_not_set_everything() {
    for (text, key) in [
        ("endpoint-url = \"http://127.0.0.1:1\"", "endpoint-url"),
        ("profile = \"prod\"", "profile"),
        ("mac-key = \"alias/x\"", "mac-key"),
        ("tag = \"Environment=prod\"", "tag"),
        ("reports = \"/tmp\"", "reports"),
        ("pages-url = \"https://example.org\"", "pages-url"),
        (
            "run.topic-arn = \"arn:aws:sns:eu-west-1:123456789012:x\"",
            "run.topic-arn",
        ),
        (
            "documents = { allow = [\"AWS-RunShellScript\"] }",
            "documents.allow",
        ),
        ("probe.image = \"ami-1\"", "probe.image"),
    ] {
        let found = faults(text, Origin::Found);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(
            found[0].contains(&format!("{key}: expected in a file that --config")),
            "{found:?}"
        );
        assert!(faults(text, Origin::Named).is_empty());
    }
    assert!(
        faults(
            "region = \"eu-west-1\"\nrun.duration = \"2h\"",
            Origin::Found
        )
        .is_empty()
    );
}

#[test]
fn values_become_the_words_of_a_command_line() {
    let text = "documents.allow = [\"A\", \"B\"]\n[run]\nmax-in-flight = 0x10\nmax-failures = \"5%\"\nonly-tagged-templates = true\n";
    let parsed = parse(text, Origin::Named);
    let words: Vec<(String, Vec<String>)> = parsed
        .entries
        .iter()
        .map(|e| (e.setting.path(), e.words.clone()))
        .collect();
    for expected in [
        ("documents.allow", vec!["A", "B"]),
        ("run.max-in-flight", vec!["16"]),
        ("run.max-failures", vec!["5%"]),
        ("run.only-tagged-templates", vec!["true"]),
    ] {
        let expected = (
            expected.0.to_owned(),
            expected.1.iter().map(|w| (*w).to_owned()).collect(),
        );
        assert!(words.contains(&expected), "{words:?}");
    }
}

/// A schema that took less than the reader would mark good files as wrong in the editor.
#[test]
fn the_schema_has_every_key_with_its_meaning() {
    let schema = schema();
    for setting in &SETTINGS {
        let place = match setting.table {
            Table::Top => &schema["properties"][setting.key],
            table => &schema["properties"][table.name()]["properties"][setting.key],
        };
        assert_eq!(place["description"], setting.about, "{}", setting.path());
        assert!(place["type"].is_string() || place["anyOf"].is_array());
    }
}

#[test]
fn windows_have_a_name_a_schedule_and_settings_of_a_run() {
    let text = "\
[[window]]
name = \"web\"
schedule = \"cron(0 23 ? * THU#1 *)\"
time-zone = \"Europe/Berlin\"
duration = \"6h\"
where = [\"Patch Group=Web*\"]

[[window]]
name = \"web\"
schedul = \"rate(1 day)\"
duration = 6
prices = \"p.toml\"
";
    let parsed = parse(text, Origin::Named);
    let web = &parsed.windows[0];
    assert_eq!(web.text.time_zone.as_deref(), Some("Europe/Berlin"));
    let set: Vec<String> = web.entries.iter().map(|e| e.setting.path()).collect();
    assert_eq!(set, ["run.duration", "run.where"]);
    let faults: Vec<String> = parsed.faults.iter().map(ToString::to_string).collect();
    let expected = [
        "8:1: window: expected `schedule` in each window, found none",
        "8:1: window.name: expected a name of its own, found 'web' twice",
        "Did you mean `schedule`?",
        "11:12: window.duration: expected a time",
        "12:1: window.prices: expected one of name, schedule",
    ];
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for expected in expected {
        assert!(
            faults.iter().any(|f| f.contains(expected)),
            "{expected}: {faults:#?}"
        );
    }
    let plain = parse("window = 3", Origin::Named).faults;
    assert!(
        plain[0]
            .to_string()
            .contains("expected [[window]] above each window")
    );
}
