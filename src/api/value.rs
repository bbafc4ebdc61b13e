//! Any JSON in messages: `google.protobuf.Value`, which knows no other numbers than floating ones.

use pbjson_types::value::Kind;
use serde_json::{Number, Value};

/// As JSON. Numbers without a fraction are written as whole ones, as JavaScript does.
pub fn to_json(value: pbjson_types::Value) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => value.into(),
        Some(Kind::NumberValue(number)) => self::number(number),
        Some(Kind::StringValue(text)) => text.into(),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(to_json).collect(),
        Some(Kind::StructValue(fields)) => {
            let fields = fields.fields.into_iter();
            fields.map(|(name, value)| (name, to_json(value))).collect()
        }
    }
}

/// From JSON. Numbers that do not fit lose their last digits.
pub fn from_json(value: Value) -> pbjson_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(value),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(values) => {
            let values: Vec<_> = values.into_iter().map(from_json).collect();
            Kind::ListValue(values.into())
        }
        Value::Object(fields) => {
            let fields = fields.into_iter();
            let fields = fields.map(|(name, value)| (name, from_json(value)));
            Kind::StructValue(fields.collect::<std::collections::HashMap<_, _>>().into())
        }
    };
    kind.into()
}

/// Whole numbers up to here are exact.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_991.0;

fn number(number: f64) -> Value {
    match number.fract() == 0.0 && number.abs() <= LARGEST_WHOLE {
        true => Value::from(number as i64),
        false => Number::from_f64(number).map_or(Value::Null, Value::Number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn any_json_survives_the_way_there_and_back() {
        let all = json!({"a": [1, -2.5, true, null, "x"], "b": {"c": {}}, "d": [], "e": 9_007_199_254_740_991_i64});
        assert_eq!(to_json(from_json(all.clone())), all);
        assert_eq!(to_json(from_json(json!(3.0))).to_string(), "3");
    }
}
