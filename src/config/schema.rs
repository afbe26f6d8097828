//! The JSON Schema of the file, for editors.

use serde_json::{Map, Value, json};

use super::settings::{SETTINGS, Setting, Table};
use super::window::OWN_KEYS;

/// The schema: what [`super::parse`] takes, with the meaning of each key. Draft 7, which editors of TOML know.
pub fn schema() -> Value {
    let mut top = properties(Table::Top);
    for table in Table::ALL.into_iter().filter(|t| *t != Table::Top) {
        let inner = object(table, properties(table));
        top.insert(table.name().into(), inner);
    }
    for name in super::TABLES {
        let (kind, about) = match name {
            "notices" => ("object", "All notices: see docs/notices.md."),
            "freeze" => (
                "array",
                "Times in which nothing is patched: see docs/windows.md.",
            ),
            _ => ("array", "Where notices go: see docs/notices.md."),
        };
        let mut table = json!({"type": kind, "description": about});
        if kind == "array" {
            table["items"] = json!({"type": "object"});
        }
        top.insert(name.into(), table);
    }
    top.insert("window".into(), json!({"type": "array", "items": window()}));
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": super::FILE_NAME,
    });
    if let (Value::Object(schema), Value::Object(object)) = (&mut schema, object(Table::Top, top)) {
        schema.extend(object);
    }
    schema
}

/// A patch window: its own keys, and the settings of a run.
fn window() -> Value {
    let mut inner = properties(Table::Run);
    for (key, kind, about) in OWN_KEYS {
        let mut property = kind.schema();
        property["description"] = json!(about);
        inner.insert(key.to_owned(), property);
    }
    json!({
        "description": "A patch window: when it opens, and how its run goes about it.",
        "type": "object",
        "additionalProperties": false,
        "required": ["name", "schedule"],
        "properties": inner,
    })
}

fn object(table: Table, properties: Map<String, Value>) -> Value {
    json!({
        "description": table.about(),
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

fn properties(table: Table) -> Map<String, Value> {
    let settings = SETTINGS.iter().filter(|s| s.table == table);
    settings.map(|s| (s.key.to_owned(), property(s))).collect()
}

fn property(setting: &Setting) -> Value {
    let mut property = setting.kind.schema();
    property["description"] = json!(setting.about);
    property
}
