//! The cost of a run: quantities that AWS bills, and their list prices where a file of prices is given.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{PlanReport, Prices, RunReport};
use crate::group::Outcome;
use crate::text::duration;

const SECONDS_PER_HOUR: f64 = 3600.0;

/// The cost of a run to its owner.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Borrowed instances by type.
    pub instances: Vec<InstanceCost>,
    /// Seconds of borrowed instances whose type is not known (before the launch of groups with several types).
    pub unknown_type_seconds: u64,
    /// The size of the volumes of the images that stay, GiB. AWS bills only the blocks that changed since the snapshots
    /// before, so this is the most that the snapshots can come to.
    pub snapshot_gib: u64,
    /// The amounts, if prices were given.
    pub amounts: Option<Amounts>,
}

/// The borrowed instances of one type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceCost {
    /// e.g. `t3.large`.
    pub instance_type: String,
    /// For how long, seconds.
    pub seconds: u64,
    /// At the list price, if there is one.
    pub amount: Option<f64>,
}

/// Amounts of money, and the prices behind them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Amounts {
    /// e.g. `USD`.
    pub currency: String,
    /// The region of the prices.
    pub region: String,
    /// The day of the prices.
    pub date: NaiveDate,
    /// All instances that have a price.
    pub instances: f64,
    /// All snapshots, for a month, at most.
    pub snapshots_per_month: Option<f64>,
    /// Instance types without a price.
    pub without_price: Vec<String>,
}

/// A use of instances: a type, if it is known, and seconds.
type Use<'a> = (Option<&'a str>, u64);

impl Cost {
    /// The cost of a run.
    pub fn of_run(report: &RunReport, prices: Option<&Prices>) -> Self {
        let uses = report.groups.iter().flat_map(|g| {
            let typed: u64 = g.seconds_by_type.values().sum();
            let rest = g.instance_seconds.saturating_sub(typed);
            let by_type = g.seconds_by_type.iter();
            by_type
                .map(|(kind, seconds)| (Some(kind.as_str()), *seconds))
                .chain([(None, rest)])
        });
        let kept = report
            .groups
            .iter()
            .filter(|g| g.outcome == Outcome::Patched);
        let gib = kept.filter_map(|g| g.image_gib).map(u64::from).sum();
        Self::of(uses, gib, prices)
    }

    /// The most that a run would cost which goes by this plan: an instance for the whole of each group's time.
    pub fn of_plan(plan: &PlanReport, prices: Option<&Prices>) -> Self {
        let tried = || {
            let all = plan.groups.iter();
            all.filter(|g| g.refusal.is_none() && g.misfit.is_none())
        };
        let uses = tried().map(|g| (g.instance_type.as_deref(), g.estimate_seconds));
        let bakes = tried().filter(|g| g.bakes);
        let gib = bakes.filter_map(|g| g.image_gib).map(u64::from).sum();
        Self::of(uses, gib, prices)
    }

    fn of<'a>(uses: impl Iterator<Item = Use<'a>>, gib: u64, prices: Option<&Prices>) -> Self {
        let mut by_type: BTreeMap<&str, u64> = BTreeMap::new();
        let mut unknown = 0;
        for (kind, seconds) in uses {
            match kind {
                Some(kind) => *by_type.entry(kind).or_default() += seconds,
                None => unknown += seconds,
            }
        }
        let price = |kind: &str| prices?.instance_hour.get(kind);
        let instances: Vec<InstanceCost> = by_type
            .into_iter()
            .map(|(kind, seconds)| InstanceCost {
                instance_type: kind.to_owned(),
                seconds,
                amount: price(kind).map(|p| p * seconds as f64 / SECONDS_PER_HOUR),
            })
            .collect();
        Self {
            unknown_type_seconds: unknown,
            snapshot_gib: gib,
            amounts: prices.map(|p| Amounts::of(&instances, gib, p)),
            instances,
        }
    }

    /// The quantities in a sentence; none if nothing is billed.
    pub fn quantities(&self) -> Option<String> {
        let mut uses: Vec<String> = self
            .instances
            .iter()
            .map(|i| format!("{} for {}", i.instance_type, duration(i.seconds)))
            .collect();
        if self.unknown_type_seconds > 0 {
            let time = duration(self.unknown_type_seconds);
            uses.push(format!("instances of a type not known for {time}"));
        }
        if self.snapshot_gib > 0 {
            let gib = self.snapshot_gib;
            uses.push(format!(
                "snapshots of at most {gib} GiB for as long as the images are kept"
            ));
        }
        (!uses.is_empty()).then(|| format!("{}.", uses.join(", ")))
    }
}

impl Amounts {
    fn of(instances: &[InstanceCost], gib: u64, prices: &Prices) -> Self {
        let priced = instances.iter().filter_map(|i| i.amount);
        let unpriced = instances.iter().filter(|i| i.amount.is_none());
        Self {
            currency: prices.currency.clone(),
            region: prices.region.clone(),
            date: prices.date,
            instances: priced.sum(),
            snapshots_per_month: prices.snapshot_gib_month.map(|p| p * gib as f64),
            without_price: unpriced.map(|i| i.instance_type.clone()).collect(),
        }
    }

    /// An amount with its currency, to the hundredth; less than that is shown as less than that.
    pub fn money(&self, amount: f64) -> String {
        if amount > 0.0 && amount < 0.01 {
            return format!("less than 0.01 {}", self.currency);
        }
        format!("{amount:.2} {}", self.currency)
    }

    /// The amounts in a sentence, with the region and the date of the prices.
    pub fn words(&self) -> String {
        let mut text = format!(
            "At the list prices of {} of {}: {} for instances",
            self.region,
            self.date,
            self.money(self.instances)
        );
        if let Some(snapshots) = self.snapshots_per_month {
            text.push_str(&format!(
                ", at most {} a month for snapshots",
                self.money(snapshots)
            ));
        }
        if !self.without_price.is_empty() {
            text.push_str(&format!("; no price for {}", self.without_price.join(", ")));
        }
        text.push('.');
        text
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{Cost, Prices};
    use crate::report::{GroupReport, RunReport, sample};

    fn run() -> RunReport {
        let group = |name: &str, kind: &str, gib| GroupReport {
            seconds_by_type: [(kind.to_owned(), 600)].into(),
            image_gib: Some(gib),
            ..sample::patched(name)
        };
        RunReport {
            groups: vec![group("a", "t3.large", 8), group("b", "odd.large", 20)],
            ..sample::run()
        }
    }

    #[test]
    fn quantities_are_summed_by_type() {
        // Of each group's 700 s, 600 s have a type.
        let cost = Cost::of_run(&run(), None);
        expect!["odd.large for 10m 00s, t3.large for 10m 00s, instances of a type not known for 3m 20s, snapshots of at most 28 GiB for as long as the images are kept."]
            .assert_eq(&cost.quantities().unwrap());
        assert_eq!(cost.amounts, None);
        assert_eq!(Cost::default().quantities(), None);
    }

    #[test]
    fn prices_are_named_with_their_region_and_date() {
        let prices = Prices::parse(
            "region = \"us-east-1\"\ndate = \"2026-10-01\"\ncurrency = \"XTS\"\nsnapshot_gib_month = 0.5\n\
             [instance_hour]\n\"t3.large\" = 0.6\n",
        );
        let cost = Cost::of_run(&run(), Some(&prices.unwrap()));
        expect!["At the list prices of us-east-1 of 2026-10-01: 0.10 XTS for instances, at most 14.00 XTS a month for snapshots; no price for odd.large."]
            .assert_eq(&cost.amounts.unwrap().words());
    }
}
