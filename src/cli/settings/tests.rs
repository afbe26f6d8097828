use std::collections::BTreeSet;
use std::fmt::Write as _;

use asg_patch::config::Trust;
use clap::CommandFactory;

use super::*;
use crate::cli::Cli;

/// Flags that are of one command line, and no settings.
const NO_SETTINGS: [&str; 27] = [
    "json",
    "verbose",
    "config",
    "no-config",
    "group",
    "why",
    "html",
    "force",
    "start",
    "create",
    "belief",
    "record",
    "clean",
    "apply",
    "ask-aws",
    "test",
    "channel",
    "next",
    "window",
    "notify",
    "despite-freeze",
    "until",
    "for",
    "lift",
    "opening",
    "reject",
    // Of a moment, by a variable: `asg-patch simulate` prints it.
    "simulated-clock",
];

fn commands(command: &Command) -> Vec<(Option<&str>, &Command)> {
    let subcommands = command.get_subcommands().map(|c| (Some(c.get_name()), c));
    std::iter::once((None, command))
        .chain(subcommands)
        .collect()
}

/// A new flag is a setting, or it is said here that it is none.
#[test]
fn every_flag_is_a_setting_or_known_to_be_none() {
    let command = Cli::command();
    let mut unknown = BTreeSet::new();
    for (name, command) in commands(&command) {
        for flag in command.get_arguments().filter_map(Arg::get_long) {
            let is_topic_of_rehearse = (name, flag) == (Some("rehearse"), "topic-arn");
            let known = NO_SETTINGS.contains(&flag) || is_topic_of_rehearse;
            if !known && setting_of(name, flag).is_none() {
                unknown.insert(format!("{} --{flag}", name.unwrap_or("(all)")));
            }
        }
    }
    assert!(
        unknown.is_empty(),
        "neither a setting nor known to be none: {unknown:?}"
    );
}

#[test]
fn every_setting_has_its_flag_and_the_flag_takes_what_the_file_takes() {
    let command = Cli::command();
    for setting in &SETTINGS {
        let flag = flag_of(&command, setting);
        let flag = flag.unwrap_or_else(|| panic!("{}: no flag --{}", setting.path(), setting.flag));
        let is_switch = matches!(flag.get_action(), ArgAction::SetTrue);
        let is_list = matches!(flag.get_action(), ArgAction::Append);
        assert_eq!(
            is_switch,
            setting.kind == Kind::Switch,
            "{}",
            setting.path()
        );
        assert_eq!(is_list, setting.kind == Kind::List, "{}", setting.path());
        let taken: &[&str] = match setting.kind {
            Kind::Choice(words) => words,
            Kind::Time => &["1h 30m"],
            Kind::Number => &["1"],
            Kind::NumberOrPercent => &["1", "20%"],
            Kind::Percent => &["20%"],
            Kind::Switch => &["true", "false"],
            Kind::Text | Kind::Path | Kind::List => &[],
        };
        for word in taken {
            assert_eq!(refusal(&command, setting, word), None, "{}", setting.path());
        }
    }
    // The flags' parsers are asked.
    let of = |path: &str| SETTINGS.iter().find(|s| s.path() == path).unwrap();
    let refused = |path: &str, word: &str| refusal(&command, of(path), word).unwrap();
    assert_eq!(
        refused("run.duration", "long"),
        "expected a time such as 3h, 45m or 1h 30m, found 'long'"
    );
    assert!(refused("output", "xml").starts_with("expected one of table, wide"));
    assert!(refused("run.topic-arn", "-x").contains("found '-x'"));
}

/// The page's table is the list of settings.
#[test]
fn the_page_has_every_setting() {
    let command = Cli::command();
    let mut table = String::from(
        "| setting | flag | default | may be found | meaning |\n|---|---|---|---|---|\n",
    );
    for setting in &SETTINGS {
        let default = match defaults(&command, setting).join(", ") {
            none if none.is_empty() => "none".to_owned(),
            words => format!("`{words}`"),
        };
        let found = match setting.trust {
            Trust::Found => "yes",
            Trust::Named => "no",
        };
        let (path, flag, about) = (setting.path(), setting.flag, setting.about);
        let _ = writeln!(
            table,
            "| `{path}` | `--{flag}` | {default} | {found} | {about} |"
        );
    }
    let page = include_str!("../../../docs/configuration.md");
    assert!(
        page.contains(&table),
        "docs/configuration.md must hold this table:\n{table}"
    );
}
