//! Calls made by their descriptors: requests from JSON with the fields' own names, answers as the bytes that came.

use prost::{
    Message as _,
    bytes::{Buf, BufMut},
    encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint},
};
use prost_types::{
    DescriptorProto, FileDescriptorSet, MethodDescriptorProto, field_descriptor_proto::Type,
};
use serde_json::Value;
use std::{collections::BTreeSet, sync::LazyLock, time::Duration};
use syncline::api::DESCRIPTORS;
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};

/// A stream that goes on is read for so long.
const LOOK: Duration = Duration::from_secs(2);

/// Where an answer says how the list goes on.
const PAGE: &str = "next_page_token";

static FILES: LazyLock<FileDescriptorSet> =
    LazyLock::new(|| FileDescriptorSet::decode(DESCRIPTORS).expect("they are ours"));

/// Every call of every service, as in `TokenService/GetToken`.
pub fn all() -> Vec<String> {
    methods().map(|(name, _)| name).collect()
}

/// Those of them that answer page by page.
pub fn paged() -> BTreeSet<&'static str> {
    static ALL: LazyLock<Vec<String>> = LazyLock::new(all);
    let is_paged = |name: &&str| {
        let answer = method(name).output_type();
        let answer = described(answer).expect("it is ours");
        answer.field.iter().any(|field| field.name() == PAGE)
    };
    ALL.iter().map(String::as_str).filter(is_paged).collect()
}

/// The token of the next page in an answer.
pub fn next_page_token(name: &str, answer: &[u8]) -> String {
    let (number, ..) = field(method(name).output_type(), PAGE);
    let mut rest = answer;
    while rest.has_remaining() {
        let (tag, wire) = decode_key(&mut rest).expect("the answer is a message");
        assert_eq!(wire, WireType::LengthDelimited, "rows and a token");
        let length = decode_varint(&mut rest).expect("a length");
        let length = usize::try_from(length).expect("it fits");
        let text = rest.copy_to_bytes(length);
        if tag == number {
            return String::from_utf8(text.into()).expect("a text");
        }
    }
    String::new()
}

fn method(wanted: &str) -> &'static MethodDescriptorProto {
    let mut all = methods();
    let found = all.find(|(name, _)| name == wanted);
    found.expect("there is such a call").1
}

fn methods() -> impl Iterator<Item = (String, &'static MethodDescriptorProto)> {
    let services = FILES.file.iter().flat_map(|file| &file.service);
    services.flat_map(|service| {
        let named =
            |method: &MethodDescriptorProto| format!("{}/{}", service.name(), method.name());
        service
            .method
            .iter()
            .map(move |method| (named(method), method))
    })
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub code: i32,
    pub message: String,
    pub details: Vec<u8>,
    pub bodies: Vec<Vec<u8>>,
}

impl Answer {
    /// All of it, for who looks for what should not be there.
    pub fn bytes(&self) -> Vec<u8> {
        let mut all = self.message.clone().into_bytes();
        all.extend(&self.details);
        all.extend(self.bodies.concat());
        all
    }
}

/// Makes a call, showing a key, or nothing where that is empty.
pub async fn call(channel: &Channel, key: &str, method: &str, request: &Value) -> Answer {
    let mut bytes = Vec::new();
    encode(self::method(method).input_type(), request, &mut bytes);
    let mut request = Request::new(bytes);
    if !key.is_empty() {
        let shown = format!("Bearer {key}").parse().expect("it is ASCII");
        request.metadata_mut().insert("authorization", shown);
    }
    let mut client = Grpc::new(channel.clone());
    client.ready().await.expect("the server is there");
    let path = format!("/syncline.v1.{method}").parse().expect("a path");
    let mut bodies = Vec::new();
    let answered = client.server_streaming(request, path, Raw).await;
    let ended = match answered {
        Err(status) => status,
        Ok(answer) => {
            let mut stream = answer.into_inner();
            loop {
                match tokio::time::timeout(LOOK, stream.message()).await {
                    Ok(Ok(Some(body))) => bodies.push(body),
                    Ok(Ok(None)) | Err(_) => break Status::new(tonic::Code::Ok, ""),
                    Ok(Err(status)) => break status,
                }
            }
        }
    };
    Answer {
        code: ended.code().into(),
        message: ended.message().to_owned(),
        details: ended.details().to_vec(),
        bodies,
    }
}

/// The same for a call that must be good, and its answer as what it is.
pub async fn good<T: prost::Message + Default>(
    channel: &Channel,
    key: &str,
    method: &str,
    request: &Value,
) -> T {
    let answer = call(channel, key, method, request).await;
    assert_eq!(answer.code, 0, "{method}: {}", answer.message);
    T::decode(&*answer.bodies[0]).expect("the answer is of that kind")
}

fn described(name: &str) -> Option<&'static DescriptorProto> {
    let wanted = name.strip_prefix(".syncline.v1.")?;
    let messages = FILES.file.iter().flat_map(|file| &file.message_type);
    messages
        .into_iter()
        .find(|message| message.name() == wanted)
}

/// Number and type of a field; the few messages of Google's that are used here are known by heart.
fn field(message: &str, name: &str) -> (u32, Type, String) {
    match (message, name) {
        (".google.protobuf.Timestamp" | ".google.protobuf.Duration", "seconds") => {
            (1, Type::Int64, String::new())
        }
        (".google.protobuf.FieldMask", "paths") => (1, Type::String, String::new()),
        _ => {
            let descriptor = described(message).unwrap_or_else(|| panic!("no message {message}"));
            let field = descriptor.field.iter().find(|field| field.name() == name);
            let field = field.unwrap_or_else(|| panic!("{message} has no field {name}"));
            let number = u32::try_from(field.number()).expect("it is positive");
            (number, field.r#type(), field.type_name().to_owned())
        }
    }
}

fn encode(message: &str, value: &Value, out: &mut Vec<u8>) {
    for (name, value) in value.as_object().expect("a message is an object") {
        let (number, kind, type_name) = field(message, name);
        let values = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            let mut bytes = Vec::new();
            match kind {
                Type::String | Type::Bytes => {
                    bytes.extend(value.as_str().expect("a text").as_bytes());
                }
                Type::Message => encode(&type_name, value, &mut bytes),
                _ => {
                    let number_of = value.as_bool().map(u64::from).or(value.as_u64());
                    encode_key(number, WireType::Varint, out);
                    encode_varint(number_of.expect("a number"), out);
                    continue;
                }
            }
            encode_key(number, WireType::LengthDelimited, out);
            encode_varint(bytes.len() as u64, out);
            out.extend(bytes);
        }
    }
}

/// Messages as they are.
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; from.remaining()];
        from.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}
