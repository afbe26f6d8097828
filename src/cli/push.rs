//! `asg-patch config push`

use asg_patch::aws::{StoredFileError, store_file, stored_file};
use asg_patch::config::Origin;
use asg_patch::run::RunError;
use asg_patch::text::{counted, moment};
use clap::Args;
use serde_json::json;

use super::channels;
use super::connect::connect;
use super::error::{CliError, Exit};
use super::options::{self, AwsOptions};
use super::output::Output;
use super::settings::ConfigFile;

/// Options of `config push`.
#[derive(Args, Debug)]
pub(crate) struct PushArgs {
    #[command(flatten)]
    aws: AwsOptions,
}

/// Stores a checked file as the one that the deployed stack works by.
///
/// # Errors
/// The file was only found, cannot be used, or AWS did not take it.
pub(super) async fn execute(
    args: &PushArgs,
    file: &ConfigFile,
    output: &Output,
) -> Result<Exit, CliError> {
    if file.origin == Origin::Found {
        let expected = "the file that --config or ASG_PATCH_CONFIG names: it decides whom the stack tells, and when it patches \
            nothing";
        let found = format!("{}, which was only found", file.shown);
        return Err(CliError::input("config push", expected, found));
    }
    let setup = channels::read(file)?;
    let aws = connect(&args.aws).await?;
    let before = stored_file(&aws.clients).await.ok().flatten();
    if let (None, Some(before)) = (&args.aws.mac_key, before.as_ref().filter(|b| b.is_signed)) {
        let expected = "the stack's key of signatures, as the file that is stored is signed: its stack would begin no run";
        let found = format!(
            "none, and version {}, which {} stored",
            before.version, before.by
        );
        return Err(CliError::input("--mac-key", expected, found));
    }
    let by = options::user().unwrap_or_else(|| "unknown".into());
    let stored = store_file(&aws.clients, file.text(), &by, aws.clock.now()).await;
    let version = stored.map_err(|problem| match problem {
        StoredFileError::Fault(fault) => CliError::from(RunError::from(fault)),
        other => CliError::input(&file.shown, "a file that can be stored", other.to_string()),
    })?;
    for window in setup.unknown_windows() {
        output.remark(&window.note());
    }
    if args.aws.mac_key.is_none() {
        output.remark("It is not signed: a stack with a key of signatures does not believe it. --mac-key signs it.");
    }
    let tables = &setup.file;
    let counts = [
        counted(tables.channels.len(), "channel"),
        counted(tables.routes.len(), "route"),
        counted(setup.freezes.len(), "freeze"),
    ];
    let document = json!({
        "file": file.shown,
        "version": version,
        "channels": tables.channels.len(),
        "routes": tables.routes.len(),
        "freezes": setup.freezes.len(),
        "is_signed": args.aws.mac_key.is_some(),
    });
    let before = before.map_or_else(String::new, |b| {
        format!(
            "\nIt takes the place of version {}, which {} stored at {}.",
            b.version,
            b.by,
            moment(b.at)
        )
    });
    output.result(&document, |_| {
        let counts = counts.join(", ");
        format!(
            "{} is version {version} of the stack's file: {counts}{before}",
            file.shown
        )
    });
    Ok(Exit::Well)
}
