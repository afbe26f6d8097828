//! Node.js packages with pinned versions, installed once below the target directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{made, made_once, npm_settings, succeeded};

/// The npm packages of a `package.json`.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Its `node_modules`.
    pub(crate) modules: PathBuf,
}

impl Node {
    /// The packages that a folder of the project names, installed first if they are not there yet.
    ///
    /// # Errors
    /// A sentence that says what is missing and what to install.
    pub(crate) fn with(name: &str, folder: &str) -> Result<Self, String> {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let home = made(&format!("{name}-npm"));
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
                    "the checks of {folder} could not install {}; \
                     npm needs a registry that it can reach: {e}",
                    lock.display()
                )
            })
        })?;
        Ok(Self {
            modules: home.join("node_modules"),
        })
    }

    /// A command that runs a program of the packages.
    pub(crate) fn tool(&self, name: &str) -> Command {
        Command::new(self.modules.join(".bin").join(name))
    }
}

/// A command that runs npm.
fn npm() -> Command {
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.envs(npm_settings()).stdin(Stdio::null());
    npm
}

/// The version of npm.
///
/// # Errors
/// A sentence that says what is missing and what to install.
pub(crate) fn npm_version() -> Result<String, String> {
    let output = npm().arg("--version").output();
    let output = output.map_err(|e| needs_node(&format!("npm: {e}")))?;
    let version = succeeded("npm", &output).map_err(|e| needs_node(&e))?;
    Ok(version.trim().to_owned())
}

fn needs_node(found: &str) -> String {
    format!(
        "these checks need Node.js with its npm: install it (Debian, Ubuntu: apt-get install nodejs npm; \
         Fedora, Amazon Linux: dnf install nodejs npm; macOS: brew install node). {found}"
    )
}
