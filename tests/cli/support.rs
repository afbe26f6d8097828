//! Running the program, and the simulated account for it to run on.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::{Deserializer, Value};

/// Environment variables as pairs.
pub(crate) type Vars<'a> = &'a [(&'a str, &'a str)];

pub(crate) const KEYS: Vars = &[
    ("AWS_ACCESS_KEY_ID", "simulated"),
    ("AWS_SECRET_ACCESS_KEY", "simulated"),
];

/// Two groups that are quick to patch.
pub(crate) const SMALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/small.toml");

/// The program in an environment that holds nothing of this machine's.
fn command(args: &[&str], vars: Vars) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_asg-patch"));
    command
        .args(args)
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(vars.iter().copied());
    command
}

/// Runs the program to its end.
pub(crate) fn asg_patch(args: &[&str], vars: Vars) -> Output {
    command(args, vars).output().expect("the program starts")
}

/// Runs the program to its end in a directory.
pub(crate) fn asg_patch_in(directory: &Path, args: &[&str], vars: Vars) -> Output {
    let mut command = command(args, vars);
    command
        .current_dir(directory)
        .output()
        .expect("the program starts")
}

/// Runs the program to its end, with its output to somewhere else.
pub(crate) fn asg_patch_to(args: &[&str], stdout: impl Into<Stdio>) -> Output {
    let stderr = Stdio::piped();
    let child = command(args, &[]).stdout(stdout).stderr(stderr).spawn();
    let child = child.expect("the program starts");
    child.wait_with_output().expect("it ends")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

/// How a program with `--json` ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// The one document on stdout.
    pub(crate) json: Value,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let stderr = text(&output.stderr);
        let json = serde_json::from_slice(&output.stdout);
        Self {
            code: output.status.code(),
            json: json.unwrap_or_else(|e| {
                panic!(
                    "not one JSON document: {e}: {}\n{stderr}",
                    text(&output.stdout)
                )
            }),
            stderr,
        }
    }
}

/// A `simulate` in the background; Ctrl-C ends it.
pub(crate) struct Simulation {
    process: Child,
    pub(crate) document: Value,
}

impl Simulation {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut process = command(&["simulate", "--json", "--quiet"], &[])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = process.stdout.take().expect("stdout is piped");
        let document = Deserializer::from_reader(stdout)
            .into_iter()
            .next()
            .expect("it prints a document")
            .expect("the document is JSON");
        Self { process, document }
    }

    /// The small fleet, `speed` times as fast as real time. Slower where a test must come in between.
    pub(crate) fn of_small_fleet(speed: &str) -> Self {
        Self::start(&["--fleet", SMALL, "--speed", speed])
    }

    /// The environment that points AWS clients at it.
    pub(crate) fn environment(&self) -> Vec<(&str, &str)> {
        let variables = self.document["environment"].as_object().expect("an object");
        variables
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str().expect("a string")))
            .collect()
    }

    /// Runs the program with `--json` on this account, to its end.
    pub(crate) fn json(&self, args: &[&str]) -> Ended {
        command(args, &self.environment())
            .arg("--json")
            .output()
            .expect("the program starts")
            .into()
    }

    /// Runs the program on this account, to its end, and answers what it printed.
    pub(crate) fn printed(&self, args: &[&str]) -> String {
        let output = command(args, &self.environment()).output();
        text(&output.expect("the program starts").stdout)
    }

    /// The groups as `status` shows them.
    pub(crate) fn groups(&self) -> Value {
        let status = self.json(&["status"]);
        assert_eq!(status.code, Some(0), "{}", status.stderr);
        status.json["groups"].clone()
    }

    /// Starts the program with `--json` on this account.
    pub(crate) fn running(&self, args: &[&str]) -> Running {
        self.started(command(args, &self.environment()))
    }

    /// The same, by a shell that ignores hang-ups, as `nohup` does.
    pub(crate) fn running_on(&self, args: &[&str]) -> Running {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "trap '' HUP; exec \"$0\" \"$@\""])
            .arg(env!("CARGO_BIN_EXE_asg-patch"))
            .args(args)
            .envs(self.environment());
        self.started(shell)
    }

    fn started(&self, mut command: Command) -> Running {
        let mut process = command
            .arg("--json")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let progress = BufReader::new(process.stderr.take().expect("stderr is piped"));
        Running {
            process,
            progress,
            progress_text: String::new(),
        }
    }

    pub(crate) fn interrupt(mut self) -> Option<i32> {
        interrupt(&self.process);
        self.process.wait().expect("it ends").code()
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        // It has ended already unless the test failed before.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program at work.
pub(crate) struct Running {
    process: Child,
    progress: BufReader<ChildStderr>,
    progress_text: String,
}

impl Running {
    /// Reads its progress until a line holds `words`.
    pub(crate) fn until(&mut self, words: &str) {
        loop {
            let mut line = String::new();
            let read = self.progress.read_line(&mut line);
            assert_ne!(
                read.expect("progress is text"),
                0,
                "no '{words}' in:\n{}",
                self.progress_text
            );
            self.progress_text.push_str(&line);
            if line.contains(words) {
                return;
            }
        }
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        interrupt(&self.process);
    }

    /// The terminal is gone.
    pub(crate) fn hang_up(&self) {
        signal(&self.process, "-HUP");
    }

    /// As if the machine had gone down.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("it is still running");
        let status = self.process.wait().expect("it ends");
        assert_eq!(
            status.code(),
            None,
            "it was killed:\n{}",
            self.progress_text
        );
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Ended {
        // What it prints on stdout comes at its end, and fits into the pipe.
        let rest = self.progress.read_to_string(&mut self.progress_text);
        rest.expect("progress is text");
        let output = self.process.wait_with_output().expect("it ends");
        let stderr = self.progress_text.into_bytes();
        Output { stderr, ..output }.into()
    }
}

fn interrupt(process: &Child) {
    signal(process, "-INT");
}

fn signal(process: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &process.id().to_string()])
        .status();
    assert!(sent.is_ok_and(|s| s.success()));
}
