//! Times before a window's begin at which its notices are sent.

use chrono::TimeDelta;

/// A month: nobody plans on a notice that is older.
const MOST: TimeDelta = TimeDelta::days(31);
/// Sweeps come every quarter of an hour.
const LEAST: TimeDelta = TimeDelta::minutes(15);

/// A time at which no notice can be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected times of 15m to 31d before a window, such as 24h, found '{found}'")]
pub struct AheadError {
    /// As given.
    pub found: String,
}

/// Reads the times, the longest first.
///
/// # Errors
/// The first that is none.
pub fn ahead(times: &[String]) -> Result<Vec<TimeDelta>, AheadError> {
    let read = |text: &String| {
        let time = humantime::parse_duration(text).ok();
        let time = time.and_then(|t| TimeDelta::from_std(t).ok());
        time.filter(|t| (LEAST..=MOST).contains(t))
            .ok_or_else(|| AheadError {
                found: text.clone(),
            })
    };
    let mut times = times.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    times.sort();
    times.dedup();
    times.reverse();
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_in_order_and_are_sensible() {
        let of = |times: &[&str]| ahead(&times.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>());
        let hours = |n| TimeDelta::hours(n);
        assert_eq!(of(&["1h", "24h", "60m"]), Ok(vec![hours(24), hours(1)]));
        assert_eq!(of(&[]), Ok(vec![]));
        for wrong in ["1", "soon", "14m", "32d", "-1h"] {
            let said = of(&[wrong]).unwrap_err().to_string();
            assert!(said.contains(&format!("found '{wrong}'")), "{said}");
        }
    }
}
