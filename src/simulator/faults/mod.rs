//! Scripted faults: what goes wrong, on which calls, and how often. `menu` holds the ready-made ones.

mod menu;
mod rule;

use axum::http::Method;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;

pub use menu::{Area, Fault};
pub use rule::{Canned, Effect, Matcher, Rule, Tweak, When};

/// The faults in force. Of several rules that fit a call, the first one that strikes wins; the others still count the call.
#[derive(Debug)]
pub struct Faults {
    active: Vec<Active>,
    next: u64,
    seed: u64,
}

/// A rule in force, with what it has seen.
#[derive(Debug, Serialize)]
pub struct Active {
    pub id: u64,
    pub rule: Rule,
    /// Calls that fitted so far.
    pub seen: u64,
    /// Calls that it was applied to.
    pub struck: u64,
    #[serde(skip)]
    dice: StdRng,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            active: Vec::new(),
            next: 0,
            seed,
        }
    }

    /// Puts a rule in force. Returns the id to remove it by.
    pub fn add(&mut self, rule: Rule) -> u64 {
        self.next += 1;
        let dice = StdRng::seed_from_u64(self.seed ^ self.next);
        self.active.push(Active {
            id: self.next,
            rule,
            seen: 0,
            struck: 0,
            dice,
        });
        self.next
    }

    /// Puts all rules of a ready-made fault in force.
    pub fn apply(&mut self, fault: &Fault) -> Vec<u64> {
        fault
            .rules
            .iter()
            .map(|rule| self.add(rule.clone()))
            .collect()
    }

    /// Puts a ready-made fault in force by name. `None` when the menu has no such fault.
    pub fn apply_named(&mut self, name: &str) -> Option<Vec<u64>> {
        Fault::named(name).map(|fault| self.apply(&fault))
    }

    /// Takes one rule out; returns whether it was there.
    pub fn remove(&mut self, id: u64) -> bool {
        let before = self.active.len();
        self.active.retain(|active| active.id != id);
        self.active.len() < before
    }

    /// Takes all rules out.
    pub fn clear(&mut self) {
        self.active.clear();
    }

    pub fn active(&self) -> &[Active] {
        &self.active
    }

    /// How many calls were struck by the rules in force.
    pub fn struck(&self) -> u64 {
        self.active.iter().map(|active| active.struck).sum()
    }

    pub(crate) fn strike(&mut self, method: &Method, endpoint: &str, path: &str) -> Option<Rule> {
        let mut chosen = None;
        for active in &mut self.active {
            if !active.rule.matcher.fits(method, endpoint, path) {
                continue;
            }
            active.seen += 1;
            let strikes = match active.rule.when {
                When::Always => true,
                When::Nth(nth) => active.seen == nth,
                When::Every(every) => every > 0 && active.seen.is_multiple_of(every),
                When::Next(next) => active.seen <= next,
                When::After(after) => active.seen > after,
                When::Probability(probability) => {
                    active.dice.random_bool(probability.clamp(0.0, 1.0))
                }
            };
            if strikes && chosen.is_none() {
                active.struck += 1;
                chosen = Some(active.rule.clone());
            }
        }
        chosen
    }
}
