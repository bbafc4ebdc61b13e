//! Google as far as id tokens go: keys that are published, and tokens that are signed with them.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaEncoding, RsaPublicKeyComponents},
};
use axum::{Json, Router, http::header::CACHE_CONTROL, routing::get};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};

/// Keys by their ids.
type Keys = Arc<Mutex<Vec<(String, Arc<KeyPair>)>>>;

/// Publishes keys as Google does, and counts how often it is asked.
pub struct Google {
    keys: Keys,
    asked: Arc<AtomicUsize>,
    pub url: String,
}

impl Google {
    pub async fn start() -> Self {
        let keys = Keys::default();
        let asked: Arc<AtomicUsize> = Arc::default();
        let (shown, counted) = (keys.clone(), asked.clone());
        let certs = async move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let keys: Vec<_> = shown.lock().unwrap().iter().map(jwk).collect();
            (
                [(CACHE_CONTROL, "public, max-age=3600")],
                Json(json!({ "keys": keys })),
            )
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/certs", listener.local_addr().unwrap());
        let router = Router::new().route("/certs", get(certs));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let google = Self { keys, asked, url };
        google.new_key("one");
        google
    }

    pub fn new_key(&self, id: &str) {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        self.keys().push((id.to_owned(), Arc::new(key)));
    }

    pub fn keys(&self) -> MutexGuard<'_, Vec<(String, Arc<KeyPair>)>> {
        self.keys.lock().unwrap()
    }

    pub fn key(&self) -> (String, Arc<KeyPair>) {
        self.keys().last().unwrap().clone()
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// A token as Google makes it.
    pub fn token(&self, claims: &Value) -> String {
        let (id, key) = self.key();
        signed(
            &json!({ "alg": "RS256", "kid": id, "typ": "JWT" }),
            claims,
            &key,
        )
    }
}

pub fn public(key: &KeyPair) -> (String, String) {
    let parts = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
    let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    (text(&parts.n), text(&parts.e))
}

pub fn jwk((id, key): &(String, Arc<KeyPair>)) -> Value {
    let (n, e) = public(key);
    json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": n, "e": e })
}

pub fn signed(header: &Value, claims: &Value, key: &KeyPair) -> String {
    signed_by(header, claims, key, &RSA_PKCS1_SHA256)
}

pub fn signed_by(
    header: &Value,
    claims: &Value,
    key: &KeyPair,
    how: &'static dyn RsaEncoding,
) -> String {
    let text = unsigned(header, claims);
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(how, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .unwrap();
    format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

pub fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}
