//! Reference to an attachment: the data in its part from which the bytes are uploaded again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::protocol::content::{Content, Data, FileData, Part};
use crate::protocol::files::File;
use crate::protocol::time::Timestamp;

/// Member of [`Part::part_metadata`] that contains the reference.
const MEMBER: &str = "attachment";

/// Origin of an uploaded attachment. It is stored with the part, and not sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference {
    /// SHA-256 of the bytes, in hexadecimal digits.
    pub(super) sha256: String,
    /// Place of the bytes on disk. Absent for bytes that were in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<PathBuf>,
    /// Time when the service deletes the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expiration_time: Option<Timestamp>,
}

impl Reference {
    /// Creates the reference to bytes. A path that is not UTF-8 cannot be stored as JSON, so it is left out.
    pub(super) fn new(sha256: String, path: Option<&Path>) -> Self {
        let absolute = path.and_then(|path| std::path::absolute(path).ok());
        Self {
            sha256,
            path: absolute.filter(|path| path.to_str().is_some()),
            expiration_time: None,
        }
    }

    /// Returns the reference of a part.
    fn of(part: &Part) -> Option<(&FileData, Self)> {
        let Some(Data::FileData(file)) = &part.data else {
            return None;
        };
        let reference = part.part_metadata.as_ref()?.get(MEMBER)?;
        // The metadata belongs to the caller, whose member of this name may be something else.
        Some((file, Self::deserialize(reference).ok()?))
    }

    /// Returns the part that refers to a file, and contains this reference.
    pub(super) fn into_part(mut self, file: File) -> Part {
        self.expiration_time.clone_from(&file.expiration_time);
        let reference = serde_json::to_value(self).expect("its path is UTF-8");
        let metadata = Map::from_iter([(MEMBER.to_owned(), reference)]);
        Part::from(file).part_metadata(metadata)
    }
}

/// Returns whether contents refer to attachments.
pub(in crate::remote) fn has_references<'a>(
    contents: impl IntoIterator<Item = &'a Content>,
) -> bool {
    let mut parts = contents.into_iter().flat_map(|content| &content.parts);
    parts.any(|part| Reference::of(part).is_some())
}

/// Removes the references from a content, because the service must not receive them. Its files are not uploaded again.
pub(in crate::remote) fn remove_references(content: &mut Content) {
    for part in &mut content.parts {
        take_reference(part);
    }
}

/// Takes the reference out of a part. Other metadata stay.
pub(super) fn take_reference(part: &mut Part) -> Option<(FileData, Reference)> {
    let (file, reference) = Reference::of(part)?;
    let file = file.clone();
    if let Some(Value::Object(metadata)) = &mut part.part_metadata {
        metadata.remove(MEMBER);
        if metadata.is_empty() {
            part.part_metadata = None;
        }
    }
    Some((file, reference))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reference_is_taken_out_and_other_metadata_stay() {
        let reference = Reference::new("ab".to_owned(), Some(Path::new("/a/b.mp4")));
        let file = File::default().mime_type("video/mp4");
        let mut part = reference.clone().into_part(file);
        let mut kept = part.clone();
        kept.part_metadata.as_mut().expect("metadata")["mine"] = json!(1);

        assert!(has_references([&Content::user(part.clone())]));
        let (_, taken) = take_reference(&mut part).expect("a reference");
        assert_eq!((taken, part.part_metadata.take()), (reference, None));
        take_reference(&mut kept).expect("a reference");
        assert_eq!(kept.part_metadata, Some(json!({"mine": 1})));
    }

    #[test]
    fn metadata_of_the_caller_are_not_a_reference() {
        let file = Part::from(File::default());
        for metadata in [
            json!({"attachment": 3}),
            json!({"attachment": {"id": 7}}),
            json!([]),
        ] {
            let part = file.clone().part_metadata(metadata.clone());
            assert!(!has_references([&Content::user(part)]), "{metadata}");
        }
    }
}
