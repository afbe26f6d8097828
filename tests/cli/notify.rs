//! `notify --test` against the simulated account and its third parties, in another process.

use std::fs;
use std::path::Path;

use aws_credential_types::Credentials;
use aws_sdk_ssm::config::{BehaviorVersion, Region};
use aws_sdk_ssm::types::ParameterType;
use serde_json::Value;

use crate::support::{Simulation, text};

const CHANNELS: &str = r#"
[run]
duration = "2h"

[[channel]]
name = "ops"
kind = "slack-bot"
secret = "/asg-patch/secrets/slack"
slack-channel = "C0SIMULATED"

[[channel]]
name = "hook"
kind = "slack-webhook"
secret = "/asg-patch/secrets/hook"

[[channel]]
name = "teams"
kind = "teams"
secret = "/asg-patch/secrets/teams"

[[channel]]
name = "page"
kind = "statuspage"
secret = "/asg-patch/secrets/statuspage"
page = "simulatedpage"

[[channel]]
name = "checks"
kind = "pingdom"
secret = "/asg-patch/secrets/pingdom"

[[channel]]
name = "intake"
kind = "webhook"
secret = "/asg-patch/secrets/intake"
url = "https://receiver.example.org/patching"

[[route]]
application = "shop"
channels = ["page", "checks", "ops"]
statuspage-components = ["simulated1"]
pingdom-checks = [101]
"#;

const SECRETS: [(&str, &str); 6] = [
    ("slack", "xoxb-0123456789-abcdefghi"),
    (
        "hook",
        "https://hooks.slack.com/services/T00000000/B00000000/simulated0000",
    ),
    (
        "teams",
        "https://prod-7.westeurope.logic.azure.com/workflows/ab%2Fcd/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=simulated-_0",
    ),
    ("statuspage", "statuspage-key-0001"),
    ("pingdom", "pingdom-token-0001"),
    ("intake", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"),
];

/// Stores a secret in the simulated account.
fn store(simulation: &Simulation, name: &str, value: &str) {
    let environment = simulation.environment();
    let endpoint = environment.iter().find(|(n, _)| *n == "AWS_ENDPOINT_URL");
    let config = aws_sdk_ssm::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url(endpoint.expect("an endpoint").1)
        .build();
    let ssm = aws_sdk_ssm::Client::from_conf(config);
    let put = ssm
        .put_parameter()
        .name(format!("/asg-patch/secrets/{name}"))
        .value(value)
        .overwrite(true)
        .r#type(ParameterType::SecureString);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(put.send()).expect("it is stored");
}

fn file(name: &str, contents: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, contents).expect("a file");
    path.display().to_string()
}

/// Each channel with what became of its notice.
fn rows(json: &Value) -> Vec<(String, String)> {
    let rows = json["channels"].as_array().expect("channels");
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let done = |row: &Value| match row.get("done") {
        Some(done) => text(done),
        None => text(&row["fault"]["word"]),
    };
    rows.iter()
        .map(|row| (text(&row["channel"]), done(row)))
        .collect()
}

#[test]
fn a_test_reaches_every_channel_of_the_simulated_third_parties() {
    let simulation = Simulation::of_small_fleet("100");
    let config = file("channels.toml", CHANNELS);
    for (name, value) in SECRETS {
        store(&simulation, name, value);
    }
    let test = ["notify", "--test", "--config", &config];
    let ended = simulation.json(&test);
    let expected = [
        ("ops", "posted"),
        ("hook", "posted"),
        ("teams", "accepted"),
        ("page", "removed"),
        ("checks", "removed"),
        ("intake", "posted"),
    ];
    let expected = expected.map(|(name, done)| (name.to_owned(), done.to_owned()));
    assert_eq!(ended.code, Some(0), "{} {}", ended.json, ended.stderr);
    assert_eq!(rows(&ended.json), expected);
    // One that is refused has the service's word, and what to do.
    store(&simulation, "slack", "xoxb-0123456789-abcdefghi");
    store(
        &simulation,
        "hook",
        "https://hooks.slack.com/services/T00000000/B00000000/revoked00000",
    );
    let ended = simulation.json(&[&test[..], &["--channel", "hook"]].concat());
    let expected = ("hook".to_owned(), "no_service".to_owned());
    assert_eq!((rows(&ended.json), ended.code), (vec![expected], Some(1)));
    let said = ended.json.to_string() + &ended.stderr;
    assert!(
        said.contains("make a new one") && !said.contains("revoked00000"),
        "{said}"
    );
    // A secret that is not there, with the command that makes it.
    let other = CHANNELS.replace("/asg-patch/secrets/slack", "/asg-patch/secrets/none");
    let other = file("channels-none.toml", &other);
    let ended = simulation.json(&["notify", "--test", "--config", &other, "--channel", "ops"]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .json
            .to_string()
            .contains("aws ssm put-parameter --type SecureString"),
        "{}",
        ended.json
    );
}

#[test]
fn a_wrong_file_is_wrong_usage() {
    let wrong = |contents: &str, extra: &[&str]| {
        let config = file("channels-wrong.toml", contents);
        let args = [
            &[
                "notify",
                "--test",
                "--config",
                &config,
                "--region",
                "eu-west-1",
            ][..],
            extra,
        ]
        .concat();
        let output = crate::support::asg_patch(&args, crate::support::KEYS);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        text(&output.stderr)
    };
    let said = wrong(
        &CHANNELS.replace("kind = \"teams\"", "kind = \"team\""),
        &[],
    );
    assert!(said.contains("unknown variant `team`"), "{said}");
    let said = wrong(&CHANNELS.replace("[101]", "[]"), &[]);
    assert!(
        said.contains("pingdom-checks: expected ids, or \"NONE\""),
        "{said}"
    );
    let said = wrong(CHANNELS, &["--channel", "opps"]);
    assert!(
        said.contains("found 'opps'") && said.contains("ops"),
        "{said}"
    );
    let words = format!(
        "{CHANNELS}\n[[channel]]\nname = \"w\"\nkind = \"slack-webhook\"\nsecret = \"/asg-patch/secrets/w\"\n[channel.words.begun]\ntitle = \"{{{{ nme }}}}\"\n"
    );
    let said = wrong(&words, &[]);
    assert!(
        said.contains("words.begun.title") && said.contains("unknown name 'nme'"),
        "{said}"
    );
}
