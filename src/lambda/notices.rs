//! Notices of the deployed runs: as the stack's file of settings says.

use chrono::{DateTime, Utc};

use super::task::FunctionError;
use super::{Function, answer};
use crate::aws::{StoredFileError, stored_file};
use crate::group::fault::Fault;
use crate::group::names::CONFIG_PARAMETER;
use crate::ids::RunId;
use crate::notices::NoticeEvent;
use crate::report::{GroupReport, RunReport};
use crate::request::{Ring, RunRequest};
use crate::run::{
    self, Announcer, BY_HAND, BegunAt, OpenedWindows, Places, Said, Watched, WindowSetup,
};
use crate::trigger::{Cause, RunInput};
use crate::windows::{DEFAULT_WINDOW, PatchWindow, WindowNotices};

/// Notices that channels did not take, and files of settings that cannot be used.
const NOTICES_UNSENT: &str = "NoticesUnsent";

/// The stack's file, as far as it is about notices.
#[derive(Default)]
pub(super) struct StackFile {
    pub(super) setup: WindowSetup,
    /// The version of its parameter; none without a file.
    pub(super) version: Option<i64>,
    /// Why it cannot be used.
    pub(super) problem: Option<String>,
    /// The call that failed, if that is why.
    pub(super) fault: Option<Fault>,
}

/// How it went to tell that a run begins.
pub(super) enum Telling {
    /// All was tried.
    All(Said),
    /// The time was over before all was tried.
    Cut(Said),
    /// Its window demands notices, and this one lacks.
    Lacking(String),
    /// Marks could not be read or made.
    Failed(Fault),
}

/// The window that a run is of.
pub(super) fn window<'a>(request: &'a RunRequest, input: &RunInput) -> BegunAt<'a> {
    let is_by_hand = input.cause == Cause::Hand;
    let usual = if is_by_hand { BY_HAND } else { DEFAULT_WINDOW };
    // A run of some groups says nothing of the others of its window.
    let is_of_some = is_by_hand && !request.selection.groups.is_empty();
    let named = request.about.window.as_deref().filter(|_| !is_of_some);
    BegunAt {
        request,
        window: named.unwrap_or(usual),
        is_by_hand,
    }
}

impl Function {
    /// Reads the stack's file. One that cannot be used tells nobody anything, which is counted; and no run begins.
    pub(super) async fn stack_file(&self) -> StackFile {
        let mut fault = None;
        let problem = match stored_file(&self.aws.clients).await {
            Ok(None) if !self.settings.requires_file => return StackFile::default(),
            Ok(None) => format!(
                "parameter {CONFIG_PARAMETER}: expected a file, as the stack demands one (SettingsFileRequired), found none"
            ),
            Ok(Some(stored)) => match WindowSetup::read(&stored.text) {
                Ok(setup) => {
                    return StackFile {
                        setup,
                        version: Some(stored.version),
                        ..StackFile::default()
                    };
                }
                Err(problem) => format!("version {}: {problem}", stored.version),
            },
            Err(problem) => {
                let text = problem.to_string();
                if let StoredFileError::Fault(failed) = problem {
                    fault = Some(failed);
                }
                text
            }
        };
        tracing::error!("the stack's file of settings cannot be used: {problem}");
        self.notifier.measure_one(NOTICES_UNSENT);
        StackFile {
            problem: Some(problem),
            fault,
            ..StackFile::default()
        }
    }

    fn announcer<'a>(&'a self, setup: &'a WindowSetup, by: DateTime<Utc>) -> Announcer<'a> {
        Announcer {
            aws: &self.aws,
            outside: &self.outside,
            setup,
            by,
        }
    }

    /// Counts what was not sent, and says it.
    pub(super) fn counted(&self, said: Result<Said, Fault>) -> Vec<String> {
        let warnings = match said {
            Ok(said) => said.warnings(),
            Err(fault) => {
                let reason = fault.to_failure().reason;
                tracing::error!("notices were not sent: {reason}");
                vec![format!(
                    "notices were not sent; the next sweep goes on with them: {reason}"
                )]
            }
        };
        if !warnings.is_empty() {
            self.notifier
                .measure_many(NOTICES_UNSENT, warnings.len() as u64);
        }
        warnings
    }

    /// Tells that a run begins.
    pub(super) async fn tell_begun(
        &self,
        file: &StackFile,
        request: &RunRequest,
        input: &RunInput,
        places: &Places,
        by: DateTime<Utc>,
    ) -> Telling {
        if !file.setup.remembers() {
            return Telling::All(Said::default());
        }
        let run = window(request, input);
        let announcer = self.announcer(&file.setup, by);
        match Box::pin(announcer.begun(run, places)).await {
            Ok((said, _)) if said.is_cut => Telling::Cut(said),
            Ok((_, Some(lacking))) => Telling::Lacking(lacking),
            Ok((said, None)) => Telling::All(said),
            Err(fault) => Telling::Failed(fault),
        }
    }

    /// Tells that a run waits for an approval.
    pub(super) async fn tell_awaiting(
        &self,
        file: &StackFile,
        request: &RunRequest,
        input: &RunInput,
        places: &Places,
        until: DateTime<Utc>,
        by: DateTime<Utc>,
    ) -> Telling {
        if !file.setup.remembers() {
            return Telling::All(Said::default());
        }
        let run = window(request, input);
        let announcer = self.announcer(&file.setup, by);
        match Box::pin(announcer.awaits(run, places, until)).await {
            Ok(said) if said.is_cut => Telling::Cut(said),
            Ok(said) => Telling::All(said),
            Err(fault) => Telling::Failed(fault),
        }
    }

    /// Whether the run must not begin without its notices.
    pub(super) fn is_notice_required(
        &self,
        file: &StackFile,
        request: &RunRequest,
        input: &RunInput,
    ) -> bool {
        let run = window(request, input);
        !run.is_by_hand && file.setup.is_required_for(run.window)
    }

    /// The window that goes before a run's, if the run is an opening of its window.
    pub(super) async fn ring(
        &self,
        file: &StackFile,
        request: &RunRequest,
        input: &RunInput,
    ) -> Result<Option<Ring>, FunctionError> {
        let run = window(request, input);
        if run.is_by_hand {
            return Ok(None);
        }
        let ring = self
            .announcer(&file.setup, self.aws.clock.now())
            .ring(run.window)
            .await;
        ring.map_err(|fault| FunctionError::Run(fault.into()))
    }

    /// Why a freeze keeps a run from beginning.
    pub(super) async fn frozen(
        &self,
        file: &StackFile,
        request: &RunRequest,
        input: &RunInput,
    ) -> Result<Option<String>, FunctionError> {
        let window = window(request, input).window;
        let span = (self.aws.clock.now(), request.restore_by());
        let frozen = run::frozen(&self.aws, &file.setup.freezes, window, span);
        frozen
            .await
            .map_err(|fault| FunctionError::Run(fault.into()))
    }

    /// Tells that a run does not take place that was announced.
    pub(super) async fn tell_off(
        &self,
        file: &StackFile,
        request: &RunRequest,
        input: &RunInput,
        (event, reason): (NoticeEvent, &str),
        by: DateTime<Utc>,
    ) {
        if !file.setup.remembers() {
            return;
        }
        let announcer = self.announcer(&file.setup, by);
        let run = window(request, input);
        let told = Box::pin(announcer.is_off(run, event, reason));
        self.counted(told.await);
    }

    /// Tells that groups of a run have failed.
    pub(super) async fn tell_failed(
        &self,
        run: &RunId,
        groups: &[&GroupReport],
        by: DateTime<Utc>,
    ) {
        let file = self.stack_file().await;
        if !file.setup.remembers() {
            return;
        }
        let announcer = self.announcer(&file.setup, by);
        let told = Box::pin(announcer.failed(run, groups));
        self.counted(told.await);
    }

    /// Tells that a run has ended. Answers warnings for its report.
    pub(super) async fn tell_ended(
        &self,
        report: &RunReport,
        owner: &str,
        by: DateTime<Utc>,
    ) -> Vec<String> {
        let file = self.stack_file().await;
        if !file.setup.remembers() {
            let untold =
                |p| format!("nobody was told: the stack's file of settings cannot be used: {p}");
            return file.problem.into_iter().map(untold).collect();
        }
        let link = answer::link(owner);
        let announcer = self.announcer(&file.setup, by);
        let told = Box::pin(announcer.ended(report, link.as_deref()));
        self.counted(told.await)
    }

    /// A sweep's part: tells what is due, and forgets decisions that are long past.
    pub(super) async fn tell_due(&self, by: DateTime<Utc>) {
        let file = self.stack_file().await;
        if file.setup.demanding().next().is_some()
            && let Err(fault) = run::forget_decisions(&self.aws).await
        {
            tracing::warn!(code = fault.code, "old decisions stay: {}", fault.message);
        }
        if !file.setup.remembers() {
            return;
        }
        let said = async {
            let groups = run::opted_in(&self.aws, &self.settings.defaults.tag).await?;
            let found = self.windows().await?;
            let watched = Watched {
                windows: &found.windows,
                are_all: found.are_all,
                groups: &groups,
            };
            self.announcer(&file.setup, by).keep_up(watched).await
        };
        let said = self
            .announcer(&file.setup, by)
            .in_time(Box::pin(said))
            .await;
        self.counted(said);
    }

    /// The windows that AWS opens, and the stack's own where AWS shows it not as such.
    pub(super) async fn windows(&self) -> Result<OpenedWindows, Fault> {
        let (machine, defaults) = (
            self.settings.state_machine.as_deref(),
            &self.settings.defaults,
        );
        let found = run::account_windows(&self.aws, machine, defaults).await?;
        for unreadable in &found.unreadable {
            tracing::error!("a window is not understood: {unreadable}");
        }
        for unread in &found.unread {
            tracing::error!("windows are not known: {unread}");
        }
        let are_all = found.unreadable.is_empty() && found.unread.is_empty();
        let mut windows: Vec<PatchWindow> = found.windows.into_iter().map(|w| w.window).collect();
        if windows.iter().all(|w| w.name != DEFAULT_WINDOW) {
            windows.extend(self.own_window());
        }
        Ok(OpenedWindows {
            windows,
            unread: found.unread,
            are_all,
        })
    }

    /// The stack's own window, if it has one.
    fn own_window(&self) -> Option<PatchWindow> {
        let Ok(Some((schedule, zone))) = &self.settings.schedule else {
            return None;
        };
        let defaults = &self.settings.defaults;
        Some(PatchWindow {
            name: DEFAULT_WINDOW.into(),
            schedule: schedule.clone(),
            expression: String::new(),
            zone: *zone,
            flexible: self.settings.flexible,
            duration: defaults.duration,
            cutoff: defaults.cutoff,
            filters: Default::default(),
            groups: Vec::new(),
            owner: None,
            source: Default::default(),
            state: Default::default(),
            notices: WindowNotices::default(),
        })
    }
}
