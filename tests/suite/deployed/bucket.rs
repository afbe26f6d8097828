//! The bucket of reports, as Step Functions' own integration with S3 writes to it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::machine::{PAYLOAD_LIMIT_BYTES, StateResult};

pub(super) const PUT_OBJECT: &str = "arn:aws:states:::aws-sdk:s3:putObject";

/// The objects of a bucket.
#[derive(Default)]
pub(crate) struct Bucket {
    objects: RefCell<BTreeMap<String, String>>,
    /// The number of calls that are still to be refused.
    pub(crate) refusals: Cell<u64>,
    /// The number of calls.
    pub(crate) calls: Cell<u64>,
}

impl Bucket {
    /// Stores the JSON of the body: an object as it is, but a text in quotes.
    pub(super) fn put(&self, parameters: &Value) -> StateResult {
        let bytes = parameters.to_string().len();
        assert!(
            bytes <= PAYLOAD_LIMIT_BYTES,
            "States.DataLimitExceeded: {bytes}"
        );
        let fields = parameters.as_object().expect("parameters");
        let names: Vec<&str> = fields.keys().map(String::as_str).collect();
        assert_eq!(names, ["Bucket", "Key", "Body", "ContentType"]);
        assert_eq!(
            parameters["Bucket"], "${ReportBucket}",
            "the template fills it in"
        );
        self.calls.set(self.calls.get() + 1);
        if let Some(left) = self.refusals.get().checked_sub(1) {
            self.refusals.set(left);
            let cause = "Access Denied (Service: S3, Status Code: 403)";
            return Err(("S3.S3Exception".into(), cause.into()));
        }
        let key = parameters["Key"].as_str().expect("a key").to_owned();
        let body = parameters["Body"].to_string();
        self.objects.borrow_mut().insert(key, body);
        Ok(json!({"ETag": "x"}))
    }

    /// The keys and contents.
    pub(crate) fn objects(&self) -> BTreeMap<String, String> {
        self.objects.borrow().clone()
    }
}
