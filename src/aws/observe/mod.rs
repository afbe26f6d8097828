//! One look at the world for many jobs: a few bulk calls, whatever the number of groups.
//!
//! Each read is a file of its own, named after its field of [`Seen`]: it picks the jobs that ask for it,
//! makes its calls, and answers every question.

mod actions;
mod activities;
mod agents;
mod automations;
mod checks;
mod commands;
mod console;
mod group;
mod hooks;
mod image;
mod instances;
mod output;
mod packages;
mod patches;
mod query;
mod record;
mod refresh;
mod targets;
mod templates;
mod users;
mod versions;

use std::collections::BTreeSet;

use self::query::Query;
use super::Clients;
use crate::group::Job;
use crate::group::fault::Read;
use crate::group::seen::{GroupSeen, Need, Seen};
use crate::request::OptInTag;

/// A question about a job.
#[derive(Debug)]
pub struct Question<'a> {
    /// The job.
    pub job: &'a Job,
    /// The reads that its decision needs.
    pub needs: BTreeSet<Need>,
    /// Its group, where an earlier look has shown it: other reads ask about its instances.
    pub known: Option<&'a GroupSeen>,
}

/// Makes the reads, all at the same time, and answers each question with all that was read for it.
macro_rules! read_together {
    ($clients:ident, $questions:ident, $groups:ident: $($field:ident)+) => {{
        let queries = Query::all($questions, &$groups);
        let ($($field,)+) = tokio::join!($($field::read($clients, &queries)),+);
        $(let mut $field = $field.into_iter();)+
        let seen = $questions.iter().zip($groups).map(|(question, group)| Seen {
            asked: question.needs.clone(),
            clock_offset: $clients.clock_offset(),
            group,
            $($field: $field.next().unwrap_or_default(),)+
        });
        seen.collect()
    }};
}

/// Answers all questions, in their order. Each [`Need`] costs calls by pages, not by groups, except those that AWS
/// answers one by one ([`Need::per_call`]).
///
/// The groups come first: other reads ask about their instances.
pub async fn observe(clients: &Clients, tag: &OptInTag, questions: &[Question<'_>]) -> Vec<Seen> {
    let groups = group::read(clients, tag, questions).await;
    read_all(clients, questions, groups).await
}

/// Answers the rest of what a job asks, after a look that has answered a part of it.
pub async fn observe_rest(clients: &Clients, question: Question<'_>) -> Seen {
    let rest = read_all(&clients.for_one(), &[question], vec![Read::Unread]).await;
    rest.into_iter().next().unwrap_or_default()
}

async fn read_all(
    clients: &Clients,
    questions: &[Question<'_>],
    groups: Vec<Read<GroupSeen>>,
) -> Vec<Seen> {
    read_together!(clients, questions, groups:
        instances agents automations checks targets commands patches image templates record actions users packages
        console activities versions hooks refresh)
}
