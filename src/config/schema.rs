//! The JSON Schema of the file, for editors.

use serde_json::{Map, Value, json};

use super::settings::{SETTINGS, Setting, Table};

/// The schema: what [`super::parse`] takes, with the meaning of each key. Draft 7, which editors of TOML know.
pub fn schema() -> Value {
    let mut top = properties(Table::Top);
    for table in Table::ALL.into_iter().filter(|t| *t != Table::Top) {
        let inner = object(table, properties(table));
        top.insert(table.name().into(), inner);
    }
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": super::FILE_NAME,
    });
    if let (Value::Object(schema), Value::Object(object)) = (&mut schema, object(Table::Top, top)) {
        schema.extend(object);
    }
    schema
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
