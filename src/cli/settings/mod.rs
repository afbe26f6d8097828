//! Settings: what variables and the file put in the place of the flags' defaults. A flag counts for more than a
//! variable, a variable for more than the file, the file for more than the default.

mod file;

use std::error::Error as _;

use asg_patch::clock::CLOCK_VARIABLE;
use asg_patch::config::{
    Entry, FILE_VARIABLE, Fault, Kind, Origin, PREFIX, SETTINGS, Setting, Table, WindowEntry,
};
use asg_patch::toml_file::meant;
use asg_patch::windows::{PatchWindow, WindowError};
use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::error::CliError;
use super::output::Output;
use super::sources;

pub(super) use self::file::{ConfigFile, Wanted};

/// Where a value comes from that was not typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// An environment variable.
    Variable(String),
    /// A line of the file.
    File {
        /// The file as messages name it.
        file: String,
        /// From 1.
        line: usize,
    },
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::File { file, line } => write!(f, "{file}:{line}"),
        }
    }
}

impl ConfigFile {
    fn source(&self, entry: &Entry) -> Source {
        Source::File {
            file: self.shown.clone(),
            line: entry.place.line,
        }
    }
}

/// A setting that a variable or the file sets.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) setting: &'static Setting,
    /// The words for the command line; none if the SDK reads AWS's own variable itself.
    pub(super) words: Option<Vec<String>>,
    pub(super) source: Source,
}

/// All that is set beside the command line.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// The file that was read.
    pub(super) file: Option<ConfigFile>,
    pub(super) given: Vec<Given>,
    /// The patch windows of the file.
    pub(super) windows: Vec<WindowEntry>,
}

impl Settings {
    /// Reads the variables, and the file that the words or the environment name, or that lies in the working directory
    /// or above. `command` is the program's own, without settings.
    ///
    /// # Errors
    /// The file cannot be read, or a value cannot be one of its flag.
    pub(super) fn read(command: &Command, wanted: &Wanted) -> Result<Self, CliError> {
        let file = ConfigFile::locate(wanted)?;
        let (entries, windows) = match &file {
            Some(file) => entries(command, file)?,
            None => (Vec::new(), Vec::new()),
        };
        let mut settings = Self {
            file,
            given: Vec::new(),
            windows,
        };
        for setting in &SETTINGS {
            let entry = entries.iter().find(|e| e.setting == setting);
            if let Some(given) = settings.given(command, setting, entry)? {
                settings.given.push(given);
            }
        }
        Ok(settings)
    }

    /// Those of a file alone, whatever the environment says.
    pub(super) fn of_file(file: &ConfigFile, entries: &[Entry]) -> Self {
        let given = |entry: &Entry| Given {
            setting: entry.setting,
            words: Some(entry.words.clone()),
            source: file.source(entry),
        };
        Self {
            file: None,
            given: entries.iter().map(given).collect(),
            windows: Vec::new(),
        }
    }

    fn given(
        &self,
        command: &Command,
        setting: &'static Setting,
        entry: Option<&Entry>,
    ) -> Result<Option<Given>, CliError> {
        let name = setting.variable();
        let given = |words, source| {
            Some(Given {
                setting,
                words,
                source,
            })
        };
        if let Some(text) = variable(&name) {
            let words = words_of(setting, &text);
            for word in &words {
                if let Some(refusal) = refusal(command, setting, word) {
                    return Err(refused_variable(name, word, &refusal));
                }
            }
            return Ok(given(Some(words), Source::Variable(name)));
        }
        let aws = setting.aws_variables.iter().find(|v| variable(v).is_some());
        if let Some(name) = aws {
            return Ok(given(None, Source::Variable((*name).into())));
        }
        let (Some(entry), Some(file)) = (entry, &self.file) else {
            return Ok(None);
        };
        Ok(given(Some(entry.words.clone()), file.source(entry)))
    }

    /// The settings within a patch window: its own count for more than those of `[run]`, and for less than variables.
    ///
    /// # Errors
    /// There is no window of this name.
    pub(super) fn within(&self, window: &str) -> Result<Self, CliError> {
        let entry = self.windows.iter().find(|w| w.text.name == window);
        let entry = entry.ok_or_else(|| {
            let names: Vec<&str> = self.windows.iter().map(|w| w.text.name.as_str()).collect();
            let expected = match (names.as_slice(), &self.file) {
                ([], None) => {
                    "a [[window]] of asg-patch.toml, or of the file that --config names".into()
                }
                ([], Some(file)) => format!("a [[window]] of {}, which has none", file.shown),
                (names, _) => format!("one of {}", names.join(", ")),
            };
            CliError::input("--window", expected, format!("'{window}'"))
        })?;
        let mut within = self.clone();
        let windows_own = self
            .file
            .iter()
            .flat_map(|f| entry.entries.iter().map(move |e| (f, e)));
        for (file, entry) in windows_own {
            let is_set = |g: &&mut Given| g.setting == entry.setting;
            let given = Given {
                setting: entry.setting,
                words: Some(entry.words.clone()),
                source: file.source(entry),
            };
            match within.given.iter_mut().find(is_set) {
                Some(before) => match before.source {
                    Source::Variable(_) => {}
                    Source::File { .. } => *before = given,
                },
                None => within.given.push(given),
            }
        }
        Ok(within)
    }

    /// The error about a window of the file that cannot be one.
    pub(super) fn wrong_window(&self, entry: &WindowEntry, wrong: &WindowError) -> CliError {
        CliError::Settings {
            file: self
                .file
                .as_ref()
                .map_or_else(String::new, |f| f.shown.clone()),
            faults: vec![entry.fault(wrong)],
        }
    }

    /// The command with what is set in the place of its defaults, and with the variables in its long help.
    pub(super) fn apply(&self, command: Command) -> Command {
        let names = subcommands(&command);
        let command = self.applied(command, None);
        names.into_iter().fold(command, |command, name| {
            command.mut_subcommand(&name, |c| {
                let inner = subcommands(&c);
                let c = self.applied(c, Some(&name));
                inner.into_iter().fold(c, |c, action| {
                    c.mut_subcommand(action, |c| self.applied(c, Some(&name)))
                })
            })
        })
    }

    fn applied(&self, command: Command, name: Option<&str>) -> Command {
        let settings = command.get_arguments().filter_map(|arg| {
            let setting = setting_of(name, arg.get_long()?)?;
            Some((arg.get_id().clone(), setting))
        });
        let settings: Vec<_> = settings.collect();
        settings
            .into_iter()
            .fold(command, |command, (id, setting)| {
                let words = self.find(setting).and_then(|g| g.words.clone());
                command.mut_arg(id, |arg| {
                    let arg = documented(arg, setting);
                    match words {
                        None => arg,
                        Some(words) => arg
                            .default_values(words)
                            .required(false)
                            .required_unless_present(Resettable::Reset),
                    }
                })
            })
    }

    /// Remembers for messages which flags of this command line were not typed. `command` is the one that matched.
    pub(super) fn remember(&self, command: &Command, matches: &ArgMatches) {
        let Some((name, inner)) = matches.subcommand() else {
            return;
        };
        let used = self.given.iter().filter(|g| g.words.is_some());
        let used = used.filter(|g| applies(g.setting, Some(name)));
        let used = used.filter(|g| {
            let flag = flag_of(command, g.setting);
            !flag.is_some_and(|arg| was_typed(inner, arg.get_id().as_str()))
        });
        sources::remember(
            used.map(|g| (g.setting.flag, g.source.to_string()))
                .collect(),
        );
    }

    /// Says on stderr which file was found: nobody named it.
    pub(super) fn say(&self, output: &Output) {
        let found = self.file.iter().filter(|f| f.origin == Origin::Found);
        for file in found {
            output.notice(&format!("configuration: {}", file.shown));
        }
    }

    /// Whether they make JSON the form of results.
    pub(super) fn ask_for_json(&self) -> bool {
        let form = self.given.iter().find(|g| g.setting.path() == "output");
        let words = form.and_then(|g| g.words.as_deref());
        words.is_some_and(|words| words.iter().any(|w| w == "json"))
    }

    /// The value of a setting that is set.
    pub(super) fn find(&self, setting: &Setting) -> Option<&Given> {
        self.given.iter().find(|g| g.setting == setting)
    }
}

fn subcommands(command: &Command) -> Vec<String> {
    let names = command.get_subcommands().map(|c| c.get_name().to_owned());
    names.collect()
}

/// Whether a flag stands on the command line.
pub(super) fn was_typed(matches: &ArgMatches, id: &str) -> bool {
    let is_known = matches.try_contains_id(id).is_ok();
    is_known && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// The setting that a flag of a subcommand, or of all, stands for.
pub(super) fn setting_of(subcommand: Option<&str>, flag: &str) -> Option<&'static Setting> {
    SETTINGS
        .iter()
        .find(|s| s.flag == flag && applies(s, subcommand))
}

/// Whether a subcommand uses a setting, if it has the flag.
fn applies(setting: &Setting, subcommand: Option<&str>) -> bool {
    match (setting.table, subcommand) {
        (Table::Top, _) => true,
        // A real topic is none of the simulated account's.
        (Table::Run, Some("rehearse")) => setting.key != "topic-arn",
        (Table::Run, Some("status" | "snapshot")) => setting.key == "where",
        (Table::Run, Some("prune")) => setting.key == "only-tagged-templates",
        (Table::Run, Some(name)) => matches!(name, "run" | "plan"),
        (Table::Documents, Some(name)) => matches!(name, "run" | "plan" | "rehearse"),
        (Table::Simulate, Some(name)) => matches!(name, "rehearse" | "simulate"),
        (table @ (Table::Restore | Table::Prune | Table::Snapshot | Table::Probe), Some(name)) => {
            table.name() == name
        }
        (
            Table::Run
            | Table::Documents
            | Table::Simulate
            | Table::Restore
            | Table::Prune
            | Table::Snapshot
            | Table::Probe,
            None,
        ) => false,
    }
}

/// The flag that a setting stands for.
pub(super) fn flag_of<'a>(command: &'a Command, setting: &Setting) -> Option<&'a Arg> {
    let subcommands = command.get_subcommands().map(|c| (Some(c.get_name()), c));
    let commands = std::iter::once((None, command)).chain(subcommands);
    commands
        .filter(|(name, _)| applies(setting, *name))
        .flat_map(|(_, command)| command.get_arguments())
        .find(|arg| arg.get_long() == Some(setting.flag))
}

/// The words of the flag's own parser against a value.
pub(super) fn refusal(command: &Command, setting: &Setting, word: &str) -> Option<String> {
    let parser = flag_of(command, setting)?.get_value_parser().clone();
    let alone = Arg::new("value")
        .long("value")
        .action(ArgAction::Set)
        .value_parser(parser);
    let words = [format!("--value={word}")];
    let command = Command::new("value").no_binary_name(true).arg(alone);
    let error = command.try_get_matches_from(words).err()?;
    if let Some(said) = error.source() {
        return Some(said.to_string());
    }
    let known = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(known)) => format!("one of {}", known.join(", ")),
        Some(_) | None => "another value".into(),
    };
    Some(format!("expected {known}, found '{word}'"))
}

fn refused_variable(name: String, word: &str, refusal: &str) -> CliError {
    let parts = refusal.strip_prefix("expected ");
    match parts.and_then(|said| said.split_once(", found ")) {
        Some((expected, found)) => CliError::input(name, expected, found),
        None => CliError::input(name, "another value", format!("'{word}': {refusal}")),
    }
}

/// The patch window that the words of a command line name, as far as they can be understood.
pub(super) fn window_named<I: IntoIterator<Item: Into<std::ffi::OsString> + Clone>>(
    command: Command,
    words: I,
) -> Option<String> {
    let matches = command
        .ignore_errors(true)
        .try_get_matches_from(words)
        .ok()?;
    let (_, inner) = matches.subcommand()?;
    let name = inner.try_get_one::<String>("window").ok()?;
    name.cloned()
}

/// The entries of a file, its windows, and all that is wrong with it: also what the flags' own parsers refuse.
pub(super) fn checked(
    command: &Command,
    file: &ConfigFile,
) -> (Vec<Entry>, Vec<WindowEntry>, Vec<Fault>) {
    let (entries, windows, mut faults) = file.parsed();
    let of_windows = windows.iter().flat_map(|w| &w.entries);
    for entry in entries.iter().chain(of_windows) {
        let words = entry.words.iter();
        let refusals = words.filter_map(|word| refusal(command, entry.setting, word));
        faults.extend(refusals.map(|said| Fault::new(entry.place, entry.setting.path(), &said)));
    }
    let whole = windows.iter().filter(|entry| entry.is_whole);
    faults.extend(whole.filter_map(|entry| {
        let wrong = PatchWindow::read(entry.text.clone()).err()?;
        Some(entry.fault(&wrong))
    }));
    faults.sort_by_key(|f| f.place);
    (entries, windows, faults)
}

/// The entries of a file, and its windows.
///
/// # Errors
/// Something is wrong with it.
fn entries(
    command: &Command,
    file: &ConfigFile,
) -> Result<(Vec<Entry>, Vec<WindowEntry>), CliError> {
    match checked(command, file) {
        (entries, windows, faults) if faults.is_empty() => Ok((entries, windows)),
        (_, _, faults) => Err(CliError::Settings {
            file: file.shown.clone(),
            faults,
        }),
    }
}

/// A variable that is set and not empty.
pub(super) fn variable(name: &str) -> Option<String> {
    let text = std::env::var_os(name)?;
    let text = text.to_string_lossy().into_owned();
    Some(text).filter(|t| !t.is_empty())
}

/// The words of a variable: for a list, what stands between commas.
fn words_of(setting: &Setting, text: &str) -> Vec<String> {
    match setting.kind {
        Kind::List => {
            let items = text.split(',').map(str::trim).filter(|i| !i.is_empty());
            items.map(str::to_owned).collect()
        }
        Kind::Text
        | Kind::Path
        | Kind::Time
        | Kind::Number
        | Kind::NumberOrPercent
        | Kind::Percent
        | Kind::Switch
        | Kind::Choice(_) => vec![text.to_owned()],
    }
}

/// The words of a flag's default.
pub(super) fn defaults(command: &Command, setting: &Setting) -> Vec<String> {
    let flag = flag_of(command, setting);
    let words = flag.map(Arg::get_default_values).unwrap_or_default();
    let words = words.iter().map(|w| w.to_string_lossy().into_owned());
    match setting.kind {
        Kind::Switch => vec!["false".into()],
        Kind::Text
        | Kind::Path
        | Kind::Time
        | Kind::Number
        | Kind::NumberOrPercent
        | Kind::Percent
        | Kind::List
        | Kind::Choice(_) => words.collect(),
    }
}

/// Variables of the environment that look like a setting's and are none's, each with the one that may be meant.
pub(super) fn unknown_variables() -> Vec<(String, Option<String>)> {
    let own = [FILE_VARIABLE, CLOCK_VARIABLE];
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let names = names.filter(|n| n.starts_with(PREFIX) && !own.contains(&n.as_str()));
    let known: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
    let unknown = names.filter(|n| !known.contains(n));
    unknown
        .map(|name| {
            let flag = name[PREFIX.len()..].to_ascii_lowercase().replace('_', "-");
            let by_flag = SETTINGS
                .iter()
                .find(|s| s.flag == flag)
                .map(Setting::variable);
            let near = || meant(&name, known.iter().map(String::as_str)).map(str::to_owned);
            let meant = by_flag.or_else(near);
            (name, meant)
        })
        .collect()
}

/// The flag with its variable in the long help.
fn documented(arg: Arg, setting: &Setting) -> Arg {
    let help = arg.get_long_help().or(arg.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    arg.long_help(format!("{help} [env: {}]", setting.variable()))
}

#[cfg(test)]
mod tests;
