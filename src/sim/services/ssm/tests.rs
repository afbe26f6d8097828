//! Through the real SDK client, in paused time.

mod automations;
mod guest;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::error::ProvideErrorMetadata;
use aws_sdk_ssm::types::{CommandFilter, CommandFilterKey, ParameterStringFilter, ParameterType};
use aws_smithy_runtime::client::retries::RetryPartition;
use std::time::Duration;

use crate::sim::Account;
use crate::sim::fleet;
use crate::sim::sdk::sdk_config;
use crate::sim::world::agents::reboot_guest;

fn client(account: &Account) -> Client {
    let config = aws_sdk_ssm::config::Builder::from(&sdk_config(account, "ssm-tests"))
        .retry_partition(RetryPartition::custom("ssm-tests").build())
        .build();
    Client::from_conf(config)
}

/// An account with one running instance, its only group's, and the instance's id.
fn account(more: &str) -> (Account, String) {
    let text = format!(
        "start = 2026-10-14T04:00:00Z\n\
         [[images]]\nname = \"a\"\nmissing = 3\ninstalled = 5\n\
         [[templates]]\nname = \"t\"\nversions = [{{ image = \"a\" }}]\n\
         [[documents]]\nname = \"Acme-Patch\"\npatches = true\nparameters = [\"Channel\"]\n\
         [[groups]]\nname = \"g\"\nmax = 2\ndesired = 1\ntemplate = \"t\"\n{more}\n"
    );
    let account = fleet::parse(&text).unwrap().account(1);
    let id = account.with_world(|w| w.instances.keys().next().unwrap().clone());
    (account, id)
}

async fn patch(ssm: &Client, id: &str, operation: &str, option: Option<&str>) -> String {
    let mut send = ssm
        .send_command()
        .document_name("AWS-RunPatchBaseline")
        .instance_ids(id)
        .comment("asg-patch test")
        .parameters("Operation", vec![operation.to_owned()]);
    if let Some(option) = option {
        send = send.parameters("RebootOption", vec![option.to_owned()]);
    }
    let sent = send.send().await.unwrap();
    sent.command().unwrap().command_id().unwrap().to_owned()
}

/// Waits for the end of a command; answers status, details and seconds.
async fn end_of(account: &Account, ssm: &Client, command: &str) -> (String, String, i64) {
    let began = account.clock().now();
    loop {
        account.clock().wait(Duration::from_secs(5)).await;
        let listed = ssm
            .list_command_invocations()
            .command_id(command)
            .send()
            .await
            .unwrap();
        if let Some(invocation) = listed.command_invocations().first() {
            let status = invocation.status().unwrap().as_str();
            if !["Pending", "InProgress"].contains(&status) {
                let seconds = (account.clock().now() - began).num_seconds();
                let details = invocation.status_details().unwrap();
                return (status.to_owned(), details.to_owned(), seconds);
            }
        }
    }
}

/// Operation, then the counts of installed, missing, failed and pending-reboot patches.
async fn state(ssm: &Client, id: &str) -> Option<(String, [i32; 4])> {
    let states = ssm
        .describe_instance_patch_states()
        .instance_ids(id)
        .send()
        .await
        .unwrap();
    let state = states.instance_patch_states().first()?;
    Some((
        state.operation().as_str().to_owned(),
        [
            state.installed_count(),
            state.missing_count(),
            state.failed_count(),
            state.installed_pending_reboot_count().unwrap(),
        ],
    ))
}

#[tokio::test(start_paused = true)]
async fn a_scan_an_install_with_its_reboot_and_a_scan() {
    let (account, id) =
        account("behaviour = { install = { seconds = 100 }, reboot = { seconds = 60 } }");
    let ssm = client(&account);
    assert_eq!(
        state(&ssm, &id).await,
        None,
        "no record before an operation"
    );

    let scan = patch(&ssm, &id, "Scan", None).await;
    let early = ssm
        .get_command_invocation()
        .command_id(&scan)
        .instance_id(&id);
    let error = early.send().await.unwrap_err();
    assert_eq!(error.code(), Some("InvocationDoesNotExist"));
    let (status, _, _) = end_of(&account, &ssm, &scan).await;
    assert_eq!(status, "Success");
    assert_eq!(state(&ssm, &id).await, Some(("Scan".into(), [5, 3, 0, 0])));

    let install = patch(&ssm, &id, "Install", None).await;
    account.clock().wait(Duration::from_secs(130)).await;
    let nodes = ssm.describe_instance_information().send().await.unwrap();
    let node = &nodes.instance_information_list()[0];
    assert_eq!(
        node.ping_status().unwrap().as_str(),
        "Online",
        "stale, while it reboots"
    );
    let (status, _, _) = end_of(&account, &ssm, &install).await;
    assert_eq!(status, "Success");
    let pinged =
        |n: &aws_sdk_ssm::types::InstanceInformation| n.last_ping_date_time().unwrap().secs();
    let after = ssm.describe_instance_information().send().await.unwrap();
    assert!(
        pinged(&after.instance_information_list()[0]) > pinged(node),
        "a fresh heartbeat"
    );
    assert_eq!(
        state(&ssm, &id).await,
        Some(("Install".into(), [8, 0, 0, 0]))
    );

    let shown = ssm
        .get_command_invocation()
        .command_id(&install)
        .instance_id(&id)
        .plugin_name("PatchLinux")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (shown.response_code(), shown.comment()),
        (0, Some("asg-patch test"))
    );
    assert!(shown.standard_output_content().unwrap().contains(&id));
}

#[tokio::test(start_paused = true)]
async fn without_a_reboot_patches_wait_for_one() {
    let (account, id) = account("");
    let ssm = client(&account);
    let install = patch(&ssm, &id, "Install", Some("NoReboot")).await;
    end_of(&account, &ssm, &install).await;
    assert_eq!(
        state(&ssm, &id).await,
        Some(("Install".into(), [5, 0, 0, 3]))
    );
    account.with_world(|w| reboot_guest(w, &id));
    account.clock().wait(Duration::from_secs(120)).await;
    assert_eq!(state(&ssm, &id).await.unwrap().1[3], 3, "until a scan");
    let scan = patch(&ssm, &id, "Scan", None).await;
    end_of(&account, &ssm, &scan).await;
    assert_eq!(state(&ssm, &id).await, Some(("Scan".into(), [8, 0, 0, 0])));
}

#[tokio::test(start_paused = true)]
async fn each_failure_ends_as_aws_has_it() {
    for (failure, status, details) in [
        ("install-fails", "Failed", "Failed"),
        ("installs-nothing", "Success", "Success"),
        ("lost-after-reboot", "TimedOut", "Delivery Timed Out"),
        ("undeliverable", "Failed", "Undeliverable"),
    ] {
        let (account, id) = account(&format!("behaviour = {{ failure = \"{failure}\" }}"));
        let ssm = client(&account);
        let install = patch(&ssm, &id, "Install", None).await;
        let (got, more, seconds) = end_of(&account, &ssm, &install).await;
        assert_eq!(
            (got.as_str(), more.as_str()),
            (status, details),
            "{failure}"
        );
        match failure {
            "install-fails" => {
                assert_eq!(
                    state(&ssm, &id).await,
                    Some(("Install".into(), [7, 0, 1, 0]))
                );
            }
            "installs-nothing" => {
                let scan = patch(&ssm, &id, "Scan", None).await;
                end_of(&account, &ssm, &scan).await;
                assert_eq!(state(&ssm, &id).await.unwrap().1[1], 3);
            }
            "lost-after-reboot" => assert!(seconds > 3600 + 7200 - 10, "{seconds}"),
            _ => assert!(seconds < 30, "{seconds}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_patch_operations_break_each_other() {
    let (account, id) = account("");
    let ssm = client(&account);
    let first = patch(&ssm, &id, "Install", None).await;
    account.clock().wait(Duration::from_secs(20)).await;
    let second = patch(&ssm, &id, "Scan", None).await;
    for command in [first, second] {
        assert_eq!(end_of(&account, &ssm, &command).await.0, "Failed");
        let shown = ssm
            .get_command_invocation()
            .command_id(command)
            .instance_id(&id)
            .plugin_name("PatchLinux");
        assert_eq!(shown.send().await.unwrap().response_code(), 152);
    }
}

#[tokio::test(start_paused = true)]
async fn commands_are_refused_found_again_and_cancelled() {
    let (account, id) = account("");
    let ssm = client(&account);
    let script = |ids: &[&str]| {
        ssm.send_command()
            .document_name("AWS-RunShellScript")
            .set_instance_ids(Some(ids.iter().map(|i| (*i).to_owned()).collect()))
            .parameters("commands", vec!["sync # asg-patch seal".into()])
    };
    let code = |e: aws_sdk_ssm::error::SdkError<_>| {
        ProvideErrorMetadata::code(&e).map(str::to_owned).unwrap()
    };
    let stranger = script(&[&id, "i-0ffffffffffffffff"]).send().await;
    assert_eq!(code(stranger.unwrap_err()), "InvalidInstanceId");
    let unknown = script(&[&id]).document_name("AWS-RunNothing").send().await;
    assert_eq!(code(unknown.unwrap_err()), "InvalidDocument");
    let wrong = script(&[&id])
        .parameters("Speed", vec!["x".into()])
        .send()
        .await;
    assert_eq!(code(wrong.unwrap_err()), "InvalidParameters");
    let long = script(&[&id]).comment("c".repeat(101)).send().await;
    assert_eq!(code(long.unwrap_err()), "ValidationException");

    let before = account.clock().now();
    let sent = script(&[&id]).comment("run 1").send().await.unwrap();
    let command = sent.command().unwrap().command_id().unwrap();
    assert_eq!(end_of(&account, &ssm, command).await.0, "Success");
    assert!(account.with_world(|w| w.instances[&id].guest.sealed));
    let after = CommandFilter::builder()
        .key(CommandFilterKey::InvokedAfter)
        .value(before.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
        .build()
        .unwrap();
    let found = ssm
        .list_command_invocations()
        .instance_id(&id)
        .filters(after)
        .details(true);
    let found = found.send().await.unwrap();
    assert_eq!(found.command_invocations()[0].comment(), Some("run 1"));
    assert_eq!(found.command_invocations()[0].command_plugins().len(), 1);

    let custom = ssm
        .send_command()
        .document_name("Acme-Patch")
        .instance_ids(&id);
    let sent = custom.send().await.unwrap();
    let command = sent.command().unwrap().command_id().unwrap();
    account.clock().wait(Duration::from_secs(10)).await;
    ssm.cancel_command()
        .command_id(command)
        .send()
        .await
        .unwrap();
    assert_eq!(end_of(&account, &ssm, command).await.0, "Cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_reboot_by_others_and_an_end_in_mid_command() {
    let (account, id) = account("");
    let ssm = client(&account);
    let install = patch(&ssm, &id, "Scan", None).await;
    account.clock().wait(Duration::from_secs(8)).await;
    account.with_world(|w| reboot_guest(w, &id));
    assert_eq!(end_of(&account, &ssm, &install).await.0, "Failed");

    let scan = patch(&ssm, &id, "Scan", None).await;
    account.clock().wait(Duration::from_secs(5)).await;
    account.with_world(|w| crate::sim::world::instance::terminate(w, &id).unwrap());
    let (status, details, _) = end_of(&account, &ssm, &scan).await;
    assert_eq!(
        (status.as_str(), details.as_str()),
        ("TimedOut", "Delivery Timed Out")
    );
    let nodes = ssm.describe_instance_information().send().await.unwrap();
    assert!(
        !nodes
            .instance_information_list()
            .iter()
            .any(|n| n.instance_id() == Some(&id))
    );
}

#[tokio::test(start_paused = true)]
async fn a_parameter_is_created_once_and_pages() {
    let (account, _) = account("");
    let ssm = client(&account);
    let put = |name: &str, value: &str| {
        ssm.put_parameter()
            .name(name)
            .value(value)
            .r#type(ParameterType::String)
    };
    put("/asg-patch/records/g", "{}").send().await.unwrap();
    let again = put("/asg-patch/records/g", "{}").send().await.unwrap_err();
    assert!(again.into_service_error().is_parameter_already_exists());
    let over = put("/asg-patch/records/g", "{1}")
        .overwrite(true)
        .send()
        .await
        .unwrap();
    assert_eq!(over.version(), 2);
    for (name, value) in [
        ("/aws/x", "v"),
        ("ssm-x", "v"),
        ("/a b", "v"),
        ("/big", &*"x".repeat(4097)),
        (&*format!("/{}", "n".repeat(1011)), "v"),
    ] {
        let error = put(name, value).send().await.unwrap_err();
        assert_eq!(error.code(), Some("ValidationException"), "{name}");
    }
    let deep = put(&"/d".repeat(16), "v").send().await.unwrap_err();
    assert_eq!(deep.code(), Some("HierarchyLevelLimitExceededException"));

    for n in 0..23 {
        // More slowly than the bucket refills: this is not about throttling.
        account
            .clock()
            .wait(std::time::Duration::from_secs(1))
            .await;
        put(&format!("/asg-patch/records/many/{n:02}"), "v")
            .send()
            .await
            .unwrap();
    }
    for (recursive, expected) in [(true, 24), (false, 1)] {
        let mut pages = ssm
            .get_parameters_by_path()
            .path("/asg-patch/records")
            .recursive(recursive)
            .into_paginator()
            .send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            count += page.unwrap().parameters().len();
        }
        assert_eq!(count, expected, "recursive: {recursive}");
    }
    let filter = ParameterStringFilter::builder()
        .key("Name")
        .option("BeginsWith")
        .values("/asg-patch/records/many/1")
        .build()
        .unwrap();
    let described = ssm
        .describe_parameters()
        .parameter_filters(filter)
        .send()
        .await
        .unwrap();
    assert_eq!(described.parameters().len(), 10);

    let name = "/asg-patch/records/g".to_owned();
    let names = Some(vec![name.clone(), "/none".into()]);
    let gone = ssm
        .delete_parameters()
        .set_names(names)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (gone.deleted_parameters(), gone.invalid_parameters()),
        (&[name.clone()][..], &["/none".to_owned()][..])
    );
    let error = ssm.get_parameter().name(name).send().await.unwrap_err();
    assert!(error.into_service_error().is_parameter_not_found());
}

#[tokio::test(start_paused = true)]
async fn windows_knows_the_day_of_an_installation_only() {
    for (platform, exact) in [("Linux", true), ("Windows", false)] {
        let text = format!(
            "start = 2026-10-14T04:00:00Z\n\
             [[images]]\nname = \"a\"\nmissing = 3\ninstalled = 0\nplatform = \"{platform}\"\n\
             [[templates]]\nname = \"t\"\nversions = [{{ image = \"a\" }}]\n\
             [[groups]]\nname = \"g\"\nmax = 2\ndesired = 1\ntemplate = \"t\"\n"
        );
        let account = fleet::parse(&text).unwrap().account(1);
        let id = account.with_world(|w| w.instances.keys().next().unwrap().clone());
        let ssm = client(&account);
        let command = patch(&ssm, &id, "Install", None).await;
        end_of(&account, &ssm, &command).await;
        let listed = ssm
            .describe_instance_patches()
            .instance_id(&id)
            .send()
            .await;
        let patches = listed.unwrap().patches.unwrap_or_default();
        assert_eq!(patches.len(), 3);
        for patch in patches {
            let seconds = patch.installed_time().secs();
            assert!(seconds > 0);
            assert_eq!(seconds % 86_400 != 0, exact, "{platform}: {seconds}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn documents_are_described_by_name_and_by_arn() {
    let (account, id) = account(
        "[[documents]]\nname = \"Acme-Smoke\"\nplatforms = [\"Linux\"]\nrequired = [\"Ring\"]\n\
         [[runbooks]]\nname = \"Acme-Drain\"\ncontent = '{\"parameters\":{\"Group\":{\"type\":\"String\"},\"Ring\":{\"default\":1}}}'\n",
    );
    let ssm = client(&account);
    let arn = |name: &str| format!("arn:aws:ssm:eu-west-1:123456789012:document/{name}");
    let mut found = Vec::new();
    for name in ["Acme-Smoke", &arn("Acme-Smoke"), "Acme-Drain"] {
        let answer = ssm.describe_document().name(name).send().await.unwrap();
        let document = answer.document.unwrap();
        let is_required = |name: &str| {
            let mut all = document.parameters().iter();
            let of = all.find(|p| p.name() == Some(name));
            of.map(|p| p.default_value().is_none())
        };
        let required = ["Ring", "Group", "commands"].map(is_required);
        let kind = document.document_type().unwrap().as_str().to_owned();
        found.push((kind, document.platform_types().len(), required));
    }
    let smoke = ("Command".to_owned(), 1, [Some(true), None, Some(false)]);
    let drain = ("Automation".to_owned(), 3, [Some(false), Some(true), None]);
    assert_eq!(found, [smoke.clone(), smoke, drain]);
    let elsewhere = arn("Acme-Smoke").replace("eu-west-1", "us-east-1");
    for name in ["Acme-Smok", &elsewhere] {
        let error = ssm.describe_document().name(name).send().await.unwrap_err();
        assert_eq!(error.code(), Some("InvalidDocument"), "{name}");
    }
    // What it requires must be given, whichever way it is named.
    let send = |name: &str, ring: Option<&str>| {
        let ring = ring.map(|ring| [("Ring".to_owned(), vec![ring.to_owned()])].into());
        let send = ssm.send_command().document_name(name).instance_ids(&id);
        send.set_parameters(ring).send()
    };
    let without = send("Acme-Smoke", None).await.unwrap_err();
    assert_eq!(without.code(), Some("InvalidParameters"));
    assert!(send(&arn("Acme-Smoke"), Some("one")).await.is_ok());
}
