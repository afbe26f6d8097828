//! The part of a command's output that is most likely to say why it failed.

use aws_sdk_ssm::types::CommandPlugin;

use crate::text::{plain_text, shortened};

/// Characters that are kept of a command's output: a line or two.
const OUTPUT: usize = 300;
/// At most this many of them are of what was printed as an error.
const ERRORS_END: usize = 150;
/// The agent's words between the output and what was printed as an error, and where it has cut them.
const ERRORS_BELOW: &str = "----------ERROR-------";
const OUTPUT_CUT: &str = "---Output truncated---";
const ERRORS_CUT: &str = "---Error truncated----";
/// Between the parts that are shown.
const BETWEEN: &str = " … ";
/// The output of a step that is meant for another platform (Systems Manager's own words).
const SKIPPED_STEP: &str = "Step execution skipped";

/// A line or two of what the last step printed: of the last that failed, else of the last that was run at all.
pub(super) fn output(steps: &[CommandPlugin]) -> String {
    let is_bad = |p: &&CommandPlugin| p.response_code() != 0;
    let has_run = |p: &&CommandPlugin| !p.output().is_some_and(|o| o.starts_with(SKIPPED_STEP));
    let run = || steps.iter().rev().filter(has_run);
    let step = run().find(is_bad).or_else(|| run().next());
    worth_showing(step.and_then(|s| s.output()).unwrap_or_default())
}

/// The part of a step's output that is most likely to say why it failed. The agent sends 2,400 characters: of a long output
/// the beginning, so that its end is not the end; below it, what was printed as an error. So the lines count that name a
/// failure, the first ones first, else the end of what there is; and then the end of the errors.
/// Source: amazon-ssm-agent, `iohandler.TruncateOutput`.
fn worth_showing(output: &str) -> String {
    let (out, errors) = output.split_once(ERRORS_BELOW).unwrap_or((output, ""));
    let uncut = |text: &str, mark: &str| {
        let text = text.trim_end();
        text.strip_suffix(mark).unwrap_or(text).to_owned()
    };
    let errors = end_of(&plain_text(&uncut(errors, ERRORS_CUT)), ERRORS_END);
    let out = uncut(out, OUTPUT_CUT);
    let names_failure = |line: &&str| {
        let line = line.to_ascii_lowercase();
        ["fail", "error", "fatal"]
            .iter()
            .any(|word| line.contains(word))
    };
    let failures: Vec<&str> = out.lines().filter(names_failure).collect();
    let room = match errors.chars().count() {
        0 => OUTPUT,
        errors => OUTPUT - errors - BETWEEN.chars().count(),
    };
    let out = match failures.as_slice() {
        [] => end_of(&plain_text(&out), room),
        failures => shortened(plain_text(&failures.join("\n")).trim(), room),
    };
    let parts = [out, errors].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<String>>().join(BETWEEN)
}

fn end_of(text: &str, characters: usize) -> String {
    let surplus = text.trim().chars().count().saturating_sub(characters);
    let end: String = text.trim().chars().skip(surplus).collect();
    end.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(code: i32, output: &str) -> CommandPlugin {
        CommandPlugin::builder()
            .response_code(code)
            .output(output)
            .build()
    }

    #[test]
    fn the_output_is_that_of_the_step_that_tells_most() {
        let skipped = || step(0, "Step execution skipped due to unsatisfied preconditions");
        assert_eq!(output(&[]), "");
        assert_eq!(
            output(&[skipped(), step(0, "two\n lines\u{1b}\n")]),
            "two lines"
        );
        assert_eq!(output(&[step(0, "windows"), skipped()]), "windows");
        assert_eq!(output(&[step(1, "bad"), step(0, "later")]), "bad");
        let long = format!("{}ä{}", "x".repeat(400), "y".repeat(299));
        assert_eq!(output(&[step(1, &long)]), format!("ä{}", "y".repeat(299)));
    }

    /// The agent cuts a long output behind its beginning: its end there says nothing.
    #[test]
    fn the_lines_that_name_a_failure_are_shown_wherever_they_are() {
        let installed = "Installed: kernel.x86_64\n".repeat(80);
        let cut = format!(
            "Patch operation details:\nFailed: openssl.x86_64\n{installed}Installed: pyth\n---Output truncated---\n\
             ----------ERROR-------\nfailed to run commands: exit status 1"
        );
        let expected = "Failed: openssl.x86_64 … failed to run commands: exit status 1";
        assert_eq!(worth_showing(&cut), expected);
        let many = format!(
            "{}----------ERROR-------\n{}",
            "an Error\n".repeat(90),
            "e".repeat(900)
        );
        let shown = worth_showing(&many);
        assert!(shown.starts_with("an Error an Error"), "{shown}");
        assert!(shown.ends_with(&"e".repeat(ERRORS_END)), "{shown}");
        assert!(shown.chars().count() <= OUTPUT, "{shown}");
        // Nothing names one: the end of what there is.
        assert_eq!(worth_showing("one\ntwo\n---Output truncated---"), "one two");
        let only = "\n----------ERROR-------\nno space left\n---Error truncated----";
        assert_eq!(worth_showing(only), "no space left");
    }
}
