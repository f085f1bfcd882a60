//! Random messages are written as they were read, known and unknown members at every depth.

use serde_json::{Map, Value, json};

use super::inventory::{FORMS, Field, inventory};
use super::message;

/// Number of random messages of each type.
const ROUNDS: u64 = 400;

#[test]
fn a_message_is_written_as_it_was_read() {
    for name in [
        "GenerateContentRequest",
        "GenerateContentResponse",
        "Content",
        "CachedContent",
    ] {
        for seed in 0..ROUNDS {
            let body = Dice(seed).message(name, 5);
            let echo = message(name)(&body);
            let echo =
                echo.unwrap_or_else(|error| panic!("{name} of seed {seed}: {error}\n{body}"));
            assert_eq!(echo.written, body, "{name} of seed {seed}");
        }
    }
}

/// Generator of random messages. A seed determines the message.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// Returns a number below `sides`, by SplitMix64.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn message(&mut self, name: &str, depth: u32) -> Value {
        let mut body = Map::new();
        for (member, field) in &inventory().messages[name] {
            if self.roll(3) == 0 {
                body.insert(member.clone(), self.field(field, depth));
            }
        }
        if self.roll(6) == 0 {
            let name = format!("new{}", self.roll(3));
            body.insert(name, self.json(3));
        }
        // An empty text beside other data of a part is dropped.
        if name == "Part" && body.get("text").is_some_and(|text| text == "") {
            body.remove("text");
        }
        body.into()
    }

    pub(super) fn field(&mut self, field: &Field, depth: u32) -> Value {
        if !field.repeated {
            return self.value(&field.kind, depth);
        }
        (0..=self.roll(3))
            .map(|_| self.value(&field.kind, depth))
            .collect()
    }

    fn value(&mut self, kind: &str, depth: u32) -> Value {
        match kind {
            "string" | "bytes" | "Timestamp" | "Duration" => self.text().into(),
            "bool" => (self.roll(2) == 0).into(),
            "int32" => (self.roll(1 << 32) as u32 as i32).into(),
            "int64" => (self.roll(u64::MAX) as i64).into(),
            "float" | "double" => self.number().into(),
            "Struct" | "Any" => json!({self.text(): self.json(3)}),
            "Value" => self.json(3),
            "map<string,Schema>" if depth == 0 => json!({}),
            "map<string,Schema>" => {
                let entries = 0..self.roll(3);
                let entries = entries.map(|_| (self.text(), self.message("Schema", depth - 1)));
                Value::Object(entries.collect())
            }
            kind => match inventory().enums.get(kind) {
                Some(names) => match self.roll(names.len() as u64 + 2) as usize {
                    place if place < names.len() => names[place].clone().into(),
                    place if place == names.len() => "BRAND_NEW".into(),
                    _ => 99.into(),
                },
                None if depth == 0 || FORMS.contains(&kind) => json!({}),
                None => self.message(kind, depth - 1),
            },
        }
    }

    pub(super) fn json(&mut self, depth: u32) -> Value {
        match self.roll(if depth == 0 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => (self.roll(2) == 0).into(),
            2 => (self.roll(u64::MAX) as i64).into(),
            3 => self.number().into(),
            4 => self.text().into(),
            5 => (0..self.roll(4)).map(|_| self.json(depth - 1)).collect(),
            _ => Value::Object(
                (0..self.roll(4))
                    .map(|_| (self.text(), self.json(depth - 1)))
                    .collect(),
            ),
        }
    }

    /// Returns a finite number of any magnitude.
    fn number(&mut self) -> f64 {
        let number = f64::from_bits(self.roll(u64::MAX));
        if number.is_finite() { number } else { 0.5 }
    }

    pub(super) fn text(&mut self) -> String {
        const LETTERS: [char; 12] = [
            'a', 'Z', '0', ' ', '"', '\\', '\n', '\0', '\u{7f}', 'é', '\u{2028}', '🏔',
        ];
        (0..self.roll(8))
            .map(|_| LETTERS[self.roll(LETTERS.len() as u64) as usize])
            .collect()
    }
}
