//! `asg-patch config`

use std::path::PathBuf;

use asg_patch::config::{
    Entry, Fault, Kind, Origin, SETTINGS, Setting, Table, WindowEntry, schema,
};
use asg_patch::report::Sheet;
use asg_patch::run::{SetupTables, UnknownWindow, WindowSetup};
use asg_patch::text::counted;
use clap::{Args, Command, CommandFactory, FromArgMatches, Subcommand};
use serde_json::{Value, json};

use super::Cli;
use super::ask;
use super::error::{CliError, Exit};
use super::options::{AwsOptions, RunOptions};
use super::output::Output;
use super::push::{self, PushArgs};
use super::settings::{self, ConfigFile, Settings, Source, Wanted};

/// Options of `config`.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the file's JSON schema, for editors
    Schema,
    /// Say everything that is wrong with a file
    Check(CheckArgs),
    /// Store the file that --config names as the one that the deployed stack works by, once it is checked
    Push(PushArgs),
}

#[derive(Args, Debug)]
struct CheckArgs {
    /// The file [default: the one whose settings would be taken]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Also ask AWS, read-only, for what the file names: secrets (which are not decrypted), topics, calendars, documents, windows
    #[arg(long)]
    ask_aws: bool,
    #[command(flatten)]
    aws: AwsOptions,
}

/// Variables of AWS that take a profile's place.
const SECRET: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE"];

const EXAMPLES: &str = "\
Examples:
  asg-patch config                                      each setting, and where it comes from
  asg-patch config check                                what is wrong with the file
  asg-patch config check --ask-aws                      the same, and whether AWS has what it names
  asg-patch config push --config asg-patch.toml         the deployed stack works by it from now on
  asg-patch config schema > asg-patch.schema.json       for an editor: `#:schema asg-patch.schema.json` in the file";

impl ConfigArgs {
    /// Whether it shows the settings.
    pub(super) fn shows(&self) -> bool {
        self.action.is_none()
    }

    /// Whether it stores the file.
    pub(super) fn pushes(&self) -> bool {
        matches!(self.action, Some(Action::Push(_)))
    }
}

/// Shows the settings, prints the schema, or checks a file.
///
/// # Errors
/// There is no file to check, or the flat table cannot be written.
pub(crate) fn execute(
    args: &ConfigArgs,
    settings: &Settings,
    wanted: &Wanted,
    output: &Output,
) -> Result<Exit, CliError> {
    match &args.action {
        None => show(settings, output),
        Some(Action::Schema) => {
            let schema = schema();
            let text = format!("{schema:#}");
            output.result(&schema, |_width| text);
            Ok(Exit::Well)
        }
        Some(Action::Check(args)) => {
            let file = match &args.file {
                Some(path) => Some(ConfigFile::named("FILE", path)?),
                None => ConfigFile::locate(wanted)?,
            };
            check(&checkable(file)?, Some(args).filter(|a| a.ask_aws), output)
        }
        Some(Action::Push(args)) => {
            let file = checkable(ConfigFile::locate(wanted)?)?;
            match Checked::of(&file).faults.as_slice() {
                [] => super::block_on(push::execute(args, &file, output)),
                [_, ..] => check(&file, None, output),
            }
        }
    }
}

fn checkable(file: Option<ConfigFile>) -> Result<ConfigFile, CliError> {
    file.ok_or_else(|| {
        let expected = "FILE, --config, ASG_PATCH_CONFIG, or asg-patch.toml here or above";
        CliError::input("the file", expected, "none of them")
    })
}

/// A file of settings, checked.
struct Checked {
    entries: Vec<Entry>,
    windows: Vec<WindowEntry>,
    tables: SetupTables,
    /// Everything that is wrong with it, in its order.
    faults: Vec<Fault>,
    /// Sentences about names that may be meant otherwise.
    notes: Vec<String>,
}

impl Checked {
    fn of(file: &ConfigFile) -> Self {
        let (entries, windows, mut faults) = settings::checked(&Cli::command(), file);
        if faults.is_empty() {
            faults.extend(disagreement(file, &entries));
        }
        let tables = SetupTables::read(file.text()).unwrap_or_else(|of_tables| {
            faults.extend(of_tables);
            SetupTables::default()
        });
        faults.sort_by_key(|f| f.place);
        let setup = WindowSetup::read(file.text()).unwrap_or_default();
        let unknown = setup.unknown_windows();
        Self {
            entries,
            windows,
            tables,
            faults,
            notes: unknown.iter().map(UnknownWindow::note).collect(),
        }
    }

    /// How much there is of everything, in words.
    fn counts(&self) -> String {
        let counts = [
            (self.entries.len(), "setting"),
            (self.windows.len(), "window"),
            (self.tables.freezes.len(), "freeze"),
            (self.tables.file.channels.len(), "channel"),
            (self.tables.file.routes.len(), "route"),
        ];
        let counts = counts.map(|(n, noun)| counted(n, noun));
        let [first @ .., last] = &counts;
        format!("{} and {last}", first.join(", "))
    }
}

/// A setting with its value, as text and as JSON, and where it comes from.
struct Shown {
    setting: &'static Setting,
    words: Vec<String>,
    source: Option<Source>,
}

impl Shown {
    fn of(setting: &'static Setting, settings: &Settings, command: &Command) -> Self {
        let given = settings.find(setting);
        let words = match given {
            Some(given) => given.words.clone().unwrap_or_else(|| by_aws(&given.source)),
            None => settings::defaults(command, setting),
        };
        Self {
            setting,
            words,
            source: given.map(|g| g.source.clone()),
        }
    }

    fn source(&self) -> String {
        let source = self.source.as_ref();
        source.map_or_else(|| "default".into(), ToString::to_string)
    }

    fn text(&self) -> String {
        match self.words.as_slice() {
            [] => "-".into(),
            words => words.join(", "),
        }
    }

    fn json(&self) -> Value {
        let first = self.words.first();
        let value = match self.setting.kind {
            Kind::List => json!(self.words),
            Kind::Number => json!(first.and_then(|w| w.parse::<u64>().ok())),
            Kind::Switch => json!(first.map(|w| w == "true")),
            Kind::Text
            | Kind::Path
            | Kind::Time
            | Kind::NumberOrPercent
            | Kind::Percent
            | Kind::Choice(_) => json!(first),
        };
        let source = match &self.source {
            None => json!({ "kind": "default" }),
            Some(Source::Variable(name)) => json!({ "kind": "variable", "variable": name }),
            Some(Source::File { file, line }) => {
                json!({ "kind": "file", "file": file, "line": line })
            }
        };
        json!({
            "key": self.setting.path(),
            "value": value,
            "source": source,
            "flag": format!("--{}", self.setting.flag),
            "variable": self.setting.variable(),
        })
    }
}

/// The value of a variable of AWS that names the same thing. One that holds or leads to credentials is not shown.
fn by_aws(source: &Source) -> Vec<String> {
    match source {
        Source::Variable(name) if !SECRET.contains(&name.as_str()) => {
            settings::variable(name).into_iter().collect()
        }
        Source::Variable(_) | Source::File { .. } => Vec::new(),
    }
}

fn show(settings: &Settings, output: &Output) -> Result<Exit, CliError> {
    warn(output);
    let command = Cli::command();
    let shown = SETTINGS.iter().map(|s| Shown::of(s, settings, &command));
    let shown: Vec<Shown> = shown.collect();
    let file = settings.file.as_ref();
    let document = json!({
        "file": file.map(|f| &f.shown),
        "settings": shown.iter().map(Shown::json).collect::<Vec<_>>(),
    });
    output.tabular(
        &document,
        |_width| table(&shown, file),
        || Sheet {
            columns: &["setting", "value", "source"],
            rows: shown
                .iter()
                .map(|s| vec![s.setting.path(), s.text(), s.source()])
                .collect(),
        },
    )?;
    Ok(Exit::Well)
}

fn table(shown: &[Shown], file: Option<&ConfigFile>) -> String {
    let head = ["setting".to_owned(), "value".into(), "source".into()];
    let cells = shown
        .iter()
        .map(|s| [s.setting.path(), s.text(), s.source()]);
    let cells: Vec<[String; 3]> = std::iter::once(head).chain(cells).collect();
    let widest = |column: usize| {
        let widths = cells.iter().map(|c| c[column].chars().count());
        widths.max().unwrap_or_default()
    };
    let (first, second, third) = (widest(0), widest(1), widest(2));
    let lines = cells
        .iter()
        .map(|[key, value, source]| format!("{key:first$}  {value:second$}  {source}"));
    let mut lines: Vec<String> = lines.collect();
    lines.insert(1, "─".repeat(first + second + third + 4));
    lines.push(String::new());
    lines.push(match file {
        None => "No file: there is no asg-patch.toml here or above, and none is named.".into(),
        Some(file) => match file.origin {
            Origin::Named => format!("File: {}, which was named.", file.shown),
            Origin::Found => format!(
                "File: {}, which was found, not named: it may not set everything.",
                file.shown
            ),
        },
    });
    lines.join("\n")
}

/// Says which variables look like settings and are none.
fn warn(output: &Output) {
    for (name, meant) in settings::unknown_variables() {
        let hint = meant.map(|m| format!(". Did you mean {m}?"));
        output.notice(&format!("{name} is no setting{}", hint.unwrap_or_default()));
    }
}

/// Settings of a run that do not agree with each other, as a run would find them.
fn disagreement(file: &ConfigFile, entries: &[Entry]) -> Option<Fault> {
    let command = Settings::of_file(file, entries).apply(Cli::command());
    let matches = command.try_get_matches_from(["asg-patch", "plan"]).ok()?;
    let (_, plan) = matches.subcommand()?;
    let options = RunOptions::from_arg_matches(plan).ok()?;
    let said = options.check().err()?.to_string();
    let tables = [Table::Run, Table::Documents];
    let of_run = |e: &&Entry| tables.contains(&e.setting.table);
    let named = |e: &&Entry| said.contains(&format!("--{}", e.setting.flag));
    let entry = entries.iter().filter(of_run).find(named)?;
    Some(Fault::new(entry.place, entry.setting.path(), &said))
}

/// Says what is wrong with a file; of one with which nothing is, AWS is asked if that is wanted.
fn check(file: &ConfigFile, asking: Option<&CheckArgs>, output: &Output) -> Result<Exit, CliError> {
    let checked = Checked::of(file);
    let asked = match (asking, checked.faults.as_slice()) {
        (Some(args), []) => Some(super::block_on(ask::ask(
            &args.aws,
            file,
            &checked.entries,
            &checked.windows,
        ))?),
        (Some(_), [_, ..]) | (None, _) => None,
    };
    // AWS has said by now which windows it opens.
    let notes: &[String] = if asked.is_some() { &[] } else { &checked.notes };
    let of = |f: &Fault| json!({"line": f.place.line, "column": f.place.column, "key": f.key, "message": f.message});
    let mut document = json!({
        "file": file.shown,
        "settings": checked.entries.len(),
        "windows": checked.windows.len(),
        "freezes": checked.tables.freezes.len(),
        "channels": checked.tables.file.channels.len(),
        "routes": checked.tables.file.routes.len(),
        "faults": checked.faults.iter().map(of).collect::<Vec<_>>(),
        "notes": notes,
    });
    if let Some(asked) = &asked {
        document["aws"] = json!(asked);
    }
    output.result(&document, |_width| match checked.faults.as_slice() {
        [] => {
            let notes = notes.iter().map(|note| format!("\nnote: {note}"));
            let asked = asked.as_ref().map(|a| format!("\n{}", a.text()));
            format!(
                "{}: {}, nothing is wrong{}{}",
                file.shown,
                checked.counts(),
                notes.collect::<String>(),
                asked.unwrap_or_default()
            )
        }
        faults => faults
            .iter()
            .map(|f| format!("{}:{f}\n", file.shown))
            .collect(),
    });
    Ok(match (checked.faults.as_slice(), asked) {
        ([_, ..], _) => Exit::Usage,
        ([], Some(asked)) if !asked.amiss.is_empty() => Exit::SomeFailed,
        ([], Some(_) | None) => Exit::Well,
    })
}
