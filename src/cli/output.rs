//! Output: data goes to stdout, everything else to stderr.

use std::ffi::OsString;
use std::io::{ErrorKind as IoError, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use asg_patch::report::{self, RunReport, Sheet};
use clap::error::ErrorKind;
use indicatif::{MultiProgress, ProgressDrawTarget};
use serde::Serialize;
use serde_json::json;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::GlobalOptions;
use super::error::{CliError, Exit};
use super::paint;

/// The width of tables where stdout is no terminal, columns: nothing is ever so wide, so that no name is cut or wrapped
/// before another program reads it.
const NO_LIMIT: u16 = 10_000;
/// Tables are not made narrower than this, columns; on a narrower terminal their lines wrap.
const LEAST_WIDTH: u16 = 80;

/// The width of `-o wide`, columns: no line is wrapped, no id shortened.
const UNBROKEN_WIDTH: u16 = 4_000;

/// The form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Fits the terminal.
    Table,
    /// The table, as wide as its values are.
    Wide,
    /// Comma-separated values with a header.
    Csv,
    /// A Markdown table.
    Md,
    /// One JSON document.
    Json,
}

/// The program's two output streams.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
    pages_url: Option<String>,
    quiet: bool,
    live: MultiProgress,
    /// Whether a line was written to a terminal on stderr.
    written: AtomicBool,
    /// Whether stdout is a terminal that wants colours.
    colours: bool,
    /// Why the result could not be written to stdout, if so.
    unwritten: OnceLock<std::io::Error>,
}

impl Output {
    /// Reads the options, finds out whether stderr is a terminal, and starts the log.
    ///
    /// # Errors
    /// `RUST_LOG` is invalid.
    pub(super) fn new(options: &GlobalOptions) -> Result<Self, CliError> {
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let terminal = std::io::stderr().is_terminal() && !dumb && !options.quiet;
        let live = MultiProgress::with_draw_target(if terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        });
        start_log(options.verbose, live.clone())?;
        Ok(Self {
            format: options.format(),
            pages_url: options.pages_url.clone(),
            quiet: options.quiet,
            live,
            written: AtomicBool::new(false),
            colours: std::io::stdout().is_terminal() && !dumb && wants_colours(),
            unwritten: OnceLock::new(),
        })
    }

    /// Writes the result to stdout, as JSON or as text.
    pub(crate) fn result(&self, document: &impl Serialize, text: impl FnOnce(u16) -> String) {
        match self.format {
            Format::Json => self.wrote(print_json(document)),
            Format::Wide => self.text(&text(UNBROKEN_WIDTH)),
            Format::Table | Format::Csv | Format::Md => self.text(&text(width())),
        }
    }

    /// Keeps the first error of writing a result.
    fn wrote(&self, written: std::io::Result<()>) {
        if let Err(error) = written {
            let _ = self.unwritten.set(error);
        }
    }

    /// Whether a result could not be written to stdout.
    pub(super) fn is_broken(&self) -> bool {
        self.unwritten.get().is_some()
    }

    /// The exit code of a command that ended with `exit`: a result that could not be written is reported, and the
    /// command did not end well.
    pub(super) fn ended(&self, exit: Exit) -> Exit {
        match self.unwritten.get() {
            None => exit,
            Some(error) => exit.max(unwritten(error)),
        }
    }

    /// Writes a result that has a flat table to stdout.
    ///
    /// # Errors
    /// The flat table cannot be written.
    pub(crate) fn tabular(
        &self,
        document: &impl Serialize,
        text: impl FnOnce(u16) -> String,
        sheet: impl FnOnce() -> Sheet,
    ) -> Result<(), CliError> {
        match self.format {
            Format::Csv => self.text(&sheet().csv().map_err(CliError::Csv)?),
            Format::Md => self.text(&sheet().markdown()),
            Format::Table | Format::Wide | Format::Json => self.result(document, text),
        }
        Ok(())
    }

    /// Writes the report of a run to stdout.
    ///
    /// # Errors
    /// The flat table cannot be written.
    pub(crate) fn report(&self, report: &RunReport) -> Result<(), CliError> {
        self.tabular(
            report,
            |width| report::run_table(report, width),
            || report::run_sheet(report),
        )
    }

    /// Checks the form before the work: only results that have a flat table can be printed as one.
    ///
    /// # Errors
    /// The command's result has none.
    pub(super) fn check(&self, is_tabular: bool) -> Result<(), CliError> {
        match self.format {
            Format::Csv | Format::Md if !is_tabular => Err(CliError::input(
                "--output",
                "table, wide or json for a command whose result is no table",
                if self.format == Format::Csv {
                    "csv"
                } else {
                    "md"
                },
            )),
            _ => Ok(()),
        }
    }

    /// Where the pages about the codes are published.
    pub(crate) fn pages_url(&self) -> Option<&str> {
        self.pages_url.as_deref()
    }

    fn text(&self, text: &str) {
        if self.written.load(Ordering::Relaxed) {
            // On a terminal, an empty line sets the result apart from the progress lines.
            to_stderr("");
        }
        let is_cells = matches!(self.format, Format::Table | Format::Wide);
        self.wrote(match self.colours && is_cells {
            true => to_stdout(&paint::cells(text)),
            false => to_stdout(text),
        });
    }

    /// Writes a line to stderr that is no error but must be read, even with `--quiet`.
    pub(crate) fn notice(&self, line: &str) {
        self.written
            .store(!self.live.is_hidden(), Ordering::Relaxed);
        self.live.suspend(|| to_stderr(line));
    }

    /// Writes a line to stderr, unless `--quiet` is given.
    pub(crate) fn remark(&self, line: &str) {
        if !self.quiet {
            self.notice(line);
        }
    }

    /// Writes a line of progress to a terminal.
    pub(super) fn progress(&self, line: &str) {
        match wants_colours() {
            true => self.notice(&paint::cells(line)),
            false => self.notice(line),
        }
    }

    /// Whether `--quiet` is given.
    pub(super) fn quiet(&self) -> bool {
        self.quiet
    }

    /// The live lines; hidden if stderr is no terminal.
    pub(super) fn live(&self) -> &MultiProgress {
        &self.live
    }
}

/// Reports an error: one line on stderr, or one document on stdout.
pub(super) fn error(error: &CliError, json: bool) -> Exit {
    let written = match json {
        true => print_json(&error.to_json()),
        false => Ok(()),
    };
    if !json || written.is_err() {
        to_stderr(&format!("error: {error}"));
    }
    error.exit()
}

/// Reports that a result could not be written.
fn unwritten(error: &std::io::Error) -> Exit {
    to_stderr(&format!(
        "error: stdout: expected to write the result, found: {error}. What the command did, it did: \
         `asg-patch status` shows it; make room, or send the output elsewhere"
    ));
    Exit::SomeFailed
}

/// Reports an answer of clap: help and version are results, anything else is wrong usage.
pub(super) fn parse_error(error: &clap::Error, json: bool) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let written = to_stdout(&error.render().to_string());
            return written.map_or_else(|e| unwritten(&e), |()| Exit::Well);
        }
        _ => {}
    }
    if json {
        let message = error.render().to_string();
        let document = json!({ "error": { "code": "usage", "message": message.trim_end() } });
        if print_json(&document).is_err() {
            to_stderr(message.trim_end());
        }
    } else {
        to_stderr(error.render().to_string().trim_end());
    }
    Exit::Usage
}

/// Whether the words of a command line that could not be understood ask for JSON; none if they name no form.
pub(super) fn asked_for_json() -> Option<bool> {
    let mut before = OsString::new();
    let mut asked = None;
    for word in std::env::args_os().skip(1).take_while(|a| a != "--") {
        let text = word.to_string_lossy();
        let form = match &*text {
            "--json" => Some("json"),
            text if before == "-o" || before == "--output" => Some(text),
            text => text.strip_prefix("--output=").or(text.strip_prefix("-o")),
        };
        asked = form
            .filter(|f| !f.is_empty())
            .map(|f| f == "json")
            .or(asked);
        before.clone_from(&word);
    }
    asked
}

/// The width for tables on stdout, columns: `COLUMNS` where it is set, else the terminal's.
fn width() -> u16 {
    let set = std::env::var("COLUMNS").ok();
    match set.and_then(|text| text.trim().parse::<u16>().ok()) {
        Some(columns) if columns > 0 => columns.clamp(LEAST_WIDTH, NO_LIMIT),
        Some(_) | None => comfy_table::Table::new()
            .width()
            .map_or(NO_LIMIT, |columns| columns.max(LEAST_WIDTH)),
    }
}

fn print_json(document: &impl Serialize) -> std::io::Result<()> {
    to_stdout(&serde_json::to_string_pretty(document)?)
}

/// Writes a text and ends its last line. A reader that has gone away (`| head`) is no error.
fn to_stdout(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == IoError::BrokenPipe => Ok(()),
        other => other,
    }
}

fn to_stderr(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Whether the environment does not forbid colours. Source: no-color.org.
fn wants_colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Starts the log on stderr: warnings; with `-v` also the steps of a run, with `-vv` and `-vvv` more.
///
/// # Errors
/// `RUST_LOG` is invalid.
fn start_log(verbose: u8, live: MultiProgress) -> Result<(), CliError> {
    let directives = match std::env::var("RUST_LOG") {
        Ok(text) if !text.trim().is_empty() => text,
        _ => match verbose {
            // What fails in the SDK is an error here as well, or is tried again: its own words are noise.
            0 => "off,asg_patch=warn".into(),
            1 => "warn,asg_patch=info".into(),
            2 => "warn,asg_patch=debug".into(),
            _ => "debug,asg_patch=trace".into(),
        },
    };
    let filter = EnvFilter::try_new(&directives).map_err(|e| {
        CliError::input(
            "RUST_LOG",
            "directives such as `info,asg_patch=debug`",
            format!("'{directives}' ({e})"),
        )
    })?;
    let colour = std::io::stderr().is_terminal() && wants_colours();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colour)
        .with_writer(LogWriter(live))
        .finish();
    // Only a second start could fail, and there is only one.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// Writes log lines above the live lines.
#[derive(Clone, Debug)]
struct LogWriter(MultiProgress);

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.suspend(|| std::io::stderr().write(line))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
