//! Reads the stderr of a server, line by line.

use tokio::io::{AsyncRead, AsyncReadExt};

/// Maximum length of a line in bytes. The rest is dropped, so that a line without an end does not fill the memory.
const MAX_LINE: usize = 8 << 10;

/// Passes each line to `log` as soon as it is complete, until the end. A read error is treated as the end: the server
/// has exited.
pub(super) async fn read(mut stderr: impl AsyncRead + Unpin, mut log: impl FnMut(&str)) {
    let mut line = Vec::new();
    let mut piece = [0; 1 << 10];
    while let Ok(more @ 1..) = stderr.read(&mut piece).await {
        for &byte in &piece[..more] {
            if byte == b'\n' {
                log(&String::from_utf8_lossy(&line));
                line.clear();
            } else if line.len() < MAX_LINE {
                line.push(byte);
            }
        }
    }
    if !line.is_empty() {
        log(&String::from_utf8_lossy(&line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(written: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        read(written, |line| lines.push(line.to_owned())).await;
        lines
    }

    #[tokio::test]
    async fn each_line_is_passed_on_and_the_last_one_needs_no_line_break() {
        assert_eq!(
            lines(b"one\n\ntwo\xff\nthree").await,
            ["one", "", "two\u{fffd}", "three"]
        );
        assert!(lines(b"").await.is_empty());
    }

    #[tokio::test]
    async fn a_long_line_is_truncated() {
        let written = [vec![b'x'; 100_000], b"\nnext".to_vec()].concat();

        let lines = lines(&written).await;

        assert_eq!(lines[0].len(), MAX_LINE);
        assert_eq!(lines[1], "next");
    }
}
