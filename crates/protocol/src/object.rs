//! A JSON object whose values are carried unread.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
    ser::{Serialize, SerializeMap as _, Serializer},
};
use serde_json::value::RawValue;

/// Fields that an object may have: every one is compared with those before it.
const FIELDS: usize = 64;

/// The fields of an object, in their order; no key is there twice.
#[derive(Clone, Debug, Default)]
pub struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// Reads an object out of text; `None` for anything else, a key that comes twice, more
    /// than 64 fields, or text behind it.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The raw value of a field.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a RawValue> {
        let mut fields = self.0.iter();
        fields.find_map(|(name, value)| (name == key).then_some(*value))
    }

    /// A field that is a string.
    #[must_use]
    pub fn string(&self, key: &str) -> Option<Cow<'a, str>> {
        let text = self.get(key)?.get();
        // Borrowed where nothing in it is escaped.
        match serde_json::from_str::<&'a str>(text) {
            Ok(plain) => Some(plain.into()),
            Err(_) => serde_json::from_str::<String>(text).ok().map(Cow::Owned),
        }
    }

    /// The same without these fields.
    #[must_use]
    pub fn without(mut self, keys: &[&str]) -> Self {
        self.0.retain(|(name, _)| !keys.contains(&&**name));
        self
    }

    /// The fields, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> + '_ {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut object = Object::default();
                while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &RawValue>()? {
                    if object.get(&key).is_some() {
                        return Err(A::Error::custom("a key comes twice"));
                    }
                    if object.0.len() == FIELDS {
                        return Err(A::Error::custom("too many fields"));
                    }
                    object.0.push((key, value));
                }
                Ok(object)
            }
        }
        source.deserialize_map(Fields)
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        let mut map = target.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Borrowed where nothing in it is escaped.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_carried_as_they_came() {
        let text = r#"{"a":{"b":[1, 2.50]},"c\u0064":"x\n","e":null}"#;
        let object = Object::parse(text).expect("an object");
        assert_eq!(
            object.get("a").map(RawValue::get),
            Some(r#"{"b":[1, 2.50]}"#)
        );
        assert_eq!(object.string("cd").as_deref(), Some("x\n"));
        assert_eq!(object.string("a"), None);
        let less = object.without(&["a"]);
        let again = serde_json::to_string(&less).expect("it is plain");
        assert_eq!(again, r#"{"cd":"x\n","e":null}"#);
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "[]",
            "7",
            "null",
            "\"a\"",
            "{",
            r#"{"a":1}x"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
        ] {
            assert!(Object::parse(text).is_none(), "{text}");
        }
        let of = |fields: usize| {
            let fields = (0..fields).map(|n| format!("\"{n}\":1"));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        };
        assert!(Object::parse(&of(FIELDS)).is_some());
        assert!(Object::parse(&of(FIELDS + 1)).is_none());
    }
}
