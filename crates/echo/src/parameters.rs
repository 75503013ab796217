//! What a client may set, in its offer and over the data channel. Values are checked;
//! names that are not ours are told back and change nothing, because Scope's clients send
//! many.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::pipeline::PipelineId;

const MAX_DELAY: f64 = 5.0;
const MAX_LOSS: f64 = 20.0;
const MAX_PROMPTS: usize = 16;
const PROMPT_CHARACTERS: usize = 1000;
/// Unknown names that are told back, and how much of each.
const UNKNOWN: usize = 32;
const NAME_CHARACTERS: usize = 64;

/// The values in force.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Parameters {
    /// Which step.
    pub pipeline: PipelineId,
    /// Seconds, of the step `delay`.
    pub delay: f64,
    /// Percent, of the step `loss`.
    pub loss: f64,
    /// Texts for the step.
    pub prompts: Vec<Prompt>,
}

/// A text and how much it counts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prompt {
    /// What is wanted.
    pub text: String,
    /// 1 when not given.
    pub weight: f64,
}

/// What came of an update.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Outcome {
    /// Names that mean nothing here.
    pub(crate) unknown: Vec<String>,
    /// Names whose values were refused, and why.
    pub(crate) errors: BTreeMap<&'static str, &'static str>,
    /// Prompts were among them.
    #[serde(skip)]
    pub(crate) prompted: bool,
}

impl Parameters {
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_secs_f64(self.delay)
    }

    /// Takes each value that is good; null is not given.
    pub(crate) fn update(&mut self, update: &Map<String, Value>) -> Outcome {
        let mut outcome = Outcome::default();
        for (name, value) in update.iter().filter(|(_, value)| !value.is_null()) {
            let (name, taken) = match name.as_str() {
                "pipeline" => ("pipeline", self.take_pipeline(value)),
                "delay" => ("delay", number(value, MAX_DELAY, &mut self.delay)),
                "loss" => ("loss", number(value, MAX_LOSS, &mut self.loss)),
                "prompts" => {
                    outcome.prompted = true;
                    ("prompts", self.take_prompts(value))
                }
                unknown => {
                    if outcome.unknown.len() < UNKNOWN {
                        let name = unknown.chars().take(NAME_CHARACTERS).collect();
                        outcome.unknown.push(name);
                    }
                    continue;
                }
            };
            if taken.is_none() {
                outcome.errors.insert(name, rule(name));
            }
        }
        outcome
    }

    fn take_pipeline(&mut self, value: &Value) -> Option<()> {
        self.pipeline = PipelineId::named(value.as_str()?)?;
        Some(())
    }

    fn take_prompts(&mut self, value: &Value) -> Option<()> {
        let list = value.as_array().filter(|list| list.len() <= MAX_PROMPTS)?;
        self.prompts = list.iter().map(prompt).collect::<Option<_>>()?;
        Some(())
    }
}

fn number(value: &Value, most: f64, place: &mut f64) -> Option<()> {
    let number = value
        .as_f64()
        .filter(|number| (0.0..=most).contains(number))?;
    *place = number;
    Some(())
}

/// A text, or `{text, weight}`.
fn prompt(value: &Value) -> Option<Prompt> {
    let text = value.as_str().or_else(|| value.get("text")?.as_str())?;
    let weight = value.get("weight").map_or(Some(1.0), Value::as_f64)?;
    let good = text.chars().count() <= PROMPT_CHARACTERS && weight.abs() <= 1e6;
    good.then(|| Prompt {
        text: text.to_owned(),
        weight,
    })
}

fn rule(name: &str) -> &'static str {
    match name {
        "pipeline" => "pipeline is passthrough, delay or loss",
        "delay" => "delay is 0 to 5 seconds",
        "loss" => "loss is 0 to 20 percent",
        _ => "prompts are at most 16 texts, or objects of text and weight, of 1000 characters",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn update(parameters: &mut Parameters, value: Value) -> Outcome {
        parameters.update(value.as_object().unwrap())
    }

    #[test]
    fn good_values_are_taken_and_others_change_nothing() {
        let mut parameters = Parameters::default();
        let update_ = json!({ "pipeline": "delay", "delay": 1.5, "loss": 21, "noise_scale": 1, "prompts": null });
        let outcome = update(&mut parameters, update_);
        assert_eq!(parameters.pipeline, PipelineId::Delay);
        assert_eq!(parameters.delay(), Duration::from_millis(1500));
        assert_eq!(parameters.loss, 0.0);
        assert_eq!(outcome.unknown, ["noise_scale"]);
        assert_eq!(outcome.errors.keys().copied().collect::<Vec<_>>(), ["loss"]);
        for wrong in [
            json!({ "delay": -1 }),
            json!({ "delay": 5.01 }),
            json!({ "delay": "1" }),
            json!({ "pipeline": "magic" }),
            json!({ "pipeline": 1 }),
            json!({ "prompts": "text" }),
            json!({ "prompts": [1] }),
            json!({ "prompts": [{ "text": "a", "weight": "b" }] }),
            json!({ "prompts": vec!["a"; 17] }),
        ] {
            let before = parameters.clone();
            assert_eq!(update(&mut parameters, wrong).errors.len(), 1);
            assert_eq!(parameters, before);
        }
    }

    #[test]
    fn prompts_come_in_both_forms() {
        let mut parameters = Parameters::default();
        let outcome = update(
            &mut parameters,
            json!({ "prompts": ["a cat", { "text": "a dog", "weight": 0.5 }] }),
        );
        assert!(outcome.prompted && outcome.errors.is_empty());
        let told: Vec<_> = parameters
            .prompts
            .iter()
            .map(|prompt| (prompt.text.as_str(), prompt.weight))
            .collect();
        assert_eq!(told, [("a cat", 1.0), ("a dog", 0.5)]);
    }

    #[test]
    fn what_is_told_back_is_bounded() {
        let many: Map<String, Value> = (0..1000)
            .map(|n| (format!("{n}{}", "x".repeat(100)), json!(1)))
            .collect();
        let outcome = Parameters::default().update(&many);
        assert_eq!(outcome.unknown.len(), UNKNOWN);
        assert!(
            outcome
                .unknown
                .iter()
                .all(|name| name.len() == NAME_CHARACTERS)
        );
    }
}
