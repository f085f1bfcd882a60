//! Discovery document of the API, in which older Google clients look up the upload path.

use serde_json::{Value, json};

use super::site::Site;

/// Returns the description of uploads of up to `max_size` bytes in the format of Google's discovery service, version 1.
///
/// It describes nothing else: the clients that read it find the other methods without it.
pub(super) fn document(site: &Site, max_size: u64) -> Value {
    json!({
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": "generativelanguage:v1beta",
        "name": "generativelanguage",
        "version": "v1beta",
        "title": "Files of the Gemini API",
        "protocol": "rest",
        "rootUrl": site.url("/"),
        "baseUrl": site.url("/"),
        "servicePath": "",
        "batchPath": "batch",
        "parameters": {
            "key": {"type": "string", "location": "query"},
            "alt": {"type": "string", "location": "query", "default": "json"},
        },
        "schemas": {
            "CreateFileRequest": {
                "id": "CreateFileRequest",
                "type": "object",
                "properties": {"file": {"$ref": "File"}},
            },
            "CreateFileResponse": {
                "id": "CreateFileResponse",
                "type": "object",
                "properties": {"file": {"$ref": "File"}},
            },
            "File": {
                "id": "File",
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "displayName": {"type": "string"},
                    "mimeType": {"type": "string"},
                },
            },
        },
        "resources": {"media": {"methods": {"upload": {
            "id": "generativelanguage.media.upload",
            "path": "v1beta/files",
            "flatPath": "v1beta/files",
            "httpMethod": "POST",
            "parameters": {},
            "parameterOrder": [],
            "request": {"$ref": "CreateFileRequest"},
            "response": {"$ref": "CreateFileResponse"},
            "supportsMediaUpload": true,
            "mediaUpload": {
                "accept": ["*/*"],
                "maxSize": max_size.to_string(),
                "protocols": {
                    "simple": {"multipart": true, "path": "/upload/v1beta/files"},
                    "resumable": {"multipart": true, "path": "/resumable/upload/v1beta/files"},
                },
            },
        }}}},
    })
}
