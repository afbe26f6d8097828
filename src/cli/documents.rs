//! `asg-patch documents`

use asg_patch::aws::{Aws, DocumentState, create_document, own_documents};
use asg_patch::group::own_documents::OwnDocument;
use asg_patch::run::RunError;
use clap::Args;
use serde_json::json;

use super::connect::connect;
use super::error::{CliError, Exit};
use super::options::AwsOptions;
use super::output::Output;

/// Options of `documents`.
#[derive(Args, Debug)]
pub(crate) struct DocumentsArgs {
    /// Create those that are missing, and those anew whose content is another one
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    aws: AwsOptions,
}

impl DocumentsArgs {
    /// Whether it creates documents.
    pub(super) fn creates(&self) -> bool {
        self.create
    }
}

/// Shows the command documents that runs send, or creates them.
///
/// # Errors
/// AWS could not be reached or refused a call.
pub(crate) async fn execute(args: &DocumentsArgs, output: &Output) -> Result<Exit, CliError> {
    let aws = connect(&args.aws).await?;
    let mut found = read(&aws).await?;
    if args.create {
        for (own, state) in &found {
            if *state != DocumentState::Ready {
                let created = create_document(&aws.clients, *own, *state).await;
                created.map_err(RunError::from)?;
            }
        }
        found = read(&aws).await?;
    }
    let rows: Vec<_> = found
        .iter()
        .map(|(own, state)| json!({"document": own.name(), "state": state}))
        .collect();
    let is_well = found
        .iter()
        .all(|(_, state)| *state == DocumentState::Ready);
    output.result(&json!({ "documents": rows }), |_| {
        let lines = found.iter().map(|(own, state)| {
            let words = match state {
                DocumentState::Ready => "ready",
                DocumentState::Missing => "missing",
                DocumentState::Different => "another content",
            };
            format!("{:24} {words}\n", own.name())
        });
        let mut text: String = lines.collect();
        if !is_well {
            text.push_str("\nRuns need them all: asg-patch documents --create\n");
        }
        text
    });
    Ok(if is_well {
        Exit::Well
    } else {
        Exit::SomeFailed
    })
}

async fn read(aws: &Aws) -> Result<Vec<(OwnDocument, DocumentState)>, CliError> {
    let found = own_documents(&aws.clients, OwnDocument::ALL.into()).await;
    let found = found.map_err(RunError::from)?;
    Ok(found.into_iter().collect())
}
