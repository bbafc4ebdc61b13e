//! Log lines on stderr, and traces over OTLP where an endpoint is set. Libraries are held at warnings, whatever level
//! is asked for: their details contain headers, SQL and bodies. Spans and fields of ours carry no secrets, no mail
//! addresses and no bodies; `base::Secret` prints nothing in either.

mod bar;
mod context;

pub use bar::log_above;
pub use context::{current_traceparent, inject, link, set_parent, set_parent_from};

use crate::base::{Error, Result};
use crate::config::{Config, LogFormat, Notice, Otel};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{
    SpanExporter, WithExportConfig, WithTonicConfig, tonic_types::transport::ClientTlsConfig,
};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

/// Longest time that sending the last spans may take at the end.
const LAST_SPANS: Duration = Duration::from_secs(5);

/// Keeps telemetry running; call [`Telemetry::shutdown`] at the end of the process.
#[derive(Debug)]
#[must_use = "the last spans are sent by shutdown"]
pub struct Telemetry {
    /// Only where an endpoint is set: without one there is no thread and no queue.
    provider: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Sends what is left, for at most five seconds. A collector that does not answer delays nothing longer.
    pub async fn shutdown(self) {
        let Some(provider) = self.provider else {
            return;
        };
        // It blocks, and what it waits for needs the runtime.
        let sent = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_SPANS));
        if let Ok(Err(error)) = sent.await {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// Starts log lines and traces for the whole process. Needs a tokio runtime where an endpoint is set; no connection is
/// made before the first spans are sent.
///
/// # Errors
/// [`Error::Internal`] when something else in this process did so before, or the exporter cannot be built.
pub fn init(config: &Config) -> Result<Telemetry> {
    let provider = config.otel.endpoint.as_ref();
    let provider = provider
        .map(|endpoint| exporting(endpoint, &config.otel))
        .transpose()?;
    let subscriber = subscriber(
        config,
        || bar::Above,
        stderr().is_terminal(),
        provider.as_ref(),
    );
    subscriber
        .try_init()
        .map_err(|error| Error::internal(format!("telemetry cannot start: {error}")))?;
    Ok(Telemetry { provider })
}

/// Says what loading the settings found worth saying.
pub fn announce(notices: &[Notice]) {
    for notice in notices {
        match notice.quiet {
            true => tracing::debug!("{notice}"),
            false => tracing::info!("{notice}"),
        }
    }
}

fn subscriber<W>(
    config: &Config,
    writer: W,
    terminal: bool,
    provider: Option<&SdkTracerProvider>,
) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let wanted = Targets::new().with_targets(config.log.level.targets());
    let human = match config.log.format {
        LogFormat::Auto => terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let lines = fmt::layer().with_writer(writer).with_ansi(terminal);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match human {
        true => lines.with_filter(wanted).boxed(),
        false => lines.json().flatten_event(true).with_filter(wanted).boxed(),
    };
    Registry::default().with(lines).with(provider.map(traces))
}

/// Our own spans from `info` on. Libraries have none: theirs would carry headers and statements to the collector.
fn traces<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(env!("CARGO_CRATE_NAME")))
        .with_location(false)
        .with_threads(false)
        .with_filter(Targets::new().with_target(env!("CARGO_CRATE_NAME"), LevelFilter::INFO))
}

fn exporting(endpoint: &str, otel: &Otel) -> Result<SdkTracerProvider> {
    let mut exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint);
    if endpoint.starts_with("https://") {
        exporter = exporter.with_tls_config(ClientTlsConfig::new().with_enabled_roots());
    }
    let exporter = exporter
        .build()
        .map_err(|error| Error::internal(format!("the trace exporter cannot start: {error}")))?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(otel.sample_ratio)));
    let resource = Resource::builder()
        .with_service_name(otel.service_name.clone())
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
        .with_resource(resource)
        .build())
}

#[cfg(test)]
mod tests;
