//! Files of the playground. What the page does is tested in a browser: `tests/clients/js/playground.js`.

use std::fs;
use std::path::Path;

use generativeai::testing::Scripted;
use generativeai_server::{Server, router};

use crate::support::{get, post, send};

/// Paths of the files under a folder, relative to it.
fn files(folder: &Path, prefix: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries
        .flat_map(|entry| {
            let entry = entry.expect("an entry");
            let name = format!("{prefix}{}", entry.file_name().to_str().expect("text"));
            if entry.file_type().expect("a type").is_dir() {
                files(&entry.path(), &format!("{name}/"))
            } else {
                vec![name]
            }
        })
        .collect()
}

fn source() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/playground"))
}

#[tokio::test]
async fn every_file_of_the_page_is_served_with_its_type_and_a_strict_policy() {
    let guarded = Server::new(Scripted::default()).api_key("s3cret");
    let router = guarded.into_router();
    let names = files(source(), "");
    assert!(names.len() > 15, "{names:?}");

    for name in names {
        let (path, media_type) = match name.rsplit('.').next() {
            Some("js") => (format!("/playground/{name}"), "text/javascript"),
            Some("css") => (format!("/playground/{name}"), "text/css"),
            Some("html") => ("/".to_owned(), "text/html"),
            _ => continue,
        };

        let response = send(&router, get(&path)).await;

        assert_eq!(response.code(), 200, "{path}");
        assert!(response.header("content-type").starts_with(media_type));
        let policy = response.header("content-security-policy");
        assert!(policy.contains("default-src 'none'; script-src 'self';"));
        assert!(policy.contains("require-trusted-types-for 'script'"));
        let content = fs::read(source().join(&name)).expect("the file");
        assert_eq!(response.body, content, "{path}");
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_errors_in_json() {
    let router = router(Scripted::default());

    let unknown = send(&router, get("/playground/../Cargo.toml")).await;
    let method = send(&router, post("/playground/main.js", "x")).await;

    assert_eq!((unknown.code(), method.code()), (404, 405));
    unknown.error();
    method.error();
}

#[test]
fn the_table_of_vendored_libraries_has_the_versions_of_the_files() {
    let table = fs::read_to_string(source().join("vendor/README.md")).expect("the table");

    for (file, before_version) in [
        ("marked.js", "marked v"),
        ("dompurify.js", "DOMPurify "),
        ("highlight.js", "Highlight.js v"),
    ] {
        let code = fs::read_to_string(source().join("vendor").join(file)).expect(file);
        let version = code.split(before_version).nth(1).expect(file);
        let version = version.split(' ').next().expect(file);
        let row = table.lines().find(|line| line.contains(file)).expect(file);
        assert!(
            row.contains(&format!("| {version} |")),
            "{file} {version}: {row}"
        );
    }
}
