//! The account's own clock.

use aws_smithy_types::date_time::Format;
use chrono::{DateTime, TimeDelta, Utc};

use crate::sim::fleet;
use crate::sim::sdk::sdk_config;

#[tokio::test(start_paused = true)]
async fn every_time_in_answers_is_by_the_accounts_clock() {
    for offset in [-200, 150] {
        let text = format!("clock_offset_seconds = {offset}\n{}", fleet::SAMPLE);
        let account = fleet::parse(&text).unwrap().account(1);
        let ahead = account.now() - account.clock().now();
        assert_eq!(ahead, TimeDelta::seconds(offset));
        let sdk = sdk_config(&account, "clock");
        let ssm = aws_sdk_ssm::Client::new(&sdk);
        let put = ssm.put_parameter().name("/when").value("v");
        let put = put.r#type(aws_sdk_ssm::types::ParameterType::String);
        put.send().await.unwrap();
        let found = ssm.get_parameter().name("/when").send().await.unwrap();
        let at = found.parameter().unwrap().last_modified_date().unwrap();
        let at: DateTime<Utc> = at.fmt(Format::DateTime).unwrap().parse().unwrap();
        let since = account.now() - at;
        assert!(
            since < TimeDelta::seconds(1) && since >= TimeDelta::zero(),
            "{since}"
        );
        // No call was repeated because of the difference.
        assert_eq!(account.calls().log.len(), 2);
        let thawed = account.freeze().thaw();
        assert_eq!(thawed.now(), account.now());
    }
    let text = format!("clock_offset_seconds = 400\n{}", fleet::SAMPLE);
    let error = fleet::parse(&text).unwrap_err().to_string();
    assert!(error.contains("expected -230 to 230, found 400"), "{error}");
}
