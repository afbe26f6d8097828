//! Settings: the four layers, the file and how it is found, what it may not do, and `asg-patch config`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Ended, SMALL, Simulation, Vars, asg_patch_in, text};

/// A directory of its own with a directory below it, and the file of settings in the upper one.
fn directory(name: &str, file: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("config-{name}"));
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(directory.join("below/it")).expect("the target's tmp dir takes directories");
    fs::write(directory.join("asg-patch.toml"), file).expect("the target's tmp dir takes files");
    directory
}

fn json(directory: &Path, args: &[&str], vars: Vars) -> Ended {
    asg_patch_in(directory, &[args, &["--json"]].concat(), vars).into()
}

/// Value and source of a setting, as `config` shows them.
fn setting(document: &Value, key: &str) -> (Value, String) {
    let settings = document["settings"].as_array().expect("settings");
    let found = settings.iter().find(|s| s["key"] == key);
    let found = found.unwrap_or_else(|| panic!("no {key}"));
    let source = &found["source"];
    let source = match source["kind"].as_str() {
        Some("variable") => source["variable"].as_str().expect("a name").to_owned(),
        Some("file") => format!(
            "{}:{}",
            source["file"].as_str().expect("a path"),
            source["line"]
        ),
        kind => kind.expect("a kind").to_owned(),
    };
    (found["value"].clone(), source)
}

/// The error of a command that the settings stop before it begins.
fn refused(directory: &Path, args: &[&str], vars: Vars) -> String {
    let output = asg_patch_in(directory, args, vars);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
    assert_eq!(text(&output.stdout), "", "{args:?}");
    assert_eq!(stderr.matches("error: ").count(), 1, "{stderr}");
    stderr
}

const FILE: &str = "\
region = \"eu-west-3\"
prices = \"lists/prices.toml\"

[run]
duration = \"2h\"
max-in-flight = 3
max-failures = 2
operation = \"Scan\"
";

/// A text, a time, a number and a word: default, file, variable.
#[test]
fn each_layer_counts_for_more_than_the_next() {
    let directory = directory("layers", FILE);
    let below = directory.join("below/it");
    for (key, variable, by_variable, by_file, default) in [
        (
            "region",
            "ASG_PATCH_REGION",
            "us-east-1",
            "eu-west-3",
            Value::Null,
        ),
        (
            "run.duration",
            "ASG_PATCH_RUN_DURATION",
            "90m",
            "2h",
            "3h".into(),
        ),
        (
            "run.max-failures",
            "ASG_PATCH_RUN_MAX_FAILURES",
            "5%",
            "2",
            "20%".into(),
        ),
        (
            "run.operation",
            "ASG_PATCH_RUN_OPERATION",
            "Install",
            "Scan",
            "Install".into(),
        ),
    ] {
        let line = FILE
            .lines()
            .position(|l| l.starts_with(key.trim_start_matches("run.")));
        let line = line.expect("the key stands in the file") + 1;
        let by_nothing = json(&below, &["config", "--no-config"], &[]).json;
        assert_eq!(setting(&by_nothing, key), (default, "default".into()));
        let found = json(&below, &["config"], &[]).json;
        assert_eq!(found["file"], "../../asg-patch.toml");
        let source = format!("../../asg-patch.toml:{line}");
        assert_eq!(setting(&found, key), (by_file.into(), source));
        let variables = [(variable, by_variable)];
        let found = json(&below, &["config"], &variables).json;
        assert_eq!(setting(&found, key), (by_variable.into(), variable.into()));
        // A variable that is empty is none.
        let found = json(&below, &["config"], &[(variable, "")]).json;
        assert_eq!(setting(&found, key).0, by_file);
    }
    let number = json(&below, &["config"], &[]).json;
    assert_eq!(setting(&number, "run.max-in-flight").0, 3);
}

/// AWS's own tools take them before files, and so does this program; keys are not shown.
#[test]
fn the_variables_of_aws_count_for_more_than_the_file() {
    let directory = directory("aws", "region = \"eu-west-3\"\nprofile = \"patching\"\n");
    let config = ["config", "--config", "asg-patch.toml"];
    let variables = [
        ("AWS_REGION", "eu-north-1"),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("ASG_PATCH_DURATION", "2h"),
    ];
    let found = json(&directory, &config, &variables);
    assert_eq!(
        setting(&found.json, "region"),
        ("eu-north-1".into(), "AWS_REGION".into())
    );
    let profile = setting(&found.json, "profile");
    assert_eq!(profile, (Value::Null, "AWS_ACCESS_KEY_ID".into()));
    let hint = "ASG_PATCH_DURATION is no setting. Did you mean ASG_PATCH_RUN_DURATION?";
    assert!(found.stderr.contains(hint), "{}", found.stderr);
    let found = json(&directory, &config, &[]).json;
    assert_eq!(
        setting(&found, "profile"),
        ("patching".into(), "asg-patch.toml:2".into())
    );
}

/// The same four layers where they count: in a run, by what it does.
#[test]
fn a_run_goes_by_flag_variable_file_and_default() {
    let file = "[run]\nduration = \"30m\"\ncutoff = \"10m\"\noperation = \"Scan\"\n[simulate]\nfleet = \"small.toml\"\n";
    let directory = directory("run", file);
    fs::copy(SMALL, directory.join("small.toml")).expect("the fleet is there");
    let below = directory.join("below");
    let rehearse = ["rehearse", "--quiet"];
    let minutes = |document: &Value| {
        let at = |field: &str| {
            let text = document[field].as_str().expect("a time");
            text.parse::<chrono::DateTime<chrono::Utc>>()
                .expect("a time")
        };
        // The window began a few seconds before the report did.
        ((at("deadline") - at("started_at")).num_seconds() + 30) / 60
    };
    let found = json(&below, &rehearse, &[]);
    assert_eq!(
        (minutes(&found.json), found.code),
        (30, Some(5)),
        "{}",
        found.stderr
    );
    let by_variable = [("ASG_PATCH_RUN_DURATION", "40m")];
    assert_eq!(minutes(&json(&below, &rehearse, &by_variable).json), 40);
    let flag = [&rehearse[..], &["--duration", "50m"]].concat();
    assert_eq!(minutes(&json(&below, &flag, &by_variable).json), 50);
    let without = [
        &rehearse[..],
        &["--no-config", "--fleet", SMALL, "--operation", "Scan"],
    ]
    .concat();
    assert_eq!(minutes(&json(&below, &without, &[]).json), 180);

    // Flags that do not agree with the file: the error names both.
    let error = refused(&below, &["rehearse", "--duration", "10m"], &[]);
    assert!(
        error.contains("--cutoff (../asg-patch.toml:3): expected less than the --duration of 10m"),
        "{error}"
    );
}

/// A list of the file is there, and a flag's takes its place.
#[test]
fn a_list_is_replaced_as_a_whole() {
    let directory = directory(
        "list",
        "[documents]\nallow = [\"Acme-Patch\"]\nparameters = [\"Acme-Patch/Ring\"]\n",
    );
    let rehearse = [
        "rehearse",
        "--fleet",
        SMALL,
        "--config",
        "asg-patch.toml",
        "--operation",
        "Scan",
    ];
    assert_eq!(json(&directory, &rehearse, &[]).code, Some(5));
    // The parameter of the file is of a document that is not allowed any more.
    let flag = [&rehearse[..], &["--allow-document", "Other"]].concat();
    let error = refused(&directory, &flag, &[]);
    assert!(error.contains("Acme-Patch/Ring"), "{error}");
    let variables = [("ASG_PATCH_DOCUMENTS_ALLOW", "Other, Acme-Patch")];
    assert_eq!(json(&directory, &rehearse, &variables).code, Some(5));
    let found = json(
        &directory,
        &["config", "--config", "asg-patch.toml"],
        &variables,
    )
    .json;
    assert_eq!(
        setting(&found, "documents.allow").0,
        serde_json::json!(["Other", "Acme-Patch"])
    );
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let directory = directory("wrong", "");
    let below = directory.join("below");
    for (file, message) in [
        (
            "\nregoin = \"x\"\n",
            "../asg-patch.toml:2:1: regoin: expected one of region, ",
        ),
        ("regoin = \"x\"\n", "found `regoin`. Did you mean `region`?"),
        (
            "[run]\nmax-in-flight = \"3\"\n",
            ":2:17: run.max-in-flight: expected a whole number, 0 or more, found '3'",
        ),
        (
            "[run]\nduration = \"long\"\n",
            ":2:12: run.duration: expected a time such as 3h, 45m or 1h 30m, found 'long'",
        ),
        (
            "[run]\nmax-failures = \"120%\"\n",
            ":2:16: run.max-failures: expected a number of groups or a percentage from 0% to 100%, found '120%'",
        ),
        (
            "output = \"xml\"\n",
            ":1:10: output: expected one of table, wide, csv, md, json, found 'xml'",
        ),
        (
            "[simulate]\nspeed = 0\n",
            ":2:9: simulate.speed: expected a whole number from 1 to 10000, found '0'",
        ),
        (
            "x = 1\ny = 2\n",
            "found `x` (1 more: asg-patch config check)",
        ),
        ("region = x\n", "../asg-patch.toml:1:"),
    ] {
        fs::write(directory.join("asg-patch.toml"), file).expect("a file");
        let error = refused(&below, &["rehearse"], &[]);
        assert!(error.contains(message), "{error}\n{message}");
        let document = json(&below, &["history"], &[]);
        assert_eq!(
            (document.code, &document.json["error"]["code"]),
            (Some(2), &"config".into())
        );
        // What needs no settings goes on.
        assert_eq!(json(&below, &["explain", "311"], &[]).code, Some(0));
        let check = json(&below, &["config", "check"], &[]);
        assert_eq!(check.code, Some(2));
        assert!(check.json["faults"][0]["line"].is_u64(), "{}", check.json);
    }
    fs::write(directory.join("asg-patch.toml"), FILE).expect("a file");
    assert_eq!(json(&below, &["config", "check"], &[]).json["settings"], 6);
    let error = refused(&below, &["rehearse"], &[("ASG_PATCH_RUN_DURATION", "long")]);
    assert!(
        error.contains("ASG_PATCH_RUN_DURATION: expected a time such as 3h"),
        "{error}"
    );
    let error = refused(&below, &["rehearse", "--config", "gone.toml"], &[]);
    assert!(
        error.contains("--config gone.toml: expected a file of settings"),
        "{error}"
    );
}

/// A mistake hides no other one, wherever both are, and each has its place.
#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let file = r#"
[[window]]
name = "dev"
schedule = "cron(0 4 ? * 9 *)"
duration = "long"
colour = "red"

[[window]]
name = "prod"
schedule = "cron(0 4 ? * TUE *)"
approval = "yes"
approvers = ["arn:aws:iam::123456789012:role/Approvers"]
notice = "none"

[[freeze]]
from = "20 December"
until = "2027-01-04T00:00"

[[freeze]]
form = "2026-12-20T00:00"

[[channel]]
name = "ops"
kind = "slack"
secret = "/asg-patch/secrets/slack"

[[channel]]
name = "events"
kind = "event-bus"
bus = "no bus"

[[route]]
channels = ["opps"]
"#;
    let directory = directory("all-wrong", file);
    let check = json(&directory, &["config", "check", "asg-patch.toml"], &[]);
    assert_eq!(check.code, Some(2), "{}", check.json);
    let faults = check.json["faults"].as_array().expect("faults");
    let said: Vec<String> = faults
        .iter()
        .map(|f| {
            format!(
                "{}:{}: {}: {}",
                f["line"], f["column"], f["key"], f["message"]
            )
        })
        .collect();
    let expected = [
        "4:1: \"window dev\": \"cron expression",
        "5:12: \"run.duration\": \"expected a time",
        "6:1: \"window.colour\": \"expected one of name, schedule",
        "11:12: \"window.approval\": \"expected one of optional, required, found 'yes'\"",
        "13:10: \"window.notice\": \"expected one of optional, required, found 'none'\"",
        "16:1: \"[[freeze]] 1 from\": \"expected a time such as",
        "20:1: \"[[freeze]] 2\": \"unknown field `form`",
        "24:8: \"[[channel]] 1\": \"unknown variant `slack`",
        "30:1: \"[[channel]] 'events' bus\": \"expected the name or the ARN of an event bus",
    ];
    for (found, expected) in said.iter().zip(expected) {
        assert!(found.starts_with(expected), "{expected}\n{said:#?}");
    }
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    // Nothing is stored of it, and nothing begins beside it.
    let push = ["config", "push", "--config", "asg-patch.toml"];
    assert_eq!(json(&directory, &push, &[]).code, Some(2));
    let plan = ["rehearse", "--config", "asg-patch.toml"];
    assert_eq!(json(&directory, &plan, &[]).code, Some(2));
}

/// A window that the file lacks may be AWS's own: that is a note, with the one that may be meant.
#[test]
fn a_window_that_is_not_there_is_a_note() {
    let file = r#"
[[window]]
name = "dev"
schedule = "cron(0 4 ? * TUE *)"

[[window]]
name = "prod"
schedule = "cron(0 4 ? * THU *)"
after = "devv"
approval = "Required"

[[freeze]]
calendar = "holidays"
windows = ["prodd", "prod", "elsewhere"]
"#;
    let directory = directory("unknown-windows", file);
    let check = json(&directory, &["config", "check", "asg-patch.toml"], &[]);
    assert_eq!(check.code, Some(0), "{}", check.json);
    assert_eq!(
        check.json["notes"],
        serde_json::json!([
            "[[freeze]] 1 windows: the file has no [[window]] 'prodd', and it counts only if AWS opens a window of this name. Did you mean 'prod'?",
            "[[freeze]] 1 windows: the file has no [[window]] 'elsewhere', and it counts only if AWS opens a window of this name.",
            "[[window]] 'prod' after: the file has no [[window]] 'devv', and it counts only if AWS opens a window of this name. Did you mean 'dev'?",
        ])
    );
    let printed = asg_patch_in(&directory, &["config", "check", "asg-patch.toml"], &[]);
    let printed = text(&printed.stdout);
    assert!(
        printed.starts_with("asg-patch.toml: 0 settings, 2 windows, 1 freeze, 0 channels and 0 routes, nothing is wrong\nnote: "),
        "{printed}"
    );
    // The names of all tables are known, too.
    fs::write(directory.join("asg-patch.toml"), "[[windw]]\n").expect("a file");
    let check = json(&directory, &["config", "check", "asg-patch.toml"], &[]);
    let message = check.json["faults"][0]["message"].as_str().expect("text");
    assert!(
        message.contains("window, channel, route, notices, freeze")
            && message.ends_with("Did you mean `window`?"),
        "{message}"
    );
}

/// Someone else put the file there: it must not choose the account, the groups or what runs on them.
#[test]
fn a_planted_file_is_refused_and_a_named_one_is_not() {
    let directory = directory(
        "planted",
        "endpoint-url = \"http://127.0.0.1:9\"\n[documents]\nallow = [\"AWS-RunShellScript\"]\n",
    );
    let below = directory.join("below");
    for command in [["run"], ["plan"], ["restore"], ["status"]] {
        let error = refused(&below, &command, &[]);
        assert!(
            error.contains("../asg-patch.toml:1:1: endpoint-url: expected in a file that --config"),
            "{error}"
        );
    }
    let named = ["config", "--config", "../asg-patch.toml"];
    let found = json(&below, &named, &[]).json;
    assert_eq!(setting(&found, "endpoint-url").1, "../asg-patch.toml:1");
    let variable = [("ASG_PATCH_CONFIG", "../asg-patch.toml")];
    assert_eq!(json(&below, &["config"], &variable).json, found);
    // It shows no file from elsewhere, neither by its path nor by a link.
    let file = directory.join("asg-patch.toml");
    #[cfg(unix)]
    std::os::unix::fs::symlink(SMALL, directory.join("link.toml")).expect("a link");
    for path in [SMALL, "../small.toml", "link.toml"] {
        fs::write(&file, format!("prices = \"{path}\"\n")).expect("a file");
        let error = refused(&below, &["plan"], &[]);
        let message =
            "asg-patch.toml:1:10: prices: expected a path below the directory of this file";
        assert!(error.contains(message), "{error}");
    }
    // Neither is anything else that may lie there.
    fs::remove_file(directory.join("asg-patch.toml")).expect("it is there");
    fs::create_dir(directory.join("asg-patch.toml")).expect("a directory");
    let error = refused(&below, &["run"], &[]);
    assert!(
        error.contains("../asg-patch.toml: expected a file of settings"),
        "{error}"
    );
}

/// A changing command says which file was found; paths are relative to the file, wherever it works.
#[test]
fn a_run_says_which_file_it_found_and_keeps_its_reports_beside_it() {
    let simulation = Simulation::of_small_fleet("2000");
    let endpoint = simulation.document["endpoint"].as_str().expect("a URL");
    let directory = directory("changing", "[restore]\nduration = \"30m\"\n");
    let below = directory.join("below/it");
    let line = "configuration: ../../asg-patch.toml";
    let environment = simulation.environment();
    let restore = json(&below, &["restore", "--quiet"], &environment);
    assert_eq!(
        restore.stderr.matches(line).count(),
        1,
        "{}",
        restore.stderr
    );
    assert!(
        !json(&below, &["status"], &environment)
            .stderr
            .contains(line)
    );

    // A file that was named holds the account, too.
    let own = directory.join("own.toml");
    let file = format!(
        "endpoint-url = \"{endpoint}\"\nregion = \"eu-west-1\"\nreports = \"kept\"\noutput = \"json\"\n"
    );
    fs::write(&own, file).expect("a file");
    let own = own.display().to_string();
    let is_aws = |name: &str| !name.ends_with("REGION") && name != "AWS_ENDPOINT_URL";
    let keys: Vec<_> = environment.into_iter().filter(|(n, _)| is_aws(n)).collect();
    let vars = [&keys[..], &[("ASG_PATCH_CONFIG", own.as_str())]].concat();
    let restore: Ended = asg_patch_in(&below, &["restore"], &vars).into();
    assert_eq!(
        (restore.code, restore.stderr.contains("configuration:")),
        (Some(0), false),
        "{}",
        restore.stderr
    );
    assert_eq!(
        fs::read_dir(directory.join("kept"))
            .expect("a directory")
            .count(),
        1
    );
    // The form of the file counts for errors, too, and not against the command line.
    let wrong: Ended = asg_patch_in(&below, &["restore", "--bogus"], &vars).into();
    assert_eq!(wrong.json["error"]["code"], "usage");
    let table = asg_patch_in(&below, &["status", "-o", "csv"], &vars);
    assert!(
        text(&table.stdout).starts_with("group,"),
        "{}",
        text(&table.stdout)
    );
}

/// A flag that a command needs may come from the file; one that another excludes does not count against it.
#[test]
fn what_a_command_needs_may_come_from_the_file() {
    let file = "reports = \"kept\"\n[probe]\nimage = \"ami-0123456789abcdef0\"\n";
    let directory = directory("needed", file);
    fs::create_dir(directory.join("kept")).expect("a directory");
    let named = ["--config", "../asg-patch.toml"];
    let below = directory.join("below");
    let history = json(&below, &[&["history"], &named[..]].concat(), &[]);
    assert_eq!(history.code, Some(0), "{}", history.stderr);
    // Both come as far as the region.
    for command in [&["probe"][..], &["probe", "--clean"]] {
        let error = refused(&below, &[command, &named].concat(), &[]);
        assert!(error.contains("the region: expected --region"), "{error}");
    }
}

/// A form that only tables have is no error where it was not typed.
#[test]
fn the_form_of_the_file_is_not_forced_on_every_command() {
    let directory = directory("form", "output = \"md\"\n");
    assert!(text(&asg_patch_in(&directory, &["explain"], &[]).stdout).starts_with("| code"));
    let page = asg_patch_in(&directory, &["explain", "311"], &[]);
    assert_eq!(page.status.code(), Some(0), "{}", text(&page.stderr));
    assert_eq!(
        json(&directory, &["explain", "311"], &[]).json["code"],
        "AP-0311"
    );
}

#[test]
fn help_names_the_variable_and_shows_what_counts() {
    let directory = directory("help", FILE);
    let help = text(&asg_patch_in(&directory, &["plan", "--help"], &[("COLUMNS", "200")]).stdout);
    assert!(help.contains("[env: ASG_PATCH_RUN_DURATION]"), "{help}");
    assert!(help.contains("[default: 2h]"), "{help}");
}
