//! The template, the state machine and the documents as others see them, and the whole of it deployed into a
//! local AWS.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)] // a test's own helpers

mod witness;

use std::fs;
use std::path::Path;

use witness::node::{Node, npm_version};
use witness::{Python, made, run};

const STATE_MACHINE: &str = include_str!("../infra/state-machine.asl.json");

fn node() -> Node {
    Node::with("infra", "tests/infra").unwrap_or_else(|why| panic!("{why}"))
}

/// The judgement of asl-validator on a definition.
fn validate(node: &Node, definition: &Path) -> Result<String, String> {
    let mut validator = node.tool("asl-validator");
    validator.arg("--json-path").arg(definition);
    run("asl-validator", &mut validator)
}

fn passes(name: &str, requirements: &str, script: &str, arguments: &[&str]) {
    let python = Python::with(name, requirements).unwrap_or_else(|why| panic!("{why}"));
    let said = python.script(script, arguments);
    println!("{}", said.unwrap_or_else(|why| panic!("{why}")));
}

/// checkov and ministack want different botocores.
const LINT: (&str, &str) = ("infra-lint", "tests/infra/lint-requirements.txt");
const INFRA: (&str, &str) = ("infra", "tests/infra/requirements.txt");
const RUNBOOKS: (&str, &str) = ("runbooks", "tests/runbooks/requirements.txt");

#[test]
fn linters_and_scanners_have_nothing_against_the_template() {
    passes(LINT.0, LINT.1, "template_check.py", &[]);
}

#[test]
fn the_function_may_do_what_it_does_and_nothing_else() {
    let calls = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/infra/calls.json");
    let modules = node().modules;
    let arguments = [calls.display().to_string(), modules.display().to_string()];
    let arguments = arguments.each_ref().map(String::as_str);
    passes(INFRA.0, INFRA.1, "policy_check.py", &arguments);
}

#[test]
fn the_state_machine_is_valid() {
    let node = node();
    let directory = made("state-machine");
    fs::create_dir_all(&directory).expect("a directory");
    let said = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).expect("a file");
        validate(&node, &path)
    };
    said("as-it-is.json", STATE_MACHINE).unwrap_or_else(|why| panic!("{why}"));
    // It does look.
    for (name, next) in [
        ("nowhere.json", r#""Next": "Nowhere""#),
        ("both.json", r#""Next": "Gather", "End": true"#),
    ] {
        let broken = STATE_MACHINE.replace(r#""Next": "Gather""#, next);
        assert_ne!(broken, STATE_MACHINE);
        said(name, &broken).expect_err(name);
    }
}

/// An editor takes the example of the file of settings, and marks in it what the program would refuse.
#[test]
fn the_schema_of_the_settings_takes_the_example() {
    let directory = made("settings");
    fs::create_dir_all(&directory).expect("a directory");
    let example = include_str!("../docs/asg-patch.example.toml");
    let example: serde_json::Value = toml::from_str(example).expect("the example is TOML");
    let schema = asg_patch::config::schema();
    let files = [("schema.json", schema), ("example.json", example)].map(|(name, document)| {
        let path = directory.join(name);
        fs::write(&path, document.to_string()).expect("a file");
        path.display().to_string()
    });
    let arguments = files.each_ref().map(String::as_str);
    passes(RUNBOOKS.0, RUNBOOKS.1, "settings_check.py", &arguments);
}

#[test]
fn the_documents_are_what_aws_takes() {
    // It asks npm for AWS's schema.
    npm_version().unwrap_or_else(|why| panic!("{why}"));
    passes(RUNBOOKS.0, RUNBOOKS.1, "documents_check.py", &[]);
}

#[test]
fn the_automations_do_what_they_say() {
    passes(RUNBOOKS.0, RUNBOOKS.1, "automation_check.py", &[]);
}

#[test]
fn the_seals_clean_up_and_nothing_else() {
    passes(RUNBOOKS.0, RUNBOOKS.1, "seal_check.py", &[]);
}

#[test]
fn the_readiness_scripts_wait_for_what_they_should() {
    passes(RUNBOOKS.0, RUNBOOKS.1, "ready_check.py", &[]);
}

#[test]
#[ignore = "minutes, root and a Debian mirror: ./dev long guest"]
fn guests_boot_from_a_sealed_disk_as_from_the_owners() {
    let directory = made("guest").display().to_string();
    passes(RUNBOOKS.0, RUNBOOKS.1, "guest_check.py", &[&directory]);
}

#[test]
fn deployed_every_way_in_ends_as_it_should() {
    let directory = made("deployed").display().to_string();
    let programs = [
        env!("CARGO_BIN_EXE_asg-patch"),
        env!("CARGO_BIN_EXE_bootstrap"),
    ];
    let arguments = [programs[0], programs[1], &directory];
    passes(INFRA.0, INFRA.1, "deployed_check.py", &arguments);
}
