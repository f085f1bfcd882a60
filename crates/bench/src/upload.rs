//! The command `upload`: measures time and memory of the upload of a large file.

use std::fs::File;
use std::time::Instant;

use generativeai::Remote;
use serde_json::json;

use crate::options::Options;
use crate::outcome::{Outcome, print};
use crate::usage::peak_kib;

/// Uploads a file twice, and prints the time of each upload and the peak of memory before and after.
pub(crate) async fn run(options: Options) -> Outcome {
    let path = std::env::temp_dir().join(format!("generativeai-bench-{}.bin", std::process::id()));
    // A sparse file: reading it causes no disk access, which would dominate the measurement.
    File::create(&path)?.set_len(options.bytes)?;
    let uploaded = upload(&options, &path).await;
    std::fs::remove_file(&path)?;
    uploaded
}

async fn upload(options: &Options, path: &std::path::Path) -> Outcome {
    let remote = Remote::builder().base_url(&options.base).build()?;
    let warm_up = remote.upload_bytes("hello", "text/plain").await?;
    remote
        .delete_file(warm_up.name.as_deref().unwrap_or_default())
        .await?;
    // The second upload shows whether memory grows with each one.
    for _ in 0..2 {
        let base_kib = peak_kib()?;
        let start = Instant::now();
        let file = remote
            .upload_file(path)
            .mime_type("application/octet-stream")
            .await?;
        let wall = start.elapsed();
        remote
            .delete_file(file.name.as_deref().unwrap_or_default())
            .await?;
        print(json!({
            "bytes": options.bytes,
            "wall_us": wall.as_secs_f64() * 1e6,
            "base_kib": base_kib,
            "peak_kib": peak_kib()?,
        }));
    }
    Ok(())
}
