//! `probe` as a program of its own: wrong usage, and a probe of the account that `simulate` serves.

use super::support::{Simulation, asg_patch};

#[test]
fn wrong_usage_is_refused_before_any_call() {
    let table: &[(&[&str], &str)] = &[
        (&["probe"], "--image"),
        (&["probe", "--image", "web"], "'web'"),
        (&["probe", "--image", "ami-1", "--subnet", "a"], "subnet-"),
        (
            &["probe", "--image", "ami-1", "--belief", "none"],
            "min-version",
        ),
        (&["probe", "--image", "ami-1", "--clean"], "--clean"),
        (&["probe", "--clean", "--record", "answers"], "--clean"),
    ];
    for (args, word) in table {
        let output = asg_patch(args, &[]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(word), "{args:?}: {text}");
    }
}

/// Two beliefs for which nothing is launched, found over the loopback address, and nothing is left.
#[test]
fn a_served_account_is_probed_and_cleaned() {
    let simulation = Simulation::of_small_fleet("60");
    let recording = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("probe-cli");
    let _ = std::fs::remove_dir_all(&recording);
    let record = recording.to_str().expect("a path in UTF-8");
    let args = ["probe", "--image", "ami-1", "--quiet", "--record", record];
    let only = ["--belief", "min-version", "--belief", "parameter-made-once"];
    let args: Vec<&str> = args.into_iter().chain(only).collect();
    let ended = simulation.json(&args);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let findings = ended.json["findings"].as_array().expect("findings");
    let verdicts: Vec<(&str, &str)> = findings
        .iter()
        .map(|f| {
            let text = |field: &str| f[field].as_str().expect("a text");
            (text("belief"), text("verdict"))
        })
        .collect();
    let expected = [("min-version", "holds"), ("parameter-made-once", "holds")];
    assert_eq!(verdicts, expected, "{}", ended.json);
    assert_eq!(findings[0]["variant"], "inclusive");
    assert_eq!(ended.json["left"], serde_json::json!([]));
    assert!(recording.read_dir().expect("a directory").count() > 4);
    // A second recording would be mixed up with the first.
    let again = simulation.json(&args);
    assert_eq!(again.code, Some(2), "{}", again.json);
    let cleaned = simulation.json(&["probe", "--clean", "--quiet"]);
    assert_eq!(cleaned.code, Some(0), "{}", cleaned.stderr);
    assert_eq!(cleaned.json["left"], serde_json::json!([]));
}

/// Ctrl-C ends the checks and removes what they have made; a probe that died leaves it to `--clean`.
#[test]
fn a_probe_that_is_stopped_is_cleaned() {
    let simulation = Simulation::of_small_fleet("60");
    // The first one is found soon, while the second one still works on its group.
    let only = [
        "--belief=recurring-start-time",
        "--belief=bounds-pull-desired",
    ];
    let args: Vec<&str> = ["probe", "--image", "ami-1"]
        .into_iter()
        .chain(only)
        .collect();
    let groups = || {
        let listed = simulation.json(&["probe", "--clean", "--quiet"]);
        assert_eq!(listed.code, Some(0), "{}", listed.stderr);
        let removed = listed.json["removed"].as_array().expect("a list");
        removed.len()
    };
    let mut probe = simulation.running(&args);
    probe.until("recurring-start-time: holds");
    probe.interrupt();
    let ended = probe.ended();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert_eq!(ended.json["findings"], serde_json::json!([]));
    assert_eq!(ended.json["left"], serde_json::json!([]));
    assert_eq!(groups(), 0);
    let mut probe = simulation.running(&args);
    probe.until("recurring-start-time: holds");
    probe.kill();
    assert!(groups() >= 2, "a template and a group");
}
