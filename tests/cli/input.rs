//! Bad input gets one error that names the place, the expected and the found value.

use serde_json::Value;

use crate::support::{KEYS, Simulation, Vars, asg_patch, text};

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
            &["--max-in-flight", "'few'"],
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
            &["--speed", "'0'", "1..=10000"],
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
        &["no AWS credentials", "the profile 'prod'"],
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
fn completions_know_every_subcommand() {
    let output = asg_patch(&["completions", "bash"], &[]);
    let script = text(&output.stdout);
    for command in [
        "plan", "run", "status", "restore", "rehearse", "simulate", "probe",
    ] {
        assert!(script.contains(command), "{command}");
    }
    let output = asg_patch(&["completions", "zsh", "--json"], &[]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(document["shell"], "zsh");
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
