//! The program itself: what bad input gets, which exit code, and what lands on stdout.

#![allow(clippy::expect_used)] // the helpers of a test

use std::process::{Command, Output};

use serde_json::Value;

/// Environment variables as pairs.
type Vars<'a> = &'a [(&'a str, &'a str)];

const KEYS: Vars = &[
    ("AWS_ACCESS_KEY_ID", "simulated"),
    ("AWS_SECRET_ACCESS_KEY", "simulated"),
];

/// Runs the program in an environment that holds nothing of this machine's.
fn asg_patch(args: &[&str], vars: Vars) -> Output {
    Command::new(env!("CARGO_BIN_EXE_asg-patch"))
        .args(args)
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(vars.iter().copied())
        .output()
        .expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

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
            &["run", "--max-failures", "120%"],
            &["--max-failures", "0% to 100%", "'120%'"],
        ),
        (
            &["run", "--max-in-flight", "0"],
            &["--max-in-flight", "'0'"],
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
    for command in ["plan", "run", "status", "restore", "rehearse", "simulate"] {
        assert!(script.contains(command), "{command}");
    }
    let output = asg_patch(&["completions", "zsh", "--json"], &[]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(document["shell"], "zsh");
}

/// A `simulate` in the background; Ctrl-C ends it.
struct Simulation {
    process: std::process::Child,
    document: Value,
}

impl Simulation {
    fn start(args: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_asg-patch"))
            .args(["simulate", "--json", "--quiet"])
            .args(args)
            .env_clear()
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = process.stdout.take().expect("stdout is piped");
        let document = serde_json::Deserializer::from_reader(stdout)
            .into_iter()
            .next()
            .expect("it prints a document")
            .expect("the document is JSON");
        Self { process, document }
    }

    /// The environment that points AWS clients at it.
    fn environment(&self) -> Vec<(&str, &str)> {
        let variables = self.document["environment"].as_object().expect("an object");
        variables
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str().expect("a string")))
            .collect()
    }

    fn interrupt(mut self) -> Option<i32> {
        let sent = Command::new("kill")
            .args(["-INT", &self.process.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|s| s.success()));
        self.process.wait().expect("it ends").code()
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        // It has ended already unless the test failed before.
        let _ = self.process.kill();
    }
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
