//! The log of every call that the fake providers received. Tests count with it, and check that a dry run writes nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

/// One received call. Bodies, credentials and other headers are not kept.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// Counts up from 1 since the start or the last `clear`.
    pub number: u64,
    /// Simulated time of arrival.
    pub at: DateTime<Utc>,
    pub method: String,
    /// Name of the endpoint, such as `meet.conferenceRecords.list`; `unknown` when no route matches.
    pub endpoint: String,
    /// The path with its placeholders, such as `/v2/conferenceRecords/{record}`.
    pub template: String,
    /// The path as received.
    pub path: String,
    /// Decoded query, in order. Values of `token`, `code` and `access_token` are blanked.
    pub query: Vec<(String, String)>,
    /// Whether the endpoint changes something at the provider.
    pub writes: bool,
    /// The W3C trace context that came with it.
    pub traceparent: Option<String>,
    /// Status of the answer; `None` while it is being handled, or when the connection was cut without one.
    pub status: Option<u16>,
    /// Name of the fault that was applied, or `quota`.
    pub fault: Option<String>,
}

/// All calls so far, oldest first.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Calls {
    all: Vec<Call>,
    next: u64,
    in_flight: usize,
    max_in_flight: usize,
}

impl Calls {
    pub fn all(&self) -> &[Call] {
        &self.all
    }

    /// Number of calls.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Calls of one endpoint, in order.
    pub fn of<'a>(&'a self, endpoint: &'a str) -> impl Iterator<Item = &'a Call> {
        self.all
            .iter()
            .filter(move |call| call.endpoint == endpoint)
    }

    /// How often each endpoint was called.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in &self.all {
            *counts.entry(call.endpoint.clone()).or_default() += 1;
        }
        counts
    }

    /// How often one endpoint was called.
    pub fn count(&self, endpoint: &str) -> usize {
        self.of(endpoint).count()
    }

    /// Calls that change something at a provider. Token requests are not among them.
    pub fn writing(&self) -> impl Iterator<Item = &Call> {
        self.all.iter().filter(|call| call.writes)
    }

    /// Most calls that were being handled at the same time.
    pub fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    /// Calls that are being handled now.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn begin(&mut self, mut call: Call) -> u64 {
        self.next += 1;
        call.number = self.next;
        self.all.push(call);
        self.in_flight += 1;
        self.max_in_flight = self.max_in_flight.max(self.in_flight);
        self.next
    }

    pub(crate) fn note_fault(&mut self, number: u64, fault: &str) {
        if let Some(call) = self.find(number) {
            call.fault = Some(fault.to_owned());
        }
    }

    pub(crate) fn end(&mut self, number: u64, status: Option<u16>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(call) = self.find(number) {
            call.status = status;
        }
    }

    /// Forgets all calls; calls in flight stay counted as such.
    pub fn clear(&mut self) {
        self.all.clear();
        self.max_in_flight = self.in_flight;
    }

    fn find(&mut self, number: u64) -> Option<&mut Call> {
        self.all.iter_mut().rev().find(|call| call.number == number)
    }
}
