//! Reports that are kept, shown again, listed, exported and priced; and the pages about codes.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Ended, SMALL, Simulation, asg_patch, text};

/// An empty directory.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("it can be removed");
    }
    folder
}

fn json(args: &[&str]) -> Ended {
    asg_patch(&[args, &["--json", "--quiet"]].concat(), &[]).into()
}

fn printed(args: &[&str]) -> String {
    let output = asg_patch(args, &[]);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    text(&output.stdout)
}

/// Two runs of the small fleet, kept in a directory.
fn two_runs(name: &str) -> String {
    let reports = folder(name).display().to_string();
    let rehearse = [
        "rehearse",
        "--fleet",
        SMALL,
        "--reports",
        &reports,
        "--seed",
    ];
    for (seed, why) in [("1", "monthly"), ("2", "CVE-2026-1234")] {
        let ended = json(&[&rehearse[..], &[seed, "--why", why]].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
    reports
}

#[test]
fn kept_runs_are_listed_and_shown_again() {
    let reports = two_runs("kept-listed");
    let files: Vec<_> = fs::read_dir(&reports).expect("the directory").collect();
    assert_eq!(files.len(), 2, "one file per run: {files:?}");

    let history = json(&["history", "--reports", &reports]);
    assert_eq!(history.code, Some(0), "{}", history.stderr);
    let runs = history.json["runs"].as_array().expect("runs");
    let whys: Vec<&Value> = runs.iter().map(|r| &r["why"]).collect();
    assert!(whys.contains(&&"monthly".into()) && whys.contains(&&"CVE-2026-1234".into()));
    assert_eq!(runs[0]["asked_by"], "rehearsal");
    assert_eq!(runs[0]["groups"].as_array().map(Vec::len), Some(2));

    let group = json(&["history", "--group", "web nightly", "--reports", &reports]);
    for run in group.json["runs"].as_array().expect("runs") {
        let [group] = run["groups"].as_array().expect("groups").as_slice() else {
            panic!("not one group: {run}");
        };
        assert_eq!(group["group"], "web nightly");
        assert_ne!(group["image_before"], group["image_after"]);
        assert!(group["patches"].as_u64() > Some(0), "{group}");
    }
    let csv = printed(&["history", "--reports", &reports, "-o", "csv"]);
    assert_eq!(
        csv.lines().count(),
        1 + 4,
        "a row for each run and group: {csv}"
    );

    // A kept report is the report: shown again, it is what was printed.
    let seed = ["rehearse", "--fleet", SMALL, "--seed", "1", "--quiet"];
    let first = printed(&[&seed[..], &["--why", "monthly"]].concat());
    let again: Vec<String> = files
        .iter()
        .map(|file| file.as_ref().expect("a file").path().display().to_string())
        .map(|file| printed(&["report", &file]))
        .collect();
    assert!(again.contains(&first), "{first}\n{again:?}");
}

#[test]
fn a_wrong_name_or_file_in_the_history_does_not_read_as_none() {
    let reports = two_runs("kept-wrong");
    let wrong = asg_patch(
        &["history", "--group", "web-nightly", "--reports", &reports],
        &[],
    );
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong.stderr).contains("Near it: 'web nightly'"),
        "{wrong:?}"
    );

    fs::write(Path::new(&reports).join("other.json"), "{}").expect("a file");
    let history = json(&["history", "--reports", &reports]);
    assert_eq!(history.code, Some(1));
    assert_eq!(history.json["runs"].as_array().map(Vec::len), Some(2));
    let warning = history.json["warnings"][0].as_str().expect("a warning");
    assert!(
        warning.contains("other.json") && warning.contains("run_id"),
        "{warning}"
    );
}

/// The stack's bucket has a directory for each month, and prunes beside the runs.
#[test]
fn a_copy_of_the_stacks_bucket_is_listed() {
    let reports = two_runs("kept-bucket");
    let root = Path::new(&reports);
    let files: Vec<PathBuf> = fs::read_dir(root)
        .expect("the directory")
        .map(|file| file.expect("a file").path())
        .collect();
    for (file, month) in files.iter().zip(["2026/09", "2026/10"]) {
        let month = root.join(month);
        fs::create_dir_all(&month).expect("a directory");
        fs::rename(file, month.join("run.json")).expect("it is moved");
    }
    let simulation = Simulation::of_small_fleet("1");
    let prune = simulation.json(&["prune"]).json.to_string();
    fs::write(root.join("2026/10/prune-1.json"), prune).expect("a file");
    let history = json(&["history", "--reports", &reports]);
    assert_eq!(history.code, Some(0), "{}", history.json);
    assert_eq!(history.json["runs"].as_array().map(Vec::len), Some(2));
    assert_eq!(history.json["warnings"], serde_json::json!([]));
}

/// A report says in each form who let the run begin.
#[test]
fn an_approval_is_in_the_tables() {
    let reports = two_runs("kept-approved");
    let file = fs::read_dir(&reports).expect("the directory").next();
    let file = file.expect("one").expect("a file").path();
    let report = fs::read_to_string(&file).expect("a report");
    let mut report: Value = serde_json::from_str(&report).expect("JSON");
    report["approved"] = "mara at 2026-10-14 03:50:00 UTC: CHG-17".into();
    fs::write(&file, report.to_string()).expect("it is written");
    let table = printed(&["history", "--reports", &reports]);
    assert!(table.contains("approved by mara at 2026-10-14"), "{table}");
    let csv = printed(&["history", "--reports", &reports, "-o", "csv"]);
    assert!(
        csv.contains("mara at 2026-10-14 03:50:00 UTC: CHG-17"),
        "{csv}"
    );
    let one = printed(&["report", file.to_str().expect("text"), "-o", "csv"]);
    assert!(one.contains(",asked_by,why,approved\n"), "{one}");
    assert!(
        one.contains(",rehearsal,") && one.contains(",mara at 2026"),
        "{one}"
    );
    // Times as JSON has them.
    assert!(csv.contains("2026-10-14T04:00:00Z,"), "{csv}");
}

/// A run that could not keep its report does not start.
#[test]
fn what_cannot_be_written_or_read_is_known_before_the_run() {
    let rehearse = ["rehearse", "--fleet", SMALL];
    let missing = folder("kept-nowhere").join("x").display().to_string();
    for (option, value, words) in [
        (
            "--reports",
            SMALL,
            "expected a directory that can be written",
        ),
        ("--html", missing.as_str(), "expected a file in a directory"),
        ("--prices", missing.as_str(), "expected a TOML file"),
        ("--prices", SMALL, "expected a TOML file"),
    ] {
        let output = asg_patch(&[&rehearse[..], &[option, value]].concat(), &[]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{option} {value}: {stderr}");
        assert!(
            stderr.contains(option) && stderr.contains(words),
            "{stderr}"
        );
        assert!(!stderr.contains("launching"), "{stderr}");
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn tables_have_their_forms() {
    let run = ["rehearse", "--fleet", SMALL, "--quiet", "-o"];
    let of = |form| printed(&[&run[..], &[form]].concat());
    let csv = of("csv");
    assert!(csv.starts_with("group,outcome,code,image_before"), "{csv}");
    assert_eq!(csv.lines().count(), 3, "{csv}");
    let markdown = of("md");
    assert!(
        markdown.starts_with("| group | outcome |")
            && markdown.contains("| web nightly | patched |")
    );
    let report: Value = serde_json::from_str(&of("json")).expect("JSON");
    // Wide: no id is shortened.
    let image = report["groups"][0]["image_after"]
        .as_str()
        .expect("an image");
    assert!(of("wide").contains(image) && !of("wide").contains('…'));
    let refused = asg_patch(&["completions", "bash", "-o", "csv"], &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused.stderr).contains("expected table, wide or json"),
        "{refused:?}"
    );
    let refused: Ended = asg_patch(&["rehearse", "--bogus", "-o", "json"], &[]).into();
    assert_eq!(refused.json["error"]["code"], "usage");
}

#[test]
fn the_cost_is_priced_by_the_list_or_by_a_file_in_its_place() {
    let run = ["rehearse", "--fleet", SMALL];
    let kept = folder("kept-prices");
    let reports = kept.join("reports").display().to_string();
    let listed = json(&[&run[..], &["--reports", &reports]].concat());
    let cost = &listed.json["cost"];
    let instances = cost["instances"].as_array().expect("instances");
    assert_eq!(cost["unknown_type_seconds"], 0, "{cost}");
    let seconds: u64 = instances.iter().filter_map(|i| i["seconds"].as_u64()).sum();
    let groups = listed.json["groups"].as_array().expect("groups");
    let borrowed: u64 = groups
        .iter()
        .filter_map(|g| g["instance_seconds"].as_u64())
        .sum();
    assert_eq!(seconds, borrowed);
    assert!(cost["snapshot_gib"].as_u64() > Some(0), "{cost}");
    assert_eq!(instances[0]["platform"], "Linux/UNIX");
    let amounts = &cost["amounts"];
    assert_eq!(amounts["prices"], "list", "{amounts}");
    assert!(amounts["instances"].as_f64() > Some(0.0), "{amounts}");
    assert_eq!(amounts["without_price"], Value::Array(Vec::new()));
    let differs = "Prices in eu-west-1 differ: --prices FILE names them.";
    assert_eq!(amounts["notes"][0], differs, "{amounts}");

    let kind = instances[0]["instance_type"].as_str().expect("a type");
    let prices = kept.join("prices.toml");
    let table = format!(
        "region = \"us-east-1\"\ndate = \"2026-10-01\"\ncurrency = \"XTS\"\n[instance_hour]\n\"{kind}\" = 3600\n"
    );
    fs::write(&prices, table).expect("a file");
    let prices = prices.display().to_string();
    let priced = json(&[&run[..], &["--prices", &prices]].concat());
    // At 3600 an hour, a second is 1.
    assert_eq!(
        priced.json["cost"]["instances"][0]["amount"].as_f64(),
        instances[0]["seconds"].as_f64()
    );

    // A report keeps its amounts, unless a file has others; one without them is priced as it is shown.
    let file = fs::read_dir(&reports).expect("the directory").next();
    let file = file.expect("a report").expect("a report").path();
    let shown = |more: &[&str]| {
        let file = file.display().to_string();
        let width = ["report", &file, "-o", "wide"];
        printed(&[&width[..], more].concat())
    };
    let at_list = "At list prices of us-east-1 on 2026-07-20 (Linux, on demand): ";
    let kept_as_it_was = shown(&[]);
    assert!(kept_as_it_was.contains(at_list), "{kept_as_it_was}");
    let given = shown(&["--prices", &prices]);
    let at_given = "At the given prices of us-east-1 on 2026-10-01: ";
    assert!(given.contains(at_given), "{given}");
    let text = fs::read_to_string(&file).expect("the report");
    let mut report: Value = serde_json::from_str(&text).expect("JSON");
    report["cost"]["amounts"] = Value::Null;
    fs::write(&file, report.to_string()).expect("a file");
    assert_eq!(shown(&[]), kept_as_it_was);
}

/// Windows costs more than Linux: a price of Linux would be taken for it.
#[test]
fn instances_of_windows_have_no_price_in_the_list() {
    let cost = json(&["rehearse"]).json["cost"].clone();
    let instances = cost["instances"].as_array().expect("instances");
    let on = |platform: &str| {
        let all = instances.iter().filter(|i| i["platform"] == *platform);
        all.map(|i| i["amount"].as_f64()).collect::<Vec<_>>()
    };
    let (linux, windows) = (on("Linux/UNIX"), on("Windows"));
    assert!(!linux.is_empty() && linux.iter().all(Option::is_some));
    assert!(!windows.is_empty() && windows.iter().all(Option::is_none));
    let unpriced = cost["amounts"]["without_price"][0].as_str();
    assert!(
        unpriced.is_some_and(|u| u.ends_with(" (Windows)")),
        "{cost}"
    );
}

#[test]
fn a_code_is_explained_by_its_page() {
    let page = printed(&["explain", "AP-0311"]);
    assert_eq!(page, include_str!("../../runbooks/AP-0311.md"));
    let url = ["--pages-url", "https://example.org/runbooks/"];
    let published = printed(&[&["explain", "102"][..], &url].concat());
    assert!(published.starts_with("# AP-0102"), "{published}");
    let alarm = printed(&["explain", "GroupLeftOpen"]);
    assert!(alarm.starts_with("## A group is left open"), "{alarm}");
    assert!(printed(&["explain", "603"]).contains("(`asg-patch explain by-hand`)"));
    assert!(printed(&["explain", "by-hand"]).starts_with("## By hand"));
    let list = printed(&["explain"]);
    assert!(
        list.contains("AP-0101  the group uses a launch configuration"),
        "{list}"
    );
    let wrong = asg_patch(&["explain", "AP-0310"], &[]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong.stderr).contains("AP-0311 (the patch command failed)"),
        "{wrong:?}"
    );

    // Tables lead to the page: by the command, or by the URL.
    let failing = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/scenarios/patch-fails.toml"
    );
    let run = ["rehearse", "-q", "-o", "wide", "--fleet", failing];
    let table = text(&asg_patch(&run, &[]).stdout);
    assert!(table.contains("More: asg-patch explain AP-0311"), "{table}");
    let table = text(&asg_patch(&[&run[..], &url].concat(), &[]).stdout);
    assert!(
        table.contains("More: https://example.org/runbooks/AP-0311.md"),
        "{table}"
    );
}
