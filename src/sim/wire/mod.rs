//! AWS's wire formats, the server's side: bytes to a [`Call`], a result to bytes.

pub mod params;
mod rest;
pub mod xml;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use params::{Params, Tree};

/// A service of the simulated account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// EC2 Auto Scaling (awsQuery).
    AutoScaling,
    /// EC2 (ec2Query).
    Ec2,
    /// Systems Manager (awsJson1.1).
    Ssm,
    /// SNS (awsQuery).
    Sns,
    /// Security Token Service (awsQuery).
    Sts,
    /// Elastic Load Balancing v2 (awsQuery).
    LoadBalancing,
    /// Elastic Load Balancing of Classic Load Balancers (awsQuery).
    ClassicLoadBalancing,
    /// KMS (awsJson1.1).
    Kms,
    /// Step Functions (awsJson1.0).
    States,
    /// EventBridge Scheduler (restJson1).
    Scheduler,
    /// EventBridge (awsJson1.1).
    Events,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::AutoScaling,
        Self::Ec2,
        Self::Ssm,
        Self::Sns,
        Self::Sts,
        Self::LoadBalancing,
        Self::ClassicLoadBalancing,
        Self::Kms,
        Self::States,
        Self::Scheduler,
        Self::Events,
    ];

    /// The name that call counts and logs use, as in `autoscaling:DescribeAutoScalingGroups`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AutoScaling => "autoscaling",
            Self::Ec2 => "ec2",
            Self::Ssm => "ssm",
            Self::Sns => "sns",
            Self::Sts => "sts",
            Self::LoadBalancing | Self::ClassicLoadBalancing => "elasticloadbalancing",
            Self::Kms => "kms",
            Self::States => "states",
            Self::Scheduler => "scheduler",
            Self::Events => "events",
        }
    }

    /// The service whose `X-Amz-Target` begins so.
    fn of_target(prefix: &str) -> Option<Self> {
        match prefix {
            "AmazonSSM" => Some(Self::Ssm),
            "TrentService" => Some(Self::Kms),
            "AWSStepFunctions" => Some(Self::States),
            "AWSEvents" => Some(Self::Events),
            _ => None,
        }
    }

    fn of_version(version: &str) -> Option<Self> {
        match version {
            "2011-01-01" => Some(Self::AutoScaling),
            "2016-11-15" => Some(Self::Ec2),
            "2010-03-31" => Some(Self::Sns),
            "2011-06-15" => Some(Self::Sts),
            "2015-12-01" => Some(Self::LoadBalancing),
            "2012-06-01" => Some(Self::ClassicLoadBalancing),
            _ => None,
        }
    }

    /// The XML namespace of its answers.
    fn namespace(self) -> &'static str {
        match self {
            Self::AutoScaling => "http://autoscaling.amazonaws.com/doc/2011-01-01/",
            Self::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
            Self::Sns => "http://sns.amazonaws.com/doc/2010-03-31/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Self::LoadBalancing => "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
            Self::ClassicLoadBalancing => {
                "http://elasticloadbalancing.amazonaws.com/doc/2012-06-01/"
            }
            Self::Ssm => "http://ssm.amazonaws.com/doc/2014-11-06/",
            Self::Kms | Self::States | Self::Scheduler | Self::Events => "",
        }
    }
}

/// A request as it arrives, without its signature.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// `GET`, `POST` and so on.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// The header `X-Amz-Target`.
    pub operation: Option<&'a str>,
    /// Body.
    pub body: &'a [u8],
}

impl<'a> Asked<'a> {
    /// A request of the protocols that post to `/`: those with the operation in a header or in a form.
    pub fn posted(operation: Option<&'a str>, body: &'a [u8]) -> Self {
        Self {
            method: "POST",
            target: "/",
            operation,
            body,
        }
    }
}

/// A decoded request.
#[derive(Clone, Debug)]
pub struct Call {
    /// The service addressed.
    pub service: Service,
    /// The operation's name, as AWS spells it.
    pub operation: String,
    /// Its parameters.
    pub params: Params,
}

/// An error answer of the simulated account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// AWS error code, e.g. `ValidationError`.
    pub code: String,
    /// Human text.
    pub message: String,
}

impl ApiError {
    /// A client error (HTTP 400).
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self::with_status(400, code, message)
    }

    /// An error with another HTTP status.
    pub fn with_status(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    /// An error that names something that is not modelled.
    pub fn unsupported(what: impl AsRef<str>) -> Self {
        Self::with_status(
            501,
            "SimulatorUnsupported",
            format!("the simulated account does not know {}", what.as_ref()),
        )
    }
}

/// An answer in bytes.
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The request id that AWS would send in a header.
    pub request_id: String,
    /// When it was made, by the account's clock: the header `Date`, if it has one.
    pub at: Option<DateTime<Utc>>,
    /// The error's code, where the protocol has it in a header.
    pub error_type: Option<String>,
    /// Body.
    pub body: String,
}

impl Response {
    /// The headers, by name.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("content-type", self.content_type.to_owned()),
            ("x-amzn-requestid", self.request_id.clone()),
        ];
        headers.extend(
            self.error_type
                .clone()
                .map(|code| ("x-amzn-errortype", code)),
        );
        if let Some(at) = self.at {
            let date = at.format("%a, %d %b %Y %H:%M:%S GMT");
            headers.push(("date", date.to_string()));
        }
        headers
    }
}

/// Decodes a request.
pub fn decode(asked: Asked<'_>) -> Result<Call, ApiError> {
    match asked.operation {
        Some(operation) => decode_json(operation, asked.body),
        None if rest::has_path(asked.target) => rest::decode(asked),
        None => decode_query(asked.body),
    }
}

fn decode_json(target: &str, body: &[u8]) -> Result<Call, ApiError> {
    let unsupported = || ApiError::unsupported(format!("the target '{target}'"));
    let (service, operation) = target.split_once('.').ok_or_else(unsupported)?;
    let service = Service::of_target(service).ok_or_else(unsupported)?;
    let value: Value = if body.is_empty() {
        json!({})
    } else {
        serde_json::from_slice(body)
            .map_err(|e| ApiError::new("SerializationException", e.to_string()))?
    };
    Ok(Call {
        service,
        operation: operation.to_owned(),
        params: Params::Json(value),
    })
}

fn decode_query(body: &[u8]) -> Result<Call, ApiError> {
    let field = |name: &str| {
        form_urlencoded::parse(body)
            .find(|(k, _)| k == name)
            .map(|(_, v)| v.into_owned())
    };
    let operation = field("Action")
        .ok_or_else(|| ApiError::new("MissingAction", "expected a form with Action, found none"))?;
    let version = field("Version").unwrap_or_default();
    let service = Service::of_version(&version).ok_or_else(|| {
        ApiError::unsupported(format!("API version '{version}' (action {operation})"))
    })?;
    Ok(Call {
        service,
        operation,
        params: Params::Tree(Tree::from_form(body)),
    })
}

/// Encodes an answer, dated `at`, in the protocol of the call's service.
pub fn encode(
    call: &Call,
    result: &Result<Value, ApiError>,
    request_id: String,
    at: Option<DateTime<Utc>>,
) -> Response {
    let (status, content_type, body) = match call.service {
        Service::Ssm | Service::Kms | Service::Events => {
            let (status, body) = encode_json(result);
            (status, "application/x-amz-json-1.1", body)
        }
        Service::States => {
            let (status, body) = encode_json(result);
            (status, "application/x-amz-json-1.0", body)
        }
        Service::Scheduler => {
            let (status, body) = rest::encode(result);
            (status, "application/json", body)
        }
        Service::AutoScaling
        | Service::Sns
        | Service::Sts
        | Service::LoadBalancing
        | Service::ClassicLoadBalancing
        | Service::Ec2 => {
            let (status, body) = encode_xml(call.service, &call.operation, result, &request_id);
            (status, "text/xml;charset=UTF-8", body)
        }
    };
    let error = result.as_ref().err();
    let error = error.filter(|_| call.service == Service::Scheduler);
    Response {
        status,
        content_type,
        request_id,
        at,
        error_type: error.map(|e| e.code.clone()),
        body,
    }
}

fn encode_json(result: &Result<Value, ApiError>) -> (u16, String) {
    let (status, body) = match result {
        Ok(value) => (200, without_nulls(value)),
        // Some errors have no text, and then no message at all: ParameterNotFound (recorded).
        Err(e) if e.message.is_empty() => (e.status, json!({"__type": e.code})),
        Err(e) => (e.status, json!({"__type": e.code, "message": e.message})),
    };
    (status, body.to_string())
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| (k.clone(), without_nulls(v)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

fn encode_xml(
    service: Service,
    operation: &str,
    result: &Result<Value, ApiError>,
    request_id: &str,
) -> (u16, String) {
    let mut body = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let status = match result {
        Ok(value) => {
            let space = service.namespace();
            body.push_str(&format!("<{operation}Response xmlns=\"{space}\">"));
            if service == Service::Ec2 {
                body.push_str(&format!("<requestId>{request_id}</requestId>"));
                xml::write(&mut body, value, "item");
            } else {
                body.push_str(&format!("<{operation}Result>"));
                xml::write(&mut body, value, "member");
                body.push_str(&format!("</{operation}Result>"));
                body.push_str(&format!(
                    "<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
                ));
            }
            body.push_str(&format!("</{operation}Response>"));
            200
        }
        Err(e) => {
            body.push_str(&encode_xml_error(service, e, request_id));
            e.status
        }
    };
    (status, body)
}

fn encode_xml_error(service: Service, error: &ApiError, request_id: &str) -> String {
    let (mut code, mut message) = (String::new(), String::new());
    xml::escape(&mut code, &error.code);
    xml::escape(&mut message, &error.message);
    let inner = format!("<Code>{code}</Code><Message>{message}</Message>");
    if service == Service::Ec2 {
        format!(
            "<Response><Errors><Error>{inner}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
        )
    } else {
        let kind = if error.status < 500 {
            "Sender"
        } else {
            "Receiver"
        };
        let space = service.namespace();
        format!(
            "<ErrorResponse xmlns=\"{space}\"><Error><Type>{kind}</Type>{inner}</Error>\
             <RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    }
}
