//! TAB, pressed in real shells: commands, options, their values, groups of the account and fleet files.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{KEYS, Simulation, text};

/// Whether the shell is installed. Where it is not, its test says so and checks nothing: `.ci/run` installs all three.
fn is_there(shell: &str) -> bool {
    let found = Command::new(shell).arg("--version").output().is_ok();
    if !found {
        println!("skipped: {shell} is not installed (Debian, Ubuntu: apt-get install {shell})");
    }
    found
}

/// A directory with a fleet file, another file, and one more directory.
fn directory(shell: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tab-{shell}"));
    std::fs::create_dir_all(directory.join("fleets"))
        .expect("the target's tmp dir takes directories");
    for file in ["night.toml", "night.txt"] {
        std::fs::write(directory.join(file), "").expect("the target's tmp dir takes files");
    }
    directory
}

/// The lines as the shell completed them.
fn pressed(shell: &str, variables: &[(&str, &str)], lines: &[&str]) -> Vec<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/press_tab.py");
    let binary = Path::new(env!("CARGO_BIN_EXE_asg-patch"));
    let folder = binary.parent().expect("the program is in a folder");
    let directory = directory(shell);
    let output = Command::new("python3")
        .arg(script)
        .arg(shell)
        .arg(&directory)
        .args(lines)
        .env_clear()
        .env("HOME", &directory)
        .env(
            "PATH",
            format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display()),
        )
        .env("TERM", "xterm")
        .env("LANG", "C.UTF-8")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .output()
        .expect("python3 is installed");
    let stdout = text(&output.stdout);
    assert!(
        output.status.success(),
        "{shell}: {stdout}\n{}",
        text(&output.stderr)
    );
    let typed = stdout.lines().filter_map(|l| l.strip_prefix("typed> "));
    typed.map(str::to_owned).collect()
}

/// Typed, and what becomes of it: each beginning has one end.
const LINES: [(&str, &str); 10] = [
    ("asg-patch reh", "asg-patch rehearse"),
    ("asg-patch run --at-d", "asg-patch run --at-deadline"),
    (
        "asg-patch run --operation S",
        "asg-patch run --operation Scan",
    ),
    ("asg-patch explain AP-07", "asg-patch explain AP-0701"),
    (
        "asg-patch plan --at-deadline f",
        "asg-patch plan --at-deadline finish",
    ),
    (
        "asg-patch run --group we",
        "asg-patch run --group web nightly",
    ),
    (
        "asg-patch status --group ap",
        "asg-patch status --group api",
    ),
    // No group has a record, and no file name is an operation.
    (
        "asg-patch restore --group ap",
        "asg-patch restore --group ap",
    ),
    (
        "asg-patch run --operation ni",
        "asg-patch run --operation ni",
    ),
    (
        "asg-patch rehearse --fleet ni",
        "asg-patch rehearse --fleet night.toml",
    ),
];

fn check(shell: &str) {
    if !is_there(shell) {
        return;
    }
    let simulation = Simulation::of_small_fleet("1");
    let lines: Vec<&str> = LINES.iter().map(|(line, _)| *line).collect();
    let completed = pressed(shell, &simulation.environment(), &lines);
    assert_eq!(completed, LINES.map(|(_, completed)| completed), "{shell}");

    // Nobody answers: no group is offered, and the prompt stays clean.
    let silent = [
        ("AWS_ENDPOINT_URL", "http://127.88.77.65:9"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
    ];
    let line = "asg-patch run --group we";
    assert_eq!(pressed(shell, &silent, &[line]), [line], "{shell}");

    // The account may be named by a file of settings.
    let endpoint = simulation.document["endpoint"].as_str().expect("a URL");
    let file = directory(shell).join("account.toml");
    let settings = format!("endpoint-url = \"{endpoint}\"\nregion = \"eu-west-1\"\n");
    std::fs::write(&file, settings).expect("the target's tmp dir takes files");
    let file = file.display().to_string();
    let named = [KEYS, &[("ASG_PATCH_CONFIG", file.as_str())]].concat();
    let completed = "asg-patch run --group web nightly";
    assert_eq!(pressed(shell, &named, &[line]), [completed], "{shell}");
    std::fs::remove_file(&file).expect("it is there");
}

#[test]
fn bash_completes_at_tab() {
    check("bash");
}

#[test]
fn zsh_completes_at_tab() {
    check("zsh");
}

#[test]
fn fish_completes_at_tab() {
    check("fish");
}
