//! All experiments, some side by side.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt};

use super::bench::Bench;
use super::finding::Finding;
use super::settings::Settings;
use super::table::{EXPERIMENTS, Experiment, beliefs};
use super::tap::Tap;
use super::trouble::{Trouble, given};
use crate::aws::Aws;

/// Experiments at once. Each has two instances at most: the smallest quota of a new account is 5 vCPUs, and
/// half of the experiments launch nothing.
const AT_ONCE: usize = 6;

/// Runs the experiments for the beliefs asked for; `on` sees the findings of each when it ends. The findings
/// come back in the table's order. What was made is left to [`super::clean`], but for groups that are done.
pub async fn run(
    aws: &Aws,
    settings: &Settings,
    tap: &Tap,
    on: impl Fn(&[Finding]),
) -> Vec<Finding> {
    let settings = Arc::new(settings.clone());
    let wanted = EXPERIMENTS
        .iter()
        .filter(|e| e.beliefs.iter().any(|b| settings.wants(b.id)));
    let ended = stream::iter(wanted)
        .map(|experiment| one(aws, &settings, tap, experiment))
        .buffer_unordered(AT_ONCE);
    let all: Vec<Vec<Finding>> = ended.inspect(|findings| on(findings)).collect().await;
    let found: Vec<Finding> = all.into_iter().flatten().collect();
    beliefs()
        .filter_map(|b| found.iter().find(|f| f.belief == b.id).cloned())
        .collect()
}

async fn one(
    aws: &Aws,
    settings: &Arc<Settings>,
    tap: &Tap,
    experiment: &Experiment,
) -> Vec<Finding> {
    let bench = Bench::new(aws, settings, tap, (experiment.name, experiment.beliefs));
    tracing::info!(experiment = experiment.name, "begun");
    let ended = (experiment.run)(&bench).await;
    let why = match ended {
        Ok(()) => "the experiment ended before it came to this".to_owned(),
        Err(trouble) => trouble.to_string(),
    };
    bench.close().await;
    let findings = bench.findings(&why).into_iter();
    findings.filter(|f| settings.wants(&f.belief)).collect()
}

/// The default subnets of the default VPC, one per zone.
///
/// # Errors
/// AWS refused the call, or there are none.
pub async fn default_subnets(aws: &Aws) -> Result<Vec<String>, Trouble> {
    let filter = aws_sdk_ec2::types::Filter::builder()
        .name("default-for-az")
        .values("true")
        .build();
    let call = aws.clients.ec2.describe_subnets().filters(filter);
    let answer = given("ec2:DescribeSubnets", call.send().await)?;
    let subnets = answer.subnets().iter();
    let mut ids: Vec<String> = subnets
        .filter_map(|s| s.subnet_id().map(str::to_owned))
        .collect();
    ids.sort();
    if ids.is_empty() {
        let why = "the account has no default subnets: name some with --subnet".to_owned();
        return Err(Trouble::Unseen(why));
    }
    Ok(ids)
}
