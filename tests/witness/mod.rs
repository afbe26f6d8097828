//! Third-party witnesses: a Python with pinned AWS clients and servers, ours beside them.
//!
//! The virtual environments live in the target directory and are made once per set of requirements.
//! A missing prerequisite is reported in a sentence; nothing is skipped.

#![allow(dead_code)] // each test binary uses its part

pub(crate) mod node;

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use asg_patch::clock::Clock;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use aws_types::region::Region;
use sha2::{Digest, Sha256};

/// The region of every witness.
pub(crate) const REGION: &str = "eu-west-1";
/// Python older than this is not supported by the pinned clients.
const OLDEST_PYTHON: &str = "3.10";
/// moto imports half of botocore before it answers; a loaded machine needs tens of seconds.
const MOTO_START_SECONDS: u64 = 120;

const PROBE: &str = "import sys, venv, ensurepip; print('.'.join(map(str, sys.version_info[:2])))";

/// A Python in which the requirements are installed.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    home: PathBuf,
    requirements: PathBuf,
}

impl Python {
    /// The environment of the witnesses beside this file, made first if it is not there yet.
    ///
    /// # Errors
    /// A sentence that says what is missing and what to install.
    pub(crate) fn ready() -> Result<Self, String> {
        Self::with("witness", "tests/witness/requirements.txt")
    }

    /// An environment of its own, for this file of requirements and the scripts beside it.
    ///
    /// # Errors
    /// A sentence that says what is missing and what to install.
    pub(crate) fn with(name: &str, requirements: &str) -> Result<Self, String> {
        let version = python_version()?;
        let python = Self {
            home: made(&format!("{name}-venv")),
            requirements: Path::new(env!("CARGO_MANIFEST_DIR")).join(requirements),
        };
        let about = format!("python {version}");
        made_once(&python.home, &python.requirements, &about, || {
            python.install()
        })?;
        Ok(python)
    }

    /// Runs one of the scripts beside the requirements; every warning is an error.
    ///
    /// # Errors
    /// The script's output, if it failed.
    pub(crate) fn script(&self, name: &str, arguments: &[&str]) -> Result<String, String> {
        let script = self.requirements.with_file_name(name);
        let mut command = self.command();
        command.args(["-W", "error"]).arg(&script).args(arguments);
        let output = command
            .output()
            .map_err(|e| format!("{}: {e}", script.display()))?;
        succeeded(name, &output)
    }

    /// A command that runs this Python, with nothing of the user's AWS configuration, and no proxy
    /// between it and loopback.
    fn command(&self) -> Command {
        let mut command = Command::new(self.binary("python"));
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy().to_ascii_uppercase();
            if text.starts_with("AWS_") || text.starts_with("PYTHON") || text.ends_with("_PROXY") {
                command.env_remove(&name);
            }
        }
        command
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "witness")
            .env("AWS_REGION", REGION)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_CONFIG_FILE", self.home.join("no-config"))
            .env(
                "AWS_SHARED_CREDENTIALS_FILE",
                self.home.join("no-credentials"),
            )
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(npm_settings())
            .stdin(Stdio::null());
        command
    }

    fn binary(&self, name: &str) -> PathBuf {
        let directory = if cfg!(windows) { "Scripts" } else { "bin" };
        self.home.join(directory).join(name)
    }

    fn install(&self) -> Result<(), String> {
        let made = Command::new("python3")
            .args(["-m", "venv"])
            .arg(&self.home)
            .output()
            .map_err(|e| needs_python(&e.to_string()))?;
        succeeded("python3 -m venv", &made).map_err(|e| needs_python(&e))?;
        let installed = Command::new(self.binary("python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .arg("--requirement")
            .arg(&self.requirements)
            .output()
            .map_err(|e| needs_python(&e.to_string()))?;
        succeeded("pip install", &installed).map(drop).map_err(|e| {
            format!(
                "the third-party checks could not install {}; \
                 pip needs a package index that it can reach: {e}",
                self.requirements.display()
            )
        })
    }
}

/// Where something that is made once lives.
pub(crate) fn made(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Makes a directory unless it is there already, made by this version of what `about` names from this file.
///
/// # Errors
/// A sentence: a file that cannot be read or written, or why it cannot be made.
pub(crate) fn made_once(
    home: &Path,
    from: &Path,
    about: &str,
    make: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let say =
        |what: &str, at: &Path, e: std::io::Error| format!("cannot {what} {}: {e}", at.display());
    let parent = home.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|e| say("create", parent, e))?;
    // Held until it is complete: another test may want it at the same time.
    let lock = home.with_extension("lock");
    let held = File::create(&lock)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|e| say("lock", &lock, e))?;
    let digest = Sha256::digest(fs::read(from).map_err(|e| say("read", from, e))?);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let wanted = format!("{hex} {about}\n");
    let stamp = home.join("made-from.sha256");
    if fs::read_to_string(&stamp).ok().as_deref() != Some(wanted.as_str()) {
        if home.exists() {
            fs::remove_dir_all(home).map_err(|e| say("remove", home, e))?;
        }
        make()?;
        fs::write(&stamp, wanted).map_err(|e| say("write", &stamp, e))?;
    }
    drop(held);
    Ok(())
}

/// npm fetches once what it is asked for.
pub(crate) fn npm_settings() -> [(&'static str, PathBuf); 2] {
    [
        ("npm_config_cache", made("npm-cache")),
        ("npm_config_prefer_offline", "true".into()),
    ]
}

fn python_version() -> Result<String, String> {
    let output = Command::new("python3")
        .args(["-c", PROBE])
        .output()
        .map_err(|e| needs_python(&format!("python3: {e}")))?;
    let version = succeeded("python3", &output).map_err(|e| needs_python(&e))?;
    let version = version.trim();
    let number = |text: &str| -> Vec<u32> { text.split('.').flat_map(str::parse).collect() };
    if number(version) < number(OLDEST_PYTHON) {
        return Err(needs_python(&format!("found Python {version}")));
    }
    Ok(version.to_owned())
}

fn needs_python(found: &str) -> String {
    format!(
        "the third-party checks need Python {OLDEST_PYTHON} or newer as `python3`, with its venv and \
         pip modules: install it (Debian, Ubuntu: apt-get install python3 python3-venv; Fedora, \
         Amazon Linux: dnf install python3 python3-pip; macOS: brew install python3). {found}"
    )
}

/// The output of a command that succeeded.
///
/// # Errors
/// How it ended and what it printed.
pub(crate) fn succeeded(what: &str, output: &Output) -> Result<String, String> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(stdout.into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{what} ended with {}:\n{stdout}{stderr}",
        output.status
    ))
}

/// Runs a command that reads nothing; its output if it succeeded.
///
/// # Errors
/// Why it could not be started, or how it ended and what it printed.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output();
    succeeded(what, &output.map_err(|e| format!("{what}: {e}"))?)
}

/// A `moto_server` on a free port, stopped when dropped.
#[derive(Debug)]
pub(crate) struct Moto {
    child: Child,
    /// Its address, e.g. `http://127.0.0.1:40001`.
    pub(crate) endpoint: String,
}

impl Moto {
    /// Starts one and waits until it answers.
    ///
    /// # Errors
    /// A sentence: what is missing, or what moto said.
    pub(crate) async fn start(python: &Python) -> Result<Self, String> {
        let port = free_port().map_err(|e| format!("no free port on loopback: {e}"))?;
        let log = python.home.join(format!("moto-{port}.log"));
        let stderr = File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        let child = python
            .command()
            .args(["-m", "moto.server", "--host", "127.0.0.1", "--port"])
            .arg(port.to_string())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .map_err(|e| format!("moto_server: {e}"))?;
        let mut moto = Self {
            child,
            endpoint: format!("http://127.0.0.1:{port}"),
        };
        moto.answers(port, &log).await?;
        Ok(moto)
    }

    /// The SDK's configuration for this server.
    pub(crate) fn sdk(&self) -> SdkConfig {
        sdk_config(&self.endpoint)
    }

    async fn answers(&mut self, port: u16, log: &Path) -> Result<(), String> {
        let clock = Clock::system();
        let elapsed = Clock::stopwatch();
        loop {
            if tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
            {
                return Ok(());
            }
            let ended = self.child.try_wait().map_err(|e| e.to_string())?;
            if ended.is_some() || elapsed() > Duration::from_secs(MOTO_START_SECONDS) {
                let said = fs::read_to_string(log).unwrap_or_default();
                return Err(format!("moto_server does not answer ({ended:?}): {said}"));
            }
            clock.wait(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Free now; taken a moment later by the child, which gets the number.
fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    Ok(listener.local_addr()?.port())
}

/// The SDK's configuration for an endpoint that takes any credentials.
pub(crate) fn sdk_config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "witness", None, None, "witness");
    SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .build()
}
