//! Reports in the stack's bucket: what the state machine puts there, and what becomes of a run if it cannot.

use std::sync::{Arc, Mutex};

use asg_patch::report::RunReport;
use asg_patch::sim::world::topics::Topic;
use serde_json::{Value, json};

use super::machine::{End, Loss, Machine};
use super::{BUCKET, TOPIC, measuring};
use crate::common::{Scenario, in_virtual_time};

/// How a run ended, and what was stored of it.
struct Ran {
    end: End,
    objects: Vec<(String, Value)>,
    calls: u64,
    /// The number of reports that were counted as not stored.
    unstored: u64,
    told: Vec<String>,
}

/// A run whose bucket refuses this number of calls; `loses`: the invocation that counts them is lost, too.
fn ran(refusals: u64, loses: bool, input: Value) -> Ran {
    let mut scenario = Scenario::load("sleeping-latest");
    scenario.request.topic_arn = Some(TOPIC.into());
    in_virtual_time(7, async {
        let account = scenario.fleet.account(1);
        account.with_world(|w| w.sns.topics.insert(TOPIC.into(), Topic::default()));
        let lines = Arc::new(Mutex::new(Vec::<Value>::new()));
        let function = || {
            let lines = Arc::clone(&lines);
            measuring(&scenario, &account, move |line| {
                let line = serde_json::from_str(line).expect("JSON");
                lines.lock().expect("lines").push(line);
            })
        };
        let mut machine = Machine::new(&function, &account, "nightly");
        machine.bucket.refusals.set(refusals);
        machine.lost =
            Box::new(move |_, action| (loses && action == "not-stored").then_some(Loss::Before));
        let end = Box::pin(machine.execute(input)).await;
        let objects = machine.bucket.objects().into_iter();
        let objects = objects.map(|(k, o)| (k, serde_json::from_str(&o).expect("JSON")));
        let lines = lines.lock().expect("lines");
        let counted = lines.iter().filter_map(|l| l["ReportsUnstored"].as_u64());
        Ran {
            end,
            objects: objects.collect(),
            calls: machine.bucket.calls.get(),
            unstored: counted.sum(),
            told: account.with_world(|w| {
                let published = w.sns.published.iter();
                published.map(|p| p.message.clone()).collect()
            }),
        }
    })
}

fn output(ran: &Ran) -> &Value {
    match &ran.end {
        End::Succeeded(output) => output,
        End::Failed { error, cause } => panic!("{error}: {cause}"),
    }
}

#[test]
fn a_report_is_stored_and_its_readers_know_where() {
    let ran = ran(0, false, json!({}));
    let [(key, stored)] = ran.objects.as_slice() else {
        panic!("{:?}", ran.objects);
    };
    assert_eq!(key, "reports/2026/10/exec-nightly.json");
    assert_eq!(*stored, output(&ran)["report"]);
    let report: RunReport = serde_json::from_value(stored.clone()).expect("a report");
    assert_eq!(
        (report.run_id.as_str(), report.groups.len()),
        ("exec-nightly", 1)
    );
    let uri = format!("s3://{BUCKET}/{key}");
    assert_eq!(output(&ran)["stored_at"], uri);
    let [_begins, ends] = ran.told.as_slice() else {
        panic!("{:?}", ran.told);
    };
    let bodies: Value = serde_json::from_str(ends).expect("JSON");
    let mail = bodies["email"].as_str().expect("text");
    let lines = format!(
        "Report: will be stored at {uri}\nhttps://eu-west-1.console.aws.amazon.com/s3/object/{BUCKET}?region=eu-west-1&prefix={key}\n"
    );
    assert!(mail.ends_with(&lines), "{mail}");
    let queue: Value = serde_json::from_str(bodies["sqs"].as_str().expect("text")).expect("JSON");
    assert_eq!(queue["report"]["uri"], uri);
    assert_eq!((ran.calls, ran.unstored), (1, 0));
}

/// A report is tried again; one that S3 never takes is reported and counted, and fails no run, even if nobody counts it.
#[test]
fn a_report_that_is_not_stored_fails_no_run() {
    for (refusals, loses, calls, unstored) in [
        (3, false, 4, 0),
        (u64::MAX, false, 6, 1),
        (u64::MAX, true, 6, 0),
    ] {
        let ran = ran(refusals, loses, json!({}));
        let output = output(&ran);
        assert_eq!(output["status"], "Done");
        assert_eq!(output["report"]["groups"][0]["outcome"], "patched");
        assert_eq!((ran.calls, ran.unstored), (calls, unstored), "{refusals}");
        let is_stored = ran.objects.len() == 1;
        assert_eq!(is_stored, refusals < calls);
        let said = output.get("not_stored").map(|n| n["Error"].clone());
        assert_eq!(said, (!is_stored).then(|| json!("S3.S3Exception")));
    }
}

/// An end without a report stores none.
#[test]
fn a_plan_and_a_refusal_store_nothing() {
    for input in [
        json!({"mode": "plan"}),
        json!({"mode": "sweep"}),
        json!({"groups": ["wbe"]}),
    ] {
        let ran = ran(0, false, input);
        assert_eq!((ran.calls, ran.objects.len()), (0, 0));
    }
}
