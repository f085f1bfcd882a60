//! A client of the Hugging Face hub.
//!
//! The hub answers a request for a file with a redirect to its storage. Size and SHA-256 of the file are in the headers
//! of this redirect, so redirects are followed here and not by reqwest.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use generativeai_local::download::FileContent;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, HeaderMap, LOCATION, RANGE};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, redirect, retry};
use rustls::crypto::ring;

use crate::loopback::is_loopback;

/// Address of the hub, unless `HF_ENDPOINT` names a mirror.
const HUB: &str = "https://huggingface.co";
/// Timeout of connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout between two reads of a response. A download as a whole has none.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum number of redirects before the headers of the file. The hub redirects requests for renamed repositories.
const MAX_REDIRECTS: usize = 5;

/// A client of the hub, or of a mirror.
pub(super) struct Hub {
    client: Client,
    address: Url,
}

/// Size, hash and address of a file, as the hub reports them before the download.
#[derive(Debug)]
pub(super) struct FileInfo {
    /// Size and hash.
    pub(super) content: FileContent,
    /// Address of the content, usually at the storage of the hub.
    url: Url,
}

impl Hub {
    /// Creates a client of the hub, or of a mirror at this address.
    pub(super) fn new(mirror: Option<&str>) -> anyhow::Result<Self> {
        let named = mirror.filter(|address| !address.trim().is_empty());
        let address = named.unwrap_or(HUB);
        let url = Url::parse(address.trim())
            .with_context(|| format!("HF_ENDPOINT is not a URL: {address}"))?;
        // An error means that a provider is already installed, which works as well.
        let _ = ring::default_provider().install_default();
        let address = secure(url)?;
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .user_agent(concat!("genai/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT);
        if is_loopback(&address) {
            // To a proxy, a loopback address is the proxy's own machine.
            builder = builder.no_proxy();
        }
        let client = builder.build().context("cannot create an HTTP client")?;
        Ok(Self { client, address })
    }

    /// Requests size, hash and address of a file in a repository.
    pub(super) async fn file_info(&self, repo: &str, file: &str) -> anyhow::Result<FileInfo> {
        let base = self.address.as_str().trim_end_matches('/');
        let failed = || format!("cannot download {file} of {repo}");
        let mut url = Url::parse(&format!("{base}/{repo}/resolve/main/{file}"))
            .context("the address of the hub cannot be used")?;
        for _ in 0..MAX_REDIRECTS {
            let response = self
                .send(self.client.request(Method::HEAD, url.clone()))
                .await?;
            let redirect = location(&response, &url)?;
            let headers = response.headers();
            if headers.contains_key("x-linked-etag") {
                return file_info(headers, redirect.unwrap_or(url)).with_context(failed);
            }
            match redirect {
                Some(redirect) => url = redirect,
                None => {
                    let status = explained(response.status());
                    return Err(anyhow!("{status}")).with_context(failed);
                }
            }
        }
        bail!("too many redirects for {repo}");
    }

    /// Requests the content of a file from the offset `from` in bytes. Returns the response and the offset of its first
    /// byte: a server may ignore the range and send the whole file.
    pub(super) async fn open(&self, file: &FileInfo, from: u64) -> anyhow::Result<(Response, u64)> {
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
            StatusCode::PARTIAL_CONTENT => {
                bail!("the server sent another range than was requested")
            }
            code => bail!("the server did not send the file: {}", explained(code)),
        }
    }

    /// Sends a request. Errors do not contain its URL, since the query string of a storage URL is a signature.
    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        // A range of a compressed response would not be a range of the file.
        let request = request.header(ACCEPT_ENCODING, "identity");
        let response = request.send().await.map_err(reqwest::Error::without_url);
        response
            .context("no response from the hub: check the network, and HF_ENDPOINT if it is set")
    }
}

/// Returns the target of a redirect, or `None` if the response is not one.
fn location(response: &Response, from: &Url) -> anyhow::Result<Option<Url>> {
    let Some(location) = response.headers().get(LOCATION) else {
        return Ok(None);
    };
    let url = location.to_str().ok().and_then(|url| from.join(url).ok());
    secure(url.context("the hub redirects to an invalid URL")?).map(Some)
}

/// Refuses an address without TLS, except on this machine.
fn secure(url: Url) -> anyhow::Result<Url> {
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => bail!(
            "models are downloaded over https:// only, not from {}",
            url.origin().ascii_serialization()
        ),
    }
}

/// Reads size and hash from the headers of a file. The ETag is the SHA-256 for files in the hub's large file storage,
/// as all models are. Other files have other ETags and are refused.
fn file_info(headers: &HeaderMap, url: Url) -> anyhow::Result<FileInfo> {
    let text = |name| headers.get(name)?.to_str().ok();
    let etag = text("x-linked-etag").unwrap_or_default();
    let sha256 = etag
        .trim_start_matches("W/")
        .trim_matches('"')
        .to_ascii_lowercase();
    if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("the hub reports no SHA-256, so the download could not be verified");
    }
    let size = text("x-linked-size").and_then(|size| size.parse().ok());
    let content = FileContent {
        bytes: size.context("the hub does not report the size")?,
        sha256: sha256.into(),
    };
    Ok(FileInfo { content, url })
}

/// Returns whether a range begins at the requested position.
fn begins_at(headers: &HeaderMap, from: u64) -> bool {
    let range = headers
        .get(CONTENT_RANGE)
        .and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {from}-")))
}

/// Formats an HTTP status with its likely cause or remedy.
fn explained(code: StatusCode) -> String {
    match code.as_u16() {
        401 | 403 => format!("{code}: the hub requires an account for this file"),
        404 => format!("{code}: the hub no longer has this file"),
        429 => format!("{code}: too many requests, try again later"),
        500.. => format!("{code}: try again later"),
        _ => format!("{code}"),
    }
}
