//! The part of AWS's request rates that is ours to use.

use std::fmt;
use std::str::FromStr;

/// A part of AWS's request rates, percent: others call too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiShare(u8);

/// A half: what else calls in the account keeps as much.
impl Default for ApiShare {
    fn default() -> Self {
        Self(50)
    }
}

impl ApiShare {
    /// All of them.
    pub const ALL: Self = Self(100);

    /// As a part of one.
    pub(super) fn part(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

/// As on the command line: `N%`.
impl fmt::Display for ApiShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// Not a part of AWS's request rates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a percentage from 1% to 100%, found '{found}'")]
pub struct ApiShareError {
    found: String,
}

impl FromStr for ApiShare {
    type Err = ApiShareError;

    fn from_str(text: &str) -> Result<Self, ApiShareError> {
        let number = text.strip_suffix('%').and_then(|n| n.parse().ok());
        match number {
            Some(n @ 1..=100) => Ok(Self(n)),
            Some(_) | None => Err(ApiShareError { found: text.into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage_of_something() {
        assert_eq!("75%".parse::<ApiShare>().unwrap().part(), 0.75);
        assert_eq!(ApiShare::default().to_string(), "50%");
        for wrong in ["0%", "101%", "50", "-1%", "", "half"] {
            let error = wrong.parse::<ApiShare>().unwrap_err().to_string();
            assert!(error.ends_with(&format!("found '{wrong}'")), "{error}");
        }
    }
}
