//! The Hugging Face hub: what a file is, and its bytes.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, HeaderMap, LOCATION, RANGE};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, redirect, retry};
use rustls::crypto::ring;

use super::catalogue::Entry;

/// The hub, unless `HF_ENDPOINT` names a mirror of it.
const HUB: &str = "https://huggingface.co";
/// The time to connect.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest silence.
const SILENCE: Duration = Duration::from_secs(60);
/// The hub moves renamed repositories; it does so once.
const MOVES: usize = 5;

/// The hub, or a mirror of it.
pub(super) struct Hub {
    client: Client,
    address: Url,
}

/// What the hub says of a file before it is fetched.
#[derive(Debug)]
pub(super) struct Announced {
    /// The SHA-256 of the whole, in lower-case hexadecimal digits.
    pub(super) sha256: String,
    /// How many bytes it has.
    pub(super) bytes: u64,
    /// Where the bytes are.
    url: Url,
}

impl Hub {
    /// The hub that `HF_ENDPOINT` names, or else the one there is.
    pub(super) fn from_env() -> anyhow::Result<Self> {
        let named = std::env::var("HF_ENDPOINT").ok();
        let address = named
            .as_deref()
            .filter(|address| !address.trim().is_empty());
        let address = address.unwrap_or(HUB);
        let url = Url::parse(address.trim())
            .with_context(|| format!("HF_ENDPOINT is no address: {address}"))?;
        // Another part of the program may have chosen the same before: then there is nothing to do.
        let _ = ring::default_provider().install_default();
        let address = secure(url)?;
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .user_agent(concat!("genai/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE);
        if is_here(&address) {
            builder = builder.no_proxy();
        }
        let client = builder.build().context("no HTTP client could be made")?;
        Ok(Self { client, address })
    }

    /// Asks what a model's file is, and where.
    pub(super) async fn announce(&self, entry: &Entry) -> anyhow::Result<Announced> {
        let (base, Entry { repo, file, .. }) = (self.address.as_str().trim_end_matches('/'), entry);
        let mut url = Url::parse(&format!("{base}/{repo}/resolve/main/{file}"))
            .context("the hub's address cannot be used")?;
        for _ in 0..MOVES {
            let response = self
                .send(self.client.request(Method::HEAD, url.clone()))
                .await?;
            let moved = location(&response, &url)?;
            let headers = response.headers();
            if headers.contains_key("x-linked-etag") {
                return announced(headers, moved.unwrap_or(url)).with_context(|| of(entry));
            }
            match moved {
                Some(moved) => url = moved,
                None => {
                    let told = told(response.status());
                    return Err(anyhow!("{told}")).with_context(|| of(entry));
                }
            }
        }
        bail!("the hub sends from one place to the next for {repo}");
    }

    /// Asks for the bytes of a file from one of them on, and gives them with the number of the first:
    /// a server may send all of them nevertheless.
    pub(super) async fn open(
        &self,
        file: &Announced,
        from: u64,
    ) -> anyhow::Result<(Response, u64)> {
        let mut request = self.client.get(file.url.clone());
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let response = self.send(request).await?;
        match response.status() {
            StatusCode::OK => Ok((response, 0)),
            StatusCode::PARTIAL_CONTENT if begins_at(response.headers(), from) => {
                Ok((response, from))
            }
            StatusCode::PARTIAL_CONTENT => bail!("the server sent another part than was asked for"),
            code => bail!("the server does not send the file: {}", told(code)),
        }
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        // What is packed could not be fetched in parts.
        let request = request.header(ACCEPT_ENCODING, "identity");
        let response = request.send().await.map_err(reqwest::Error::without_url);
        response
            .context("no answer came from the hub: check the network, and HF_ENDPOINT if it is set")
    }
}

fn of(entry: &Entry) -> String {
    format!("cannot fetch {} of {}", entry.file, entry.repo)
}

/// Where an answer sends to, if it does.
fn location(response: &Response, from: &Url) -> anyhow::Result<Option<Url>> {
    let Some(location) = response.headers().get(LOCATION) else {
        return Ok(None);
    };
    let location = location
        .to_str()
        .context("the hub sends to a place that is no address")?;
    let url = from
        .join(location)
        .context("the hub sends to a place that is no address")?;
    secure(url).map(Some)
}

/// Passes an address that nobody between can read along with; this machine needs no such care.
fn secure(url: Url) -> anyhow::Result<Url> {
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here(&url) => Ok(url),
        _ => bail!(
            "models come over https:// only, not from {}",
            url.origin().ascii_serialization()
        ),
    }
}

/// Whether an address is one of this machine for itself.
fn is_here(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

fn announced(headers: &HeaderMap, url: Url) -> anyhow::Result<Announced> {
    let text = |name| headers.get(name)?.to_str().ok();
    let etag = text("x-linked-etag").unwrap_or_default();
    let sha256 = etag
        .trim_start_matches("W/")
        .trim_matches('"')
        .to_ascii_lowercase();
    if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("the hub tells no SHA-256 of it, so that nothing could verify it");
    }
    let bytes = text("x-linked-size").and_then(|size| size.parse().ok());
    let bytes = bytes.context("the hub does not tell how large it is")?;
    Ok(Announced { sha256, bytes, url })
}

/// Whether a part begins where it should.
fn begins_at(headers: &HeaderMap, from: u64) -> bool {
    let range = headers
        .get(CONTENT_RANGE)
        .and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {from}-")))
}

/// What a code says, and what can be done.
fn told(code: StatusCode) -> String {
    match code.as_u16() {
        401 | 403 => format!("{code}: the hub wants an account for it"),
        404 => format!("{code}: the hub has it no longer"),
        429 => format!("{code}: try again in a while"),
        500.. => format!("{code}: try again later"),
        _ => format!("{code}"),
    }
}
