//! Where words go: data to stdout, everything else to stderr.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::error::ErrorKind;
use indicatif::{MultiProgress, ProgressDrawTarget};
use serde::Serialize;
use serde_json::json;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::GlobalOptions;
use super::error::{CliError, Exit};

/// Tables are this wide where nobody says otherwise: it fits most logs and mails.
const DEFAULT_WIDTH: u16 = 120;
/// Below this, the tables' columns would fall apart; the terminal wraps them instead.
const LEAST_WIDTH: u16 = 80;

/// The program's two mouths.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    live: MultiProgress,
    /// Whether a line was written to a terminal on stderr.
    told: AtomicBool,
}

impl Output {
    /// Decides what goes where, and starts the log.
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
            json: options.json,
            quiet: options.quiet,
            live,
            told: AtomicBool::new(false),
        })
    }

    /// The result: as JSON or as text.
    pub(crate) fn result(&self, document: &impl Serialize, text: impl FnOnce(u16) -> String) {
        if self.json {
            print_json(document);
        } else {
            if self.told.load(Ordering::Relaxed) {
                // Where both go to one terminal, the result stands apart from what came before.
                to_stderr("");
            }
            to_stdout(&text(width()));
        }
    }

    /// A line on stderr that is no error: it must be read even with `--quiet`.
    pub(crate) fn notice(&self, line: &str) {
        self.told.store(!self.live.is_hidden(), Ordering::Relaxed);
        self.live.suspend(|| to_stderr(line));
    }

    /// A line on stderr that `--quiet` silences.
    pub(crate) fn remark(&self, line: &str) {
        if !self.quiet {
            self.notice(line);
        }
    }

    /// Whether progress is wanted at all.
    pub(super) fn quiet(&self) -> bool {
        self.quiet
    }

    /// The place for live lines; hidden when stderr is no terminal.
    pub(super) fn live(&self) -> &MultiProgress {
        &self.live
    }
}

/// Reports an error: one line on stderr, or one document on stdout.
pub(super) fn error(error: &CliError, json: bool) -> Exit {
    if json {
        print_json(&error.to_json());
    } else {
        to_stderr(&format!("error: {error}"));
    }
    error.exit()
}

/// Reports what clap has to say: help and version are results, the rest is wrong usage.
pub(super) fn parse_error(error: &clap::Error) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            to_stdout(&error.render().to_string());
            return Exit::Well;
        }
        _ => {}
    }
    // What could not be parsed cannot say whether it wanted JSON: look for the flag itself.
    let mut words = std::env::args_os().skip(1).take_while(|a| a != "--");
    if words.any(|a| a == "--json") {
        let message = error.render().to_string();
        print_json(&json!({ "error": { "code": "usage", "message": message.trim_end() } }));
    } else {
        to_stderr(error.render().to_string().trim_end());
    }
    Exit::Usage
}

/// The width for tables on stdout, columns.
fn width() -> u16 {
    comfy_table::Table::new()
        .width()
        .unwrap_or(DEFAULT_WIDTH)
        .max(LEAST_WIDTH)
}

fn print_json(document: &impl Serialize) {
    match serde_json::to_string_pretty(document) {
        Ok(text) => to_stdout(&text),
        Err(error) => to_stderr(&format!("error: the result is not JSON: {error}")),
    }
}

/// Writes a text and ends its last line. A reader that went away (`| head`) is no error.
fn to_stdout(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end_matches('\n'));
    let _ = out.flush();
}

fn to_stderr(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Starts the log on stderr: warnings, with `-v` what we do, with `-vv` and `-vvv` more.
fn start_log(verbose: u8, live: MultiProgress) -> Result<(), CliError> {
    let directives = match std::env::var("RUST_LOG") {
        Ok(text) if !text.trim().is_empty() => text,
        _ => match verbose {
            0 => "error,asg_patch=warn".into(),
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
    let colour = std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colour)
        .with_writer(LogWriter(live))
        .finish();
    // Only a second start can fail, and there is only one.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// Writes log lines above the live lines instead of into them.
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
