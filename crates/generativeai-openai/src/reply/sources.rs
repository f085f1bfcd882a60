//! Conversion of the sources of a reply: citations of passages, and web pages that a search found.

use generativeai::protocol::grounding::{GroundingChunk, GroundingMetadata, WebChunk};
use generativeai::protocol::response::{CitationMetadata, CitationSource};
use serde_json::Value;

use super::wire::Citation;

/// Converts annotations that cite web pages. Also returns the other annotations, unchanged.
pub(super) fn citations(annotations: Vec<Value>) -> (Option<Box<CitationMetadata>>, Vec<Value>) {
    let mut others = Vec::new();
    let mut metadata = CitationMetadata::default();
    for annotation in annotations {
        match citation(&annotation) {
            Some(source) => metadata.citation_sources.push(source),
            None => others.push(annotation),
        }
    }
    let is_empty = metadata.citation_sources.is_empty();
    ((!is_empty).then(|| Box::new(metadata)), others)
}

/// Converts an annotation. `None` if it has no URL, so that it is another kind.
fn citation(annotation: &Value) -> Option<CitationSource> {
    // OpenAI nests the members; some servers do not.
    let members = annotation.get("url_citation");
    let members = members.filter(|members| members.is_object());
    let citation: Citation = serde_json::from_value(members.unwrap_or(annotation).clone()).ok()?;
    let mut source = CitationSource::default();
    source.uri = Some(citation.url?);
    source.title = citation.title;
    source.start_index = citation.start_index;
    source.end_index = citation.end_index;
    Some(source)
}

/// Converts the web pages that a search found. `cited` are those to which marks in the text refer: `[1]` is the first.
/// They come first in the result, so that the marks stay valid. Pages in both lists appear once.
pub(super) fn grounding(cited: Option<Value>, found: Option<Value>) -> Option<GroundingMetadata> {
    let list = |pages: Option<Value>| match pages {
        Some(Value::Array(pages)) => pages,
        _ => Vec::new(),
    };
    let mut found: Vec<WebChunk> = list(found).into_iter().filter_map(page).collect();
    let mut pages = Vec::new();
    for page in list(cited).into_iter().filter_map(page) {
        let same = found.iter().position(|known| known.uri == page.uri);
        pages.push(same.map_or(page, |at| found.remove(at)));
    }
    pages.append(&mut found);
    if pages.is_empty() {
        return None;
    }
    let mut grounding = GroundingMetadata::default();
    grounding.grounding_chunks = pages
        .into_iter()
        .map(|page| {
            let mut chunk = GroundingChunk::default();
            chunk.web = Some(page);
            chunk
        })
        .collect();
    Some(grounding)
}

/// Reads a page, which is a URL or an object with a URL.
fn page(value: Value) -> Option<WebChunk> {
    let mut page = WebChunk::default();
    let mut members = match value {
        Value::String(url) => {
            page.uri = Some(url);
            return Some(page);
        }
        Value::Object(members) => members,
        _ => return None,
    };
    let mut text = |name: &str| match members.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    page.uri = Some(text("url")?);
    page.title = text("title").filter(|title| !title.is_empty());
    for (name, value) in members {
        if !value.is_null() {
            page.unknown.insert(name, value);
        }
    }
    Some(page)
}
