//! Jobs and reports on their way from one invocation to the next, packed into a line: people do not read them there.

use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text;

/// Bytes that are unpacked at most: far more than 256 KiB can hold when packed by this program.
const LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// A value that is written as Base64 of gzip of JSON. Step Functions passes 256 KiB at most; jobs are much
/// alike, and shrink to a tenth.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Packed<T>(pub(super) T);

impl<T: Serialize> Serialize for Packed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = pack(&self.0).map_err(S::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

/// A value that is packed only where it would be too long: else people can read it. An older version reads it plain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, bound = "")]
pub(super) enum Wrapped<T: Serialize + DeserializeOwned> {
    /// As it is.
    Plain(T),
    /// In a line.
    Packed(Packed<T>),
}

impl<T: Serialize + DeserializeOwned> Wrapped<T> {
    /// Packed if that is wanted.
    pub(super) fn new(value: T, packed: bool) -> Self {
        match packed {
            true => Self::Packed(Packed(value)),
            false => Self::Plain(value),
        }
    }

    /// The value.
    pub(super) fn into_inner(self) -> T {
        match self {
            Self::Plain(value) | Self::Packed(Packed(value)) => value,
        }
    }
}

impl Packed<()> {
    /// How long a value is when it is packed.
    pub(super) fn bytes(value: &impl Serialize) -> usize {
        pack(value).map_or(usize::MAX, |text| text.len())
    }
}

fn pack(value: &impl Serialize) -> Result<String, std::io::Error> {
    text::packed(&serde_json::to_vec(value)?)
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Packed<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let json = text::unpacked(&text, LIMIT_BYTES).map_err(D::Error::custom)?;
        serde_json::from_slice(&json)
            .map(Self)
            .map_err(D::Error::custom)
    }
}
