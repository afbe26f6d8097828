//! `rehearse`: the report's form, and that a run depends on fleet and seed alone.

use serde_json::Value;

use crate::support::{Ended, SMALL, asg_patch, text};

fn rehearsed(args: &[&str]) -> Ended {
    let mut all = vec!["rehearse", "--json", "--quiet"];
    all.extend(args);
    asg_patch(&all, &[]).into()
}

fn is_time(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|t| t.len() >= 20 && t.ends_with('Z') && t.contains('T'))
}

fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object();
    object
        .map(|o| o.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

fn assert_capacity(capacity: &Value) {
    assert_eq!(keys(capacity), ["min", "max", "desired"]);
    assert!(
        ["min", "max", "desired"]
            .iter()
            .all(|k| capacity[k].is_u64()),
        "{capacity}"
    );
}

fn assert_group(group: &Value) {
    let name = group["group"].as_str().expect("a name");
    let outcome = group["outcome"].as_str().expect("an outcome");
    let outcomes = [
        "patched",
        "already_current",
        "skipped",
        "rolled_back",
        "failed",
        "scanned",
    ];
    assert!(outcomes.contains(&outcome), "{name}: {outcome}");
    match group["code"].as_str() {
        None => assert!(group["code"].is_null() && outcome == "patched", "{group}"),
        Some(code) => assert!(code.starts_with("AP-") && code.len() == 7, "{group}"),
    }
    assert!(
        group["reason"].as_str().is_some_and(|r| !r.is_empty()),
        "{group}"
    );
    assert_capacity(&group["capacity_before"]);
    assert_capacity(&group["capacity_after"]);
    let untouched = outcome == "skipped";
    for key in [
        "image_before",
        "image_after",
        "version_before",
        "version_after",
    ] {
        assert!(
            group[key].is_string() || (untouched && group[key].is_null()),
            "{name} {key}"
        );
    }
    let counts = ["installed", "missing", "failed", "pending_reboot"];
    assert_eq!(keys(&group["patches"]), counts);
    assert!(
        counts.iter().all(|k| group["patches"][k].is_u64()),
        "{name}"
    );
    let phases = group["phases"].as_array().expect("phases");
    assert_eq!(phases.is_empty(), untouched, "{name}");
    for phase in phases {
        assert_eq!(keys(phase), ["phase", "entered_at", "seconds"]);
        assert!(
            phase["phase"].is_string() && phase["seconds"].is_u64(),
            "{phase}"
        );
        assert!(is_time(&phase["entered_at"]), "{phase}");
    }
    assert_eq!(
        group["instance_seconds"].as_u64() > Some(0),
        !untouched,
        "{name}"
    );
}

/// The form that programs may rely on, on the sample fleet, which has a group for most outcomes.
#[test]
fn the_report_holds_what_it_promises() {
    let ended = rehearsed(&[]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert_eq!(ended.stderr, "");
    let report = &ended.json;
    assert!(report["run_id"].as_str().is_some_and(|id| !id.is_empty()));
    assert!(is_time(&report["started_at"]) && is_time(&report["finished_at"]));
    assert_eq!(report["kind"], "rehearse");
    let groups = report["groups"].as_array().expect("groups");
    groups.iter().for_each(assert_group);
    let of = |outcome: &str| groups.iter().filter(|g| g["outcome"] == outcome).count();
    assert!(of("patched") >= 8 && of("rolled_back") >= 2 && of("skipped") >= 1);
    assert_eq!(of("failed"), 0);
    let names: Vec<&str> = groups.iter().filter_map(|g| g["group"].as_str()).collect();
    assert!(
        !names.contains(&"sandbox-dev"),
        "it did not opt in: {names:?}"
    );
    let calls = report["api_calls"].as_object().expect("counts");
    let is_operation = |name: &String| name.split(':').count() == 2;
    assert!(calls.keys().all(is_operation) && calls.values().all(Value::is_u64));
    assert!(calls["ec2:CreateImage"].as_u64() >= Some(8), "{calls:?}");
}

#[test]
fn all_well_is_exit_code_0() {
    let ended = rehearsed(&["--fleet", SMALL]);
    assert_eq!(ended.code, Some(0), "{}", ended.json);
    let groups = ended.json["groups"].as_array().expect("groups");
    assert!(
        groups.iter().all(|g| g["outcome"] == "patched"),
        "{groups:?}"
    );
}

/// `Scan` says what is missing and changes no image: nothing failed.
#[test]
fn a_scan_only_tells() {
    let ended = rehearsed(&["--fleet", SMALL, "--operation", "sCAN"]);
    assert_eq!(ended.code, Some(5), "{}", ended.json);
    for group in ended.json["groups"].as_array().expect("groups") {
        assert_eq!(
            (&group["outcome"], &group["code"]),
            (&"scanned".into(), &"AP-0701".into())
        );
        let missing = group["missing"].as_array().expect("names");
        assert_eq!(
            Some(missing.len() as u64),
            group["patches"]["missing"].as_u64()
        );
        assert!(missing.iter().all(Value::is_string), "{missing:?}");
        assert!(group["patches"]["missing"].as_u64() > Some(0), "{group}");
        assert_eq!(group["image_after"], group["image_before"]);
        assert_eq!(group["capacity_after"], group["capacity_before"]);
    }
    assert!(ended.json["api_calls"].get("ec2:CreateImage").is_none());
}

#[test]
fn the_same_seed_is_the_same_run_byte_for_byte() {
    let run = |seed| text(&asg_patch(&["rehearse", "--json", "--seed", seed], &[]).stdout);
    let first = run("11");
    assert_eq!(first, run("11"));
    assert_ne!(first, run("12"));
}

#[test]
fn the_report_goes_to_the_topic() {
    let topic = |name| format!("arn:aws:sns:eu-west-1:123456789012:{name}");
    let published = |name| {
        let ended = rehearsed(&["--fleet", SMALL, "--topic-arn", &topic(name)]);
        assert_eq!(ended.code, Some(0), "{}", ended.json);
        assert_eq!(ended.json["api_calls"]["sns:Publish"], 1);
        ended.json["warnings"].clone()
    };
    assert_eq!(published("patch-reports"), serde_json::json!([]));
    // A report that cannot be sent is reported, before and after, and is no reason to call the run a failure.
    let warnings = published("no-such-topic");
    let before = warnings[0].as_str().expect("a warning");
    assert!(before.contains("no-such-topic does not exist"), "{before}");
    let warning = warnings[1].as_str().expect("another");
    assert!(
        warning.contains("not sent") && warning.contains("NotFound"),
        "{warning}"
    );
}

/// The example is meant to be run: it patches a group.
#[test]
fn the_example_patches_a_group() {
    let fleet = concat!(env!("CARGO_MANIFEST_DIR"), "/fleets/example.toml");
    let ended = rehearsed(&["--fleet", fleet]);
    let groups = ended.json["groups"].as_array().expect("groups");
    assert!(
        groups.iter().any(|g| g["outcome"] == "patched"),
        "{groups:?}"
    );
}

/// Without `--json`: a table for people on stdout, progress on stderr, one line per change.
#[test]
fn people_get_a_table_and_plain_lines_of_progress() {
    let output = asg_patch(&["rehearse", "--fleet", SMALL], &[]);
    assert_eq!(output.status.code(), Some(0));
    let (table, progress) = (text(&output.stdout), text(&output.stderr));
    assert!(
        table.contains("web nightly") && table.contains("2 groups: 2 patched."),
        "{table}"
    );
    assert!(progress.contains(" web nightly launching: "), "{progress}");
    assert!(
        !(table + &progress).contains('\u{1b}'),
        "no terminal, no escape sequences"
    );
    let output = asg_patch(&["rehearse", "--fleet", SMALL, "--quiet"], &[]);
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn the_code_of_a_failure_is_in_the_log_and_the_report() {
    let fleet = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/scenarios/patch-fails.toml"
    );
    let ended = asg_patch(&["rehearse", "-v", "--fleet", fleet], &[]);
    let (report, log) = (text(&ended.stdout), text(&ended.stderr));
    let logged = |l: &str| l.contains("rolling_back") && l.contains("AP-0311");
    assert!(log.lines().any(logged), "{log}");
    assert!(report.contains("AP-0311"), "{report}");
}
