//! The cost of a run: quantities that AWS bills, and what they come to at the prices of a table.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::prices::{PriceSource, with_platform};
use super::{PlanReport, Prices, RunReport};
use crate::group::Outcome;
use crate::text::{duration, plain_text};

const SECONDS_PER_HOUR: f64 = 3600.0;

/// The cost of a run to its owner.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Borrowed instances by type and platform.
    pub instances: Vec<InstanceCost>,
    /// Seconds of borrowed instances whose type is not known (before the launch of groups with several types).
    pub unknown_type_seconds: u64,
    /// The size of the volumes of the images that stay, GiB. AWS bills only the blocks that changed since the snapshots
    /// before, so this is the most that the snapshots can come to.
    pub snapshot_gib: u64,
    /// The part of the stack that a deployed run used itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<StackUse>,
    /// The amounts, if it was priced: the deployed function leaves that to those who show its reports.
    pub amounts: Option<Amounts>,
}

/// The borrowed instances of one type and platform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceCost {
    /// e.g. `t3.large`.
    pub instance_type: String,
    /// The name by which AWS bills their platform, e.g. `Linux/UNIX` or `Windows`, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// For how long, seconds.
    pub seconds: u64,
    /// At the price of the table, if it has one.
    pub amount: Option<f64>,
}

/// The part of the stack that a deployed run used itself: its function and its state machine, as far as the function can count that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StackUse {
    /// Invocations of the function, with attempts that had no answer; some of these AWS may have refused for their rate.
    pub invocations: u64,
    /// Time of the function times its memory, GB-seconds; none if its memory is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gb_seconds: Option<f64>,
    /// State transitions: the states that were entered, and attempts that were repeated.
    pub transitions: u64,
    /// Whether a part is not known: for how long an attempt without an answer worked, or whether some states were entered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
}

/// Amounts of money, and the prices behind them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Amounts {
    /// e.g. `USD`.
    pub currency: String,
    /// The region of the prices, which may be another than that of the run.
    pub region: String,
    /// The day of the prices.
    pub date: NaiveDate,
    /// Where the prices come from.
    #[serde(default)]
    pub prices: PriceSource,
    /// All instances that have a price.
    pub instances: f64,
    /// All snapshots, for a month, at most.
    pub snapshots_per_month: Option<f64>,
    /// The function, if a deployed run used it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<f64>,
    /// Its state transitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transitions: Option<f64>,
    /// Instance types without a price, with their platform if that is why.
    pub without_price: Vec<String>,
    /// Sentences about why the amounts may differ from the bill.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// A use of instances: type and platform, if they are known, and seconds.
struct Use<'a> {
    instance_type: Option<&'a str>,
    platform: Option<&'a str>,
    seconds: u64,
}

/// Where and when something costs.
struct Setting<'a> {
    region: &'a str,
    at: DateTime<Utc>,
}

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
                .map(|(instance_type, seconds)| Use {
                    instance_type,
                    platform: g.platform.as_deref(),
                    seconds,
                })
        });
        let kept = report
            .groups
            .iter()
            .filter(|g| g.outcome == Outcome::Patched);
        let gib = kept.filter_map(|g| g.image_gib).map(u64::from).sum();
        let setting = Setting {
            region: &report.region,
            at: report.started_at,
        };
        let stack = report.cost.as_ref().and_then(|c| c.stack.clone());
        Self {
            stack,
            ..Self::quantified(uses, gib)
        }
        .priced(prices, &setting)
    }

    /// The most that a run would cost which goes by this plan: an instance for the whole of each group's time.
    pub fn of_plan(plan: &PlanReport, prices: Option<&Prices>) -> Self {
        let tried = || {
            let all = plan.groups.iter();
            all.filter(|g| g.refusal.is_none() && g.misfit.is_none())
        };
        let uses = tried().map(|g| Use {
            instance_type: g.instance_type.as_deref(),
            platform: g.platform.as_deref(),
            seconds: g.estimate_seconds,
        });
        let bakes = tried().filter(|g| g.bakes);
        let gib = bakes.filter_map(|g| g.image_gib).map(u64::from).sum();
        let setting = Setting {
            region: &plan.region,
            at: plan.planned_at,
        };
        Self::quantified(uses, gib).priced(prices, &setting)
    }

    fn quantified<'a>(uses: impl Iterator<Item = Use<'a>>, gib: u64) -> Self {
        let mut by_type: BTreeMap<(&str, Option<&str>), u64> = BTreeMap::new();
        let mut unknown = 0;
        for one in uses {
            match one.instance_type {
                Some(kind) => *by_type.entry((kind, one.platform)).or_default() += one.seconds,
                None => unknown += one.seconds,
            }
        }
        let instances = by_type
            .into_iter()
            .map(|((kind, platform), seconds)| InstanceCost {
                instance_type: kind.to_owned(),
                platform: platform.map(str::to_owned),
                seconds,
                amount: None,
            });
        Self {
            instances: instances.collect(),
            unknown_type_seconds: unknown,
            snapshot_gib: gib,
            stack: None,
            amounts: None,
        }
    }

    /// The same of a deployed run.
    #[must_use]
    pub fn with_stack(self, stack: StackUse) -> Self {
        Self {
            stack: Some(stack),
            ..self
        }
    }

    fn priced(mut self, prices: Option<&Prices>, setting: &Setting) -> Self {
        let Some(prices) = prices else { return self };
        for used in &mut self.instances {
            let price = prices.instance_hour(&used.instance_type, used.platform.as_deref());
            used.amount = price.map(|p| p * used.seconds as f64 / SECONDS_PER_HOUR);
        }
        self.amounts = Some(Amounts::of(&self, prices, setting));
        self
    }

    /// The quantities in a sentence; none if nothing is billed.
    pub fn quantities(&self) -> Option<String> {
        let mut uses: Vec<String> = self
            .instances
            .iter()
            .map(|i| format!("{} for {}", i.name(), duration(i.seconds)))
            .collect();
        if self.unknown_type_seconds > 0 {
            let time = duration(self.unknown_type_seconds);
            uses.push(format!("{UNKNOWN_TYPE} for {time}"));
        }
        if self.snapshot_gib > 0 {
            let gib = self.snapshot_gib;
            uses.push(format!(
                "snapshots of at most {gib} GiB for as long as the images are kept"
            ));
        }
        uses.extend(self.stack.as_ref().map(StackUse::words));
        (!uses.is_empty()).then(|| format!("{}.", uses.join(", ")))
    }

    /// The amounts in sentences, with what prices these are; none if nothing is billed, or it was not priced.
    pub fn in_money(&self) -> Option<String> {
        self.quantities()?;
        let amounts = self.amounts.as_ref()?;
        let mut parts = Vec::new();
        if self.instances.iter().any(|i| i.amount.is_some()) {
            parts.push(format!(
                "{} for instances",
                amounts.money(amounts.instances)
            ));
        }
        if let Some(snapshots) = amounts
            .snapshots_per_month
            .filter(|_| self.snapshot_gib > 0)
        {
            let most = amounts.money(snapshots);
            parts.push(format!("at most {most} a month for snapshots"));
        }
        let function = match amounts.prices {
            PriceSource::List => "the function (arm64)",
            PriceSource::File => "the function",
        };
        let stack = [
            (amounts.function, function),
            (amounts.transitions, "state transitions"),
        ];
        parts.extend(stack.into_iter().filter_map(|(amount, of)| {
            let amount = amounts.money(amount?);
            Some(format!("{amount} for {of}"))
        }));
        let lacking = self.lacking(amounts);
        let mut text = format!("At {}: {}", amounts.basis(), parts.join(", "));
        if !lacking.is_empty() {
            let after = if parts.is_empty() { "" } else { "; " };
            text.push_str(&format!("{after}no price for {}", lacking.join(", ")));
        }
        text.push('.');
        for note in &amounts.notes {
            text.push_str(&format!(" {}", plain_text(note)));
        }
        Some(text)
    }

    /// All that has no price.
    fn lacking(&self, amounts: &Amounts) -> Vec<String> {
        let types = amounts.without_price.iter().map(|t| plain_text(t));
        let is_used = self.stack.is_some();
        let others = [
            (self.unknown_type_seconds > 0, UNKNOWN_TYPE),
            (
                self.snapshot_gib > 0 && amounts.snapshots_per_month.is_none(),
                "snapshots",
            ),
            (is_used && amounts.function.is_none(), "the function"),
            (
                is_used && amounts.transitions.is_none(),
                "state transitions",
            ),
        ];
        let others = others.into_iter().filter(|(lacks, _)| *lacks);
        types.chain(others.map(|(_, of)| of.to_owned())).collect()
    }
}

/// Instances of groups that may launch several types.
const UNKNOWN_TYPE: &str = "instances of a type not known";

impl InstanceCost {
    /// The type, with its platform if that is not Linux.
    pub fn name(&self) -> String {
        plain_text(&with_platform(
            &self.instance_type,
            self.platform.as_deref(),
        ))
    }
}

impl StackUse {
    /// In words, to stand in a list.
    pub fn words(&self) -> String {
        let rest = match self.incomplete {
            true => ", and a part that is not known",
            false => "",
        };
        let time = self
            .gb_seconds
            .map_or_else(String::new, |s| format!(" ({s:.1} GB-seconds)"));
        let (invocations, transitions) = (self.invocations, self.transitions);
        format!(
            "about {invocations} invocations of the function{time} and {transitions} state transitions{rest}"
        )
    }

    /// At these prices, as far as they have one.
    fn function(&self, prices: &Prices) -> Option<f64> {
        let time = prices.lambda_gb_second? * self.gb_seconds?;
        let requests = prices.lambda_million_requests? * self.invocations as f64 / 1_000_000.0;
        Some(time + requests)
    }
}

impl Amounts {
    fn of(cost: &Cost, prices: &Prices, setting: &Setting) -> Self {
        let priced = cost.instances.iter().filter_map(|i| i.amount);
        let unpriced = cost.instances.iter().filter(|i| i.amount.is_none());
        let stack = cost.stack.as_ref();
        let mut notes = Vec::new();
        if prices.region != setting.region {
            let region = setting.region;
            notes.push(format!(
                "Prices in {region} differ: --prices FILE names them."
            ));
        }
        if prices.is_old(setting.at) {
            notes.push("These prices are more than a year old.".to_owned());
        }
        Self {
            currency: prices.currency.clone(),
            region: prices.region.clone(),
            date: prices.date,
            prices: prices.source,
            // The sum of nothing is -0.0.
            instances: priced.sum::<f64>() + 0.0,
            snapshots_per_month: prices
                .snapshot_gib_month
                .map(|p| p * cost.snapshot_gib as f64),
            function: stack.and_then(|s| s.function(prices)),
            transitions: stack
                .zip(prices.thousand_transitions)
                .map(|(s, p)| p * s.transitions as f64 / 1_000.0),
            without_price: unpriced.map(InstanceCost::name).collect(),
            notes,
        }
    }

    /// Which prices these are.
    fn basis(&self) -> String {
        let (region, date) = (plain_text(&self.region), self.date);
        match self.prices {
            PriceSource::List => {
                format!("list prices of {region} on {date} (Linux, on demand)")
            }
            PriceSource::File => format!("the given prices of {region} on {date}"),
        }
    }

    /// An amount with its currency, to the hundredth; less than that is shown as less than that.
    pub fn money(&self, amount: f64) -> String {
        let currency = plain_text(&self.currency);
        if amount > 0.0 && amount < 0.01 {
            return format!("less than 0.01 {currency}");
        }
        format!("{amount:.2} {currency}")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{Cost, Prices, StackUse};
    use crate::report::{GroupReport, RunReport, sample};

    fn run() -> RunReport {
        let group = |name: &str, kind: &str, gib| GroupReport {
            seconds_by_type: [(kind.to_owned(), 600)].into(),
            image_gib: Some(gib),
            ..sample::patched(name)
        };
        let windows = GroupReport {
            platform: Some("Windows".into()),
            instance_seconds: 600,
            ..group("c", "t3.large", 0)
        };
        let linux = GroupReport {
            platform: Some("Linux/UNIX".into()),
            ..group("a", "t3.large", 8)
        };
        RunReport {
            groups: vec![linux, group("b", "odd.large", 20), windows],
            ..sample::run()
        }
    }

    fn in_money(report: &RunReport, prices: &Prices) -> String {
        Cost::of_run(report, Some(prices)).in_money().unwrap()
    }

    #[test]
    fn quantities_are_summed_by_type() {
        // Of the first two groups' 700 s, 600 s have a type.
        let cost = Cost::of_run(&run(), None);
        expect!["odd.large for 10m 00s, t3.large for 10m 00s, t3.large (Windows) for 10m 00s, instances of a type not known for 3m 20s, snapshots of at most 28 GiB for as long as the images are kept."]
            .assert_eq(&cost.quantities().unwrap());
        assert_eq!((cost.amounts.clone(), cost.in_money()), (None, None));
        assert_eq!(Cost::default().quantities(), None);
    }

    /// The figure stands for Linux in one region at a date: whatever of this is otherwise is said, so that it is not taken for
    /// the bill.
    #[test]
    fn list_prices_are_said_to_be_those_of_one_region_at_a_date() {
        let list = Prices::list().unwrap();
        let mut report = run();
        expect!["At list prices of us-east-1 on 2026-07-20 (Linux, on demand): 0.01 USD for instances, at most 1.40 USD a month for snapshots; no price for odd.large, t3.large (Windows), instances of a type not known. Prices in eu-west-1 differ: --prices FILE names them."]
            .assert_eq(&in_money(&report, &list));
        report.region = "us-east-1".into();
        report.groups.truncate(1);
        report.groups[0].instance_seconds = 600;
        report.started_at = "2028-01-01T00:00:00Z".parse().unwrap();
        expect!["At list prices of us-east-1 on 2026-07-20 (Linux, on demand): 0.01 USD for instances, at most 0.40 USD a month for snapshots. These prices are more than a year old."]
            .assert_eq(&in_money(&report, &list));
        report.groups[0].platform = Some("Red Hat Enterprise Linux".into());
        report.groups[0].image_gib = None;
        expect!["At list prices of us-east-1 on 2026-07-20 (Linux, on demand): no price for t3.large (Red Hat Enterprise Linux). These prices are more than a year old."]
            .assert_eq(&in_money(&report, &list));
        // Nothing was borrowed, nothing costs.
        report.groups.clear();
        assert_eq!(Cost::of_run(&report, Some(&list)).in_money(), None);
    }

    #[test]
    fn a_file_has_the_prices_of_its_own_platforms() {
        let prices = Prices::parse(
            "region = \"eu-west-1\"\ndate = \"2026-10-01\"\ncurrency = \"XTS\"\nsnapshot_gib_month = 0.5\n\
             [instance_hour]\nt3.large = 0.6\n[platform_instance_hour.Windows]\nt3.large = 1.2\n",
        );
        expect!["At the given prices of eu-west-1 on 2026-10-01: 0.30 XTS for instances, at most 14.00 XTS a month for snapshots; no price for odd.large, instances of a type not known."].assert_eq(&in_money(&run(), &prices.unwrap()));
    }

    /// The function counts; who shows its report prices it.
    #[test]
    fn a_deployed_run_has_the_cost_of_the_stack_itself() {
        let stack = StackUse {
            invocations: 19,
            gb_seconds: Some(178.25),
            transitions: 58,
            incomplete: false,
        };
        let mut report = run();
        report.groups.truncate(1);
        report.cost = Some(Cost::of_run(&report, None).with_stack(stack));
        let list = Prices::list().unwrap();
        let priced = Cost::of_run(&report, Some(&list));
        expect!["t3.large for 10m 00s, instances of a type not known for 1m 40s, snapshots of at most 8 GiB for as long as the images are kept, about 19 invocations of the function (178.2 GB-seconds) and 58 state transitions."].assert_eq(&priced.quantities().unwrap());
        expect!["At list prices of us-east-1 on 2026-07-20 (Linux, on demand): 0.01 USD for instances, at most 0.40 USD a month for snapshots, less than 0.01 USD for the function (arm64), less than 0.01 USD for state transitions; no price for instances of a type not known. Prices in eu-west-1 differ: --prices FILE names them."].assert_eq(&priced.in_money().unwrap());
        let types =
            "region = \"eu-west-1\"\ndate = \"2026-10-01\"\ncurrency = \"XTS\"\n[instance_hour]\n";
        let file = Prices::parse(types).unwrap();
        let unpriced = Cost::of_run(&report, Some(&file));
        expect!["At the given prices of eu-west-1 on 2026-10-01: no price for t3.large, instances of a type not known, snapshots, the function, state transitions."].assert_eq(&unpriced.in_money().unwrap());
        let nothing = unpriced.amounts.unwrap().instances;
        assert!(nothing == 0.0 && nothing.is_sign_positive(), "{nothing}");
        let amounts = priced.amounts.unwrap();
        let millionths = |amount: Option<f64>| (amount.unwrap() * 1_000_000.0).round();
        assert_eq!(millionths(amounts.function), 2_380.0);
        assert_eq!(millionths(amounts.transitions), 1_450.0);
    }

    /// A report that an earlier version has kept.
    #[test]
    fn amounts_of_a_report_without_a_source_are_those_of_a_file() {
        let kept = r#"{"instances": [{"instance_type": "t3.large", "seconds": 600, "amount": 0.1}], "unknown_type_seconds": 0,
            "snapshot_gib": 0, "amounts": {"currency": "XTS", "region": "eu-west-1", "date": "2026-10-01", "instances": 0.1,
            "snapshots_per_month": null, "without_price": []}}"#;
        let cost: Cost = serde_json::from_str(kept).unwrap();
        expect!["At the given prices of eu-west-1 on 2026-10-01: 0.10 XTS for instances."]
            .assert_eq(&cost.in_money().unwrap());
    }
}
