//! The SDK clients, with what all of them share: retries, timeouts, a count of calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime::client::retries::RetryPartition;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use chrono::TimeDelta;

use super::complete::Completeness;
use super::known_pages::KnownPages;
use super::offset::AwsClock;
use super::operation::operation_of;
use super::pace::{Pacer, Turn, Urgency};
use super::share::ApiShare;
use super::signing::Signatures;
use crate::clock::Clock;
use crate::group::allowed::Allowed;
use crate::group::fault::Fault;
use crate::signature::SigningKey;

/// Attempts of one call: enough for a passing throttle. Longer trouble is the pipeline's to wait out.
const MAX_ATTEMPTS: u32 = 4;
/// One attempt: AWS answers these calls within seconds; half a minute is a broken connection.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// Making the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The clients of a process. Cheap to clone; clones are paced and count together.
#[derive(Clone, Debug)]
pub struct Clients {
    /// EC2 Auto Scaling.
    pub autoscaling: aws_sdk_autoscaling::Client,
    /// EC2.
    pub ec2: aws_sdk_ec2::Client,
    /// Elastic Load Balancing v2.
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    /// Elastic Load Balancing of Classic Load Balancers.
    pub classic_elb: aws_sdk_elasticloadbalancing::Client,
    /// Systems Manager.
    pub ssm: aws_sdk_ssm::Client,
    /// SNS.
    pub sns: aws_sdk_sns::Client,
    /// KMS.
    pub kms: aws_sdk_kms::Client,
    /// EventBridge Scheduler.
    pub scheduler: aws_sdk_scheduler::Client,
    /// EventBridge.
    pub events: aws_sdk_eventbridge::Client,
    /// Step Functions.
    pub sfn: aws_sdk_sfn::Client,
    /// Security Token Service.
    pub sts: aws_sdk_sts::Client,
    counts: CallCounter,
    aws_clock: AwsClock,
    pacer: Pacer,
    /// The urgency of their reads.
    reads: Urgency,
    /// The bounds within which they work.
    allowed: Arc<Allowed>,
    signatures: Signatures,
    pages_of_actions: KnownPages,
}

impl Clients {
    /// Clients for an account and region, paced by `clock`.
    ///
    /// They have a retry budget of their own: the SDK's default one is shared by the whole process.
    pub fn new(sdk: &SdkConfig, clock: Clock) -> Self {
        let counts = CallCounter::default();
        let aws_clock = AwsClock::new(clock.clone());
        let pacer = Pacer::new(clock.clone(), ApiShare::default().part());
        let partition = RetryPartition::custom("asg-patch").build();
        let retries = RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(clock.of_real(CONNECT_TIMEOUT))
            .operation_attempt_timeout(clock.of_real(ATTEMPT_TIMEOUT))
            .build();
        macro_rules! client {
            ($service:ident) => {
                $service::Client::from_conf(
                    $service::config::Builder::from(sdk)
                        .retry_config(retries.clone())
                        .retry_partition(partition.clone())
                        .timeout_config(timeouts.clone())
                        .interceptor(counts.clone())
                        .interceptor(aws_clock.clone())
                        .interceptor(pacer.clone())
                        .interceptor(Completeness)
                        .build(),
                )
            };
        }
        Self {
            autoscaling: client!(aws_sdk_autoscaling),
            ec2: client!(aws_sdk_ec2),
            elb: client!(aws_sdk_elasticloadbalancingv2),
            classic_elb: client!(aws_sdk_elasticloadbalancing),
            ssm: client!(aws_sdk_ssm),
            sns: client!(aws_sdk_sns),
            kms: client!(aws_sdk_kms),
            scheduler: client!(aws_sdk_scheduler),
            events: client!(aws_sdk_eventbridge),
            sfn: client!(aws_sdk_sfn),
            sts: client!(aws_sdk_sts),
            counts,
            aws_clock,
            pacer,
            reads: Urgency::Look,
            allowed: Arc::default(),
            signatures: Signatures::default(),
            pages_of_actions: KnownPages::default(),
        }
    }

    /// The same clients, asking at this share of AWS's rates, 0 to 1.
    pub(super) fn at_share(&self, share: f64) -> Self {
        Self {
            pacer: self.pacer.at_share(share),
            ..self.clone()
        }
    }

    /// The same clients within these bounds.
    pub(super) fn allowing(&self, allowed: Allowed) -> Self {
        Self {
            allowed: Arc::new(allowed),
            ..self.clone()
        }
    }

    /// The same clients, with what they store signed by this HMAC key of KMS, and nothing believed that is not.
    pub(super) fn signing_by(&self, kms_key: String) -> Self {
        Self {
            signatures: Signatures::by(kms_key),
            ..self.clone()
        }
    }

    /// The key of signatures; none if they are neither made nor checked.
    ///
    /// # Errors
    /// KMS did not give it.
    pub async fn signing_key(&self) -> Result<Option<&SigningKey>, Fault> {
        self.signatures.key(self).await
    }

    /// The bounds within which they work.
    pub fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    /// The pages of all scheduled actions of the account, as far as is known.
    pub(super) fn pages_of_actions(&self) -> &KnownPages {
        &self.pages_of_actions
    }

    /// The same clients, for reads that only one group waits for.
    pub(super) fn for_one(&self) -> Self {
        Self {
            reads: Urgency::LookAtOne,
            ..self.clone()
        }
    }

    /// The share of AWS's rates at which they ask, 0 to 1.
    pub(super) fn share(&self) -> f64 {
        self.pacer.share()
    }

    /// Waits until a read may be made: `operation` is `service:Operation`.
    pub(super) async fn turn(&self, operation: &'static str) {
        self.pacer.turn(operation, self.reads).await;
    }

    /// Waits until a call of this urgency may be made.
    pub(super) async fn turn_of(&self, operation: &'static str, urgency: Urgency) {
        self.pacer.turn(operation, urgency).await;
    }

    /// Waits until a call of this urgency may be made soon.
    pub(super) async fn near_turn(&self, operation: &'static str, urgency: Urgency) -> Turn {
        self.pacer.near_turn(operation, urgency).await
    }

    /// How far AWS's clock is ahead of ours (AWS minus ours), by the last answer that showed it, in whole seconds;
    /// `None` before the first. An answer that took long says little, and is left out.
    pub fn clock_offset(&self) -> Option<TimeDelta> {
        self.aws_clock.offset()
    }

    /// Calls so far per `service:Operation`, every attempt counted.
    pub fn call_counts(&self) -> BTreeMap<String, u64> {
        self.counts.lock().clone()
    }

    /// Counts the calls from now on, whichever clone makes them: for a report on one of several things that a
    /// process does one after the other.
    pub fn count_from_now(&self) -> CallCount {
        CallCount {
            counts: self.counts.clone(),
            before: self.call_counts(),
        }
    }
}

/// The calls since [`Clients::count_from_now`].
#[derive(Clone, Debug)]
pub struct CallCount {
    counts: CallCounter,
    before: BTreeMap<String, u64>,
}

impl CallCount {
    /// Calls per `service:Operation`, every attempt counted; operations without a call are left out.
    pub fn so_far(&self) -> BTreeMap<String, u64> {
        let now = self.counts.lock().clone();
        now.into_iter()
            .map(|(operation, calls)| {
                let before = self.before.get(&operation).copied().unwrap_or_default();
                (operation, calls.saturating_sub(before))
            })
            .filter(|(_, calls)| *calls > 0)
            .collect()
    }
}

/// For calls that may not be repeated blindly, because they carry no idempotency token: their answer
/// may be lost after they took effect. The pipeline looks before it asks again.
pub(super) fn no_retry() -> RetryConfig {
    RetryConfig::disabled()
}

#[derive(Clone, Debug, Default)]
struct CallCounter(Arc<Mutex<BTreeMap<String, u64>>>);

impl CallCounter {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[dyn_dispatch_hint]
impl Intercept for CallCounter {
    fn name(&self) -> &'static str {
        "CallCounter"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(operation) = operation_of(cfg) {
            *self.lock().entry(operation).or_default() += 1;
        }
        Ok(())
    }
}
