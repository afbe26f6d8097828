//! Replies as XML: a JSON tree in, AWS's two XML dialects out.

use serde_json::Value;

/// Appends `value` as the content of an element. Objects become child elements, arrays become
/// `item` elements (`member` for the Query protocol; an array named `entry` repeats itself), `null` members are left out.
pub fn write(out: &mut String, value: &Value, item: &str) {
    match value {
        Value::Null => {}
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => out.push_str(&n.to_string()),
        Value::String(text) => escape(out, text),
        Value::Array(items) => items.iter().for_each(|v| element(out, item, v, item)),
        Value::Object(map) => map
            .iter()
            .filter(|(_, v)| !v.is_null())
            .for_each(|(k, v)| match v {
                // The Query protocol writes a map as a run of `entry` elements.
                Value::Array(entries) if k == "entry" => {
                    entries.iter().for_each(|e| element(out, k, e, item));
                }
                _ => element(out, k, v, item),
            }),
    }
}

fn element(out: &mut String, name: &str, value: &Value, item: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    write(out, value, item);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// Appends text with XML's special characters escaped. Line ends are escaped too, because XML
/// readers normalise them, and a group's name may hold them.
pub fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            '\n' => out.push_str("&#xA;"),
            '\t' => out.push_str("&#x9;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn lists_objects_nulls_and_escapes() {
        let mut out = String::new();
        super::write(
            &mut out,
            &json!({"A": [{"B": "<x>"}, {"B": 2}], "C": null, "D": [], "E": true}),
            "member",
        );
        assert_eq!(
            out,
            "<A><member><B>&lt;x&gt;</B></member><member><B>2</B></member></A><D></D><E>true</E>"
        );
    }
}
