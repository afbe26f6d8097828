//! The groups' records.

use super::query::{Answers, Query, asking, divide, if_listed};
use crate::aws::{Clients, get_records};
use crate::group::names::record_parameter;
use crate::group::seen::{Need, RecordSeen};

pub(super) async fn read(clients: &Clients, queries: &[Query<'_>]) -> Answers<RecordSeen> {
    let names = asking(queries, Need::Record).map(|a| record_parameter(a.job.group()));
    let found = get_records(clients, &names.collect::<Vec<String>>()).await;
    divide(queries, Need::Record, found, |query, found| {
        if_listed(found.get(&record_parameter(query.job.group())))
    })
}
