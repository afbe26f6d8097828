//! Reports that outlast the terminal: as JSON in a directory, as an HTML file; and their prices.

use std::path::{Path, PathBuf};

use asg_patch::report::{self, Cost, PlanReport, Prices, RunReport};
use asg_patch::text::legal_name;
use clap::Args;

use super::error::{CliError, Exit};
use super::output::Output;

/// The file of prices.
#[derive(Args, Debug)]
#[command(next_help_heading = "The report")]
pub(crate) struct PriceOptions {
    /// TOML file of prices for the cost [default: list prices of us-east-1]
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
}

/// The directory of kept reports.
#[derive(Args, Debug)]
#[command(next_help_heading = "The report")]
pub(crate) struct ReportsOptions {
    /// Keep the report as JSON in this directory, for `asg-patch history`
    #[arg(long, value_name = "DIR")]
    reports: Option<PathBuf>,
}

/// Where the report of a run is kept.
#[derive(Args, Debug)]
#[command(next_help_heading = "The report")]
pub(crate) struct KeepOptions {
    /// Write the report to this HTML file, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    reports: ReportsOptions,
    #[command(flatten)]
    prices: PriceOptions,
}

impl PriceOptions {
    /// Reads the prices: those of the file, or else AWS's list prices.
    ///
    /// # Errors
    /// The file cannot be read, or holds no prices.
    pub(crate) fn read(&self) -> Result<Prices, CliError> {
        let expected =
            "a TOML file with region, date, currency, [instance_hour] and perhaps other prices";
        let Some(path) = &self.prices else {
            let wrong = |found| CliError::input("the program's own prices", expected, found);
            return Prices::list().map_err(wrong);
        };
        let wrong =
            |found| CliError::input(format!("--prices {}", path.display()), expected, found);
        let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
        Prices::parse(&text).map_err(wrong)
    }

    /// Whether a file was named.
    pub(crate) fn are_named(&self) -> bool {
        self.prices.is_some()
    }
}

impl ReportsOptions {
    /// Checks before the work that the directory can be written.
    ///
    /// # Errors
    /// It cannot be made or written.
    pub(crate) fn ready(&self) -> Result<(), CliError> {
        let Some(folder) = &self.reports else {
            return Ok(());
        };
        let made = std::fs::create_dir_all(folder);
        made.and_then(|()| can_write(folder)).map_err(|e| {
            let place = format!("--reports {}", folder.display());
            CliError::input(place, "a directory that can be written", e.to_string())
        })
    }

    /// Keeps a report; answers the exit code of the command, which is not [`Exit::Well`] if it could not be kept.
    pub(crate) fn keep(&self, report: &RunReport, output: &Output, exit: Exit) -> Exit {
        let Some(folder) = &self.reports else {
            return exit;
        };
        let file = folder.join(file_name(report));
        let text = serde_json::to_string_pretty(report).map_err(std::io::Error::from);
        let kept = text.and_then(|text| write(&file, &text));
        unless_kept(&file, kept, output, exit)
    }
}

impl KeepOptions {
    /// Checks before the work that all can be written, and reads the prices.
    ///
    /// # Errors
    /// A file or directory that cannot be read or written.
    pub(crate) fn ready(&self) -> Result<Prices, CliError> {
        self.reports.ready()?;
        if let Some(file) = &self.html {
            html_can_be_written(file)?;
        }
        self.prices.read()
    }

    /// Keeps a report as the options say; answers the exit code of the command.
    pub(crate) fn keep(&self, report: &RunReport, output: &Output, exit: Exit) -> Exit {
        let exit = self.reports.keep(report, output, exit);
        match &self.html {
            Some(file) => unless_kept(file, write_html(file, report), output, exit),
            None => exit,
        }
    }
}

/// The plan with its cost.
pub(super) fn plan_with_cost(plan: PlanReport, prices: &Prices) -> PlanReport {
    let cost = Some(Cost::of_plan(&plan, Some(prices)));
    PlanReport { cost, ..plan }
}

/// The report with its cost.
pub(super) fn with_cost(report: RunReport, prices: &Prices) -> RunReport {
    let cost = Some(Cost::of_run(&report, Some(prices)));
    RunReport { cost, ..report }
}

/// Checks that the HTML file can be written.
///
/// # Errors
/// Its directory is missing or cannot be written.
pub(super) fn html_can_be_written(file: &Path) -> Result<(), CliError> {
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty());
    let checked = match file.is_dir() {
        true => Err(std::io::Error::other("it is a directory")),
        false => can_write(folder.unwrap_or(Path::new("."))),
    };
    checked.map_err(|e| {
        let place = format!("--html {}", file.display());
        let expected = "a file in a directory that can be written";
        CliError::input(place, expected, e.to_string())
    })
}

/// Writes the HTML report.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write_html(file: &Path, report: &RunReport) -> std::io::Result<()> {
    let page = report::html(report).map_err(std::io::Error::other)?;
    write(file, &page)
}

/// The name sorts by time: `20261014T040000Z-RUN.json`.
fn file_name(report: &RunReport) -> String {
    let started = report.started_at.format("%Y%m%dT%H%M%SZ");
    format!("{started}-{}.json", legal_name(&report.run_id))
}

/// Writes a file whole or not at all.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let new = with_suffix(file, "new");
    std::fs::write(&new, text)?;
    std::fs::rename(&new, file)
}

fn can_write(folder: &Path) -> std::io::Result<()> {
    let probe = with_suffix(&folder.join("asg-patch"), "probe");
    std::fs::write(&probe, "")?;
    std::fs::remove_file(&probe)
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.{suffix}", std::process::id()));
    file.with_file_name(name)
}

/// A report that could not be kept is reported, and the command has not ended well.
fn unless_kept(file: &Path, kept: std::io::Result<()>, output: &Output, exit: Exit) -> Exit {
    let Err(error) = kept else { return exit };
    let file = file.display();
    output.notice(&format!(
        "error: the report could not be written to {file}: {error}"
    ));
    if exit == Exit::Well {
        Exit::SomeFailed
    } else {
        exit
    }
}
