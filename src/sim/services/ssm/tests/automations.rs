//! Runbooks and their executions.

use std::collections::HashMap;

use aws_sdk_ssm::operation::start_automation_execution::builders::StartAutomationExecutionFluentBuilder;
use aws_sdk_ssm::types::{
    AutomationExecution, AutomationExecutionFilter, AutomationExecutionFilterKey, DocumentFormat,
    Tag,
};

use super::*;
use crate::sim::world::automations::{self, end};
use crate::sim::world::commands::Arguments;

const CONTENT: &str = r#"{"schemaVersion":"0.3","assumeRole":"{{ Role }}","parameters":{"Role":{"type":"String"},"Group":{"type":"String","default":""}}}"#;

fn with_runbooks() -> (Account, Client) {
    let text = format!(
        "start = 2026-10-14T04:00:00Z\n\
         [[runbooks]]\nname = \"Acme-Quick\"\ncontent = '''{CONTENT}'''\nseconds = 20\noutputs = {{ \"a.B\" = [\"c\"] }}\n\
         [[runbooks]]\nname = \"Acme-Fails\"\ncontent = '''{{}}'''\nlater = ['''{{\"description\":\"2\"}}''']\nseconds = 5\n\
         meanwhile = \"Waiting\"\nstatus = \"Failed\"\nmessage = \"no route\"\n\
         [[runbooks]]\nname = \"Acme-Asked\"\ncontent = '''{{}}'''\n"
    );
    let account = fleet::parse(&text).unwrap().account(1);
    let ssm = client(&account);
    (account, ssm)
}

fn start(ssm: &Client, document: &str) -> StartAutomationExecutionFluentBuilder {
    let start = ssm.start_automation_execution().document_name(document);
    if document == "Acme-Quick" {
        return start.parameters("Role", vec!["arn:aws:iam::123456789012:role/tell".into()]);
    }
    start
}

async fn started(ssm: &Client, document: &str) -> String {
    let answer = start(ssm, document).send().await.unwrap();
    answer.automation_execution_id.unwrap()
}

async fn look(ssm: &Client, id: &str) -> AutomationExecution {
    let get = ssm.get_automation_execution().automation_execution_id(id);
    get.send().await.unwrap().automation_execution.unwrap()
}

fn status(execution: &AutomationExecution) -> &str {
    execution.automation_execution_status().unwrap().as_str()
}

async fn wait(account: &Account, seconds: u64) {
    account.clock().wait(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn an_execution_runs_its_time_and_ends() {
    let (account, ssm) = with_runbooks();
    let id = started(&ssm, "Acme-Quick").await;
    wait(&account, 10).await;
    let shown = look(&ssm, &id).await;
    assert_eq!(status(&shown), "InProgress");
    assert_eq!(shown.document_version(), Some("1"));
    assert_eq!(shown.execution_end_time(), None);
    let by = shown.executed_by().unwrap();
    assert_eq!(by, "arn:aws:iam::123456789012:user/simulated");
    wait(&account, 15).await;
    let shown = look(&ssm, &id).await;
    assert_eq!(status(&shown), "Success");
    assert_eq!(shown.outputs().unwrap()["a.B"], ["c"]);
    assert_eq!(shown.parameters().unwrap()["Role"].len(), 1);
    assert!(shown.execution_end_time().is_some());

    let id = started(&ssm, "Acme-Fails").await;
    assert_eq!(status(&look(&ssm, &id).await), "Waiting");
    wait(&account, 6).await;
    let shown = look(&ssm, &id).await;
    assert_eq!(
        (status(&shown), shown.failure_message()),
        ("Failed", Some("no route"))
    );
    assert_eq!(shown.document_version(), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn one_without_a_time_ends_when_the_world_is_told_so() {
    let (account, ssm) = with_runbooks();
    let id = started(&ssm, "Acme-Asked").await;
    wait(&account, 7 * 86_400).await;
    assert_eq!(status(&look(&ssm, &id).await), "InProgress");
    let outputs = Arguments::from([("Approve.Decision".into(), vec!["yes".into()])]);
    let told = |w: &mut _| end(w, &id, "Success", "", outputs.clone());
    assert!(account.with_world(told));
    assert!(!account.with_world(told), "it is over");
    let shown = look(&ssm, &id).await;
    assert_eq!(shown.outputs().unwrap()["Approve.Decision"], ["yes"]);

    // Others start executions, too.
    let other = automations::Start {
        document: "Acme-Asked".into(),
        executed_by: "arn:aws:sts::123456789012:assumed-role/Ops/anna".into(),
        ..automations::Start::default()
    };
    let id = account
        .with_world(|w| automations::start(w, other))
        .unwrap();
    let shown = look(&ssm, &id).await;
    let by = shown.executed_by().unwrap();
    assert!(by.ends_with("assumed-role/Ops/anna"), "{by}");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_execution_is_cancelled_and_one_that_is_over_is_not_stopped() {
    let (account, ssm) = with_runbooks();
    let id = started(&ssm, "Acme-Quick").await;
    let stop = || ssm.stop_automation_execution().automation_execution_id(&id);
    stop().send().await.unwrap();
    assert_eq!(status(&look(&ssm, &id).await), "Cancelling");
    wait(&account, 30).await;
    assert_eq!(status(&look(&ssm, &id).await), "Cancelled");
    let error = stop().send().await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidAutomationStatusUpdateException"));
    let unknown = ssm.stop_automation_execution().automation_execution_id("x");
    let error = unknown.send().await.unwrap_err();
    assert_eq!(error.code(), Some("AutomationExecutionNotFoundException"));
}

#[tokio::test(start_paused = true)]
async fn executions_are_found_by_id_and_by_the_key_of_a_tag() {
    let (account, ssm) = with_runbooks();
    let tag = Tag::builder().key("mine-1").value("x").build().unwrap();
    let tagged = start(&ssm, "Acme-Asked").tags(tag).send().await.unwrap();
    let tagged = tagged.automation_execution_id.unwrap();
    wait(&account, 2).await;
    let other = started(&ssm, "Acme-Fails").await;
    wait(&account, 10).await;
    let found = async |key: AutomationExecutionFilterKey, values: &[&str]| {
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        let filter = AutomationExecutionFilter::builder();
        let filter = filter.key(key).set_values(Some(values)).build().unwrap();
        let found = ssm.describe_automation_executions().filters(filter);
        let found = found
            .send()
            .await
            .map_err(|e| e.code().map(str::to_owned))?;
        let found = found.automation_execution_metadata_list.unwrap_or_default();
        let ids = found.into_iter().filter_map(|a| a.automation_execution_id);
        Ok::<Vec<String>, Option<String>>(ids.collect())
    };
    use AutomationExecutionFilterKey as By;
    assert_eq!(
        found(By::TagKey, &["mine-1"]).await,
        Ok(vec![tagged.clone()])
    );
    assert_eq!(found(By::TagKey, &["mine"]).await, Ok(vec![]));
    let both = [tagged.as_str(), &other, "none"];
    assert_eq!(found(By::ExecutionId, &both).await, Ok(vec![other, tagged]));
    let eleven = found(By::ExecutionId, &["x"; 11]).await;
    assert_eq!(eleven, Err(Some("InvalidFilterValue".into())));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_a_runbook_is_not_started() {
    let (account, ssm) = with_runbooks();
    let rows: [(&str, Option<&str>, &[&str], &str); 5] = [
        (
            "Acme-None",
            None,
            &[],
            "AutomationDefinitionNotFoundException",
        ),
        (
            "Acme-Fails",
            Some("3"),
            &[],
            "AutomationDefinitionVersionNotFoundException",
        ),
        (
            "Acme-Fails",
            None,
            &["Group"],
            "InvalidAutomationExecutionParametersException",
        ),
        (
            "AWS-RunShellScript",
            None,
            &[],
            "AutomationDefinitionNotFoundException",
        ),
        (
            "Acme-Fails",
            None,
            &["Role"],
            "InvalidAutomationExecutionParametersException",
        ),
    ];
    for (document, version, parameters, code) in rows {
        wait(&account, 2).await;
        let parameters = parameters
            .iter()
            .map(|p| ((*p).to_owned(), vec!["x".to_owned()]));
        let start = ssm.start_automation_execution().document_name(document);
        let start = start.set_document_version(version.map(str::to_owned));
        let start = start.set_parameters(Some(parameters.collect::<HashMap<_, _>>()));
        let error = start.send().await.unwrap_err();
        assert_eq!(error.code(), Some(code), "{document}");
    }
    wait(&account, 2).await;
    let token = start(&ssm, "Acme-Asked").client_token("run-1-before-padded-to-36-characters");
    let error = token.send().await.unwrap_err();
    assert_eq!(error.code(), Some("ValidationException"));
}

#[tokio::test(start_paused = true)]
async fn the_content_of_each_version_is_answered() {
    let (_, ssm) = with_runbooks();
    let get = |name: &str, version: Option<&str>| {
        let get = ssm.get_document().name(name);
        let get = get.document_format(DocumentFormat::Json);
        get.set_document_version(version.map(str::to_owned)).send()
    };
    let arn = "arn:aws:ssm:eu-west-1:123456789012:document/Acme-Fails";
    for (name, version, expected) in [
        ("Acme-Fails", None, "2"),
        ("Acme-Fails", Some("1"), "1"),
        (arn, Some("$LATEST"), "2"),
    ] {
        let found = get(name, version).await.unwrap();
        assert_eq!(found.document_version(), Some(expected));
        assert_eq!(found.document_type().unwrap().as_str(), "Automation");
        assert_eq!(
            found.content().unwrap().contains("description"),
            expected == "2"
        );
    }
    let error = get("Acme-Fails", Some("9")).await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidDocumentVersion"));
}
