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
        let ids = query.job.record.templates.keys();
        Read::Present(
            ids.filter_map(|id| Some((id.clone(), found.get(id)?.mark)))
                .collect(),
        )
    })
}
