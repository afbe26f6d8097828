//! The program on a terminal: colours where they are wanted, and a tally below the groups at work.

use std::process::Command;

use crate::support::{SMALL, text};

/// Runs the program on a terminal of its own; everything that it shows there.
fn on_a_terminal(args: &[&str], variables: &[(&str, &str)]) -> String {
    let script =
        "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let output = Command::new("python3")
        .args(["-c", script, env!("CARGO_BIN_EXE_asg-patch")])
        .args(args)
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("TERM", "xterm")
        .env("COLUMNS", "120")
        .envs(variables.iter().copied())
        .output()
        .expect("python3 is installed");
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn outcomes_have_colours_unless_they_are_not_wanted() {
    let args = ["rehearse", "--quiet", "--fleet", SMALL];
    let green = "web nightly  \u{1b}[32mpatched\u{1b}[0m  ami-";
    let shown = on_a_terminal(&args, &[]);
    assert!(shown.contains(green), "{shown}");
    for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let plain = on_a_terminal(&args, &[variable]);
        assert!(
            !plain.contains('\u{1b}') && plain.contains("patched"),
            "{plain}"
        );
    }
}

#[test]
fn a_tally_stands_below_the_groups_at_work() {
    let shown = on_a_terminal(&["rehearse", "--fleet", SMALL], &[("NO_COLOR", "1")]);
    assert!(shown.contains("0 of 2 groups done, 2 at work"), "{shown}");
    assert!(
        shown.contains("1 of 2 groups done, 1 at work; about "),
        "{shown}"
    );
}
