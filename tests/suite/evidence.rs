//! The evidence of patches in a report: what was found, by which baseline, and what became of it.

use asg_patch::group::patch::{PatchState, PatchTrace};
use asg_patch::report::{GroupReport, RunReport};

use crate::common::Scenario;

/// Two groups that share an image, one that cannot be patched, and one of an operating system without CVEs.
const FLEET: &str = r#"
    start = 2026-10-14T04:00:00Z
    [[images]]
    name = "base"
    missing = ["kernel-6.1", "openssl-3.0.8", "curl-8.5", "glibc-2.34", "vim-9.0", "zlib-1.2"]
    [[images]]
    name = "windows-2022"
    missing = ["KB5001", "KB5002"]
    platform = "Windows"
    [[templates]]
    name = "web"
    versions = [{ image = "base", instance_type = "t3.small" }]
    [[templates]]
    name = "broken"
    versions = [{ image = "base", instance_type = "t3.small" }]
    [[templates]]
    name = "windows"
    versions = [{ image = "windows-2022", instance_type = "t3.small" }]
    [[groups]]
    name = "web-a"
    max = 2
    template = "web"
    version = "$Latest"
    tags = { "ep:asg:patch" = "true" }
    [[groups]]
    name = "web-b"
    max = 2
    template = "web"
    version = "$Latest"
    tags = { "ep:asg:patch" = "true" }
    [[groups]]
    name = "broken"
    max = 2
    template = "broken"
    version = 1
    tags = { "ep:asg:patch" = "true" }
    [groups.behaviour]
    failure = "install-fails"
    [[groups]]
    name = "windows"
    max = 2
    template = "windows"
    version = 1
    tags = { "ep:asg:patch" = "true", "ep:asg:patch:seal" = "reset" }
"#;

fn group<'r>(report: &'r RunReport, name: &str) -> &'r GroupReport {
    report.groups.iter().find(|g| g.group == name).unwrap()
}

fn patches(group: &GroupReport) -> Vec<(&String, &PatchTrace)> {
    group.evidence.as_ref().unwrap().patches.0.iter().collect()
}

#[test]
fn a_report_says_of_each_patch_what_it_was_and_what_became_of_it() {
    let report = Scenario::parse(FLEET).unwrap().run().report;
    let maker = group(&report, "web-a");
    let found = patches(maker);
    assert_eq!(found.len(), 6);
    for (name, patch) in &found {
        assert_eq!(patch.before, Some(PatchState::Missing), "{name}");
        assert_eq!(patch.after, PatchState::Installed, "{name}");
        assert!(patch.facts.classification.is_some(), "{name}");
    }
    // Not each patch fixes a CVE.
    let with_cves = found.iter().filter(|(_, p)| !p.facts.cves.is_empty());
    assert!((1..6).contains(&with_cves.count()));
    assert!(maker.fixed_cves().iter().all(|id| id.starts_with("CVE-")));
    let evidence = maker.evidence.as_ref().unwrap();
    assert!(
        evidence
            .baseline
            .as_ref()
            .is_some_and(|b| b.starts_with("pb-"))
    );
    let lineage = evidence.lineage.as_ref().unwrap();
    assert_eq!(lineage.generation, 1);
    assert_eq!(lineage.source, maker.image_before);
    assert_eq!(lineage.first_ancestor, maker.image_before);

    // The one that shares the image names the one that has the list.
    let other = group(&report, "web-b").evidence.as_ref().unwrap();
    assert_eq!(other.made_with.as_ref().map(|g| g.as_str()), Some("web-a"));
    assert!(other.patches.is_empty());
    assert_eq!(
        (&other.baseline, &other.lineage),
        (&evidence.baseline, &evidence.lineage)
    );

    let broken = group(&report, "broken");
    // It is not scanned again: the last Scan found all of them missing.
    assert!(patches(broken).iter().all(|(_, p)| p.after.is_wanted()));
    let lineage = broken.evidence.as_ref().unwrap().lineage.as_ref().unwrap();
    assert_eq!(lineage.generation, 0);

    let windows = group(&report, "windows");
    assert_eq!(patches(windows).len(), 2);
    assert_eq!(windows.fixed_cves(), [""; 0]);
}
