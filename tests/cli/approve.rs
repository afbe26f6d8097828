//! `approve` on an account that lives in another process, whose runbook ends as the deployed one would.

use std::path::PathBuf;

use crate::support::Simulation;

/// An account with the runbook of the stack, which ends so.
fn simulation(name: &str, end: &str) -> Simulation {
    let fleet = format!(
        r#"
        start = 2026-10-14T04:00:00Z
        [[runbooks]]
        name = "AsgPatch-Approve"
        content = '''{{"schemaVersion": "0.3", "parameters": {{"Window": {{"type": "String"}}, "Opening": {{"type": "String"}},
            "Decision": {{"type": "String"}}, "Reason": {{"type": "String"}}}}, "mainSteps": []}}'''
        seconds = 30
        {end}
        "#
    );
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("approve-{name}.toml"));
    std::fs::write(&path, fleet).expect("a fleet");
    Simulation::start(&["--fleet", path.to_str().expect("text"), "--speed", "60"])
}

const ASKED: [&str; 5] = ["approve", "--window", "production", "--why", "CHG-17"];

#[test]
fn the_end_of_the_runbook_is_what_was_decided() {
    let decided = simulation(
        "decided",
        r#"outputs = { "Report.Summary" = ["the opening of production is approved by mara"] }"#,
    );
    let said = decided.json(&ASKED);
    assert_eq!(said.code, Some(0), "{}{}", said.json, said.stderr);
    assert_eq!(
        said.json["summary"],
        "the opening of production is approved by mara"
    );
    let none = decided.json(&["approve"]);
    assert_eq!(
        none.json["approvals"],
        serde_json::json!([]),
        "{}",
        none.json
    );
    let alone = decided.json(&["approve", "--window", "production"]);
    assert_eq!(alone.code, Some(2), "{}", alone.json);

    // Its last step fails; the one before has said why.
    let refused = simulation(
        "refused",
        r#"status = "Failed"
        message = "Step fails when it is Execute action. RuntimeError"
        outputs = { "Report.Summary" = ["AP-0811: expected one of the approvers: x, found y"] }"#,
    );
    let said = refused.json(&ASKED);
    assert_ne!(said.code, Some(0));
    let message = said.json["error"]["message"].to_string();
    assert!(
        message.contains("expected one of the approvers: x, found y"),
        "{message}"
    );

    // It could not even begin: AWS fills the outputs in.
    let broken = simulation(
        "broken",
        r#"status = "Failed"
        message = "The defined assume role is unable to be assumed."
        outputs = { "Report.Summary" = ["No output available yet because the step is not successfully executed"] }"#,
    );
    let said = broken.json(&ASKED);
    assert_ne!(said.code, Some(0));
    let message = said.json["error"]["message"].to_string();
    assert!(message.contains("unable to be assumed"), "{message}");
}
