//! The formats of a body, compared with the examples of the standard and with a naive decoder.

use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::__internals::fuzz::naive;
use crate::error::ErrorKind;
use crate::protocol::content::Data;
use crate::protocol::response::GenerateContentResponse;

const LIMIT: usize = 16 << 20;

/// Decodes a body that arrives in these chunks. Returns the message of an error.
fn read<'a>(
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> std::result::Result<(Vec<Bytes>, BodyEnd), String> {
    let mut events = Events::new(LIMIT);
    let mut found = Vec::new();
    for chunk in chunks {
        events.push(Bytes::copy_from_slice(chunk));
        while let Some(event) = events.next().map_err(|error| error.to_string())? {
            found.push(event);
        }
    }
    let end = events.finish().map_err(|error| error.to_string())?;
    Ok((found, end))
}

/// Returns the data of the events of a body, including the one left open.
fn data(body: &[u8]) -> Vec<String> {
    let (mut found, end) = read([body]).expect("well formed");
    if let BodyEnd::Open(last) = end {
        found.push(last);
    }
    found
        .iter()
        .map(|event| String::from_utf8_lossy(event).into_owned())
        .collect()
}

#[test]
fn events_are_decoded_according_to_the_standard() {
    let table: &[(&[u8], &[&str])] = &[
        // line ends: LF, CR, CRLF, mixed
        (b"data: a\n\ndata: b\n\n", &["a", "b"]),
        (b"data: a\r\rdata: b\r\r", &["a", "b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]),
        (b"data: a\n\rdata: b\r\n\n", &["a", "b"]),
        (b"data: a\r\n\rdata: b\n\r\n", &["a", "b"]),
        // one space after the colon, no more, is not data
        (b"data:a\n\ndata:  b\n\ndata:\tc\n\n", &["a", " b", "\tc"]),
        // several lines of data; empty ones
        (b"data: a\ndata: b\n\n", &["a\nb"]),
        (b"data\ndata\n\n", &["\n"]),
        (b"data: a\ndata\ndata:c\n\n", &["a\n\nc"]),
        (b"data\n\n", &[""]),
        (b"data:\n\n", &[""]),
        // comments, other fields, unknown fields, fields with like names
        (b": keep-alive\ndata: a\n:\n\n", &["a"]),
        (b"event: x\nid: 1\nretry: 10\ndata: a\n\n", &["a"]),
        (
            b"Data: x\ndatas: x\ndat: x\n data: x\ndata : x\ndata: a\n\n",
            &["a"],
        ),
        // an event without data is ignored
        (b"event: x\n\n\n\ndata: a\n\n", &["a"]),
        // a byte order mark counts at the beginning only
        (b"\xEF\xBB\xBFdata: a\n\ndata: b\n\n", &["a", "b"]),
        (b"\xEF\xBB\xBF\xEF\xBB\xBFdata: a\n\ndata: b\n\n", &["b"]),
        (b"data: a\n\n\xEF\xBB\xBFdata: b\n\n", &["a"]),
        // NUL and invalid UTF-8 are passed on as data
        (b"data: \0\n\n", &["\0"]),
        (b"data: \xFF\n\n", &["\u{FFFD}"]),
        // colons within
        (b"data: {\"a\":1}\n\n", &["{\"a\":1}"]),
        (b"data::a\n\n", &[":a"]),
        // the last event counts without its blank line, and without the end of its line
        (b"data: a\n\ndata: b\n", &["a", "b"]),
        (b"data: a\n\ndata: b", &["a", "b"]),
        // no events
        (b"", &[]),
        (b"\n\n\n", &[]),
        (b":\n\n", &[]),
    ];
    for (body, expected) in table {
        assert_eq!(data(body), *expected, "{:?}", String::from_utf8_lossy(body));
    }
}

#[test]
fn a_json_object_in_a_field_called_error_is_an_event() {
    for (body, expected) in [
        (
            "data: {}\n\nerror: {\"code\":1}\n\n",
            vec!["{}", "{\"error\": {\"code\":1}}"],
        ),
        ("error:{\"code\":1}\n\n", vec!["{\"error\":{\"code\":1}}"]),
        ("error\nerror:\nerror: words\ndata: {}\n\n", vec!["{}"]),
    ] {
        assert_eq!(data(body.as_bytes()), expected, "{body:?}");
    }
}

#[test]
fn the_data_of_an_event_with_the_name_error_is_an_error() {
    for (body, expected) in [
        (
            "data: {}\n\nevent: error\ndata: {\"message\":\"busy\"}\n\ndata: {}\n\n",
            vec!["{}", "{\"error\":{\"message\":\"busy\"}}", "{}"],
        ),
        (
            "data: busy \"now\"\nevent:error\n\n",
            vec!["{\"error\":\"busy \\\"now\\\"\"}"],
        ),
        (
            "event: error\ndata: {\"type\":\"error\",\"error\":{}}\n\n",
            vec!["{\"type\":\"error\",\"error\":{}}"],
        ),
        (
            "event: error\ndata: {\"type\":\"error\",\"message\":\"busy\"}\n\n",
            vec!["{\"error\":{\"type\":\"error\",\"message\":\"busy\"}}"],
        ),
        ("event: error\ndata: {\"mess", vec!["{\"mess"]),
        ("event: error\n\ndata: {}\n\n", vec!["{}"]),
        ("event: error\nevent: message\ndata: {}\n\n", vec!["{}"]),
    ] {
        assert_eq!(data(body.as_bytes()), expected, "{body:?}");
    }
}

#[test]
fn a_json_object_on_a_separate_line_is_an_event() {
    for (body, expected) in [
        (
            "data: {}\r\n\r\n{\"error\":{\"code\":1}}\n",
            vec!["{}", "{\"error\":{\"code\":1}}"],
        ),
        (
            "{\"error\":\n  {\"code\":1}\n}\n",
            vec!["{\"error\":\n  {\"code\":1}\n}"],
        ),
        (
            "data: {}\n{\"error\":\"}\"}",
            vec!["{}", "{\"error\":\"}\"}"],
        ),
        ("{}\ndata: {\"a\":1}\n\n", vec!["{}", "{\"a\":1}"]),
    ] {
        assert_eq!(data(body.as_bytes()), expected, "{body:?}");
    }
}

#[test]
fn a_body_that_begins_with_a_bracket_is_an_array() {
    assert_eq!(
        data(b"[{\"a\":1}\n,\r\n{\"b\":2}]"),
        ["{\"a\":1}", "{\"b\":2}"]
    );
    assert_eq!(data(b"\xEF\xBB\xBF\r\n [{}]"), ["{}"]);
}

#[test]
fn the_end_of_a_body_shows_whether_it_is_truncated() {
    let end = |body: &str| read([body.as_bytes()]).expect("well formed").1;

    assert_eq!(end("data: {}\n\n"), BodyEnd::Clean);
    assert_eq!(end("data: {}\n\n: comment"), BodyEnd::Clean);
    assert_eq!(
        end("data: {}\n\ndata: {\"a"),
        BodyEnd::Open(Bytes::from("{\"a"))
    );
    assert_eq!(end("data: {}\n\nda"), BodyEnd::Open(Bytes::new()));
    assert_eq!(
        end("data: {}\n\n{\"err"),
        BodyEnd::Open(Bytes::from("{\"err"))
    );
    assert_eq!(end("[{}]"), BodyEnd::Clean);
    assert_eq!(end("[{}"), BodyEnd::UnclosedArray);
    assert_eq!(end("[{},{\"a"), BodyEnd::UnclosedArray);
    assert_eq!(
        end("<html>\n<body>"),
        BodyEnd::NotAStream(b"<html>".to_vec())
    );
    assert_eq!(end("\u{FEFF}"), BodyEnd::NotAStream("\u{FEFF}".into()));
}

#[test]
fn an_event_over_the_limit_is_rejected_before_it_is_complete() {
    let mut events = Events::new(64);

    let rejected = ["data: ", &"x".repeat(40), &"x".repeat(40)]
        .into_iter()
        .find_map(|chunk| {
            events.push(Bytes::copy_from_slice(chunk.as_bytes()));
            events.next().err()
        });

    let rejected = rejected.expect("an error");
    assert_eq!(rejected.kind(), ErrorKind::Limit);
    assert_eq!(
        rejected.to_string(),
        "an event of the response is larger than 64 bytes"
    );
}

#[test]
fn many_short_lines_of_one_event_count_towards_the_limit() {
    let mut events = Events::new(64);
    events.push("data: x\n".repeat(40).into());

    assert_eq!(
        events.next().expect_err("too large").kind(),
        ErrorKind::Limit
    );
}

#[test]
fn data_that_arrived_in_one_chunk_is_not_copied() {
    let chunk = Bytes::from_static(b"data: {\"a\":1}\n\n");
    let mut events = Events::new(LIMIT);
    events.push(chunk.clone());

    let event = events.next().expect("well formed").expect("an event");

    assert_eq!(event.as_ptr(), chunk[6..].as_ptr());
}

#[test]
fn a_million_tiny_events_stay_within_the_limit_of_one() {
    let mut events = Events::new(64);
    let mut count = 0;
    for _ in 0..1_000 {
        events.push("data: {}\n\n".repeat(1_000).into());
        while events.next().expect("within the limit").is_some() {
            count += 1;
        }
    }
    assert_eq!(count, 1_000_000);
}

/// Measures the decoding of images that arrive in chunks of 1 KiB.
fn time_of_images(images: usize, bytes: usize) -> Duration {
    let image = "A".repeat(bytes);
    let part = json!({"inlineData": {"mimeType": "image/png", "data": image}});
    let reply = json!({"candidates": [{"content": {"parts": [part]}}]});
    let body = format!("data: {reply}\n\n").repeat(images);
    let start = Instant::now();

    let (found, end) = read(body.as_bytes().chunks(1 << 10)).expect("well formed");

    let time = start.elapsed();
    assert_eq!((found.len(), end), (images, BodyEnd::Clean));
    for reply in found {
        let reply: GenerateContentResponse = serde_json::from_slice(&reply).expect("a reply");
        let content = reply.candidates[0].content.as_ref().expect("a content");
        let Some(Data::InlineData(blob)) = &content.parts[0].data else {
            panic!("not an image");
        };
        assert_eq!(blob.data.as_ref().map(String::len), Some(bytes));
    }
    time
}

#[test]
fn a_large_image_takes_about_as_long_as_small_ones_of_the_same_total_size() {
    // If each chunk rescanned those before it, the large image would always take 64 times as long. Delays on a
    // busy machine do not hit every repetition.
    let linear = (0..10).any(|_| time_of_images(1, 8 << 20) < 3 * time_of_images(64, 128 << 10));

    assert!(linear);
}

/// Generates bodies from tokens that matter to the decoder.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![
        &b"data"[..],
        b"data: ",
        b"data:",
        b":",
        b" ",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"\r\n\r\n",
        b"id: 1",
        b"event",
        b"x",
        b"\0",
        "\u{1F600}".as_bytes(),
        b"\xFF",
        b"\xEF\xBB\xBF",
        b"}",
        b"data: {\"text\":\"\\n\"}\r\n\r\n",
    ]);
    (any::<bool>(), prop::collection::vec(token, 0..40)).prop_map(|(mark, tokens)| {
        let mut body = if mark {
            BYTE_ORDER_MARK.to_vec()
        } else {
            b"x\n".to_vec()
        };
        body.push(b':');
        body.extend(tokens.concat());
        body
    })
}

/// Splits a body at these places.
fn split(body: &[u8], places: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut cuts: Vec<usize> = places
        .iter()
        .map(|place| place.index(body.len() + 1))
        .collect();
    cuts.extend([0, body.len()]);
    cuts.sort_unstable();
    cuts.windows(2)
        .map(|cut| body[cut[0]..cut[1]].to_vec())
        .collect()
}

proptest! {
    #[test]
    fn any_split_gives_the_events_of_the_standard(
        body in bodies(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let chunks = split(&body, &places);
        let (mut found, end) = read(chunks.iter().map(Vec::as_slice)).expect("within the limit");
        let is_open = !body.ends_with(b"\n") && !body.ends_with(b"\r");
        let is_cut_in_name = is_open
            && body.rsplit(|byte| matches!(byte, b'\n' | b'\r')).next()
                .is_some_and(|line| !line.is_empty() && b"data".starts_with(line));
        if let BodyEnd::Open(last) = end {
            found.push(last);
        }
        // A line cut within the word `data` is an open event here, and ignored in the standard.
        if !is_cut_in_name {
            prop_assert_eq!(found, naive(&body));
        }
    }

    #[test]
    fn any_split_gives_the_same_events_whatever_the_bytes(
        body in prop::collection::vec(
            prop::sample::select(b"data: {}[]\",\\\n\r \xEF\xBB\xBF".to_vec()), 0..60),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let chunks = split(&body, &places);
        prop_assert_eq!(
            read(chunks.iter().map(Vec::as_slice)),
            read([body.as_slice()])
        );
    }
}

/// Streams recorded from the service (`vertexai-sdk-test-data`, Apache-2.0).
const RECORDINGS: [&[u8]; 2] = [
    include_bytes!("../../../../tests/fixtures/streams/short-reply.txt"),
    include_bytes!("../../../../tests/fixtures/streams/code-execution.txt"),
];

#[test]
fn a_recorded_stream_gives_the_same_events_wherever_it_is_split() {
    for body in RECORDINGS {
        let whole = read([body]).expect("well formed");
        assert!(!whole.0.is_empty());
        for at in 0..=body.len() {
            let (one, other) = body.split_at(at);
            assert_eq!(read([one, other]).expect("well formed"), whole, "{at}");
        }
        let bytes = read(body.chunks(1)).expect("well formed");
        assert_eq!(bytes, whole, "byte by byte");
    }
}
