//! The values that a shell offers at TAB.

use std::path::Path;
use std::sync::OnceLock;

use asg_patch::group::Code;
use asg_patch::probe::beliefs;
use asg_patch::request::{AtDeadline, Operation};
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter,
};

use super::profiles::profiles;

/// A command line that is being typed.
#[derive(Debug)]
pub(super) struct Typed {
    /// Its words so far.
    pub(super) words: Vec<String>,
    /// Whether the shell takes candidates as they are, so that blanks and quotes in them must be escaped.
    pub(super) verbatim: bool,
    /// Finds the names of groups, in the account that the words name.
    pub(super) names: fn(&[String], Groups) -> Vec<String>,
}

/// The groups that an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Groups {
    /// Those that opted in.
    OptedIn,
    /// Those with an open record.
    Recorded,
}

/// The command line that this process was started to complete.
static TYPED: OnceLock<Typed> = OnceLock::new();

/// Remembers the command line for the candidates below, which get no more than the word at the cursor.
pub(super) fn remember(typed: Typed) {
    // Only a second command line could be refused, and there is only one.
    let _ = TYPED.set(typed);
}

/// The operations of a run.
pub(super) fn operations() -> ArgValueCandidates {
    ArgValueCandidates::new(|| shown([Operation::Install, Operation::Scan]))
}

/// The policies for the deadline.
pub(super) fn policies() -> ArgValueCandidates {
    ArgValueCandidates::new(|| shown([AtDeadline::RollBack, AtDeadline::Finish]))
}

/// The beliefs that a probe checks.
pub(super) fn belief_ids() -> ArgValueCandidates {
    ArgValueCandidates::new(|| shown(beliefs().map(|belief| belief.id)))
}

/// The codes of reports.
pub(super) fn codes() -> ArgValueCandidates {
    ArgValueCandidates::new(|| shown(Code::ALL))
}

/// The profiles of the AWS configuration.
pub(super) fn profile_names() -> ArgValueCandidates {
    ArgValueCandidates::new(|| shown(profiles().into_keys()))
}

/// TOML files, and the directories on the way to them.
pub(super) fn toml_files() -> ArgValueCompleter {
    let is_toml = |path: &Path| path.extension().is_some_and(|e| e == "toml");
    ArgValueCompleter::new(PathCompleter::any().filter(is_toml))
}

/// The groups that opted in.
pub(super) fn groups() -> ArgValueCandidates {
    ArgValueCandidates::new(|| named(Groups::OptedIn))
}

/// The groups with an open record.
pub(super) fn recorded_groups() -> ArgValueCandidates {
    ArgValueCandidates::new(|| named(Groups::Recorded))
}

fn named(groups: Groups) -> Vec<CompletionCandidate> {
    let Some(typed) = TYPED.get() else {
        return Vec::new();
    };
    let names = (typed.names)(&typed.words, groups).into_iter();
    shown(names.map(|name| if typed.verbatim { escaped(&name) } else { name }))
}

fn shown<T: ToString>(values: impl IntoIterator<Item = T>) -> Vec<CompletionCandidate> {
    let values = values.into_iter().map(|v| v.to_string());
    values.map(CompletionCandidate::new).collect()
}

/// A name with a backslash before everything that a POSIX shell would not take as it is.
fn escaped(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:@%+,=".contains(c);
    let mut text = String::new();
    for c in name.chars() {
        if !plain(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_shell_takes_an_escaped_name_for_one_word() {
        assert_eq!(escaped("web-1/a"), "web-1/a");
        assert_eq!(escaped("it's $5 日本"), r"it\'s\ \$5\ 日本");
    }
}
