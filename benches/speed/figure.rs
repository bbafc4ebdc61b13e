//! One line of JSON per figure, with what it is compared with.

use serde::Serialize;

/// What a figure is compared with.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Measured or computed in this very run.
    Live,
    /// Measured once, on a machine with 2 cores and fake providers on loopback.
    Recorded,
}

/// A figure of ours beside a peer's, both in `unit`.
#[derive(Debug, Serialize)]
pub struct Figure {
    bench: String,
    ours: f64,
    peer: f64,
    /// Above 1, ours is better.
    ratio: f64,
    unit: &'static str,
    better: &'static str,
    peer_source: Source,
}

impl Figure {
    /// Compares two of which the lower is better.
    pub fn new(
        bench: impl Into<String>,
        ours: f64,
        peer: f64,
        unit: &'static str,
        peer_source: Source,
    ) -> Self {
        Self {
            bench: bench.into(),
            ours: rounded(ours),
            peer: rounded(peer),
            ratio: rounded(peer / ours),
            unit,
            better: "lower",
            peer_source,
        }
    }

    /// Compares two of which the higher is better.
    pub fn more(
        bench: impl Into<String>,
        ours: f64,
        peer: f64,
        unit: &'static str,
        peer_source: Source,
    ) -> Self {
        Self {
            ratio: rounded(ours / peer),
            better: "higher",
            ..Self::new(bench, ours, peer, unit, peer_source)
        }
    }

    /// Prints the line.
    pub fn print(&self) -> anyhow::Result<()> {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }
}

/// The middle one; of an even number of values, the higher of the two.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Smallest and largest, for a person.
pub fn spread(values: impl IntoIterator<Item = f64>) -> String {
    let (low, high) = values
        .into_iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    format!("{low:.3} to {high:.3}")
}

/// Thousandths are as exact as any of it is.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
