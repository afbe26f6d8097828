//! `asg-patch history`

use std::path::{Path, PathBuf};

use asg_patch::ids::GroupName;
use asg_patch::report::{self, History, PruneReport, RunReport};
use clap::Args;

use super::error::{CliError, Exit};
use super::options;
use super::output::Output;
use super::report::read;

/// A name that no report has is answered with at most this many that are near it.
const NEAR: usize = 3;

/// Options of `history`.
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    /// Only the runs in which this group took part, and what became of it
    #[arg(long, value_name = "NAME", value_parser = options::group_name)]
    group: Option<GroupName>,
    /// Directory in which runs kept their reports, or a copy of the stack's bucket
    #[arg(long, value_name = "DIR")]
    reports: PathBuf,
}

/// Lists past runs from their kept reports.
///
/// # Errors
/// The directory cannot be read, or no report names the group.
pub(crate) fn execute(args: &HistoryArgs, output: &Output) -> Result<Exit, CliError> {
    let (reports, warnings) = kept(&args.reports).map_err(|e| {
        let place = format!("--reports {}", args.reports.display());
        CliError::input(place, "a directory of kept reports", e.to_string())
    })?;
    if let Some(group) = &args.group {
        check_named(&reports, group)?;
    }
    let unread = !warnings.is_empty();
    let history = History::of(reports, args.group.as_ref(), warnings);
    output.tabular(
        &history,
        |width| report::history_table(&history, width),
        || report::history_sheet(&history),
    )?;
    Ok(if unread { Exit::SomeFailed } else { Exit::Well })
}

/// Directories below that of the reports: the stack's bucket has YEAR/MONTH, perhaps below one for each account and region.
const DEEPEST: usize = 4;

/// The reports in a directory and below it, and a warning for every other JSON file that is not one of ours.
///
/// # Errors
/// The directory cannot be read.
pub(super) fn kept(folder: &Path) -> std::io::Result<(Vec<RunReport>, Vec<String>)> {
    let (mut reports, mut warnings) = (Vec::new(), Vec::new());
    let mut files = Vec::new();
    files_below(folder, DEEPEST, &mut files)?;
    files.retain(|f| f.extension().is_some_and(|e| e == "json"));
    files.sort();
    for file in files {
        match read(&file) {
            Ok(report) => reports.push(report),
            // The bucket keeps them side by side.
            Err(_) if is_of_prune(&file) => {}
            Err(found) => warnings.push(format!(
                "{}: expected a report of asg-patch, found: {found}",
                file.display()
            )),
        }
    }
    Ok((reports, warnings))
}

/// The files of a directory and of those below it. Links to directories are not followed.
fn files_below(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true if depth > 0 => files_below(&entry.path(), depth - 1, files)?,
            true => {}
            false => files.push(entry.path()),
        }
    }
    Ok(())
}

fn is_of_prune(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    serde_json::from_str::<PruneReport>(&text).is_ok()
}

/// A typing error must not read as a group that was never patched.
fn check_named(reports: &[RunReport], group: &GroupName) -> Result<(), CliError> {
    let groups = reports.iter().flat_map(|r| &r.groups);
    let mut names: Vec<&GroupName> = groups.map(|g| &g.group).collect();
    names.sort();
    names.dedup();
    if names.contains(&group) {
        return Ok(());
    }
    names.sort_by_key(|name| strsim::osa_distance(name, group));
    let near: Vec<String> = names.iter().take(NEAR).map(|n| format!("'{n}'")).collect();
    let found = match near.as_slice() {
        [] => format!("'{group}'; no report names any group"),
        near => format!("'{group}'. Near it: {}", near.join(", ")),
    };
    Err(CliError::input(
        "--group",
        "a group that a kept report names",
        found,
    ))
}
