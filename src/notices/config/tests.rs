use expect_test::expect;
use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize)]
struct File {
    #[serde(default)]
    channel: Vec<ChannelTable>,
    #[serde(default)]
    route: Vec<RouteTable>,
}

const GOOD: &str = r#"
[[channel]]
name = "ops"
kind = "slack-bot"
secret = "/asg-patch/secrets/slack"
slack-channel = "C0123456789"

[[channel]]
name = "page"
kind = "statuspage"
secret = "/asg-patch/secrets/statuspage"
page = "kctbh9vrtdwd"
[channel.words.begun]
title = "We maintain {{ application }}"

[[channel]]
name = "intake"
kind = "webhook"
secret = "/asg-patch/secrets/intake"
url = "https://intake.example.org/patching?of=us"

[[channel]]
name = "events"
kind = "event-bus"
bus = "arn:aws:events:eu-west-1:123456789012:event-bus/patching"

[[route]]
application = "shop"
environment = "Test"
channels = "NONE"

[[route]]
application = "shop"
events = ["scheduled", "begun", "ended", "not-approved"]
channels = ["ops", "page"]
statuspage-components = ["8kbf7d35c070"]

[[route]]
channels = ["ops", "intake"]
"#;

fn numbered<T>(tables: Vec<T>) -> Vec<(usize, T)> {
    (1..).zip(tables).collect()
}

fn checked(text: &str) -> String {
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => return error.message().to_owned(),
    };
    match check(&numbered(file.channel), &numbered(file.route)).first() {
        None => "fits".into(),
        Some(error) => error.to_string(),
    }
}

#[test]
fn a_file_that_fits() {
    assert_eq!(checked(GOOD), "fits");
    let file: File = toml::from_str(GOOD).unwrap();
    assert_eq!(file.channel[2].allowed_hosts(), ["intake.example.org"]);
    assert_eq!(file.route[0].channels, Ids::None);
}

#[test]
fn mistakes_are_named_with_their_place() {
    let changes = [
        ("kind = \"slack-bot\"", "kind = \"slack\""),
        ("slack-channel = \"C0123456789\"", ""),
        (
            "slack-channel = \"C0123456789\"",
            "slack-channel = \"#ops\"",
        ),
        (
            "slack-channel = \"C0123456789\"",
            "slack-chanel = \"C0123456789\"",
        ),
        ("\"/asg-patch/secrets/slack\"", "\"xoxb-1234-5678-abcdef\""),
        ("page = \"kctbh9vrtdwd\"", "page = \"a/b\""),
        ("[channel.words.begun]", "[channel.words.began]"),
        ("https://intake.example.org", "http://intake.example.org"),
        ("https://intake.example.org", "https://169.254.169.254"),
        ("name = \"page\"", "name = \"ops\""),
        ("[\"ops\", \"page\"]", "[\"ops\", \"pages\"]"),
        ("channels = \"NONE\"", "channels = \"none\""),
        ("statuspage-components = [\"8kbf7d35c070\"]", ""),
        (
            "statuspage-components = [\"8kbf7d35c070\"]",
            "statuspage-components = [\"8kbf/..\"]",
        ),
        (
            "channels = [\"ops\", \"intake\"]",
            "channels = [\"ops\", \"intake\"]\npingdom-checks = [7]",
        ),
        ("channels = [\"ops\", \"intake\"]", "channels = []"),
        ("event-bus/patching", "event-bus/"),
        (
            "bus = \"arn",
            "secret = \"/asg-patch/secrets/bus\"\nbus = \"arn",
        ),
        ("bus = \"arn", "hosts = [\"example.org\"]\nbus = \"arn"),
        ("secret = \"/asg-patch/secrets/intake\"\n", ""),
        ("page = \"kctbh9vrtdwd\"", "page = \"a\"\nbus = \"b\""),
        (
            "url = \"https://intake",
            "hosts = [\"localhost\"]\nurl = \"https://intake",
        ),
    ];
    let found: Vec<String> = changes
        .iter()
        .map(|(from, to)| {
            assert!(GOOD.contains(from), "{from}");
            checked(&GOOD.replace(from, to))
        })
        .collect();
    expect![[r#"
        unknown variant `slack`, expected one of `slack-bot`, `slack-webhook`, `teams`, `statuspage`, `pingdom`, `pagerduty`, `webhook`, `event-bus`
        [[channel]] 'ops' slack-channel: expected a value, as kind = "slack-bot" needs it, found none
        [[channel]] 'ops' slack-channel: expected an id such as C0123456789 (a name cannot be edited in), found '#ops'
        unknown field `slack-chanel`, expected one of `name`, `kind`, `secret`, `previous-secret`, `hosts`, `slack-channel`, `page`, `from`, `url`, `bus`, `bare-card`, `words`
        [[channel]] 'ops' secret: expected the name of a SecureString parameter below /asg-patch/secrets/, found something else (not shown, in case it is the secret)
        [[channel]] 'page' page: expected an id of letters and digits, found 'a/b'
        unknown variant `began`, expected one of `scheduled`, `begins-soon`, `awaits-approval`, `begun`, `group-failed`, `ended`, `moved`, `withdrawn`, `frozen`, `not-approved`, `missed`
        [[channel]] 'intake' url: expected an address that begins with https://, found another
        [[channel]] 'intake' url: expected a host outside, found '169.254.169.254', which is this machine, its metadata or its network
        [[channel]] 'ops' name: expected a name of its own for each channel, found 'ops' twice
        [[route]] 2 channels: expected the name of a [[channel]] (there are: events, intake, ops, page), found 'pages'
        expected a list, or "NONE"
        [[route]] 2 statuspage-components: expected ids, or "NONE", as a channel of kind statuspage is named, found none
        [[route]] 2 statuspage-components: expected ids of letters and digits, found '8kbf/..'
        [[route]] 3 pingdom-checks: expected it beside a channel of kind pingdom only, found no such channel among its channels
        [[route]] 3 channels: expected names of channels, or "NONE", found an empty list
        [[channel]] 'events' bus: expected the name or the ARN of an event bus, found 'arn:aws:events:eu-west-1:123456789012:event-bus/'
        [[channel]] 'events' secret: expected none, found one, and kind = "event-bus"
        [[channel]] 'events' hosts: expected it with other kinds only, found kind = "event-bus"
        [[channel]] 'intake' secret: expected a value, as kind = "webhook" needs it, found none
        [[channel]] 'page' bus: expected it with kind = "event-bus" only, found kind = "statuspage"
        [[channel]] 'intake' hosts: expected hosts outside, such as chat.example.org or *.example.org, found 'localhost'"#]].assert_eq(&found.join("\n"));
    assert!(!found.join("").contains("xoxb"));
}
