//! `config check --ask-aws`: what a file names, and whether the account has it.

use std::fs;
use std::path::Path;

use aws_sdk_ssm::types::ParameterType;
use serde_json::{Value, json};

use crate::notify::store_as;
use crate::support::{Simulation, asg_patch, text};

const FILE: &str = r#"
[run]
topic-arn = "arn:aws:sns:eu-west-1:123456789012:patch-reports"

[documents]
allow = ["AWS-RunShellScript"]
parameters = ["AWS-RunPatchBaseline/InstallOverrideList"]

[[channel]]
name = "ops"
kind = "slack-webhook"
secret = "/asg-patch/secrets/ops"

[[channel]]
name = "bus"
kind = "event-bus"
bus = "default"

[[route]]
channels = ["ops", "bus"]

[[window]]
name = "test"
schedule = "cron(0 4 ? * MON *)"

[[window]]
name = "production"
schedule = "cron(0 4 ? * WED *)"
after = "test"
"#;

fn file(name: &str, contents: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, contents).expect("a file");
    path.display().to_string()
}

/// Place and what was found instead, of each thing that is amiss.
fn rows(document: &Value) -> Vec<(String, String)> {
    let rows = document["aws"]["amiss"].as_array().expect("a list");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let row = |row: &Value| (text(&row["place"]), text(&row["found"]));
    rows.iter().map(row).collect()
}

#[test]
fn what_a_file_names_is_looked_for_in_the_account() {
    let simulation = Simulation::of_small_fleet("1");
    let secret = "/asg-patch/secrets/ops";
    store_as(
        &simulation,
        secret,
        "https://hooks.slack.com/services/T0/B0/x0",
        ParameterType::SecureString,
    );
    let good = file("ask-good.toml", FILE);
    let check = |file: &str| simulation.json(&["config", "check", file, "--ask-aws"]);
    let ended = check(&good);
    assert_eq!(ended.code, Some(0), "{} {}", ended.json, ended.stderr);
    assert_eq!(
        (rows(&ended.json), &ended.json["aws"]["named"]),
        (vec![], &json!(5))
    );

    store_as(
        &simulation,
        "/asg-patch/secrets/open",
        "https://x",
        ParameterType::String,
    );
    let changes = [
        (":patch-reports", ":patch-report"),
        ("AWS-RunShellScript", "Acme-Hardening"),
        ("InstallOverrideList", "InstallOverideList"),
        (secret, "/asg-patch/secrets/none"),
        (
            "after = \"test\"",
            "after = \"tset\"\napproval = \"required\"",
        ),
        ("bus = \"default\"", "bus = \"defualt\""),
    ];
    let mut wrong = changes
        .iter()
        .fold(FILE.to_owned(), |text, (from, to)| text.replace(from, to));
    wrong.push_str(
        "[[freeze]]\ncalendar = \"Holidays\"\n[[freeze]]\ncalendar = \"AWS-RunShellScript\"\n",
    );
    wrong.push_str("[[channel]]\nname = \"open\"\nkind = \"slack-webhook\"\nsecret = \"/asg-patch/secrets/open\"\n");
    let wrong = file("ask-wrong.toml", &wrong);
    let ended = check(&wrong);
    assert_eq!(ended.code, Some(1), "{} {}", ended.json, ended.stderr);
    let expected = [
        ("[[channel]] 'ops' secret", "none"),
        (
            "[[channel]] 'open' secret",
            "a parameter of the type String",
        ),
        ("[[channel]] 'bus' bus", "none"),
        ("[[freeze]] 1 calendar", "none"),
        (
            "[[freeze]] 2 calendar",
            "a document that is no Change Calendar",
        ),
        ("[[window]] 'production' after", "'tset'"),
        ("[[window]] 'production' approval", "none"),
        ("documents.allow (line 6)", "none"),
        ("documents.parameters (line 7)", "'InstallOverideList'"),
        ("run.topic-arn (line 3)", "none"),
    ];
    let expected = expected.map(|(place, found)| (place.to_owned(), found.to_owned()));
    assert_eq!(rows(&ended.json), expected);

    // For people: each with what to do. No value of a secret is asked for.
    let output = asg_patch(
        &["config", "check", &wrong, "--ask-aws"],
        &simulation.environment(),
    );
    let said = text(&output.stdout);
    let make = "expected the SecureString parameter /asg-patch/secrets/none, found none. Make it: aws ssm put-parameter";
    assert!(said.contains(make), "{said}");
    assert!(!said.contains("https://x"), "{said}");
    let approval = "expected a window 'production' that AWS opens, found none. Nobody is ever asked for its approval: set it up with infra/window.yaml";
    assert!(said.contains(approval), "{said}");
    // Without the flag AWS is not asked, and what is wrong in the file itself comes first.
    assert_eq!(simulation.json(&["config", "check", &wrong]).code, Some(0));
    let faulty = file("ask-faulty.toml", "regoin = \"x\"\n");
    let ended = check(&faulty);
    assert_eq!((ended.code, &ended.json["aws"]), (Some(2), &Value::Null));
}
