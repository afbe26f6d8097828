//! `asg-patch config check --ask-aws`: whether AWS has what a file names.

use asg_patch::aws::Aws;
use asg_patch::config::{Entry, WindowEntry};
use asg_patch::run::{Amiss, Named, NamedThing, RunError, amiss, named_in};
use asg_patch::text::counted;
use serde::Serialize;

use super::channels;
use super::connect::connect;
use super::error::CliError;
use super::options::AwsOptions;
use super::settings::ConfigFile;

/// The answers of an account.
#[derive(Debug, Serialize)]
pub(super) struct Asked {
    region: String,
    account: Option<String>,
    /// How many things the file names.
    named: usize,
    /// Those that a run could not use.
    pub(super) amiss: Vec<Amiss>,
}

impl Asked {
    /// For people: one line, or one for each thing.
    pub(super) fn text(&self) -> String {
        let account = self.account.as_deref().unwrap_or("an unknown account");
        let place = format!("AWS in {} ({account})", self.region);
        let things = counted(self.named, "thing");
        match self.amiss.as_slice() {
            [] => format!("{place} was asked for {things} that the file names: nothing is wrong"),
            amiss => {
                let lines = amiss.iter().map(|a| format!("\n{a}"));
                format!(
                    "{place} was asked for {things} that the file names:{}",
                    lines.collect::<String>()
                )
            }
        }
    }
}

/// Asks AWS for all that a checked file names.
///
/// # Errors
/// No way to AWS, or no answer.
pub(super) async fn ask(
    options: &AwsOptions,
    file: &ConfigFile,
    entries: &[Entry],
    windows: &[WindowEntry],
) -> Result<Asked, CliError> {
    let aws: Aws = connect(options).await?;
    let mut named = named_in(&channels::read(file)?);
    named.extend(entries.iter().flat_map(|e| of_entry(e, "")));
    for window in windows {
        let place = format!("[[window]] '{}' ", window.text.name);
        named.extend(window.entries.iter().flat_map(|e| of_entry(e, &place)));
    }
    let amiss = amiss(&aws, &named).await.map_err(RunError::from)?;
    Ok(Asked {
        region: aws.region.clone(),
        account: aws.account.clone(),
        named: named.len(),
        amiss,
    })
}

/// The things that a setting names.
fn of_entry(entry: &Entry, table: &str) -> Vec<Named> {
    let thing = |word: &String| match entry.setting.path().as_str() {
        "run.topic-arn" => Some(NamedThing::Topic(word.clone())),
        "documents.allow" => Some(NamedThing::Document(word.clone())),
        "documents.parameters" => {
            let (document, parameter) = word.rsplit_once('/')?;
            Some(NamedThing::DocumentParameter {
                document: document.to_owned(),
                parameter: parameter.to_owned(),
            })
        }
        _ => None,
    };
    let things = entry.words.iter().filter_map(thing);
    let named = things.map(|thing| Named {
        place: format!(
            "{table}{} (line {})",
            entry.setting.path(),
            entry.place.line
        ),
        thing,
    });
    named.collect()
}
