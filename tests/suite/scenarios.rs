//! Golden scenarios: small stories as commented fleet files in `tests/scenarios`, with what becomes of
//! them beside each: the report, the changing calls in order, and the account afterwards. What must hold
//! of every run is checked on each of them too.
//!
//! After an intended change, `UPDATE_EXPECT=1 cargo test --test suite scenarios` writes the new outcome; read
//! the difference before committing it.

use std::collections::BTreeSet;

use crate::common::{Scenario, invariants, scenario_names, text};
use expect_test::expect_file;

fn check(name: &str) {
    let ran = Scenario::load(name).run();
    invariants::check(name, &ran);
    expect_file![format!("../scenarios/{name}.expected")].assert_eq(&text::golden(&ran));
}

/// One test per scenario, named as its file with `_` for `-`.
macro_rules! scenarios {
    ($($test:ident)*) => {
        $(#[test] fn $test() { check(&stringify!($test).replace('_', "-")); })*

        #[test]
        fn every_file_is_a_test() {
            let tests: BTreeSet<String> =
                [$(stringify!($test).replace('_', "-")),*].into_iter().collect();
            let files: BTreeSet<String> = scenario_names().into_iter().collect();
            assert_eq!(tests, files);
        }
    };
}

scenarios! {
    access_denied
    account_limits
    already_current
    aws_at_its_worst
    busy_account
    canary_never_up
    canary_raise_unanswered
    changed_while_queued
    ctrl_c
    ctrl_c_at_image
    ctrl_c_at_launch
    ctrl_c_at_version
    default_pin
    deployed_during_run
    does_not_fit
    keep_failed
    measured_invalid
    measured_long
    measured_short
    failure_budget
    group_deleted_during_run
    instance_terminated_during_run
    late_read_after_lowering
    launch_failures
    hook_beyond_an_action
    launch_hook
    locked
    max_in_flight
    mixed_override_templates
    morning_scheduled_action
    numbered_pin
    opt_in_removed_during_run
    options_document
    options_share
    options_shortcuts
    options_tolerate_missing
    options_unknown
    options_waves
    out_of_time
    out_of_time_finish
    parked_max_zero
    patch_fails
    patch_failures
    prove_classic
    before_document
    after_document
    after_document_latest
    documents_that_hang
    documents_refused
    documents_not_seen
    prove_document
    prove_load_balancer
    record_deleted_during_run
    refresh_during_run
    refusal_shared_template
    refusals
    reverted
    running_behind_load_balancer
    scan_findings
    scan_only
    schedule_during_restore
    schedule_first_runs
    schedule_while_queued
    shared_bake_by_number
    shared_bake_one_canary_fails
    shared_template_latest
    shared_template_sibling_fails
    capacity_changed_during_run
    sleeping_latest
    suspended_before
    suspension_unanswered
    unversioned_pin
    version_refused
    volumes
    waves_beyond_the_window
    windows
}
