//! A collector of traces: OTLP over gRPC, as far as it is looked at here. The messages' numbers are the protocol's.

use http::header::CONTENT_TYPE;
use prost::Message;
use std::sync::{Arc, Mutex};
use tonic::{
    service::Routes,
    transport::{Server, server::TcpIncoming},
};

/// Length of what stands before each message of a call: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// A running collector. It ends with the test's runtime.
pub struct Collector {
    /// As SYNCLINE_OTEL_ENDPOINT wants it.
    pub endpoint: String,
    received: Arc<Mutex<Received>>,
}

#[derive(Default)]
struct Received {
    spans: Vec<Span>,
    /// Everything as it came, for who looks for what should not be there.
    bytes: Vec<u8>,
}

/// One span.
#[derive(Clone, PartialEq, Message)]
pub struct Span {
    #[prost(bytes, tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes, tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes, tag = "4")]
    parent_span_id: Vec<u8>,
    /// What was done.
    #[prost(string, tag = "5")]
    pub name: String,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, tag = "2")]
    value: Option<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Export {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<OfResource>,
}

#[derive(Clone, PartialEq, Message)]
struct OfResource {
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<OfScope>,
}

#[derive(Clone, PartialEq, Message)]
struct OfScope {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

impl Span {
    /// The trace in hexadecimal digits, as `traceparent` has it.
    pub fn trace(&self) -> String {
        hex(&self.trace_id)
    }

    /// The span itself.
    pub fn id(&self) -> String {
        hex(&self.span_id)
    }

    /// The span it is part of; empty where it is the first of its trace.
    pub fn parent(&self) -> String {
        hex(&self.parent_span_id)
    }

    /// The text of an attribute; empty where there is none.
    pub fn attribute(&self, key: &str) -> &str {
        let found = self.attributes.iter().find(|known| known.key == key);
        let text = found.and_then(|known| known.value.as_ref()?.text.as_deref());
        text.unwrap_or_default()
    }
}

impl Collector {
    /// Listens on a free port.
    pub fn start() -> Self {
        let received = Arc::<Mutex<Received>>::default();
        let keep = received.clone();
        let service = axum::Router::new().route(
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            axum::routing::post(async move |body: axum::body::Bytes| {
                let export = Export::decode(&body[PREFIX..]).expect("spans, not compressed");
                let mut received = keep.lock().expect("nobody panics");
                let scopes = export.resources.into_iter().flat_map(|one| one.scopes);
                received.spans.extend(scopes.flat_map(|scope| scope.spans));
                received.bytes.extend_from_slice(&body);
                // An empty message: everything was taken.
                ([(CONTENT_TYPE, "application/grpc")], vec![0_u8; PREFIX])
            }),
        );
        let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let address = incoming.local_addr().expect("it listens");
        let server = Server::builder().add_routes(Routes::from(service));
        tokio::spawn(server.serve_with_incoming(incoming));
        Self {
            endpoint: format!("http://{address}"),
            received,
        }
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<Span> {
        self.received.lock().expect("nobody panics").spans.clone()
    }

    /// Everything so far, as far as it is text.
    pub fn text(&self) -> String {
        let received = self.received.lock().expect("nobody panics");
        String::from_utf8_lossy(&received.bytes).into_owned()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
