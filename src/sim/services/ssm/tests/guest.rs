//! The guest: first boot, package locks, passes, and how patches are reported.

use std::time::Duration;

use aws_sdk_ssm::Client;

use super::{account, client, end_of, patch};
use crate::sim::Account;
use crate::sim::fleet;
use crate::sim::world::guest::FirstBoot;
use crate::sim::world::images::{self, NewImage};
use crate::sim::world::scaling::capacity;

/// A second instance of the group, as soon as Systems Manager knows it.
async fn fresh(account: &Account) -> String {
    let old = account.with_world(|w| w.instances.keys().next().cloned());
    account.with_world(|w| capacity::set_desired(w, "g", 2).unwrap());
    loop {
        account.clock().wait(Duration::from_secs(1)).await;
        let online = account.with_world(|w| {
            let mut online = w.instances.values().filter(|i| i.agent.is_some());
            online
                .find(|i| Some(&i.id) != old.as_ref())
                .map(|i| i.id.clone())
        });
        if let Some(id) = online {
            return id;
        }
    }
}

/// Runs the readiness script; answers status, exit code, output and seconds.
async fn ready(account: &Account, ssm: &Client, id: &str) -> (String, i32, String, i64) {
    let send = ssm.send_command().document_name("AWS-RunShellScript");
    let send = send.instance_ids(id);
    let send = send.parameters("commands", vec!["# asg-patch ready".into()]);
    let sent = send.send().await.unwrap();
    let command = sent.command().unwrap().command_id().unwrap();
    let (status, _, seconds) = end_of(account, ssm, command).await;
    let get = ssm.get_command_invocation().command_id(command);
    let found = get.instance_id(id).send().await.unwrap();
    let output = found.standard_output_content().unwrap().to_owned();
    let listed = ssm.list_command_invocations().command_id(command);
    let listed = listed.details(true).send().await.unwrap();
    let plugin = &listed.command_invocations()[0].command_plugins()[0];
    assert!(
        plugin
            .output()
            .unwrap()
            .starts_with(&output[..output.len().min(100)])
    );
    (status, found.response_code(), output, seconds)
}

const SLOW: &str = "first_boot = { seconds = 120 }";

#[tokio::test(start_paused = true)]
async fn readiness_waits_for_first_boot_and_for_locks() {
    let (account, _) = account(&format!("behaviour = {{ {SLOW} }}"));
    let ssm = client(&account);
    let id = fresh(&account).await;
    let (status, code, output, seconds) = ready(&account, &ssm, &id).await;
    assert_eq!((status.as_str(), code), ("Success", 0));
    assert!((50..120).contains(&seconds), "{seconds}");
    assert_eq!(
        output,
        "asg-patch ready: waiting for cloud-init\nasg-patch ready: waiting for cloud-init\n\
         asg-patch ready: ready\n"
    );
    let first = account.with_world(|w| w.instances[&id].boot.first);
    assert_eq!(first, FirstBoot::Done);
    let (_, _, _, seconds) = ready(&account, &ssm, &id).await;
    assert!(seconds < 20, "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_first_boot_and_a_lock_for_good_have_their_exit_codes() {
    for (failure, expected, says) in [
        ("first-boot-fails", 10, "status: error"),
        ("lock-never-freed", 11, "temporarily unavailable"),
    ] {
        let (account, _) = account(&format!("behaviour = {{ failure = \"{failure}\" }}"));
        let ssm = client(&account);
        let id = fresh(&account).await;
        let (status, code, output, _) = ready(&account, &ssm, &id).await;
        assert_eq!((status.as_str(), code), ("Failed", expected), "{output}");
        assert!(output.contains(says), "{output}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_install_with_a_reboot_cuts_first_boot_off_and_images_carry_it() {
    let (account, _) = account(&format!("behaviour = {{ {SLOW} }}"));
    let ssm = client(&account);
    let id = fresh(&account).await;
    let install = patch(&ssm, &id, "Install", None).await;
    let (status, _, _) = end_of(&account, &ssm, &install).await;
    assert_eq!(status, "Success");
    let image = account.with_world(|w| {
        let instance = &w.instances[&id];
        assert_eq!(instance.boot.first, FirstBoot::CutOff);
        assert!(instance.guest.first_boot_cut_off);
        let new = NewImage {
            instance: id.clone(),
            name: "baked".into(),
            no_reboot: true,
            ..NewImage::default()
        };
        images::create(w, new).unwrap()
    });
    assert!(account.with_world(|w| w.images[&image].guest.first_boot_cut_off));
    // Without a reboot, first boot waits for the Install and goes on.
    let other = super::account(&format!("behaviour = {{ {SLOW} }}")).0;
    let ssm = client(&other);
    let id = fresh(&other).await;
    let install = patch(&ssm, &id, "Install", Some("NoReboot")).await;
    end_of(&other, &ssm, &install).await;
    other.clock().wait(Duration::from_secs(30)).await;
    other.with_world(|w| {
        assert_eq!(w.instances[&id].boot.first, FirstBoot::Done);
        assert!(!w.instances[&id].guest.first_boot_cut_off);
    });
}

/// A group of one instance whose image has these keys.
fn account_of(image: &str, group: &str) -> (Account, String) {
    let text = format!(
        "start = 2026-10-14T04:30:00Z\n[[images]]\nname = \"a\"\n{image}\n\
         [[templates]]\nname = \"t\"\nversions = [{{ image = \"a\" }}]\n\
         [[groups]]\nname = \"g\"\nmax = 2\ndesired = 1\ntemplate = \"t\"\n{group}\n"
    );
    let account = fleet::parse(&text).unwrap().account(1);
    let id = account.with_world(|w| w.instances.keys().next().unwrap().clone());
    (account, id)
}

/// The patches as `STATE name time`, without those that were there before.
async fn patches(ssm: &Client, id: &str) -> Vec<String> {
    let answer = ssm.describe_instance_patches().instance_id(id);
    let answer = answer.send().await.unwrap();
    let row = |p: &aws_sdk_ssm::types::PatchComplianceData| {
        let at = p.installed_time().secs();
        format!("{} {} {at}", p.state().as_str(), p.title())
    };
    answer.patches().iter().map(row).collect()
}

#[tokio::test(start_paused = true)]
async fn a_held_lock_fails_an_install_and_a_later_one_succeeds() {
    let group = "behaviour = { package_lock = { seconds = 300 }, first_boot = { seconds = 5 } }";
    let (account, _) = account_of("missing = 2\ndistribution = \"debian\"", group);
    let ssm = client(&account);
    let id = fresh(&account).await;
    let install = patch(&ssm, &id, "Install", None).await;
    let (status, _, seconds) = end_of(&account, &ssm, &install).await;
    assert_eq!(status, "Failed");
    assert!(seconds < 30, "{seconds}");
    let get = ssm.get_command_invocation().command_id(&install);
    let get = get.instance_id(&id).plugin_name("PatchLinux");
    let output = get.send().await.unwrap();
    let output = output.standard_output_content().unwrap();
    assert!(
        output.contains("Could not get lock /var/lib/dpkg/lock-frontend"),
        "{output}"
    );
    let (status, _, output, _) = ready(&account, &ssm, &id).await;
    assert_eq!(status, "Success", "{output}");
    let install = patch(&ssm, &id, "Install", None).await;
    assert_eq!(end_of(&account, &ssm, &install).await.0, "Success");
    // Debian knows no times.
    let found = patches(&ssm, &id).await;
    assert!(
        found
            .iter()
            .all(|p| p.starts_with("Installed ") && p.ends_with(" 0")),
        "{found:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn windows_takes_two_passes_and_reports_days() {
    let image = "missing = [\"KB1\", \"KB2\"]\npasses = 2\nplatform = \"Windows\"";
    let (account, id) = account_of(image, "");
    let ssm = client(&account);
    for expected in [
        vec!["Missing KB1 0"],
        vec!["Missing KB2 0", "Installed KB1 1791936000"],
        vec!["Installed KB1 1791936000", "Installed KB2 1791936000"],
    ] {
        let scan = patch(&ssm, &id, "Scan", None).await;
        end_of(&account, &ssm, &scan).await;
        assert_eq!(patches(&ssm, &id).await, expected);
        let install = patch(&ssm, &id, "Install", None).await;
        end_of(&account, &ssm, &install).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_baseline_does_not_approve_is_installed_other() {
    let (account, id) = account_of("missing = [\"p\"]\ninstalled_other = [\"o\"]", "");
    let ssm = client(&account);
    let send = ssm.send_command().document_name("AWS-RunPatchBaseline");
    let send = send
        .instance_ids(&id)
        .parameters("Operation", vec!["Install".into()]);
    let send = send.parameters("RebootOption", vec!["NoReboot".into()]);
    let send = send.parameters("InstallOverrideList", vec!["s3://bucket/list".into()]);
    let sent = send.send().await.unwrap();
    let command = sent.command().unwrap().command_id().unwrap();
    end_of(&account, &ssm, command).await;
    let found = patches(&ssm, &id).await;
    assert!(
        found[0].starts_with("InstalledPendingReboot p"),
        "{found:?}"
    );
    assert!(found[1].starts_with("InstalledOther o"), "{found:?}");
    account.with_world(|w| crate::sim::world::agents::reboot_guest(w, &id));
    account.clock().wait(Duration::from_secs(120)).await;
    let scan = patch(&ssm, &id, "Scan", None).await;
    end_of(&account, &ssm, &scan).await;
    let found = patches(&ssm, &id).await;
    assert!(
        found.iter().all(|p| p.starts_with("InstalledOther ")),
        "{found:?}"
    );
    let states = ssm.describe_instance_patch_states().instance_ids(&id);
    let states = states.send().await.unwrap();
    assert_eq!(states.instance_patch_states()[0].installed_other_count(), 2);
}
