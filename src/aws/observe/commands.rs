//! Invocations of the jobs' commands.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::operation::list_command_invocations::ListCommandInvocationsOutput;
use aws_sdk_ssm::operation::list_command_invocations::builders::ListCommandInvocationsFluentBuilder;
use aws_sdk_ssm::types::{CommandFilter, CommandFilterKey, CommandInvocation};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::output::output;
use super::query::{Answers, Query, asking, divide, single};
use crate::aws::convert::time;
use crate::aws::faults::{required, text};
use crate::aws::paging::{NODES_PER_PAGE, Page, every};
use crate::aws::{Clients, fault, missing};
use crate::group::Job;
use crate::group::fault::{Fault, FaultClass};
use crate::group::ledger::{Key, Try};
use crate::group::seen::{CommandSeen, CommandStatus, Need};
use crate::ids::InstanceId;

const OPERATION: &str = "ssm:ListCommandInvocations";
/// Invocations are asked for from a little before the first was sent: it was taken down when the answer came.
const ANSWER_MARGIN: TimeDelta = TimeDelta::minutes(1);
/// The same while AWS's clock is not known.
const CLOCK_MARGIN: TimeDelta = TimeDelta::minutes(5);
/// Commands that are asked for one by one at the same time.
const SINGLE_READS_AT_ONCE: usize = 8;
/// For this many commands that are looked for, a page may have none of them.
const SINGLES_PER_PAGE: usize = 10;
/// Of more commands than this only those that still run are listed: the others have ended, mostly, each once.
const MANY: usize = 30;
/// The status of an invocation that still runs.
const RUNNING: &str = "InProgress";

/// Invocations of ours: one that makes no sense fails the read of its own job only.
#[derive(Default)]
struct Invocations {
    by_instance: BTreeMap<InstanceId, Vec<Result<CommandSeen, Fault>>>,
    /// Those of which AWS does not say on which instance they run, with their command, if it says that.
    nameless: Vec<(Option<String>, Result<CommandSeen, Fault>)>,
}

impl Invocations {
    fn add(&mut self, invocation: &CommandInvocation) {
        let seen = command_seen(invocation);
        match invocation.instance_id().filter(|id| !id.is_empty()) {
            Some(id) => self.by_instance.entry(id.into()).or_default().push(seen),
            None => {
                let command = invocation.command_id().map(str::to_owned);
                self.nameless.push((command, seen));
            }
        }
    }

    /// Those that are the job's, or may be.
    fn of(&self, query: &Query<'_>, queries: &[Query<'_>]) -> Result<Vec<CommandSeen>, Fault> {
        let has_sent = |job: &Job, command: &Option<String>| {
            let mut sent = job.made.commands.values();
            sent.any(|id| Some(id) == command.as_ref())
        };
        let concerns = |command: &Option<String>| {
            has_sent(query.job, command) || !queries.iter().any(|q| has_sent(q.job, command))
        };
        let nameless = self
            .nameless
            .iter()
            .filter(|(command, _)| concerns(command));
        let instances = query.instances().into_iter();
        let its_own = instances
            .filter_map(|id| self.by_instance.get(id))
            .flatten();
        its_own
            .chain(nameless.map(|(_, seen)| seen))
            .cloned()
            .collect()
    }
}

pub(super) async fn read(clients: &Clients, queries: &[Query<'_>]) -> Answers<Vec<CommandSeen>> {
    let jobs: Vec<&Job> = asking(queries, Need::Commands).map(|a| a.job).collect();
    let found = list(clients, &jobs).await;
    divide(queries, Need::Commands, found, |query, found| {
        let its_own = found.of(query, queries);
        single(its_own.map(|mut commands| {
            commands.sort_by_key(|c| (c.requested_at, c.id.clone()));
            commands
        }))
    })
}

/// The commands that jobs wait for.
#[derive(Debug, Default)]
struct Awaited<'a> {
    /// By their ids, each with the instances that it is awaited on.
    known: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// When the first of those was sent, by AWS's clock.
    known_since: Option<DateTime<Utc>>,
    /// Whether one was sent, and under which id, is to be found out: not before this time.
    unknown_since: Option<DateTime<Utc>>,
}

impl<'a> Awaited<'a> {
    /// The present phase's command is the last that was sent. Another driver may have sent one that a job which
    /// was taken over does not know of.
    fn add(&mut self, job: &'a Job) {
        let earliest = |known: Option<DateTime<Utc>>, at| Some(known.map_or(at, |k| k.min(at)));
        let by_aws = |at: DateTime<Utc>| at.checked_add_signed(job.clock_offset).unwrap_or(at);
        let commands = job.ledger.of_kind(|k| matches!(k, Key::Command(..)));
        let last = commands.max_by_key(|(_, t): &(&Key, &Try)| t.first_at);
        match last {
            Some((Key::Command(step, instance), sent)) if job.resumed_at.is_none() => {
                if let Some(id) = job.made.commands.get(step) {
                    self.known.entry(id).or_default().insert(instance);
                    self.known_since = earliest(self.known_since, by_aws(sent.first_at));
                } else {
                    self.unknown_since = earliest(self.unknown_since, by_aws(sent.first_at));
                }
            }
            _ => self.unknown_since = earliest(self.unknown_since, job.record.written_at),
        }
    }
}

/// The invocations that the jobs wait for, and others of ours.
async fn list(clients: &Clients, jobs: &[&Job]) -> Result<Invocations, Fault> {
    let mut awaited = Awaited::default();
    jobs.iter().for_each(|job| awaited.add(job));
    let found = find(clients, &awaited).await?;
    // Commands of others are left out before conversion: they need not make sense.
    let is_ours = |i: &&CommandInvocation| {
        i.comment().is_some_and(|c| c.starts_with("asg-patch "))
            || i.command_id()
                .is_some_and(|id| awaited.known.contains_key(id))
    };
    let mut invocations = Invocations::default();
    let ours = found.iter().filter(is_ours);
    ours.for_each(|i| invocations.add(i));
    Ok(invocations)
}

/// AWS filters neither by comment nor by several ids. Commands whose ids are known are looked for in the listing (of
/// many, in that of those that still run) as long as its pages have some, and then one by one: so the calls stay few
/// however many commands the account runs.
async fn find(clients: &Clients, awaited: &Awaited<'_>) -> Result<Vec<CommandInvocation>, Fault> {
    let mut missing = awaited.known.clone();
    let mut found = match (awaited.unknown_since, awaited.known_since) {
        (Some(since), _) => {
            let pages = listing(clients, since, None)?.into_paginator();
            let all = every(clients, OPERATION, pages.send(), invocations).await?;
            strike(&mut missing, &all);
            all
        }
        (None, Some(since)) if missing.len() > 1 => {
            let status = (missing.len() > MANY).then_some(RUNNING);
            newest(clients, since, status, &mut missing).await?
        }
        (None, _) => Vec::new(),
    };
    let rest = missing.into_keys().map(str::to_owned).collect();
    // A command that was listed in part is asked for as a whole: of both answers the later one holds.
    found.splice(0..0, one_by_one(clients, rest).await?);
    Ok(found)
}

/// Takes from the commands that are missing those that were found. Answers whether there were any.
fn strike(missing: &mut BTreeMap<&str, BTreeSet<&str>>, found: &[CommandInvocation]) -> bool {
    let mut any = false;
    for invocation in found {
        let id = invocation.command_id().unwrap_or_default();
        if let Some(instances) = missing.get_mut(id) {
            any |= instances.remove(invocation.instance_id().unwrap_or_default());
            if instances.is_empty() {
                missing.remove(id);
            }
        }
    }
    any
}

fn listing(
    clients: &Clients,
    since: DateTime<Utc>,
    status: Option<&str>,
) -> Result<ListCommandInvocationsFluentBuilder, Fault> {
    let margin = match clients.clock_offset() {
        Some(_) => ANSWER_MARGIN,
        None => CLOCK_MARGIN,
    };
    let after = since.checked_sub_signed(margin).unwrap_or(since);
    let after = after.to_rfc3339_opts(SecondsFormat::Secs, true);
    let after = [(CommandFilterKey::InvokedAfter, after.as_str())];
    let status = status.map(|status| (CommandFilterKey::Status, status));
    let filters = after.into_iter().chain(status).map(|(key, value)| {
        let filter = CommandFilter::builder().key(key).value(value).build();
        filter.map_err(|e| missing(OPERATION, &e.to_string()))
    });
    Ok(clients
        .ssm
        .list_command_invocations()
        .set_filters(Some(filters.collect::<Result<_, Fault>>()?))
        .details(true)
        .max_results(NODES_PER_PAGE as i32))
}

/// The first pages of the listing, as long as they have some of the commands looked for: in which order AWS lists
/// them is not documented.
async fn newest(
    clients: &Clients,
    since: DateTime<Utc>,
    status: Option<&str>,
    missing: &mut BTreeMap<&str, BTreeSet<&str>>,
) -> Result<Vec<CommandInvocation>, Fault> {
    let mut pages = listing(clients, since, status)?.into_paginator().send();
    let mut listed = Vec::new();
    let mut in_vain = missing.len() / SINGLES_PER_PAGE;
    clients.turn(OPERATION).await;
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| fault(OPERATION, &e))?;
        let any = strike(missing, page.command_invocations());
        listed.extend(page.command_invocations.unwrap_or_default());
        if missing.is_empty() || page.next_token.is_none() {
            break;
        }
        if !any {
            let Some(left) = in_vain.checked_sub(1) else {
                break;
            };
            in_vain = left;
        }
        clients.turn(OPERATION).await;
    }
    Ok(listed)
}

fn invocations(page: ListCommandInvocationsOutput) -> Page<CommandInvocation> {
    (page.command_invocations, page.next_token)
}

async fn one_by_one(clients: &Clients, ids: Vec<String>) -> Result<Vec<CommandInvocation>, Fault> {
    let found: Vec<Vec<CommandInvocation>> = stream::iter(ids)
        .map(|id| async move {
            let call = clients.ssm.list_command_invocations();
            let pages = call.command_id(id).details(true).into_paginator();
            match every(clients, OPERATION, pages.send(), invocations).await {
                // Not known everywhere yet.
                Err(fault) if fault.class == FaultClass::NotYet => Ok(Vec::new()),
                other => other,
            }
        })
        .buffered(SINGLE_READS_AT_ONCE)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

fn command_seen(invocation: &CommandInvocation) -> Result<CommandSeen, Fault> {
    let field = |value, name| text(value, OPERATION, name);
    let detail = invocation.status_details().unwrap_or_default();
    // The API's prose spells details with spaces, the guide without.
    let detail: String = detail.chars().filter(|c| !c.is_whitespace()).collect();
    let status = required(invocation.status(), OPERATION, "Status")?;
    let status = match (status.as_str(), detail.as_str()) {
        (_, "DeliveryTimedOut" | "Undeliverable" | "InvalidPlatform" | "AccessDenied") => {
            CommandStatus::Undelivered
        }
        (_, "ExecutionTimedOut") | ("TimedOut", _) => CommandStatus::TimedOut,
        ("Success", _) => CommandStatus::Success,
        ("Failed", _) => CommandStatus::Failed,
        ("Cancelled" | "Cancelling", _) => CommandStatus::Cancelled,
        _ => CommandStatus::Running,
    };
    let requested_at = invocation.requested_date_time().and_then(time);
    Ok(CommandSeen {
        id: field(invocation.command_id(), "CommandId")?.to_owned(),
        instance: field(invocation.instance_id(), "InstanceId")?.into(),
        comment: invocation.comment().unwrap_or_default().to_owned(),
        requested_at: required(requested_at, OPERATION, "RequestedDateTime")?,
        status,
        detail,
        output: output(invocation.command_plugins()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::canned::{self, Call, Canned, Reply};
    use crate::clock::Clock;

    /// A page, and the number of the next one.
    fn rows(ids: impl IntoIterator<Item = String>, next: Option<usize>) -> Reply {
        let row = |id: String| format!(r#"{{"CommandId":"{id}","InstanceId":"i-1"}}"#);
        let rows: Vec<String> = ids.into_iter().map(row).collect();
        let token = next.map(|n| format!(r#","NextToken":"{n}""#));
        let token = token.unwrap_or_default();
        Reply::ok(format!(
            r#"{{"CommandInvocations":[{}]{token}}}"#,
            rows.join(",")
        ))
    }

    fn asked_by_id(call: &Call) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(&call.body).unwrap();
        assert_eq!(body["Details"], true);
        body["CommandId"].as_str().map(str::to_owned)
    }

    /// An account that lists `before` pages of other commands first, then ours on one page, then others, 20
    /// pages in all. Returns the ids found, and how many calls that took.
    async fn find_among(before: usize, ids: &[&str], unknown: bool) -> (BTreeSet<String>, usize) {
        let all: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let canned = Canned::new(move |call| match asked_by_id(call) {
            Some(id) if id == "c-new" => Reply::json_error("InvalidCommandId"),
            Some(id) => rows([id], None),
            None if call.count == before + 1 => rows(
                all.iter().filter(|id| *id != "c-new").cloned(),
                Some(call.count),
            ),
            None => {
                let next = (call.count < 20).then_some(call.count);
                rows([format!("other-{}", call.count)], next)
            }
        });
        let clients = canned::clients(&canned, Clock::system());
        let since = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let awaited = Awaited {
            known: ids.iter().map(|id| (*id, ["i-1"].into())).collect(),
            known_since: Some(since),
            unknown_since: unknown.then_some(since),
        };
        let found = find(&clients, &awaited).await.unwrap();
        let found = found.iter().filter_map(|i| i.command_id());
        let found = found.filter(|id| ids.contains(id)).map(str::to_owned);
        (found.collect(), canned.bodies().len())
    }

    #[tokio::test]
    async fn commands_are_found_in_few_calls_whatever_the_account_runs() {
        // Ids, pages of others before ours, whether a job knows no id, calls.
        let rows: [(&[&str], usize, bool, usize); 6] = [
            // By id.
            (&["c-1"], 0, false, 1),
            // All on the first page of the listing.
            (&["c-1", "c-2", "c-3"], 0, false, 1),
            // Oldest first, or a busy account: one page in vain, then one by one.
            (&["c-1", "c-2", "c-3"], 4, false, 4),
            // One is not listed yet: a second page in vain.
            (&["c-1", "c-2", "c-new"], 0, false, 3),
            (&["c-new"], 0, false, 1),
            // An unknown one may be on any page.
            (&["c-1", "c-2"], 4, true, 20),
        ];
        for (ids, before, unknown, calls) in rows {
            let expected = ids.iter().filter(|id| **id != "c-new");
            let expected: BTreeSet<String> = expected.map(ToString::to_string).collect();
            let found = find_among(before, ids, unknown).await;
            assert_eq!(found, (expected, calls), "{ids:?} after {before} pages");
        }
    }

    #[tokio::test]
    async fn of_many_commands_those_that_still_run_are_listed() {
        // All but one run, on the second page of those; that one has ended.
        let running: Vec<String> = (0..MANY).map(|n| format!("c-{n}")).collect();
        let listed = running.clone();
        let canned = Canned::new(move |call| match asked_by_id(call) {
            Some(id) => rows([id], None),
            None => {
                let body: serde_json::Value = serde_json::from_str(&call.body).unwrap();
                assert_eq!(body["Filters"][1]["key"], "Status");
                assert_eq!(body["Filters"][1]["value"], RUNNING);
                match call.count {
                    1 => rows(["other-1".to_owned()], Some(1)),
                    _ => rows(listed.clone(), None),
                }
            }
        });
        let clients = canned::clients(&canned, Clock::system());
        let ids: Vec<&str> = running
            .iter()
            .map(String::as_str)
            .chain(["c-ended"])
            .collect();
        let awaited = Awaited {
            known: ids.iter().map(|id| (*id, ["i-1"].into())).collect(),
            known_since: Some(DateTime::UNIX_EPOCH + TimeDelta::days(1)),
            unknown_since: None,
        };
        let found = find(&clients, &awaited).await.unwrap();
        let found: BTreeSet<&str> = found.iter().filter_map(|i| i.command_id()).collect();
        assert_eq!(
            found.intersection(&ids.iter().copied().collect()).count(),
            MANY + 1
        );
        assert_eq!(
            canned.bodies().len(),
            3,
            "two pages, and the one that has ended"
        );
    }
}
