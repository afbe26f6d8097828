//! The groups' records.

use super::asked::{Answers, Asked, asking, divide, if_listed};
use crate::aws::{Clients, get_records};
use crate::group::names::record_parameter;
use crate::group::seen::{Need, RecordSeen};

pub(super) async fn read(clients: &Clients, asked: &[Asked<'_>]) -> Answers<RecordSeen> {
    let names = asking(asked, Need::Record).map(|a| record_parameter(a.job.group()));
    let found = get_records(clients, &names.collect::<Vec<String>>()).await;
    divide(asked, Need::Record, found, |asked, found| {
        if_listed(found.get(&record_parameter(asked.job.group())))
    })
}
