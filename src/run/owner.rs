//! The drivers of runs, which records and claims name: whether one is alive.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;

use chrono::{DateTime, TimeDelta, Utc};

use crate::aws::{Aws, find_execution, is_execution};
use crate::group::Record;
use crate::group::seen::RecordSeen;

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

/// This process as a driver: `cli:HOST/BOOT:PID-START`, for people and for [`life`].
///
/// A host's name and a process's number come back: on another machine, after a restart, for the next program. BOOT is of
/// this boot of this machine alone, with the namespace of the processes in a container, whose numbers are its own; START is
/// of this process alone. Where the system tells neither, they are left out: `cli:HOST:PID`.
pub fn this_process() -> String {
    let pid = std::process::id();
    let host = this_host();
    let place = this_place().map(|place| format!("/{place}"));
    let start = match process(pid) {
        Process::Started(start) => format!("-{start}"),
        Process::Named(_) | Process::Gone | Process::NotShown => String::new(),
    };
    format!("cli:{host}{}:{pid}{start}", place.unwrap_or_default())
}

/// Where the numbers of processes are those of this one, and since when; none if the system does not say.
fn this_place() -> Option<String> {
    /// Linux: the namespace of a system's own processes (`PROC_PID_INIT_INO`).
    const OF_THE_SYSTEM: &str = "pid:[4026531836]";
    let boot = boot().filter(|boot| !boot.is_empty())?;
    let own = std::fs::read_link("/proc/self/ns/pid").ok();
    let own = own.as_ref().and_then(|link| link.to_str());
    Some(match own.filter(|own| *own != OF_THE_SYSTEM) {
        Some(own) => {
            let number: String = own.chars().filter(char::is_ascii_digit).collect();
            format!("{boot}-{number}")
        }
        None => boot,
    })
}

/// A text that is of this boot of this machine alone.
fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
    // macOS has no /proc.
    let id = id.or_else(|| answer("sysctl", &["-n", "kern.bootsessionuuid"]))?;
    Some(id.trim().chars().take(8).collect())
}

/// The drivers of records, and so who has their groups. All who ask this ask here: `restore`, with names and without,
/// a run before it begins, `status` and `plan`.
pub(super) struct Drivers {
    now: DateTime<Utc>,
    lives: BTreeMap<String, Life>,
}

impl Drivers {
    /// Of those of these records that matter and are before their deadlines; each driver is asked about once.
    pub(super) async fn of(
        aws: &Aws,
        records: &BTreeMap<String, RecordSeen>,
        matters: impl Fn(&Record) -> bool,
    ) -> Self {
        let now = aws.clock.now();
        let owners = records.values().filter_map(|seen| match seen {
            RecordSeen::Readable(r) if r.deadline > now && matters(r) => Some(&r.owner),
            RecordSeen::Readable(_) | RecordSeen::Unreadable { .. } => None,
        });
        let owners: BTreeSet<&String> = owners.collect();
        let mut lives = BTreeMap::new();
        for owner in owners {
            lives.insert(owner.clone(), life(aws, owner).await);
        }
        Self { now, lives }
    }

    /// Whether the driver of a record before its deadline is alive; none of the others.
    pub(super) fn life(&self, record: &Record) -> Option<Life> {
        let is_over = record.deadline <= self.now;
        self.lives.get(&record.owner).copied().filter(|_| !is_over)
    }

    /// Whether no run has the group any more: its driver is known to be dead, or had to be done by now.
    pub(super) fn is_over(&self, record: &Record) -> bool {
        record.deadline <= self.now || self.life(record) == Some(Life::Dead)
    }
}

/// Whether a driver is alive: an execution by what Step Functions says, a process of this host by the host.
async fn life(aws: &Aws, owner: &str) -> Life {
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

/// A process of another place says nothing here. One of this place is the driver only if it began when the driver did.
fn life_of_process(owner: &str) -> Life {
    let Some((place, pid)) = owner.rsplit_once(':') else {
        return Life::Unknown;
    };
    let is_here = place.starts_with("cli:")
        && place
            .split_once('/')
            .is_some_and(|(_, place)| this_place().as_deref() == Some(place));
    let (pid, start) = match pid.split_once('-') {
        Some((pid, start)) => (pid, Some(start)),
        None => (pid, None),
    };
    match (pid.parse().ok().filter(|_| is_here).map(process), start) {
        (Some(Process::Gone), _) => Life::Dead,
        (Some(Process::Started(found)), Some(start)) if found == start => Life::Alive,
        (Some(Process::Started(_)), Some(_)) => Life::Dead,
        // The driver may have had another name.
        (Some(Process::Named(name)), _) if own_name().is_some_and(|own| name.ends_with(&own)) => {
            Life::Alive
        }
        (Some(Process::Started(_)), None)
        | (Some(Process::Named(_) | Process::NotShown) | None, _) => Life::Unknown,
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

/// The system's word on a process's number.
enum Process {
    /// There is one, which began then (Linux: in ticks since the boot).
    Started(String),
    /// There is one with this program (systems without `/proc`).
    Named(String),
    /// There is none, or it has ended.
    Gone,
    /// Others' processes are not shown, or nothing is.
    NotShown,
}

fn process(pid: u32) -> Process {
    let stat = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/stat"));
    if stat("self").is_ok() {
        return match stat(&pid.to_string()) {
            Ok(stat) => started(&stat),
            // Process 1 is always there: where it is hidden (hidepid), others' are.
            Err(e) if e.kind() == ErrorKind::NotFound && stat("1").is_ok() => Process::Gone,
            Err(_) => Process::NotShown,
        };
    }
    // Without such a process, ps prints nothing and fails.
    let ps = std::process::Command::new("ps")
        .args(["-o", "comm=", "-p", &pid.to_string()])
        .output();
    match ps {
        Ok(ps) if ps.status.success() => {
            Process::Named(String::from_utf8_lossy(&ps.stdout).trim_end().to_owned())
        }
        Ok(ps) if ps.stdout.is_empty() && ps.stderr.is_empty() => Process::Gone,
        Ok(_) | Err(_) => Process::NotShown,
    }
}

/// Linux's line about a process: `PID (NAME) STATE ...`, in which the 22nd field is its start (proc_pid_stat(5)). The dead
/// are shown as zombies (Z, X) until their parent has looked.
fn started(stat: &str) -> Process {
    const START_AFTER_NAME: usize = 19;
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest);
    let fields: Vec<&str> = fields.unwrap_or_default().split_whitespace().collect();
    match (fields.first(), fields.get(START_AFTER_NAME)) {
        (Some(&("Z" | "X")), _) => Process::Gone,
        (Some(_), Some(start)) => Process::Started((*start).to_owned()),
        (_, None) | (None, _) => Process::NotShown,
    }
}

/// The name of this program's file.
fn own_name() -> Option<String> {
    let path = std::env::current_exe().ok()?;
    Some(path.file_name()?.to_str()?.to_owned())
}

/// The output of a command; none if it fails.
fn answer(command: &str, args: &[&str]) -> Option<String> {
    let output = std::process::Command::new(command)
        .args(args)
        .output()
        .ok()?;
    let text = output.status.success().then_some(output.stdout)?;
    String::from_utf8(text).ok()
}

/// The person at this process, as the environment or the system names them.
pub fn this_user() -> Option<String> {
    let set = |name| std::env::var(name).ok();
    let name = set("USER").or_else(|| set("LOGNAME"));
    let name = name
        .filter(|name| !name.is_empty())
        .or_else(|| answer("id", &["-un"]));
    let name = name.map(|name| name.trim().to_owned());
    name.filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zombie_is_gone_and_a_name_may_hold_anything() {
        let line = |name: &str, state: &str| {
            format!("7 ({name}) {state} 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4711 0 0")
        };
        let shown = |stat: &str| match started(stat) {
            Process::Started(at) => at,
            Process::Gone => "gone".into(),
            Process::Named(_) | Process::NotShown => "not shown".into(),
        };
        assert_eq!(shown(&line("asg-patch", "S")), "4711");
        assert_eq!(shown(&line("a) Z 1 (b", "R")), "4711");
        assert_eq!(shown(&line("asg-patch", "Z")), "gone");
        assert_eq!(shown(&line("asg-patch", "X")), "gone");
        assert_eq!(shown("7 (asg-patch) S 1"), "not shown");
        assert_eq!(shown(""), "not shown");
    }

    #[test]
    fn a_driver_is_known_by_its_boot_and_its_start() {
        let own = this_process();
        let Some(place) = this_place() else {
            assert_eq!(life_of_process(&own), Life::Unknown);
            return;
        };
        assert_eq!(life_of_process(&own), Life::Alive);
        // A host's name may be written in several ways.
        let (_, rest) = own.split_once('/').expect("a place");
        assert_eq!(life_of_process(&format!("cli:other/{rest}")), Life::Alive);
        // The number is another program's by now: process 1, or this one, was there before the driver.
        let pid = std::process::id();
        for dead in [
            format!("cli:h/{place}:1-999999999"),
            format!("cli:h/{place}:{pid}-1"),
            format!("cli:h/{place}:4000000000-1"),
        ] {
            assert_eq!(life_of_process(&dead), Life::Dead, "{dead}");
        }
        // Another machine, another boot of this one, a container; or nothing is said of when it began.
        for unknown in [
            "cli:elsewhere:1".to_owned(),
            format!("cli:{}:4000000000", this_host()),
            format!("cli:{}/00000000:4000000000-1", this_host()),
            format!("cli:{}/{place}-1:4000000000-1", this_host()),
            format!("cli:h/{place}:{pid}"),
            format!("h/{place}:4000000000-1"),
            "cli".to_owned(),
            String::new(),
            "arn:aws:iam::1:x".to_owned(),
        ] {
            assert_eq!(life_of_process(&unknown), Life::Unknown, "{unknown}");
        }
    }
}
