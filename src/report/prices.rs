//! Prices of one region at a date: AWS's list prices, which the program has, or those of a file.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

/// The program's own table.
const LIST: &str = include_str!("prices.toml");
/// The platform that `instance_hour` is for, as AWS bills it.
const LINUX: &str = "Linux/UNIX";
/// Prices that are older than this many days are said to be old.
const OLD_DAYS: u64 = 365;

/// The prices of one region at a date.
#[derive(Clone, Debug, PartialEq)]
pub struct Prices {
    /// Where they come from.
    pub source: PriceSource,
    /// The region, e.g. `eu-west-1`.
    pub region: String,
    /// The day on which they were looked up.
    pub date: NaiveDate,
    /// e.g. `USD`.
    pub currency: String,
    /// Of an instance for an hour, by platform and instance type.
    instance_hour: BTreeMap<String, BTreeMap<String, f64>>,
    /// Of a GiB of snapshots for a month.
    pub snapshot_gib_month: Option<f64>,
    /// Of a GB of the function's memory for a second.
    pub lambda_gb_second: Option<f64>,
    /// Of a million invocations of the function.
    pub lambda_million_requests: Option<f64>,
    /// Of a thousand state transitions.
    pub thousand_transitions: Option<f64>,
}

/// Where prices come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceSource {
    /// AWS's list prices, from the program's own table.
    List,
    /// The file that `--prices` named.
    #[default]
    File,
}

/// The form of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    region: String,
    date: NaiveDate,
    currency: String,
    instance_hour: BTreeMap<String, Entry>,
    #[serde(default)]
    platform_instance_hour: BTreeMap<String, BTreeMap<String, Entry>>,
    snapshot_gib_month: Option<f64>,
    lambda_gb_second: Option<f64>,
    lambda_million_requests: Option<f64>,
    thousand_transitions: Option<f64>,
}

/// `"t3.large" = 0.1` and `t3 = { large = 0.1 }` mean the same.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a price, or the prices of a family by size"
)]
enum Entry {
    Type(f64),
    Family(BTreeMap<String, f64>),
}

impl Prices {
    /// AWS's list prices, as the program has them.
    ///
    /// # Errors
    /// As of [`Self::parse`].
    pub fn list() -> Result<Self, String> {
        let source = PriceSource::List;
        Self::parse(LIST).map(|prices| Self { source, ..prices })
    }

    /// Reads those of a file from TOML.
    ///
    /// # Errors
    /// What was expected, and the place of it in the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form: Form = toml::from_str(text).map_err(|e| e.to_string())?;
        for (name, text) in [("region", &form.region), ("currency", &form.currency)] {
            if text.trim().is_empty() {
                return Err(format!("{name}: expected a name, found an empty text"));
            }
        }
        for (name, price) in [
            ("snapshot_gib_month", form.snapshot_gib_month),
            ("lambda_gb_second", form.lambda_gb_second),
            ("lambda_million_requests", form.lambda_million_requests),
            ("thousand_transitions", form.thousand_transitions),
        ] {
            price.map_or(Ok(()), |price| check(name, price))?;
        }
        let mut instance_hour = BTreeMap::new();
        for (platform, entries) in form.platform_instance_hour {
            instance_hour.insert(platform, by_type(entries)?);
        }
        if instance_hour.contains_key(LINUX) {
            return Err(format!(
                "platform_instance_hour: expected no {LINUX}: its prices are those of instance_hour"
            ));
        }
        instance_hour.insert(LINUX.to_owned(), by_type(form.instance_hour)?);
        Ok(Self {
            source: PriceSource::File,
            region: form.region,
            date: form.date,
            currency: form.currency,
            instance_hour,
            snapshot_gib_month: form.snapshot_gib_month,
            lambda_gb_second: form.lambda_gb_second,
            lambda_million_requests: form.lambda_million_requests,
            thousand_transitions: form.thousand_transitions,
        })
    }

    /// Of an instance of this type and platform for an hour; where the platform is not known, of one with Linux.
    pub fn instance_hour(&self, instance_type: &str, platform: Option<&str>) -> Option<f64> {
        let of_platform = self.instance_hour.get(platform.unwrap_or(LINUX))?;
        of_platform.get(instance_type).copied()
    }

    /// Whether they are more than a year old at this time.
    pub fn is_old(&self, at: DateTime<Utc>) -> bool {
        let until = self.date.checked_add_days(Days::new(OLD_DAYS));
        until.is_some_and(|until| at.date_naive() > until)
    }
}

/// An instance type with its platform, unless that is the one of which the usual prices are.
pub(super) fn with_platform(instance_type: &str, platform: Option<&str>) -> String {
    match platform {
        None | Some(LINUX) => instance_type.to_owned(),
        Some(platform) => format!("{instance_type} ({platform})"),
    }
}

fn by_type(entries: BTreeMap<String, Entry>) -> Result<BTreeMap<String, f64>, String> {
    let mut all = BTreeMap::new();
    for (key, entry) in entries {
        let types = match entry {
            Entry::Type(price) => vec![(key, price)],
            Entry::Family(sizes) => sizes
                .into_iter()
                .map(|(size, price)| (format!("{key}.{size}"), price))
                .collect(),
        };
        for (instance_type, price) in types {
            check(&instance_type, price)?;
            if let Some(other) = all.insert(instance_type.clone(), price) {
                return Err(format!(
                    "{instance_type}: expected one price, found {other} and {price}"
                ));
            }
        }
    }
    Ok(all)
}

fn check(name: &str, price: f64) -> Result<(), String> {
    // A 0 is one that was not filled in: it would be reported as if it cost nothing.
    if price.is_finite() && price > 0.0 {
        return Ok(());
    }
    Err(format!("{name}: expected a price above 0, found {price}"))
}

#[cfg(test)]
mod tests {
    use super::{PriceSource, Prices};

    const HEAD: &str = "region = \"eu-west-1\"\ndate = \"2026-10-01\"\ncurrency = \"USD\"\n";

    fn read(rest: &str) -> Result<Prices, String> {
        Prices::parse(&format!("{HEAD}{rest}"))
    }

    #[test]
    fn prices_are_numbers_above_0() {
        let good = read("snapshot_gib_month = 0.5\n[instance_hour]\n\"t3.large\" = 2\n").unwrap();
        assert_eq!(good.instance_hour("t3.large", None), Some(2.0));
        for (wrong, says) in [
            ("[instance_hour]\n\"t3.large\" = -1.0\n", "t3.large"),
            ("[instance_hour]\n\"t3.large\" = nan\n", "t3.large"),
            ("[instance_hour]\nt3.large = 0.00\n", "above 0, found 0"),
            (
                "snapshot_gib_month = 0\n[instance_hour]\n",
                "snapshot_gib_month",
            ),
            (
                "thousand_transitions = 0\n[instance_hour]\n",
                "thousand_transitions",
            ),
            (
                "[instance_hour]\n\"t3.large\" = \"2\"\n",
                "expected a price, or the prices of a family",
            ),
            (
                "[instance_hour]\n\"t3.large\" = 1\nt3.large = 2\n",
                "t3.large: expected one price, found 2 and 1",
            ),
            (
                "[instance_hour]\n[platform_instance_hour.\"Linux/UNIX\"]\nt3.large = 2\n",
                "those of instance_hour",
            ),
            ("snapshot = 1\n[instance_hour]\n", "snapshot"),
            ("", "instance_hour"),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_type_stands_alone_or_in_its_family_and_has_a_price_for_each_platform() {
        let prices = read(
            "[instance_hour]\n\"t3.small\" = 1\nt3 = { large = 2 }\nm6i.metal-24xl = 3\n\
             [platform_instance_hour.Windows]\nt3.large = 4\n",
        )
        .unwrap();
        let of = |kind: &str, platform| prices.instance_hour(kind, platform);
        assert_eq!(of("t3.small", None), Some(1.0));
        assert_eq!(of("t3.large", Some("Linux/UNIX")), Some(2.0));
        assert_eq!(of("m6i.metal-24xl", None), Some(3.0));
        assert_eq!(of("t3.large", Some("Windows")), Some(4.0));
        // That Linux costs something says nothing of what others cost.
        assert_eq!(of("t3.small", Some("Windows")), None);
        assert_eq!(of("t3.large", Some("Red Hat Enterprise Linux")), None);
    }

    #[test]
    fn the_table_of_the_program_has_the_price_of_everything_that_a_run_takes() {
        let list = Prices::list().unwrap();
        assert_eq!(list.source, PriceSource::List);
        assert!(list.instance_hour["Linux/UNIX"].len() > 1_000);
        for kind in ["t3.large", "m7g.medium", "m7i-flex.large", "c7i.metal-24xl"] {
            assert!(list.instance_hour(kind, None).is_some(), "{kind}");
        }
        let others = [
            list.snapshot_gib_month,
            list.lambda_gb_second,
            list.lambda_million_requests,
            list.thousand_transitions,
        ];
        assert!(others.iter().all(Option::is_some), "{others:?}");
    }

    /// The table is ordered, so that a family is found and a new one has its place.
    #[test]
    fn the_families_of_the_table_are_in_order() {
        let (_, families) = super::LIST.split_once("[instance_hour]\n").unwrap();
        let names: Vec<&str> = families
            .lines()
            .filter_map(|l| l.split(' ').next())
            .collect();
        assert!(names.is_sorted(), "{names:?}");
    }

    #[test]
    fn prices_grow_old_after_a_year() {
        let prices = read("[instance_hour]\n").unwrap();
        let at = |time: &str| prices.is_old(time.parse().unwrap());
        assert!(!at("2026-09-30T00:00:00Z"));
        assert!(!at("2027-10-01T23:59:59Z"));
        assert!(at("2027-10-02T00:00:00Z"));
    }

    /// The page says what an idle and a busy month cost by the same prices.
    #[test]
    fn the_page_about_the_stack_has_the_prices_of_the_table() {
        let page = include_str!("../../infra/README.md");
        let list = Prices::list().unwrap();
        for (piece, price, unit) in [
            (
                "Step Functions",
                list.thousand_transitions,
                "per 1,000 transitions",
            ),
            (
                "Lambda, requests",
                list.lambda_million_requests,
                "per million",
            ),
            ("Lambda, time (arm64", list.lambda_gb_second, "per GB-s"),
            ("EBS snapshots", list.snapshot_gib_month, "per GB-month"),
        ] {
            let row = page.lines().find(|l| l.starts_with(&format!("| {piece}")));
            let cell = row.and_then(|row| row.split('|').nth(2)).unwrap();
            let figure = cell
                .trim()
                .strip_prefix('$')
                .and_then(|c| c.strip_suffix(unit));
            let figure = figure.and_then(|f| f.trim().parse::<f64>().ok());
            assert_eq!(figure, price, "{piece}: {cell}");
        }
    }
}
