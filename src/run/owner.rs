//! The drivers of runs, which records and claims name: whether one is alive.

use chrono::TimeDelta;

use crate::aws::{Aws, find_execution, is_execution};

/// An invocation that nothing waits for any more, because its execution was stopped or its batch was given up,
/// may be at work for this long: the function's time limit in the template, and a little.
pub const INVOCATION_LIMIT: TimeDelta = TimeDelta::seconds(310);

/// Whether a driver is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// It is at work, or may be for some minutes yet.
    Alive,
    /// It has ended.
    Dead,
    /// It is of another machine, or may not be looked at.
    Unknown,
}

/// This process as a driver: `cli:HOST:PID`, or `cli:HOST/NAMESPACE:PID` in a container, whose processes have numbers of
/// their own and which may share the host's name.
pub fn this_process() -> String {
    format!("{}:{}", this_place(), std::process::id())
}

/// Where the numbers of processes are those of this one.
fn this_place() -> String {
    /// Linux: the namespace of a system's own processes (`PROC_PID_INIT_INO`).
    const OF_THE_SYSTEM: &str = "pid:[4026531836]";
    let own = std::fs::read_link("/proc/self/ns/pid").ok();
    let own = own.as_ref().and_then(|link| link.to_str());
    match own.filter(|own| *own != OF_THE_SYSTEM) {
        Some(own) => {
            let number: String = own.chars().filter(char::is_ascii_digit).collect();
            format!("cli:{}/{number}", this_host())
        }
        None => format!("cli:{}", this_host()),
    }
}

/// Whether a driver is alive: an execution by what Step Functions says, a process of this host by the host.
pub(super) async fn life(aws: &Aws, owner: &str) -> Life {
    if !is_execution(owner) {
        return life_of_process(owner);
    }
    // By AWS's clock, as the end of an execution is.
    let now = aws.account_now();
    match find_execution(&aws.clients, owner).await {
        Ok(Some(found)) if found.is_running => Life::Alive,
        Ok(Some(found)) => match found.stopped_at {
            Some(at) if at + INVOCATION_LIMIT <= now => Life::Dead,
            Some(_) | None => Life::Alive,
        },
        // Not shown yet, or not any more.
        Ok(None) => Life::Unknown,
        Err(fault) => {
            let reason = fault.to_failure().reason;
            tracing::warn!(owner, "whether it runs is not known: {reason}");
            Life::Unknown
        }
    }
}

fn life_of_process(owner: &str) -> Life {
    let mut parts = owner.rsplitn(2, ':');
    let (pid, rest) = (parts.next(), parts.next().unwrap_or_default());
    let is_here = rest == this_place() && this_host() != UNKNOWN_HOST;
    let pid: Option<u32> = pid.and_then(|p| p.parse().ok());
    match pid.filter(|_| is_here).map(runs) {
        Some(Some(true)) => Life::Alive,
        Some(Some(false)) => Life::Dead,
        Some(None) | None => Life::Unknown,
    }
}

const UNKNOWN_HOST: &str = "unknown";

/// The name of this machine.
pub fn this_host() -> String {
    let from_file = || std::fs::read_to_string("/etc/hostname").ok();
    std::env::var("HOSTNAME")
        .ok()
        .or_else(from_file)
        .map(|h| h.trim().to_owned())
        .filter(|h| !h.is_empty())
        .unwrap_or_else(|| UNKNOWN_HOST.into())
}

/// Whether there is a process of this number that is this program; `None` if the system does not say.
fn runs(pid: u32) -> Option<bool> {
    let name = std::env::current_exe().ok()?;
    let name = name.file_name()?.to_str()?;
    if std::fs::exists("/proc/self/stat").unwrap_or(false) {
        let found = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        return Some(found.is_ok_and(|stat| is_at_work(&stat, name)));
    }
    let ps = std::process::Command::new("ps")
        .args(["-o", "comm=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let found = String::from_utf8_lossy(&ps.stdout);
    Some(found.trim_end().ends_with(name))
}

/// Whether Linux's line about a process, `PID (NAME) STATE ...`, is of a program of this name that has not ended. Linux cuts
/// the name to 15 characters, and shows the dead as zombies (Z, X) until their parent has looked.
fn is_at_work(stat: &str, name: &str) -> bool {
    let named = stat.split_once('(').and_then(|(_, s)| s.rsplit_once(')'));
    named.is_some_and(|(found, rest)| {
        name.starts_with(found) && !rest.trim_start().starts_with(['Z', 'X'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zombie_is_dead() {
        for (stat, expected) in [
            ("7 (asg-patch) S 1 7", true),
            ("7 (asg-patch) Z 1 7", false),
            ("7 (sshd) S 1 7", false),
            ("", false),
        ] {
            assert_eq!(is_at_work(stat, "asg-patch"), expected, "{stat}");
        }
        assert!(is_at_work("7 (asg-patch-0123) R 1", "asg-patch-0123456789"));
    }

    #[test]
    fn a_process_of_this_host_is_known_by_its_number() {
        let own = this_process();
        let known = if this_host() == UNKNOWN_HOST {
            [Life::Unknown; 2]
        } else {
            [Life::Alive, Life::Dead]
        };
        let (host, _) = own.rsplit_once(':').expect("a number");
        assert_eq!(life_of_process(&own), known[0]);
        // Process 1 is another program.
        assert_eq!(life_of_process(&format!("{host}:1")), known[1]);
        for other in ["cli:elsewhere:1", "cli", "", "arn:aws:iam::1:x"] {
            assert_eq!(life_of_process(other), Life::Unknown, "{other}");
        }
    }
}
