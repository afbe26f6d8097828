//! `asg-patch completions`, and the answer to a shell that asks for completions.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_complete::env::{CompleteEnv, Shells};
use serde_json::json;

use super::Cli;
use super::complete::{self, Typed};
use super::error::{CliError, Exit};
use super::names;
use super::output::Output;

/// The program's name, as a shell completes it.
const NAME: &str = "asg-patch";
/// A shell that asks for completions names itself in it.
const VARIABLE: &str = "ASG_PATCH_COMPLETE";

/// Options of `completions`.
#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct CompletionsArgs {
    /// Shell to print it for
    #[arg(value_enum)]
    shell: Shell,
}

const AFTER: &str = "\
Source it at the start of the shell:
  bash        echo 'source <(asg-patch completions bash)' >> ~/.bashrc
  zsh         echo 'source <(asg-patch completions zsh)' >> ~/.zshrc      (after compinit)
  fish        echo 'asg-patch completions fish | source' >> ~/.config/fish/config.fish
  elvish      echo 'eval (asg-patch completions elvish | slurp)' >> ~/.elvish/rc.elv
  powershell  asg-patch completions powershell | Out-String | Invoke-Expression     (in $PROFILE)

Names of groups come from the account that the command line and the environment name.";

/// Prints what a shell sources to complete the program's command lines.
///
/// # Errors
/// This program's path is not text, so that a shell could not call it.
pub(crate) fn execute(args: &CompletionsArgs, output: &Output) -> Result<Exit, CliError> {
    let script = script(args.shell, &called_as())?;
    let document = json!({ "shell": args.shell.to_string(), "script": script });
    output.result(&document, |_width| script);
    Ok(Exit::Well)
}

fn script(shell: Shell, program: &Path) -> Result<String, CliError> {
    let failed =
        |found: String| CliError::input("completions", "a shell that can call this program", found);
    let shell = shell.to_string();
    let shells = Shells::builtins();
    let completer = shells
        .completer(&shell)
        .ok_or_else(|| failed(shell.clone()))?;
    let path = program
        .to_str()
        .ok_or_else(|| failed(program.display().to_string()))?;
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, NAME, NAME, path, &mut script)
        .map_err(|e| failed(e.to_string()))?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

/// The program as it was called: by its name if that was found in `PATH`, else by its whole path.
fn called_as() -> PathBuf {
    let called = std::env::args_os()
        .next()
        .map_or_else(|| NAME.into(), PathBuf::from);
    match std::env::current_dir() {
        Ok(directory) if called.components().count() > 1 => directory.join(called),
        Ok(_) | Err(_) => called,
    }
}

/// Answers a shell that asks for completions; `None` if none does. Clap's answer goes to stdout by itself.
pub(super) fn answered() -> Option<Exit> {
    let shell = std::env::var_os(VARIABLE)?;
    let words: Vec<OsString> = std::env::args_os().collect();
    let typed = words.iter().skip_while(|w| *w != "--").skip(1);
    complete::remember(Typed {
        words: typed.map(|w| w.to_string_lossy().into_owned()).collect(),
        names: names::names,
        verbatim: Path::new(&shell).file_stem().is_some_and(|s| s == "bash"),
    });
    let directory = std::env::current_dir().ok();
    let answer = CompleteEnv::with_factory(Cli::command)
        .var(VARIABLE)
        .bin(NAME)
        .try_complete(words, directory.as_deref());
    match answer {
        Ok(false) => None,
        // A prompt is no place for an error.
        Ok(true) | Err(_) => Some(Exit::Well),
    }
}
