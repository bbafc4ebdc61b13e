//! What is logged and traced.

use super::Levels;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Human on a terminal, else JSON.
    Auto,
    /// For people.
    Human,
    /// One object a line.
    Json,
}

/// What is logged.
#[derive(Clone, Debug)]
pub struct Log {
    /// Levels of our own modules.
    pub level: Levels,
    /// How lines look.
    pub format: LogFormat,
}

/// Traces.
#[derive(Clone, Debug)]
pub struct Otel {
    /// OTLP over gRPC. `None`: no traces are made.
    pub endpoint: Option<String>,
    /// The name of this service.
    pub service_name: String,
    /// The part of the traces that is kept, 0 to 1.
    pub sample_ratio: f64,
}
