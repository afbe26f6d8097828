//! boto3 and the AWS CLI against the simulated account.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)] // a test's own helpers

mod witness;

use witness::Python;

fn python() -> Python {
    Python::ready().unwrap_or_else(|why| panic!("{why}"))
}

#[test]
fn the_judge_finds_what_is_wrong() {
    let said = python().script("shapes_check.py", &[]);
    println!("{}", said.unwrap_or_else(|why| panic!("{why}")));
}
