//! The template, the state machine and the documents as others see them, and the whole of it deployed into a
//! local AWS.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)] // a test's own helpers

mod witness;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use witness::{Python, made, made_once, npm_settings, succeeded};

const STATE_MACHINE: &str = include_str!("../infra/state-machine.asl.json");

/// The npm packages of tests/infra/package.json, with npm's own copies of them below the target directory.
struct Node {
    modules: PathBuf,
}

impl Node {
    fn ready() -> Result<Self, String> {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/infra");
        let home = made("infra-npm");
        let lock = sources.join("package-lock.json");
        let about = format!("npm {}", npm_version()?);
        made_once(&home, &lock, &about, || {
            fs::create_dir_all(&home).map_err(|e| format!("{}: {e}", home.display()))?;
            for name in ["package.json", "package-lock.json"] {
                let copied = fs::copy(sources.join(name), home.join(name));
                copied.map_err(|e| format!("{name}: {e}"))?;
            }
            let options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
            let installed = npm().arg("ci").args(options).current_dir(&home).output();
            let installed = installed.map_err(|e| needs_node(&e.to_string()))?;
            succeeded("npm ci", &installed).map(drop).map_err(|e| {
                format!(
                    "the checks of infra/ could not install {}; \
                     npm needs a registry that it can reach: {e}",
                    lock.display()
                )
            })
        })?;
        Ok(Self {
            modules: home.join("node_modules"),
        })
    }

    /// The judgement of asl-validator on a definition.
    fn validate(&self, definition: &Path) -> Result<String, String> {
        let validator = self.modules.join(".bin/asl-validator");
        let output = Command::new(&validator)
            .arg("--json-path")
            .arg(definition)
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("{}: {e}", validator.display()))?;
        succeeded("asl-validator", &output)
    }
}

/// A command that runs npm.
fn npm() -> Command {
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.envs(npm_settings()).stdin(Stdio::null());
    npm
}

fn npm_version() -> Result<String, String> {
    let output = npm().arg("--version").output();
    let output = output.map_err(|e| needs_node(&format!("npm: {e}")))?;
    let version = succeeded("npm", &output).map_err(|e| needs_node(&e))?;
    Ok(version.trim().to_owned())
}

fn needs_node(found: &str) -> String {
    format!(
        "the checks of infra/ and runbooks/ need Node.js with its npm: install it (Debian, Ubuntu: apt-get \
         install nodejs npm; Fedora, Amazon Linux: dnf install nodejs npm; macOS: brew install node). {found}"
    )
}

fn node() -> Node {
    Node::ready().unwrap_or_else(|why| panic!("{why}"))
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
        node.validate(&path)
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
