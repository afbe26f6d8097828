//! `asg-patch explain`

use asg_patch::group::Code;
use asg_patch::report;
use clap::Args;
use serde_json::json;

use super::complete;
use super::error::{CliError, Exit};
use super::output::Output;

/// An unknown code is answered with at most this many that are near it.
const NEAR: usize = 5;

/// Where pages take their examples from.
const SCENARIOS: &str = "tests/scenarios/";

/// Options of `explain`.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// A code such as AP-0311, an alarm of the stack such as GroupLeftOpen, or a page: alarms, replay, runbooks, stop [default: list all codes]
    #[arg(value_name = "CODE", add = complete::codes())]
    code: Option<String>,
}

impl ExplainArgs {
    /// Whether it lists all codes.
    pub(super) fn lists(&self) -> bool {
        self.code.is_none()
    }
}

/// Prints the page about a code or another page of the runbooks, or the list of all codes.
///
/// # Errors
/// There is no such page.
pub(crate) fn execute(args: &ExplainArgs, output: &Output) -> Result<Exit, CliError> {
    let Some(wanted) = &args.code else {
        let all: Vec<_> = Code::ALL.iter().map(|code| outline(*code)).collect();
        let table = |width| report::codes_table(width);
        output.tabular(&json!({ "codes": all }), table, report::codes_sheet)?;
        return Ok(Exit::Well);
    };
    let code = match (find(wanted), report::topic(wanted, output.pages_url())) {
        (Ok(code), _) => code,
        (Err(_), Some(page)) => {
            output.result(&json!({ "topic": wanted, "page": page }), |_width| page);
            return Ok(Exit::Well);
        }
        (Err(unknown), None) => return Err(unknown),
    };
    let page = report::page(code, output.pages_url());
    if page.contains(SCENARIOS) {
        output.remark(&format!("{SCENARIOS} is a directory of the project: its examples run in a checkout of the repository."));
    }
    let mut document = outline(code);
    document["page"] = json!(page);
    output.result(&document, |_width| page);
    Ok(Exit::Well)
}

fn outline(code: Code) -> serde_json::Value {
    json!({ "code": code, "title": code.title(), "remedy": code.remedy() })
}

/// The code as people write it: `AP-0311`, `ap-0311`, `0311`, `311`.
fn find(wanted: &str) -> Result<Code, CliError> {
    let written = wanted.trim().to_ascii_uppercase();
    let number = written.strip_prefix("AP").unwrap_or(&written);
    let whole = format!("AP-{:0>4}", number.trim_start_matches('-'));
    let codes = Code::ALL.iter().copied();
    if let Some(code) = codes.clone().find(|c| c.as_str() == whole) {
        return Ok(code);
    }
    let word = wanted.trim().to_lowercase();
    let mut near: Vec<(usize, Code)> = codes
        .filter_map(|code| {
            let named = !word.is_empty() && code.title().to_lowercase().contains(&word);
            match strsim::osa_distance(code.as_str(), &whole) {
                _ if named => Some((0, code)),
                distance @ ..=1 => Some((distance, code)),
                _ => None,
            }
        })
        .collect();
    near.sort();
    let near: Vec<String> = near
        .into_iter()
        .take(NEAR)
        .map(|(_, code)| format!("{code} ({})", code.title()))
        .collect();
    let found = match near.as_slice() {
        [] => format!("'{wanted}'"),
        near => format!("'{wanted}'. Near it: {}", near.join("; ")),
    };
    let pages: Vec<&str> = report::page_names().collect();
    let expected = format!(
        "a code such as AP-0311 (`asg-patch explain` lists them all), an alarm such as GroupLeftOpen, or one of {}",
        pages.join(", ")
    );
    Err(CliError::input("CODE", expected, found))
}

#[cfg(test)]
mod tests {
    use asg_patch::group::Code;

    use super::find;

    #[test]
    fn codes_are_found_as_people_write_them() {
        for written in ["AP-0311", "ap-0311", " ap0311 ", "0311", "311"] {
            assert_eq!(find(written).unwrap(), Code::PatchFailed, "{written}");
        }
    }

    #[test]
    fn an_unknown_code_is_answered_with_those_near_it() {
        let error = |written| find(written).unwrap_err().to_string();
        let near = error("AP-0314");
        assert!(
            near.contains("AP-0311 (the patch command failed)"),
            "{near}"
        );
        assert!(!near.contains("AP-0101"), "{near}");
        assert!(error("warm pool").contains("AP-0103 (the group has a warm pool)"));
        assert!(error("zzz").ends_with("found 'zzz'"));
        assert!(!error("").contains("Near"));
    }
}
