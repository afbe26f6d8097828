//! The channels and freezes of a file that was named, and the notices of a rehearsal.

use asg_patch::aws::{Aws, StoredFileError, stored_file};
use asg_patch::config::Origin;
use asg_patch::group::fault::Fault;
use asg_patch::group::{Code, Failure};
use asg_patch::report::RunReport;
use asg_patch::request::RunRequest;
use asg_patch::run::{BY_HAND, RunError, Scripted, WindowSetup, script};

use super::error::CliError;
use super::settings::{ConfigFile, Settings};

/// Notices and freezes of a file. One that was only found says nothing: it may not choose where notices go.
///
/// # Errors
/// The file cannot be used.
pub(super) fn setup(settings: &Settings) -> Result<WindowSetup, CliError> {
    let named = settings.file.as_ref();
    match named.filter(|f| f.origin == Origin::Named) {
        Some(file) => read(file),
        None => Ok(WindowSetup::default()),
    }
}

/// The same of a file.
///
/// # Errors
/// It cannot be used.
pub(super) fn read(file: &ConfigFile) -> Result<WindowSetup, CliError> {
    WindowSetup::read(file.text()).map_err(|wrong| CliError::Settings {
        file: file.shown.clone(),
        faults: wrong.0,
    })
}

/// The same of the file that the deployed stack works by, with its version; none if there is none.
///
/// # Errors
/// It could not be read, or cannot be used.
pub(super) async fn of_stack(aws: &Aws) -> Result<Option<(WindowSetup, i64)>, CliError> {
    let unusable = |e: String| CliError::input("the stack's file", "one that can be used", e);
    match stored_file(&aws.clients).await {
        Ok(None) => Ok(None),
        Ok(Some(stored)) => match WindowSetup::read(&stored.text) {
            Ok(setup) => Ok(Some((setup, stored.version))),
            Err(problem) => Err(unusable(problem.to_string())),
        },
        Err(StoredFileError::Fault(fault)) => Err(RunError::from(fault).into()),
        Err(other) => Err(unusable(other.to_string())),
    }
}

/// Why a run is refused, if a freeze of this file lies over it, or one that was declared.
///
/// # Errors
/// AWS could not be asked.
pub(super) async fn frozen(
    aws: &Aws,
    setup: &WindowSetup,
    request: &RunRequest,
) -> Result<Option<Failure>, Fault> {
    let window = request.about.window.as_deref().unwrap_or(BY_HAND);
    let span = (request.window.start, request.restore_by());
    let why = asg_patch::run::frozen(aws, &setup.freezes, window, span).await?;
    Ok(why.map(|why| {
        let reason = format!("{why}; --despite-freeze runs all the same");
        Failure::new(Code::Frozen, reason)
    }))
}

/// A sentence about what a window demands of the runs that AWS starts, and a run by hand does not wait for.
pub(super) fn not_asked(setup: &WindowSetup, request: &RunRequest) -> Option<String> {
    let window = request.about.window.as_deref()?;
    let demands = setup.demands(window)?;
    let after = demands.after.as_ref();
    let after = after.map(|after| format!("`after = \"{}\"`", after.window));
    let approval = demands.approval.as_ref().map(|_| "an approval".to_owned());
    let asked: Vec<String> = after.into_iter().chain(approval).collect();
    (!asked.is_empty()).then(|| {
        format!(
            "by hand: window '{window}' asks for {}, and a run from the command line does not wait for that",
            asked.join(" and ")
        )
    })
}

/// The notices of a rehearsed window as text: none without channels.
pub(super) fn rehearsed(
    report: &RunReport,
    request: &RunRequest,
    setup: &WindowSetup,
) -> Option<String> {
    let name = request.about.window.as_deref().unwrap_or(BY_HAND);
    let script = script(report, request.window, name, setup);
    if script.is_empty() {
        return None;
    }
    let lines = script.iter().map(lines);
    Some(format!(
        "Notices of this window:\n{}",
        lines.collect::<Vec<String>>().join("\n")
    ))
}

fn lines(notice: &Scripted) -> String {
    let Scripted {
        at,
        channel,
        story,
        own_text,
        ..
    } = notice;
    let text: Vec<String> = match own_text {
        Some(own) => own.lines().map(str::to_owned).collect(),
        None => {
            let approval = story.facts.iter().filter(|f| f.label == "Approval");
            let approval = approval.map(|f| format!("Approval: {}", f.value));
            let sentence = [story.sentence.clone()].into_iter();
            let groups = story.groups.iter().cloned();
            sentence.chain(approval).chain(groups).collect()
        }
    };
    let text = text.iter().map(|line| format!("\n      {line}"));
    format!(
        "  {} to {channel}: {}{}",
        at.format("%F %H:%M UTC"),
        story.title,
        text.collect::<String>()
    )
}
