//! The costs of this process so far (Linux).

use std::str::FromStr;

/// Of this thread, the only one (Linux, `schedstat`: nanoseconds on a processor come first).
pub(crate) fn processor_seconds() -> f64 {
    first_number::<f64>(&std::fs::read_to_string("/proc/self/schedstat").unwrap()) / 1e9
}

/// A figure of `/proc/self/status`, in MB.
pub(crate) fn status_mb(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix(name)).unwrap();
    first_number::<f64>(line) / 1024.0
}

fn first_number<T: FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.split_whitespace().next().unwrap().parse().unwrap()
}
