//! Bad input gets one error that names the place, the expected and the found value.

use std::fs::File;

use serde_json::Value;

use crate::support::{KEYS, SMALL, Simulation, Vars, asg_patch, asg_patch_to, text};

/// Asserts one error: exit code, nothing on stdout, and a message with all of `words`.
fn refused(args: &[&str], vars: Vars, code: i32, words: &[&str]) {
    let output = asg_patch(args, vars);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
    assert_eq!(text(&output.stdout), "", "{args:?}");
    assert_eq!(stderr.matches("error: ").count(), 1, "{args:?}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "{args:?}: no '{word}' in: {stderr}");
    }

    let mut args = args.to_vec();
    args.push("--json");
    let output = asg_patch(&args, vars);
    assert_eq!(output.status.code(), Some(code), "{args:?}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert!(document["error"]["code"].is_string(), "{document}");
    let message = document["error"]["message"].as_str().expect("a message");
    for word in words {
        assert!(
            message.contains(word),
            "{args:?}: no '{word}' in: {message}"
        );
    }
}

#[test]
fn wrong_usage_names_place_expected_and_found() {
    let table: &[(&[&str], &[&str])] = &[
        (&["run", "--bogus"], &["'--bogus'"]),
        (&["frobnicate"], &["frobnicate"]),
        (
            &["prune", "--older-than", "soon"],
            &["--older-than", "expected a time", "'soon'"],
        ),
        (
            &["prune", "--grace", "20years"],
            &["--grace", "at most ten years", "20years"],
        ),
        (
            &["run", "--tag", "patch"],
            &["--tag", "expected KEY=VALUE", "'patch'"],
        ),
        (
            &["run", "--operation", "upgrade"],
            &["--operation", "Install or Scan", "'upgrade'"],
        ),
        (
            &["run", "--at-deadline", "wait"],
            &["--at-deadline", "finish or roll-back", "'wait'"],
        ),
        (
            &["run", "--max-failures", "120%"],
            &["--max-failures", "0% to 100%", "'120%'"],
        ),
        (
            &["run", "--max-in-flight", "few"],
            &["--max-in-flight", "expected a number of groups", "'few'"],
        ),
        (
            &["run", "--duration", "long"],
            &["--duration", "such as 3h", "'long'"],
        ),
        (
            &["run", "--duration", "2h", "--cutoff", "2h"],
            &["--cutoff", "less than the --duration of 2h", "found 2h"],
        ),
        (
            &["run", "--topic-arn", "ops"],
            &["--topic-arn", "arn:aws:sns:", "'ops'"],
        ),
        (
            &["restore", "--group", ""],
            &["--group", "1 to 255 characters", "found 0"],
        ),
        (
            &["simulate", "--listen", "localhost"],
            &["--listen", "'localhost'"],
        ),
        (
            &["simulate", "--listen", "0.0.0.0:0"],
            &["--listen", "loopback", "0.0.0.0:0"],
        ),
        (
            &["simulate", "--speed", "0"],
            &["--speed", "'0'", "from 1 to 10000"],
        ),
    ];
    for (args, words) in table {
        refused(args, &[], 2, words);
    }
}

#[test]
fn a_wrong_fleet_file_is_named() {
    let missing = "/nonexistent/fleet.toml";
    for command in ["rehearse", "simulate"] {
        refused(&[command, "--fleet", missing], &[], 2, &[missing]);
    }
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = dir.join("wrong-fleet.toml");
    std::fs::write(
        &file,
        "start = 2026-10-14T04:00:00Z\nregion = \"eu-west-1\"\nspeed = 3\n",
    )
    .expect("the target's tmp dir takes files");
    let file = file.to_str().expect("the path is UTF-8");
    for command in ["rehearse", "simulate"] {
        refused(&[command, "--fleet", file], &[], 2, &[file, "3", "speed"]);
    }
}

/// The reader's own words for its types mean nothing to the writer of a fleet file.
#[test]
fn a_fleet_file_is_corrected_in_plain_words() {
    let fleet = std::fs::read_to_string(SMALL).expect("the fleet is there");
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("corrected-fleet.toml");
    let path = file.to_str().expect("the path is UTF-8");
    for (line, wrong, words) in [
        (
            "boot = { seconds = 3 }",
            "boot = 3",
            "expected a table such as { seconds = 30 }",
        ),
        (
            "min = 0",
            "min = \"none\"",
            "expected a whole number, found string \"none\"",
        ),
        (
            "seed = 3",
            "seed = -3",
            "expected a whole number, 0 or more, found integer -3",
        ),
        (
            "start = 2026-10-14T04:00:00Z",
            "start = 9999-12-31T23:00:00Z",
            "a year from 2000 to 2999",
        ),
    ] {
        assert!(fleet.contains(line), "{line}");
        std::fs::write(&file, fleet.replacen(line, wrong, 1))
            .expect("the target's tmp dir takes files");
        refused(&["rehearse", "--fleet", path], &[], 2, &[words]);
    }
    refused(
        &["rehearse", "--seed", "x"],
        &[],
        2,
        &["expected a whole number, 0 or more", "'x'"],
    );
}

/// `-h` fits on a screen; `--help` has everything, and examples.
#[test]
fn there_is_a_short_help_and_a_long_one() {
    let help = |args: &[&str]| text(&asg_patch(args, &[("COLUMNS", "100")]).stdout);
    for command in ["plan", "run", "status", "restore", "rehearse", "simulate"] {
        let (short, long) = (help(&[command, "-h"]), help(&[command, "--help"]));
        assert!(short.lines().count() <= 45, "{command}: {short}");
        assert!(
            long.contains("Examples:") && !short.contains("Examples:"),
            "{command}: {long}"
        );
        assert!(long.lines().count() > short.lines().count(), "{command}");
    }
    assert!(help(&["--help"]).contains("Examples, from harmless to everything"));
}

#[test]
fn a_wrong_aws_configuration_is_named_before_any_call() {
    let region = "the region: expected --region, AWS_REGION";
    for command in ["plan", "run", "status", "restore"] {
        refused(&[command], KEYS, 2, &[region, "found none"]);
        refused(
            &[command, "--region", "Ireland"],
            KEYS,
            2,
            &["--region: expected a name such as eu-west-1", "'Ireland'"],
        );
        refused(
            &[command, "--region", "eu-west-1"],
            &[],
            3,
            &["no AWS credentials: expected", "found:", "aws sso login"],
        );
        refused(
            &[command, "--region", "eu-west-1", "--endpoint-url", "here"],
            KEYS,
            2,
            &["--endpoint-url: expected a URL", "'here'"],
        );
    }
}

/// The AWS CLI takes a profile that was named by flag before keys in the environment. The SDK
/// alone would not, and would work on another account than the one asked for.
#[test]
fn a_profile_by_flag_outranks_keys_in_the_environment() {
    refused(
        &["run", "--region", "eu-west-1", "--profile", "prod"],
        KEYS,
        3,
        &["no AWS credentials", "no profile 'prod'"],
    );
}

/// The error says which profile it is, and the command against it.
#[test]
fn a_profile_without_credentials_says_what_to_do() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("aws-config");
    let text = "[profile corp]\nsso_session = main\nsso_account_id = 123456789012\nsso_role_name = patch\n\
                [sso-session main]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n";
    std::fs::write(&file, text).expect("the target's tmp dir takes files");
    let vars = [("AWS_CONFIG_FILE", file.to_str().expect("the path is UTF-8"))];
    let args = ["plan", "--region", "eu-west-1", "--profile"];
    let with = |profile| [args.as_slice(), &[profile]].concat();
    refused(
        &with("prod"),
        &vars,
        3,
        &[
            "no profile 'prod' among corp",
            "aws configure --profile prod",
        ],
    );
    refused(
        &with("corp"),
        &vars,
        3,
        &["for the profile 'corp'", "aws sso login --profile corp"],
    );
    let by_environment = [vars[0], ("AWS_PROFILE", "corp")];
    refused(
        &args[..3],
        &by_environment,
        3,
        &["aws sso login --profile corp"],
    );
}

#[test]
fn a_simulated_clock_is_refused_away_from_loopback() {
    let clock = [
        KEYS[0],
        KEYS[1],
        (
            "ASG_PATCH_SIMULATED_CLOCK",
            "100@2026-07-01T10:00:00Z@2026-10-14T04:00:00Z",
        ),
    ];
    refused(
        &["run", "--region", "eu-west-1"],
        &clock,
        2,
        &["ASG_PATCH_SIMULATED_CLOCK: expected", "found no endpoint"],
    );
}

#[test]
fn a_wrong_log_filter_is_named() {
    refused(
        &["plan"],
        &[("RUST_LOG", "asg_patch=loud=er")],
        2,
        &["RUST_LOG: expected", "'asg_patch=loud=er'"],
    );
}

#[test]
fn help_and_version_are_results() {
    for args in [["--help"], ["--version"]] {
        let output = asg_patch(&args, &[]);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("asg-patch"));
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&asg_patch(&["completions", shell], &[]).stdout);
        assert!(script.contains("asg-patch"), "{shell}: {script}");
    }
    let output = asg_patch(&["completions", "zsh", "--json"], &[]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(document["shell"], "zsh");
}

/// A disk that is full: a part of the output must not pass for all of it.
#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    for args in [
        &["rehearse", "--quiet", "--fleet", SMALL][..],
        &["rehearse", "--json", "--quiet", "--fleet", SMALL],
        &["completions", "bash"],
        &["--help"],
        &["simulate", "--quiet"],
    ] {
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it");
        let output = asg_patch_to(args, full);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {stderr}");
        assert!(
            stderr.contains("error: stdout: expected to write"),
            "{args:?}: {stderr}"
        );
    }
    // What is wrong with the command itself counts for more, and is said where it can be.
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let output = asg_patch_to(&["run", "--bogus", "--json"], full);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("'--bogus'"));
}

/// A reader that has seen enough, as `head` has.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = asg_patch_to(&["completions", "bash"], writer);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
}

/// Programs that read a table find whole names in it, each on one line; a person's terminal has its width.
#[test]
fn names_are_whole_where_no_terminal_shows_them() {
    let name = "n".repeat(200);
    let fleet = std::fs::read_to_string(SMALL).expect("the fleet is there");
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("long-names.toml");
    std::fs::write(&file, fleet.replace("web nightly", &name))
        .expect("the target's tmp dir takes files");
    let file = file.to_str().expect("the path is UTF-8");
    let table = |vars| text(&asg_patch(&["rehearse", "--quiet", "--fleet", file], vars).stdout);
    let whole = table(&[]);
    let row = whole
        .lines()
        .find(|l| l.starts_with(&name))
        .expect("the name is whole");
    assert!(row.contains(" → ami-") && !row.contains('…'), "{row}");
    let narrow = table(&[("COLUMNS", "100")]);
    assert!(!narrow.contains(&name), "{narrow}");
    assert!(narrow.lines().all(|l| l.chars().count() <= 100), "{narrow}");
}

#[test]
fn simulate_says_where_it_listens_and_ends_well() {
    let simulation = Simulation::start(&["--speed", "100"]);
    let port = simulation.document["port"].as_u64().expect("a number");
    let endpoint = format!("http://127.0.0.1:{port}");
    assert_eq!(simulation.document["endpoint"], endpoint.as_str());
    let environment = simulation.environment();
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SECRET_ACCESS_KEY"] {
        assert!(environment.iter().any(|(n, _)| *n == name), "{name}");
    }
    assert!(environment.contains(&("AWS_ENDPOINT_URL", &endpoint)));
    // The port is taken now.
    let taken = format!("127.0.0.1:{port}");
    refused(
        &["simulate", "--listen", &taken],
        &[],
        2,
        &["--listen", &taken],
    );
    assert_eq!(simulation.interrupt(), Some(0));
}
