//! The file of settings: which one is taken, and what it says.

use std::path::{Component, Path, PathBuf};

use asg_patch::config::{self, Entry, FILE_NAME, FILE_VARIABLE, Fault, Kind, Origin, WindowEntry};
use clap::{ArgMatches, Command};

use super::super::error::CliError;

/// Errors about a file that it names may show some of its contents, for instance in the log of a build.
const BELOW: &str = "expected a path below the directory of this file, which was only found and not named by --config \
    or ASG_PATCH_CONFIG";
/// A file of settings is never so large, bytes: what is found on the way up may be anything.
const LARGEST: u64 = 1 << 20;

/// The file that the words of a command line ask for.
#[derive(Debug)]
pub(in crate::cli) enum Wanted {
    /// The one that the environment names, or that is found.
    Any,
    /// None.
    None,
    /// This one.
    Named(PathBuf),
}

impl Wanted {
    /// Reads the words of a command line, as far as they can be understood.
    pub(in crate::cli) fn of<I: IntoIterator<Item: Into<std::ffi::OsString> + Clone>>(
        command: Command,
        words: I,
    ) -> Self {
        // Help is given with the settings in it, too.
        let lenient = command
            .ignore_errors(true)
            .disable_help_flag(true)
            .disable_help_subcommand(true)
            .disable_version_flag(true);
        let matches = lenient.try_get_matches_from(words).unwrap_or_default();
        let named = |m: &ArgMatches| m.try_get_one::<PathBuf>("config").ok().flatten().cloned();
        let checked = |m: &ArgMatches| {
            let check = m
                .subcommand_matches("config")?
                .subcommand_matches("check")?;
            let asks = check.try_get_one::<bool>("ask_aws").ok().flatten().copied();
            let file = check.try_get_one::<PathBuf>("file").ok().flatten();
            file.filter(|_| asks == Some(true)).cloned()
        };
        let no = |m: &ArgMatches| m.try_get_one::<bool>("no_config").ok().flatten().copied();
        // AWS is asked with the region of the file that is checked.
        match (checked(&matches).or_else(|| named(&matches)), no(&matches)) {
            (_, Some(true)) => Self::None,
            (Some(path), _) => Self::Named(path),
            (None, _) => Self::Any,
        }
    }
}

/// A file of settings.
#[derive(Clone, Debug)]
pub(in crate::cli) struct ConfigFile {
    /// Its path as messages show it: from the working directory.
    pub(in crate::cli) shown: String,
    pub(in crate::cli) origin: Origin,
    /// The directory from which its paths lead.
    folder: PathBuf,
    text: String,
}

impl ConfigFile {
    /// Finds the file and reads its text.
    ///
    /// # Errors
    /// It cannot be read.
    pub(in crate::cli) fn locate(wanted: &Wanted) -> Result<Option<Self>, CliError> {
        let by_environment = || {
            let path = std::env::var_os(FILE_VARIABLE).filter(|p| !p.is_empty())?;
            Some(PathBuf::from(path))
        };
        match wanted {
            Wanted::None => Ok(None),
            Wanted::Named(path) => Self::named("--config", path).map(Some),
            Wanted::Any => match by_environment() {
                Some(path) => Self::named(FILE_VARIABLE, &path).map(Some),
                None => Self::found(),
            },
        }
    }

    /// A file that was named, by a flag or a variable.
    ///
    /// # Errors
    /// It cannot be read.
    pub(in crate::cli) fn named(by: &str, path: &Path) -> Result<Self, CliError> {
        let place = format!("{by} {}", path.display());
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|e| unreadable(place, e.to_string()))?;
        Ok(Self::new(
            path,
            path.display().to_string(),
            Origin::Named,
            text,
        ))
    }

    /// The nearest file in the working directory or above it.
    fn found() -> Result<Option<Self>, CliError> {
        let Ok(directory) = std::env::current_dir() else {
            return Ok(None);
        };
        let places = directory.ancestors().map(|d| d.join(FILE_NAME)).enumerate();
        for (above, path) in places {
            // A pipe or a device would be waited for.
            let Ok(about) = std::fs::metadata(&path) else {
                continue;
            };
            let shown = match above {
                0 => format!("./{FILE_NAME}"),
                above => format!("{}{FILE_NAME}", "../".repeat(above)),
            };
            if !about.is_file() || about.len() > LARGEST {
                let found = "something that is no file of such a size".into();
                return Err(unreadable(shown, found));
            }
            let text = std::fs::read_to_string(&path);
            let text = text.map_err(|e| unreadable(shown.clone(), e.to_string()))?;
            return Ok(Some(Self::new(&path, shown, Origin::Found, text)));
        }
        Ok(None)
    }

    /// Whether a path stays in the file's directory, also where links lead it.
    fn is_below(&self, path: &Path) -> bool {
        let ups = |part: Component<'_>| part == Component::ParentDir;
        let written = path.starts_with(&self.folder) && !path.components().any(ups);
        let (real, folder) = (path.canonicalize(), self.folder.canonicalize());
        written
            && match (real, folder) {
                (Ok(real), Ok(folder)) => real.starts_with(folder),
                // Nothing can be read that is not there.
                (Err(_), _) | (_, Err(_)) => true,
            }
    }

    fn new(path: &Path, shown: String, origin: Origin, text: String) -> Self {
        Self {
            shown: asg_patch::text::plain_text(&shown),
            origin,
            folder: path.parent().map(Path::to_owned).unwrap_or_default(),
            text,
        }
    }

    /// Its text.
    pub(in crate::cli) fn text(&self) -> &str {
        &self.text
    }

    /// Its entries, with paths that lead from the working directory, its windows, and all that is wrong with it.
    pub(in crate::cli) fn parsed(&self) -> (Vec<Entry>, Vec<WindowEntry>, Vec<Fault>) {
        let mut parsed = config::parse(&self.text, self.origin);
        for entry in &mut parsed.entries {
            if entry.setting.kind != Kind::Path {
                continue;
            }
            for word in &mut entry.words {
                let path = self.folder.join(&*word);
                if self.origin == Origin::Found && !self.is_below(&path) {
                    let message = format!("{BELOW}, found '{word}'");
                    let fault = Fault::new(entry.place, entry.setting.path(), &message);
                    parsed.faults.push(fault);
                }
                *word = path.display().to_string();
            }
        }
        (parsed.entries, parsed.windows, parsed.faults)
    }
}

fn unreadable(place: String, found: String) -> CliError {
    CliError::input(
        place,
        "a file of settings (TOML) that can be read, of 1 MiB at most",
        found,
    )
}
