//! `asg-patch report`

use std::io::Read;
use std::path::{Path, PathBuf};

use asg_patch::report::RunReport;
use clap::Args;

use super::error::{CliError, Exit};
use super::keep::{self, PriceOptions};
use super::output::Output;

/// Options of `report`.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// A report in JSON, as `--json` prints it and `--reports` keeps it; `-` reads stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write it to this HTML file instead of printing it
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    prices: PriceOptions,
}

/// Shows a report again: as a table, or as an HTML file.
///
/// # Errors
/// The file holds no report, or the HTML file cannot be written.
pub(crate) fn execute(args: &ReportArgs, output: &Output) -> Result<Exit, CliError> {
    let report = read(&args.file).map_err(|found| {
        let expected = "a report in JSON, as `asg-patch run --json` prints it";
        CliError::input(args.file.display().to_string(), expected, found)
    })?;
    let report = priced(report, args, output)?;
    if let Some(file) = &args.html {
        keep::html_can_be_written(file)?;
        keep::write_html(file, &report).map_err(|e| {
            let place = format!("--html {}", file.display());
            CliError::input(place, "a file that can be written", e.to_string())
        })?;
        output.remark(&format!("Written to {}.", file.display()));
        return Ok(Exit::Well);
    }
    output.report(&report)?;
    Ok(Exit::Well)
}

/// New prices and links take the place of the old ones. A report that was not priced yet, as the deployed function leaves it, is now.
fn priced(report: RunReport, args: &ReportArgs, output: &Output) -> Result<RunReport, CliError> {
    let prices = args.prices.read()?;
    let is_priced = report.cost.as_ref().is_some_and(|c| c.amounts.is_some());
    let mut report = match is_priced && !args.prices.are_named() {
        true => report,
        false => keep::with_cost(report, &prices),
    };
    if let Some(url) = output.pages_url() {
        report.pages_url = Some(url.to_owned());
    }
    Ok(report)
}

/// Reads a report.
///
/// # Errors
/// What was found instead.
pub(super) fn read(file: &Path) -> Result<RunReport, String> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    serde_json::from_str(&text.map_err(|e| e.to_string())?).map_err(|e| e.to_string())
}
