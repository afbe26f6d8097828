//! `asg-patch probe`

use std::path::{Path, PathBuf};

use asg_patch::aws::Aws;
use asg_patch::probe::{
    self, Cleaned, Finding, ProbeReport, Settings, Tap, Verdict, beliefs, clean_until_gone,
};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use clap::{Args, ValueHint};
use serde_json::json;

use super::complete;
use super::connect::configure;
use super::error::{CliError, Exit};
use super::options::AwsOptions;
use super::output::Output;
use super::stop::interrupted;

/// Options of `probe`.
#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct ProbeArgs {
    /// Image of the instances: any with an EBS root volume; a small one with Linux is quickest
    #[arg(long, value_name = "AMI", required_unless_present = "clean")]
    image: Option<String>,
    /// Type of the instances
    #[arg(long, value_name = "TYPE", default_value = "t3.micro")]
    instance_type: String,
    /// Subnet of the groups (repeatable) [default: the default subnets of the default VPC]
    #[arg(long = "subnet", value_name = "SUBNET")]
    subnets: Vec<String>,
    /// Instance profile that lets Systems Manager reach the guests; without it the guests' beliefs are not checked
    #[arg(long, value_name = "NAME")]
    instance_profile: Option<String>,
    /// Check only this belief (repeatable), by its name in docs/beliefs.md
    #[arg(long = "belief", value_name = "ID", add = complete::belief_ids())]
    beliefs: Vec<String>,
    /// Keep the raw answers as files in this directory, with account ids, addresses and request ids replaced
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "clean")]
    record: Option<PathBuf>,
    /// Only remove what earlier probes have left
    #[arg(long, conflicts_with_all = ["image", "subnets", "instance_profile", "beliefs"])]
    clean: bool,
    #[command(flatten)]
    aws: AwsOptions,
}

const AFTER: &str = "\
Makes launch templates, groups, instances, an image and a parameter of its own, named asg-patch-probe-... and
tagged asg-patch:probe, and removes them at the end, also after an error or Ctrl-C. Touches nothing else. Takes
some 20 minutes and costs a few cents.

Exit codes: 0 nothing differs, 1 a belief differs, 2 wrong usage, 3 AWS could not be reached or refused,
4 something is left: asg-patch probe --clean removes it.";

/// Checks the beliefs, or removes what earlier probes have left.
///
/// # Errors
/// The options are invalid, or AWS could not be reached or refused a call that everything depends on.
pub(crate) async fn execute(args: &ProbeArgs, output: &Output) -> Result<Exit, CliError> {
    check(args)?;
    let (clock, sdk) = configure(&args.aws).await?;
    if let Some(directory) = &args.record {
        make_empty(directory)?;
    }
    // The client that the SDK would take itself.
    let client = sdk.http_client().unwrap_or_else(|| {
        let provider = Provider::Rustls(CryptoMode::AwsLc);
        Builder::new().tls_provider(provider).build_https()
    });
    let tap = Tap::new(client, clock.clone(), args.record.clone());
    let sdk = sdk.into_builder().http_client(tap.clone()).build();
    let aws = Aws::new(clock, sdk);
    if args.clean {
        return clean(&aws, output).await;
    }
    let settings = settings(args, &aws).await?;
    output.remark(&format!(
        "Probe {}: everything that it makes is named asg-patch-probe-{}-... Press Ctrl-C to end it.",
        settings.id, settings.id
    ));
    let findings = tokio::select! {
        findings = probe::run(&aws, &settings, &tap, |found| show(output, found)) => Some(findings),
        () = interrupted() => None,
    };
    output.remark("Removing what the probe has made.");
    let cleaned = tokio::select! {
        cleaned = clean_until_gone(&aws, Some(&settings.id)) => cleaned?,
        () = interrupted() => {
            output.notice("Stopped. Remove the rest with: asg-patch probe --clean");
            return Ok(Exit::LeftOpen);
        }
    };
    if let Some(failure) = tap.failure() {
        output.notice(&format!("The recording is not complete: {failure}"));
    }
    Ok(report(settings.id, findings, cleaned, output))
}

fn show(output: &Output, found: &[Finding]) {
    for finding in found {
        let verdict = match finding.verdict {
            Verdict::Holds => "holds",
            Verdict::Differs => "DIFFERS",
            Verdict::NotChecked => "not checked",
        };
        output.remark(&format!("{}: {verdict}", finding.belief));
    }
}

/// Prints the findings; a probe that was stopped has none to show.
fn report(id: String, findings: Option<Vec<Finding>>, cleaned: Cleaned, output: &Output) -> Exit {
    let stopped = findings.is_none();
    let report = ProbeReport {
        probe: id,
        findings: findings.unwrap_or_default(),
        left: cleaned.left,
    };
    output.result(&report, |_width| report.to_text());
    if !report.left.is_empty() {
        Exit::LeftOpen
    } else if stopped || report.count(Verdict::Differs) > 0 {
        Exit::SomeFailed
    } else {
        Exit::Well
    }
}

async fn clean(aws: &Aws, output: &Output) -> Result<Exit, CliError> {
    let cleaned = clean_until_gone(aws, None).await?;
    let document = json!({"removed": cleaned.removed, "left": cleaned.left});
    output.result(&document, |_width| {
        let list = |names: &[String]| match names {
            [] => "nothing".to_owned(),
            names => names.join(", "),
        };
        format!(
            "Removed: {}.\nLeft: {}.",
            list(&cleaned.removed),
            list(&cleaned.left)
        )
    });
    Ok(match cleaned.left.as_slice() {
        [] => Exit::Well,
        _ => Exit::LeftOpen,
    })
}

fn check(args: &ProbeArgs) -> Result<(), CliError> {
    let begins = |place: &str, text: &str, prefix: &str| {
        if text.len() > prefix.len() && text.starts_with(prefix) {
            return Ok(());
        }
        let expected = format!("an id such as {prefix}0a1b2c3d4e5f60718");
        Err(CliError::input(place, expected, format!("'{text}'")))
    };
    if let Some(image) = &args.image {
        begins("--image", image, "ami-")?;
    }
    for subnet in &args.subnets {
        begins("--subnet", subnet, "subnet-")?;
    }
    for belief in &args.beliefs {
        if beliefs().all(|b| b.id != belief) {
            let known: Vec<&str> = beliefs().map(|b| b.id).collect();
            let expected = format!("one of {}", known.join(", "));
            return Err(CliError::input("--belief", expected, format!("'{belief}'")));
        }
    }
    Ok(())
}

/// A recording begins in an empty directory: replayed, two would be mixed up.
fn make_empty(directory: &Path) -> Result<(), CliError> {
    let input = |expected: &str, found: String| {
        CliError::input(format!("--record {}", directory.display()), expected, found)
    };
    let writable = "a directory that can be written";
    std::fs::create_dir_all(directory).map_err(|e| input(writable, e.to_string()))?;
    let mut entries = std::fs::read_dir(directory).map_err(|e| input(writable, e.to_string()))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(input("an empty directory", "files in it".into())),
    }
}

async fn settings(args: &ProbeArgs, aws: &Aws) -> Result<Settings, CliError> {
    let subnets = match args.subnets.as_slice() {
        [] => probe::default_subnets(aws).await?,
        given => given.to_vec(),
    };
    Ok(Settings {
        id: format!("{:08x}", fastrand::u32(..)),
        image: args.image.clone().unwrap_or_default(),
        instance_type: args.instance_type.clone(),
        subnets,
        instance_profile: args.instance_profile.clone(),
        only: args.beliefs.clone(),
    })
}
