//! The one place where a report is put together.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::aws::Aws;
use crate::ids::RunId;
use crate::report::{GroupReport, RunKind, RunReport};

/// The facts about a run that are known before it ends.
pub(super) struct Heading {
    pub run_id: RunId,
    pub kind: RunKind,
    pub started_at: DateTime<Utc>,
    pub deadline: DateTime<Utc>,
}

/// The outcome of a run, group by group, and its cost.
pub(super) struct Results {
    pub groups: Vec<GroupReport>,
    pub api_calls: BTreeMap<String, u64>,
    pub warnings: Vec<String>,
}

/// The report of a run that ends now.
pub(super) fn report(aws: &Aws, heading: Heading, results: Results) -> RunReport {
    let Heading {
        run_id,
        kind,
        started_at,
        deadline,
    } = heading;
    let Results {
        mut groups,
        api_calls,
        warnings,
    } = results;
    groups.sort_by(|a, b| a.group.cmp(&b.group));
    RunReport {
        run_id,
        kind,
        region: aws.region.clone(),
        account: aws.account.clone(),
        asked_by: None,
        why: None,
        window: None,
        pages_url: None,
        file_version: None,
        approved: None,
        cost: None,
        started_at,
        finished_at: aws.clock.now(),
        deadline,
        groups,
        api_calls,
        warnings,
    }
}
