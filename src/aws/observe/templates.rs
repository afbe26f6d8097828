//! Default and latest versions of the groups' launch templates.

use std::collections::{BTreeMap, BTreeSet};

use super::query::{Answers, Query, asking, divide};
use crate::aws::Clients;
use crate::aws::discover::template_facts;
use crate::group::fault::Read;
use crate::group::pin::TemplateMark;
use crate::group::seen::Need;
use crate::ids::TemplateId;

pub(super) async fn read(
    clients: &Clients,
    queries: &[Query<'_>],
) -> Answers<BTreeMap<TemplateId, TemplateMark>> {
    let ids: BTreeSet<TemplateId> = asking(queries, Need::Templates)
        .flat_map(|a| a.job.record.templates.keys())
        .cloned()
        .collect();
    let found = template_facts(clients, &ids).await;
    divide(queries, Need::Templates, found, |query, found| {
        let mut marks = BTreeMap::new();
        for id in query.job.record.templates.keys() {
            match found.get(id) {
                Ok(Some(facts)) => _ = marks.insert(id.clone(), facts.mark),
                Ok(None) => {}
                Err(fault) => return Read::Failed(fault.clone()),
            }
        }
        Read::Present(marks)
    })
}
