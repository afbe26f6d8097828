//! The bounds of all prunes of the stack, as the function's environment has them.

use chrono::TimeDelta;

use crate::trigger::{Kept, TriggerError};

/// As the command line's `--keep`.
const KEEP: u32 = 2;
/// As the command line's `--older-than`.
const OLDER_THAN: u32 = 30;
/// As the command line's `--grace`.
const GRACE: u32 = 7;
/// EC2 takes no time of deprecation that is further away than ten years; and nobody keeps more images.
const LIMIT: u32 = 3_650;

/// From the environment's variables, which all have a default.
///
/// # Errors
/// The variable, what was expected and what was found.
pub(super) fn read(text: &impl Fn(&str) -> Option<String>) -> Result<Kept, TriggerError> {
    let whole = |name: &str, default: u32, of: &str| match text(name) {
        None => Ok(default),
        Some(found) => match found.parse() {
            Ok(n) if (1..=LIMIT).contains(&n) => Ok(n),
            _ => {
                let expected = format!("a number of {of}, 1 to {LIMIT}");
                Err(TriggerError::field(name, expected, format!("'{found}'")))
            }
        },
    };
    let days = |name: &str, default| {
        let days = whole(name, default, "days")?;
        Ok(TimeDelta::days(days.into()))
    };
    let keep = whole("ASG_PATCH_PRUNE_KEEP", KEEP, "images")?;
    Ok(Kept {
        keep: usize::try_from(keep).unwrap_or(usize::MAX),
        older_than: days("ASG_PATCH_PRUNE_OLDER_THAN_DAYS", OLDER_THAN)?,
        grace: days("ASG_PATCH_PRUNE_GRACE_DAYS", GRACE)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retention::KEPT_VERSIONS;

    fn with(name: &str, value: &str) -> Result<Kept, String> {
        read(&|n: &str| (n == name).then(|| value.to_owned())).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_kept_has_a_default_and_bounds() {
        let kept = with("", "").expect("the defaults");
        let days = (kept.older_than.num_days(), kept.grace.num_days());
        assert_eq!((kept.keep, days), (KEPT_VERSIONS, (30, 7)));
        let more = with("ASG_PATCH_PRUNE_KEEP", "5").expect("a number");
        assert_eq!(more.keep, 5);
        for (name, value) in [
            ("ASG_PATCH_PRUNE_KEEP", "0"),
            ("ASG_PATCH_PRUNE_GRACE_DAYS", "0"),
            ("ASG_PATCH_PRUNE_OLDER_THAN_DAYS", "3651"),
        ] {
            let wrong = with(name, value).expect_err("out of bounds");
            assert!(wrong.starts_with(name) && wrong.contains(value), "{wrong}");
        }
    }
}
