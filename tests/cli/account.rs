//! `plan`, `run`, `status` and `restore` on an account that lives in another process.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::support::{Ended, KEYS, SMALL, Simulation, asg_patch};

const BOTH: [&str; 2] = ["api", "web nightly"];

/// The entry of a group in a list of them.
fn entry<'a>(groups: &'a Value, name: &str) -> &'a Value {
    let groups = groups.as_array().expect("a list of groups");
    let found = groups.iter().find(|g| g["group"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {groups:?}"))
}

fn outcomes(ended: &Ended) -> Value {
    let groups = ended.json["groups"].as_array().expect("groups");
    groups
        .iter()
        .map(|g| json!([g["group"], g["outcome"], g["code"]]))
        .collect()
}

/// Nobody listens: not a word of it is this program's fault, and nothing was changed.
#[test]
fn an_endpoint_that_is_not_there_is_exit_code_3() {
    // On an address of its own, so that no other test's server gets the port meanwhile.
    let closed = TcpListener::bind("127.88.77.66:0").expect("loopback has many addresses");
    let address = closed.local_addr().expect("it is bound");
    drop(closed);
    let endpoint = format!("http://{address}");
    let refused = |command: &str| {
        let args = [
            command,
            "--region",
            "eu-west-1",
            "--endpoint-url",
            &endpoint,
            "--json",
        ];
        let ended = Ended::from(asg_patch(&args, KEYS));
        assert_eq!(ended.code, Some(3), "{command}: {}", ended.stderr);
        assert_eq!(ended.json["error"]["code"], "aws", "{}", ended.json);
        let message = ended.json["error"]["message"].as_str().expect("a message");
        assert!(
            message.contains("refused")
                && message.contains(&endpoint)
                && message.contains("--endpoint-url"),
            "{message}"
        );
        for inner in ["ConnectorError", "dispatch", "io error", "DispatchFailure"] {
            assert!(!message.contains(inner), "{message}");
        }
    };
    std::thread::scope(|scope| {
        for command in ["plan", "run", "status", "restore", "prune"] {
            scope.spawn(move || refused(command));
        }
    });
}

/// A private network may have a way to all services that a restore needs, and none to the one that knows the account's id.
#[test]
fn an_account_whose_id_is_not_to_be_had_is_worked_on() {
    let fault = "[[faults]]\noperation = \"sts:GetCallerIdentity\"\ntimes = 100\nfault = \"never-arrived\"\n";
    let fleet = std::fs::read_to_string(SMALL).expect("a fleet");
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-identity.toml");
    std::fs::write(&file, format!("{fleet}\n{fault}")).expect("a file");
    let simulation = Simulation::start(&["--fleet", file.to_str().expect("text")]);
    for command in ["status", "plan", "restore", "prune"] {
        let ended = simulation.json(&[command]);
        assert_eq!(ended.code, Some(0), "{command}: {}", ended.stderr);
        assert!(ended.json["account"].is_null(), "{}", ended.json);
    }
}

/// The account has one region: a client that means another one must not find its groups.
#[test]
fn a_simulated_account_answers_in_its_own_region_only() {
    let simulation = Simulation::of_small_fleet("1");
    let here = simulation.json(&["status", "--region", "eu-west-1"]);
    assert_eq!(here.code, Some(0), "{}", here.json);
    let elsewhere = simulation.json(&["status", "--region", "us-east-1"]);
    assert_eq!(elsewhere.code, Some(3), "{}", elsewhere.json);
    let message = elsewhere.json["error"]["message"]
        .as_str()
        .expect("a message");
    assert!(
        message.contains("'us-east-1': it has eu-west-1 alone"),
        "{message}"
    );
}

/// The whole life of an account: planned, patched, looked at, and nothing to do any more.
#[test]
fn a_run_on_an_account_in_another_process() {
    let simulation = Simulation::of_small_fleet("200");
    let before = simulation.groups();

    let plan = simulation.json(&["plan"]);
    assert_eq!(plan.code, Some(0), "{}", plan.stderr);
    for document in [&plan.json, &simulation.json(&["status"]).json] {
        assert_eq!(document["account"], "123456789012");
    }
    let web = entry(&plan.json["groups"], "web nightly");
    assert_eq!(web["pins"], json!(["web:$Latest (1)"]));
    assert_eq!(web["capacity"], json!({ "min": 0, "max": 2, "desired": 0 }));
    assert!(web["refusal"].is_null() && web["bakes"] == true, "{web}");
    assert_eq!(web["platform"], "Linux/UNIX");
    let amounts = &plan.json["cost"]["amounts"];
    assert!(amounts["instances"].as_f64() > Some(0.0), "{amounts}");
    assert_eq!(simulation.groups(), before, "a plan changes nothing");

    let run = simulation.json(&["run"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.json["kind"], "run");
    assert_eq!(run.json["account"], "123456789012");
    // The person is named though the environment does not say who it is.
    let by = run.json["asked_by"].as_str().expect("a user and a host");
    assert!(by.contains('@') && !by.starts_with("cli:"), "{by}");
    let patched = json!([["api", "patched", null], ["web nightly", "patched", null]]);
    assert_eq!(outcomes(&run), patched);

    let after = simulation.groups();
    for name in BOTH {
        let (then, now) = (entry(&before, name), entry(&after, name));
        let reported = entry(&run.json["groups"], name);
        assert_eq!(now["capacity"], then["capacity"], "{name}");
        assert_eq!(now["image"], reported["image_after"], "{name}");
        assert_ne!(now["image"], then["image"], "{name}");
        assert_eq!(now["patched_by_run"], run.json["run_id"], "{name}");
        assert!(now["record"].is_null(), "{now}");
    }
    let pins = ["api", "web nightly"].map(|n| entry(&after, n)["pins"][0].clone());
    assert_eq!(pins, ["api:2", "web:$Latest (2)"]);

    let restore = simulation.json(&["restore"]);
    assert_eq!(restore.code, Some(0), "{}", restore.stderr);
    assert_eq!(restore.json["groups"], json!([]));
    let named = simulation.json(&["restore", "--group", "api"]);
    assert_eq!(named.code, Some(2), "{}", named.stderr);
    let message = named.json["error"]["message"].as_str().expect("a message");
    assert!(
        message.contains("'api'") && message.contains("restored already"),
        "{message}"
    );
    assert_eq!(simulation.groups(), after);
}

/// Ctrl-C once: what is in flight goes back, what waits is not started.
#[test]
fn an_interrupted_run_restores() {
    let simulation = Simulation::of_small_fleet("200");
    let before = simulation.groups();
    let mut run = simulation.running(&["run", "--max-in-flight", "1"]);
    run.until("api patching: ");
    run.interrupt();
    let run = run.ended();
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stderr.contains("Ctrl-C again stops at once"),
        "{}",
        run.stderr
    );
    let expected = json!([
        ["api", "rolled_back", "AP-0392"],
        ["web nightly", "skipped", "AP-0203"],
    ]);
    assert_eq!(outcomes(&run), expected);
    assert_eq!(simulation.groups(), before, "all groups are as they were");
}

/// The terminal goes: as with Ctrl-C. A program that was started to outlive it goes on.
#[test]
fn a_run_that_is_hung_up_restores_unless_it_was_started_to_go_on() {
    let simulation = Simulation::of_small_fleet("200");
    let before = simulation.groups();
    let only = ["run", "--group", "api"];
    let mut run = simulation.running(&only);
    run.until("api patching: ");
    run.hang_up();
    let run = run.ended();
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_eq!(outcomes(&run), json!([["api", "rolled_back", "AP-0392"]]));
    assert_eq!(simulation.groups(), before, "all groups are as they were");

    let mut run = simulation.running_on(&only);
    run.until("api patching: ");
    run.hang_up();
    let run = run.ended();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(outcomes(&run), json!([["api", "patched", null]]));
}

/// One name without a record, one that is no group's and one of a group that has not opted in: the group with a record
/// is restored all the same, and no slip reads as all-clear.
#[test]
fn a_name_without_a_record_keeps_no_other_group_waiting() {
    let simulation = Simulation::of_small_fleet("100");
    let before = simulation.groups();
    let mut run = simulation.running(&["run", "--group", "web nightly"]);
    run.until("web nightly patching: ");
    run.kill();
    let restore = simulation.json(&[
        "restore",
        "--group",
        "nonexist",
        "--group",
        "web nightly",
        "--group",
        "api",
    ]);
    assert_eq!(
        restore.code,
        Some(2),
        "{}\n{}",
        restore.json,
        restore.stderr
    );
    let expected = json!([
        ["nonexist", "skipped", "AP-0803"],
        ["web nightly", "rolled_back", "AP-0602"],
    ]);
    assert_eq!(outcomes(&restore), expected);
    let warnings = restore.json["warnings"].as_array().expect("warnings");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0]
            .as_str()
            .is_some_and(|w| w.contains("'api'") && w.contains("restored already"))
    );
    assert_eq!(simulation.groups(), before, "all groups are as they were");

    // A plan names who holds a group, and does not count it among those to work on while its run is alive.
    let mut run = simulation.running(&["run", "--group", "api"]);
    run.until("api patching: ");
    let plan = simulation.json(&["plan"]);
    assert_eq!(plan.code, Some(0), "{}", plan.stderr);
    let held = entry(&plan.json["groups"], "api");
    assert_eq!(held["misfit"]["code"], "AP-0204", "{held}");
    assert!(
        held["misfit"]["reason"]
            .as_str()
            .is_some_and(|r| r.contains("(cli:") && !r.contains('.'))
    );
    assert!(entry(&plan.json["groups"], "web nightly")["misfit"].is_null());
    run.kill();
    let plan = simulation.json(&["plan"]);
    let left = entry(&plan.json["groups"], "api");
    let note = left["notes"][0].as_str().expect("a note");
    assert!(
        left["misfit"].is_null() && note.contains("which is dead: a run would restore"),
        "{left}"
    );
    let restored = simulation.json(&["restore", "--group", "api"]);
    let note = restored.json["groups"][0]["notes"][0]
        .as_str()
        .expect("a note");
    assert!(note.contains("driven by cli:"), "{note}");

    let refused = |args: &[&str], words: &[&str]| {
        let ended = simulation.json(args);
        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.json);
        let message = ended.json["error"]["message"].as_str().expect("a message");
        for word in words {
            assert!(
                message.contains(word),
                "{args:?}: no '{word}' in: {message}"
            );
        }
    };
    for command in ["restore", "status", "plan"] {
        refused(
            &[command, "--group", "nonexist"],
            &["'nonexist'", "found none"],
        );
        let words = ["'api'", "opt-in tag team=web", "no tag team"];
        refused(&[command, "--group", "api", "--tag", "team=web"], &words);
    }
}

/// Of groups that were named, `status` shows their records and no others.
#[test]
fn the_status_of_one_group_does_not_call_the_records_of_others_stray() {
    let simulation = Simulation::of_small_fleet("50");
    let mut run = simulation.running(&["run"]);
    run.until("web nightly patching: ");
    run.kill();
    let status = simulation.json(&["status", "--group", "api"]);
    assert_eq!(status.code, Some(0), "{}", status.json);
    assert_eq!(
        entry(&status.json["groups"], "api")["record"]["group"],
        "api"
    );
    assert_eq!(status.json["stray_records"], json!([]));
}

/// A restore by name, typed while the run is alive, must not end it.
#[test]
fn a_restore_by_name_leaves_a_living_run_its_groups() {
    let simulation = Simulation::of_small_fleet("50");
    let mut run = simulation.running(&["run", "--group", "api"]);
    run.until("api patching: ");
    let status = simulation.json(&["status", "--group", "api"]);
    let record = &entry(&status.json["groups"], "api")["record"];
    assert_eq!(record["run_alive"], true, "{record}");
    let restore = simulation.json(&["restore", "--group", "api"]);
    assert_eq!(restore.code, Some(4), "{}", restore.json);
    assert_eq!(outcomes(&restore), json!([["api", "skipped", "AP-0604"]]));
    let run = run.ended();
    assert_eq!(run.code, Some(0), "{}\n{}", run.json, run.stderr);
    assert_eq!(outcomes(&run), json!([["api", "patched", null]]));
}

/// Ctrl-C twice: the program says what remains and how to restore it, and that works.
#[test]
fn a_run_stopped_at_once_leaves_records_that_restore_restores() {
    let simulation = Simulation::of_small_fleet("50");
    let before = simulation.groups();
    let mut run = simulation.running(&["run"]);
    run.until("web nightly patching: ");
    run.interrupt();
    run.until("Stopping: ");
    run.interrupt();
    let run = run.ended();
    assert_eq!(run.code, Some(4), "{}\n{}", run.json, run.stderr);
    let message = run.json["error"]["message"].as_str().expect("a message");
    for words in ["asg-patch restore", "--group api", "--group 'web nightly'"] {
        assert!(message.contains(words), "no '{words}' in: {message}");
    }
    assert_eq!(run.json["error"]["records"], json!(BOTH));

    for name in BOTH {
        let now = simulation.groups();
        let record = &entry(&now, name)["record"];
        assert_eq!(record["group"], name, "{now}");
        assert!(
            record["owner"]
                .as_str()
                .is_some_and(|o| o.starts_with("cli:")),
            "{record}"
        );
        let restore = simulation.json(&["restore", "--group", name]);
        assert_eq!(
            restore.code,
            Some(0),
            "{}\n{}",
            restore.json,
            restore.stderr
        );
        assert_eq!(restore.json["kind"], "restore");
        assert_eq!(
            outcomes(&restore),
            json!([[name, "rolled_back", "AP-0602"]])
        );
        assert_eq!(entry(&simulation.groups(), name), entry(&before, name));
    }
    assert_eq!(simulation.groups(), before, "all groups are as they were");
}

/// A restore and a run beside a run that is alive: neither takes its group from it.
#[test]
fn nobody_takes_a_group_from_a_living_run_unless_it_is_named() {
    let simulation = Simulation::of_small_fleet("20");
    let mut run = simulation.running(&["run", "--group", "api"]);
    run.until("api patching: ");
    let restore = simulation.json(&["restore"]);
    assert_eq!(outcomes(&restore), json!([["api", "skipped", "AP-0604"]]));
    let reason = restore.json["groups"][0]["reason"].as_str().expect("text");
    assert!(
        reason.contains("is alive, and restores the group"),
        "{reason}"
    );
    assert_eq!(
        restore.code,
        Some(4),
        "a record is left: {}",
        restore.stderr
    );
    let second = simulation.json(&["run", "--group", "api"]);
    assert_eq!(outcomes(&second), json!([["api", "skipped", "AP-0204"]]));
    let run = run.ended();
    assert_eq!(outcomes(&run), json!([["api", "patched", null]]));
}

/// A run that was killed is known to be dead: `status` says so, and the next run restores its groups before it begins.
#[test]
fn a_killed_run_keeps_no_later_run_waiting() {
    let simulation = Simulation::of_small_fleet("100");
    let mut run = simulation.running(&["run"]);
    run.until("web nightly patching: ");
    run.kill();
    let groups = simulation.groups();
    for name in BOTH {
        let record = &entry(&groups, name)["record"];
        assert_eq!(record["run_alive"], false, "{record}");
        let came = record["changed"]["instances"].as_object().expect("some");
        assert!(came.values().any(|state| state == "Standby"), "{record}");
    }
    let table = simulation.printed(&["status"]);
    for words in [
        "its run is dead; ",
        "(Standby)",
        "to restore api, web nightly now: asg-patch restore --group api --group 'web nightly'\n",
    ] {
        assert!(table.contains(words), "no '{words}' in:\n{table}");
    }
    let next = simulation.json(&["run"]);
    assert_eq!(next.code, Some(0), "{}\n{}", next.json, next.stderr);
    let warnings = next.json["warnings"].to_string();
    assert!(warnings.contains("left by an earlier run"), "{warnings}");
    let patched = json!([["api", "patched", null], ["web nightly", "patched", null]]);
    assert_eq!(outcomes(&next), patched);
}

/// The machine goes down while the canary comes up, the worst of moments: image and version exist.
#[test]
fn a_killed_run_is_restored_from_its_records() {
    let simulation = Simulation::of_small_fleet("100");
    let before = simulation.groups();
    let mut run = simulation.running(&["run"]);
    run.until("web nightly proving: ");
    run.kill();
    let now = simulation.groups();
    assert_ne!(now, before);
    let restore = simulation.json(&["restore"]);
    assert_eq!(
        restore.code,
        Some(0),
        "{}\n{}",
        restore.json,
        restore.stderr
    );
    let expected = BOTH.map(|name| json!([name, "rolled_back", "AP-0602"]));
    assert_eq!(outcomes(&restore), json!(expected));
    assert_eq!(simulation.groups(), before, "all groups are as they were");
    // Nothing stands in the way of the next run.
    let run = simulation.json(&["run"]);
    assert_eq!(run.code, Some(0), "{}\n{}", run.json, run.stderr);
}

/// An account in which the program was not set up yet.
#[test]
fn the_documents_that_runs_send_are_created_by_one_command() {
    let simulation = Simulation::start(&["--fleet", "tests/cli/not-set-up.toml", "--speed", "200"]);

    let plan = simulation.json(&["plan"]);
    assert_eq!(plan.code, Some(0), "{}", plan.stderr);
    let warning = plan.json["warnings"][0].as_str().unwrap_or_default();
    assert!(warning.starts_with("AP-0806: "), "{warning}");
    let run = simulation.json(&["run"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert_eq!(run.json["error"]["code"], "documents", "{}", run.json);

    let shown = simulation.json(&["documents"]);
    assert_eq!(shown.code, Some(1), "{}", shown.stderr);
    assert_eq!(
        shown.json["documents"][0],
        json!({"document": "AsgPatch-ReadyLinux-1", "state": "missing"})
    );
    let created = simulation.json(&["documents", "--create"]);
    assert_eq!(created.code, Some(0), "{}", created.stderr);
    assert_eq!(simulation.json(&["documents"]).code, Some(0));
    assert_eq!(simulation.json(&["plan"]).json["warnings"], json!([]));
}

/// The plan of a prune, a group that is no group, and a read that is refused, by their exit codes.
#[test]
fn a_prune_without_anything_to_do_says_so() {
    let simulation = Simulation::of_small_fleet("1");
    let plan = simulation.json(&["prune"]);
    assert_eq!(plan.code, Some(0), "{}", plan.stderr);
    assert_eq!(plan.json["applied"], json!(false), "{}", plan.json);
    assert_eq!(plan.json["entries"], json!([]), "{}", plan.json);
    let named = simulation.json(&["prune", "--group", "nobody"]);
    assert_eq!(named.code, Some(2), "{}", named.json);
}
