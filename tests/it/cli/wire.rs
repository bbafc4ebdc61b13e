//! What gRPC itself refuses, before any handler sees it, has a reason and the right code too.

use super::{
    Stage,
    server::{channel, serve},
};
use syncline::api::v1::CreateSyncRequest;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};
use tonic_types::StatusExt as _;

const LIST: &str = "/syncline.v1.SyncService/ListSyncs";

/// Sends bytes as they are, and reads nothing.
#[derive(Clone, Copy, Default)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, bytes: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        prost::bytes::BufMut::put_slice(to, &bytes);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, _: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        Ok(Some(()))
    }
}

/// Calls a method with these messages, and gives what it was refused with.
async fn refused(
    channel: &Channel,
    path: &'static str,
    messages: Vec<Vec<u8>>,
    encoding: Option<&'static str>,
) -> Status {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let mut request = Request::new(tokio_stream::iter(messages));
    if let Some(encoding) = encoding {
        let metadata = request.metadata_mut();
        metadata.insert("grpc-encoding", encoding.parse().unwrap());
    }
    let path = http::uri::PathAndQuery::from_static(path);
    let answer = client.client_streaming(request, path, Bytes).await;
    answer.expect_err("a refusal")
}

#[tokio::test]
async fn every_refusal_of_grpc_itself_has_a_reason_and_the_right_code() {
    let stage = Stage::new();
    let (_server, url) = serve(&stage).await;
    let channel = channel(&url).await;
    let large = CreateSyncRequest {
        sync_id: "x".repeat(10 << 20),
        ..Default::default()
    };
    let large = prost::Message::encode_to_vec(&large);
    let cases = [
        (
            "/syncline.v1.SyncService/Nope",
            vec![vec![]],
            None,
            Code::Unimplemented,
            "METHOD_UNKNOWN",
        ),
        (
            "/nope.v1.Nope/Nope",
            vec![vec![]],
            None,
            Code::Unimplemented,
            "METHOD_UNKNOWN",
        ),
        (
            LIST,
            vec![vec![0xff, 0xff]],
            None,
            Code::InvalidArgument,
            "REQUEST_UNREADABLE",
        ),
        // Field 1 is the parent's name, and this is no UTF-8.
        (
            LIST,
            vec![vec![0x0a, 0x01, 0xff]],
            None,
            Code::InvalidArgument,
            "REQUEST_UNREADABLE",
        ),
        (
            LIST,
            vec![],
            None,
            Code::InvalidArgument,
            "REQUEST_UNREADABLE",
        ),
        (
            LIST,
            vec![vec![]],
            Some("gzip"),
            Code::Unimplemented,
            "COMPRESSION_UNSUPPORTED",
        ),
        (
            LIST,
            vec![large],
            None,
            Code::ResourceExhausted,
            "MESSAGE_TOO_LARGE",
        ),
    ];
    for (path, messages, encoding, code, reason) in cases {
        let status = refused(&channel, path, messages, encoding).await;
        let info = status.get_details_error_info();
        let info = info.unwrap_or_else(|| panic!("no reason for {reason}: {status:?}"));
        assert_eq!(
            (status.code(), info.domain.as_str(), info.reason.as_str()),
            (code, "syncline", reason),
            "{status:?}"
        );
        assert!(!status.message().is_empty(), "{status:?}");
    }
    let unknown = refused(&channel, "/grpc.health.v1.Health/Nope", vec![vec![]], None).await;
    assert_eq!(unknown.code(), Code::Unimplemented);
}
