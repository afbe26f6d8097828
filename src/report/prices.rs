//! List prices, from a file. The program has none of its own: they differ by region, change, and are lower for those who
//! have agreed so with AWS.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;

/// The list prices of one region at a date.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The region, e.g. `eu-west-1`.
    pub region: String,
    /// The day on which they were looked up.
    pub date: NaiveDate,
    /// e.g. `USD`.
    pub currency: String,
    /// Of an instance for an hour, by instance type.
    pub instance_hour: BTreeMap<String, f64>,
    /// Of a GiB of snapshots for a month.
    pub snapshot_gib_month: Option<f64>,
}

impl Prices {
    /// Reads them from TOML.
    ///
    /// # Errors
    /// What was expected, and the place of it in the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let prices: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        let hours = prices.instance_hour.iter();
        let all = hours
            .map(|(kind, price)| (kind.as_str(), *price))
            .chain(prices.snapshot_gib_month.map(|p| ("snapshot_gib_month", p)));
        for (name, price) in all {
            // A 0 is one that was not filled in: it would be reported as if it cost nothing.
            if !(price.is_finite() && price > 0.0) {
                return Err(format!("{name}: expected a price above 0, found {price}"));
            }
        }
        for (name, text) in [("region", &prices.region), ("currency", &prices.currency)] {
            if text.trim().is_empty() {
                return Err(format!("{name}: expected a name, found an empty text"));
            }
        }
        Ok(prices)
    }
}

#[cfg(test)]
mod tests {
    use super::Prices;

    const HEAD: &str = "region = \"eu-west-1\"\ndate = \"2026-10-01\"\ncurrency = \"USD\"\n";

    #[test]
    fn prices_are_numbers_above_0() {
        let read = |rest: &str| Prices::parse(&format!("{HEAD}{rest}"));
        let good = read("snapshot_gib_month = 0.5\n[instance_hour]\n\"t3.large\" = 2\n").unwrap();
        assert_eq!(good.instance_hour["t3.large"], 2.0);
        for (wrong, says) in [
            ("[instance_hour]\n\"t3.large\" = -1.0\n", "t3.large"),
            ("[instance_hour]\n\"t3.large\" = nan\n", "t3.large"),
            ("[instance_hour]\n\"t3.large\" = 0.00\n", "above 0, found 0"),
            (
                "snapshot_gib_month = 0\n[instance_hour]\n",
                "snapshot_gib_month",
            ),
            ("[instance_hour]\n\"t3.large\" = \"2\"\n", "f64"),
            ("snapshot = 1\n[instance_hour]\n", "snapshot"),
            ("", "instance_hour"),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }
}
