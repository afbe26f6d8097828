//! Request parameters of the Query and EC2 Query protocols as a tree, and serde on top of it.
//!
//! `Filter.1.Value.2=x` becomes nested nodes. `member` and `entry` wrappers vanish, numeric
//! segments make lists, scalars are parsed when a typed request asks for them. Requests are read
//! with `deny_unknown_fields`, so that a parameter that is not modelled fails loudly.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};
use serde_json::Value;

/// The parameters of one request, whatever protocol carried them.
#[derive(Clone, Debug)]
pub enum Params {
    /// From a Query or EC2 Query form.
    Tree(Tree),
    /// From an awsJson1.1 body.
    Json(Value),
}

impl Params {
    /// Reads the parameters into a typed request.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        match self {
            Self::Tree(tree) => T::deserialize(tree).map_err(|e| e.to_string()),
            Self::Json(value) => T::deserialize(value).map_err(|e| e.to_string()),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Tree(Tree::Node(fields)) => fields.is_empty(),
            Self::Json(Value::Object(fields)) => fields.is_empty(),
            Self::Tree(Tree::Leaf(_)) | Self::Json(_) => true,
        }
    }

    /// The parameters as JSON, for the call log.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Tree(tree) => tree.to_json(),
            Self::Json(value) => value.clone(),
        }
    }
}

/// A parameter tree.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// A scalar as it was sent.
    Leaf(String),
    /// A structure or a list (all keys numeric).
    Node(BTreeMap<String, Tree>),
}

impl Tree {
    /// Builds the tree of a form body; `Action` and `Version` are left out.
    pub fn from_form(body: &[u8]) -> Self {
        let mut root = BTreeMap::new();
        for (key, value) in form_urlencoded::parse(body) {
            if key == "Action" || key == "Version" {
                continue;
            }
            let path: Vec<&str> = key
                .split('.')
                .filter(|s| *s != "member" && *s != "entry")
                .collect();
            insert(&mut root, &path, value.into_owned());
        }
        Self::Node(root)
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Leaf(text) => Value::String(text.clone()),
            Self::Node(map) if is_list(map) => {
                Value::Array(in_order(map).map(Tree::to_json).collect())
            }
            Self::Node(map) => {
                Value::Object(map.iter().map(|(k, v)| (k.clone(), v.to_json())).collect())
            }
        }
    }
}

fn insert(node: &mut BTreeMap<String, Tree>, path: &[&str], value: String) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        node.insert((*first).to_owned(), Tree::Leaf(value));
        return;
    }
    let child = node
        .entry((*first).to_owned())
        .or_insert_with(|| Tree::Node(BTreeMap::new()));
    if let Tree::Leaf(_) = child {
        *child = Tree::Node(BTreeMap::new());
    }
    if let Tree::Node(map) = child {
        insert(map, rest, value);
    }
}

fn is_list(map: &BTreeMap<String, Tree>) -> bool {
    !map.is_empty() && map.keys().all(|k| k.parse::<u32>().is_ok())
}

fn in_order(map: &BTreeMap<String, Tree>) -> impl Iterator<Item = &Tree> {
    let mut items: Vec<_> = map.iter().collect();
    items.sort_by_key(|(k, _)| k.parse::<u32>().unwrap_or(u32::MAX));
    items.into_iter().map(|(_, v)| v)
}

/// The problem with a parameter.
#[derive(Debug)]
pub struct ParamError(String);

impl fmt::Display for ParamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParamError {}

impl de::Error for ParamError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

macro_rules! scalar {
    ($($method:ident => $visit:ident as $ty:ty),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
            let text = self.text()?;
            let value: $ty = text.parse().map_err(|_| {
                ParamError(format!("expected {}, found '{text}'", stringify!($ty)))
            })?;
            visitor.$visit(value)
        }
    )*};
}

impl Tree {
    fn text(&self) -> Result<&str, ParamError> {
        match self {
            Self::Leaf(text) => Ok(text),
            Self::Node(_) => Err(ParamError("expected a scalar, found a structure".into())),
        }
    }
}

impl<'de> de::Deserializer<'de> for &'de Tree {
    type Error = ParamError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        match self {
            Tree::Leaf(text) => visitor.visit_str(text),
            Tree::Node(map) if is_list(map) => self.deserialize_seq(visitor),
            Tree::Node(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        match self.text()?.to_ascii_lowercase().as_str() {
            "true" | "1" => visitor.visit_bool(true),
            "false" | "0" => visitor.visit_bool(false),
            other => Err(ParamError(format!("expected a boolean, found '{other}'"))),
        }
    }

    scalar! {
        deserialize_i8 => visit_i8 as i8, deserialize_i16 => visit_i16 as i16,
        deserialize_i32 => visit_i32 as i32, deserialize_i64 => visit_i64 as i64,
        deserialize_u8 => visit_u8 as u8, deserialize_u16 => visit_u16 as u16,
        deserialize_u32 => visit_u32 as u32, deserialize_u64 => visit_u64 as u64,
        deserialize_f32 => visit_f32 as f32, deserialize_f64 => visit_f64 as f64,
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ParamError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        match self {
            // An empty list is sent as `Name=`.
            Tree::Leaf(text) if text.is_empty() => visitor.visit_seq(Items(Vec::new().into_iter())),
            Tree::Node(map) if is_list(map) => {
                visitor.visit_seq(Items(in_order(map).collect::<Vec<_>>().into_iter()))
            }
            _ => Err(ParamError("expected a list".into())),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        match self {
            Tree::Node(map) => visitor.visit_map(Entries {
                entries: map.iter(),
                value: None,
            }),
            Tree::Leaf(text) => Err(ParamError(format!("expected a structure, found '{text}'"))),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ParamError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ParamError> {
        visitor.visit_enum(self.text()?.into_deserializer())
    }

    serde::forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any i128 u128
    }
}

struct Items<'de>(std::vec::IntoIter<&'de Tree>);

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = ParamError;
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ParamError> {
        self.0.next().map(|t| seed.deserialize(t)).transpose()
    }
}

struct Entries<'de> {
    entries: std::collections::btree_map::Iter<'de, String, Tree>,
    value: Option<(&'de str, &'de Tree)>,
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = ParamError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ParamError> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some((key, value));
        let key: de::value::StrDeserializer<'_, ParamError> = key.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ParamError> {
        let (key, value) = self
            .value
            .take()
            .ok_or_else(|| ParamError("a value was asked for before its key".into()))?;
        seed.deserialize(value)
            .map_err(|e| ParamError(format!("{key}: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Request {
        #[serde(default)]
        filter: Vec<Filter>,
        max_results: Option<i32>,
        dry_run: Option<bool>,
        #[serde(default)]
        names: Vec<String>,
    }

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Filter {
        name: String,
        value: Vec<String>,
    }

    #[test]
    fn forms_become_typed_requests() {
        let body = "Action=DescribeX&Version=1&Filter.1.Name=tag%3Aa&Filter.1.Value.2=y&Filter.1.Value.1=x\
                    &MaxResults=5&DryRun=true&Names.member.1=n";
        let request: Request = Params::Tree(Tree::from_form(body.as_bytes()))
            .read()
            .unwrap();
        assert_eq!(
            request,
            Request {
                filter: vec![Filter {
                    name: "tag:a".into(),
                    value: vec!["x".into(), "y".into()]
                }],
                max_results: Some(5),
                dry_run: Some(true),
                names: vec!["n".into()],
            }
        );
    }

    #[test]
    fn an_unknown_parameter_is_named() {
        let params = Params::Tree(Tree::from_form(b"Action=X&Surprise=1"));
        let error = params.read::<Request>().unwrap_err();
        assert!(error.contains("Surprise"), "{error}");
    }
}
