//! Calls about many things: ids in chunks, answers in pages.

use std::collections::BTreeSet;
use std::error::Error;

use aws_smithy_async::future::pagination_stream::PaginationStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{Clients, fault};
use crate::group::fault::{Fault, FaultClass};

/// Ids or filter values in one EC2 call, and ids in one filter of Systems Manager's.
pub(super) const IDS_PER_CALL: usize = 100;
/// Largest page of Systems Manager's lists of nodes, and the most ids that they take.
pub(super) const NODES_PER_PAGE: usize = 50;

/// Ids in lists of at most `size`.
pub(super) fn chunks<T: Into<String>>(ids: BTreeSet<T>, size: usize) -> Vec<Vec<String>> {
    let ids: Vec<String> = ids.into_iter().map(Into::into).collect();
    ids.chunks(size).map(<[String]>::to_vec).collect()
}

/// A page: its items, and the token of the next one.
pub(super) type Page<T> = (Option<Vec<T>>, Option<String>);

/// All items of all pages: a page may be short while more follow, so only the token says when it ends. Each page waits
/// for its turn: it is a call.
pub(super) async fn every<P, T, E>(
    clients: &Clients,
    operation: &'static str,
    pages: PaginationStream<Result<P, SdkError<E, HttpResponse>>>,
    read: impl Fn(P) -> Page<T>,
) -> Result<Vec<T>, Fault>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let all = at_most(usize::MAX, clients, operation, pages, read);
    Ok(all.await?.0)
}

/// The items of the first pages, and whether these are all.
pub(super) async fn at_most<P, T, E>(
    most: usize,
    clients: &Clients,
    operation: &'static str,
    mut pages: PaginationStream<Result<P, SdkError<E, HttpResponse>>>,
    read: impl Fn(P) -> Page<T>,
) -> Result<(Vec<T>, bool), Fault>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let mut all = Vec::new();
    for _ in 0..most {
        clients.turn(operation).await;
        let Some(page) = pages.next().await else {
            return Ok((all, true));
        };
        let (items, token) = read(page.map_err(|e| fault(operation, &e))?);
        all.extend(items.unwrap_or_default());
        if token.is_none_or(|token| token.is_empty()) {
            return Ok((all, true));
        }
    }
    Ok((all, false))
}

/// Asks about ids in lists of at most `size`. AWS refuses a whole list for one id that it does not know (yet) or
/// calls invalid: such a list is halved until those ids stand alone, and they are left out.
///
/// # Errors
/// The first fault of any other kind.
pub(super) async fn known<T, F>(
    ids: BTreeSet<impl Into<String>>,
    size: usize,
    ask: impl Fn(Vec<String>) -> F,
) -> Result<Vec<T>, Fault>
where
    F: Future<Output = Result<Vec<T>, Fault>>,
{
    let mut lists = chunks(ids, size);
    lists.reverse();
    let mut found = Vec::new();
    while let Some(list) = lists.pop() {
        match ask(list.clone()).await {
            Ok(answers) => found.extend(answers),
            Err(f) if matches!(f.class, FaultClass::NotYet | FaultClass::Gone) => {
                let (left, right) = list.split_at(list.len() / 2);
                if !left.is_empty() {
                    lists.extend([right.to_vec(), left.to_vec()]);
                }
            }
            Err(f) => return Err(f),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn refused(class: FaultClass) -> Fault {
        Fault {
            operation: "ssm:Test".into(),
            code: "Test".into(),
            message: String::new(),
            class,
        }
    }

    async fn asked(bad: &[&str], class: FaultClass) -> (Result<Vec<String>, Fault>, u32) {
        let ids: BTreeSet<String> = (0..100).map(|n| format!("i-{n:02}")).collect();
        let calls = Cell::new(0);
        let found = known(ids, 50, |list: Vec<String>| {
            calls.set(calls.get() + 1);
            let is_bad = list.iter().any(|id| bad.contains(&id.as_str()));
            std::future::ready(if is_bad {
                Err(refused(class))
            } else {
                Ok(list)
            })
        })
        .await;
        (found, calls.get())
    }

    #[tokio::test]
    async fn ids_that_aws_refuses_hide_no_others() {
        let (all, calls) = asked(&[], FaultClass::NotYet).await;
        assert_eq!((all.unwrap().len(), calls), (100, 2));
        for class in [FaultClass::NotYet, FaultClass::Gone] {
            let (found, calls) = asked(&["i-07", "i-63"], class).await;
            let found = found.unwrap();
            assert_eq!(found.len(), 98);
            assert!(found.is_sorted());
            assert!(!found.contains(&"i-07".to_owned()) && !found.contains(&"i-63".to_owned()));
            // Each bad id costs two calls for each halving of 50.
            assert!(calls <= 2 + 2 * 12, "{calls} calls");
        }
    }

    #[tokio::test]
    async fn other_faults_are_faults() {
        let (found, calls) = asked(&["i-07"], FaultClass::Throttled).await;
        assert_eq!(found.unwrap_err().class, FaultClass::Throttled);
        assert_eq!(calls, 1);
    }
}
