//! `notify --test` against the simulated account and its third parties, in another process.

use std::fs;
use std::path::Path;

use aws_credential_types::Credentials;
use aws_sdk_ssm::config::{BehaviorVersion, Region};
use aws_sdk_ssm::types::ParameterType;
use serde_json::Value;

use crate::support::{Simulation, asg_patch, text};

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
    let name = format!("/asg-patch/secrets/{name}");
    store_as(simulation, &name, value, ParameterType::SecureString);
}

/// Stores a parameter in the simulated account.
pub(crate) fn store_as(simulation: &Simulation, name: &str, value: &str, kind: ParameterType) {
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
        .name(name)
        .value(value)
        .overwrite(true)
        .r#type(kind);
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

/// The commands around windows, one after the other, as an operator types them.
#[test]
fn a_file_is_stored_a_freeze_holds_and_a_run_tells_what_it_did() {
    let simulation = Simulation::of_small_fleet("2000");
    let routed = CHANNELS.to_owned() + "[[route]]\nchannels = [\"hook\"]\n";
    let config = file("channels-run.toml", &routed);
    for (name, value) in SECRETS {
        store(&simulation, name, value);
    }
    let key = ["--mac-key", "alias/asg-patch"];
    let push = ["config", "push", "--config", &config];
    let unsigned = simulation.json(&push);
    assert_eq!(
        (unsigned.code, &unsigned.json["version"]),
        (Some(0), &1.into())
    );
    assert!(
        unsigned.stderr.contains("not signed"),
        "{}",
        unsigned.stderr
    );
    let signed = simulation.json(&[&push[..], &key].concat());
    // The one before has no signature: it is not read, and replaced.
    assert_eq!((signed.code, &signed.json["version"]), (Some(0), &2.into()));
    let again = simulation.json(&push);
    let said = again.json.to_string();
    assert!(
        again.code == Some(2) && said.contains("version 2"),
        "{said}"
    );

    let frozen = simulation.json(&["freeze", "--for", "30d", "--why", "the sale"]);
    assert_eq!(frozen.json["freezes"][0]["is_frozen_now"], true);
    let run = [
        "run",
        "--group",
        "web nightly",
        "--config",
        &config,
        "--notify",
    ];
    let refused = simulation.json(&run);
    let said = refused.json.to_string();
    assert!(
        refused.code == Some(2) && said.contains("AP-0808"),
        "{said}"
    );
    let lifted = simulation.json(&["freeze", "--lift"]);
    assert_eq!(lifted.json["freezes"], Value::Array(Vec::new()));

    let ran = simulation.json(&run);
    assert_eq!(ran.code, Some(0), "{} {}", ran.json, ran.stderr);
    assert_eq!(ran.json["warnings"], Value::Array(Vec::new()));
    let notices = simulation.json(&["notices", "--config", &config]);
    let rows = notices.json["notices"].as_array().expect("notices");
    let told: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {}", row["event"], row["channels"][0]["was_told"]))
        .collect();
    assert_eq!(told, ["\"begun\" true", "\"ended\" true"]);
}

#[test]
fn a_rehearsal_shows_the_notices_of_its_window() {
    let contents = r#"
        [[channel]]
        name = "intake"
        kind = "webhook"
        secret = "/asg-patch/secrets/intake"
        url = "https://receiver.example.org/patching"
        [channel.words.begun]
        title = "We maintain {{ application }}"
        [[route]]
        channels = ["intake"]
    "#;
    let config = file("channels-rehearsed.toml", contents);
    let rehearsed = asg_patch(&["rehearse", "--config", &config], &[]);
    let said = text(&rehearsed.stderr);
    for part in [
        "Notices of this window:",
        "to intake: We maintain",
        "Patching has ended",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
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
