//! What a server writes to stderr, line by line.

use tokio::io::{AsyncRead, AsyncReadExt};

/// How many bytes of a line are kept.
const LONGEST: usize = 8 << 10;

/// Reads to the end, and hands out each line as soon as it is there. An error is the end, too: the server
/// has gone.
pub(super) async fn read(mut stderr: impl AsyncRead + Unpin, mut log: impl FnMut(&str)) {
    let mut line = Vec::new();
    let mut piece = [0; 1 << 10];
    while let Ok(more @ 1..) = stderr.read(&mut piece).await {
        for &byte in &piece[..more] {
            if byte == b'\n' {
                log(&String::from_utf8_lossy(&line));
                line.clear();
            } else if line.len() < LONGEST {
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
    async fn each_line_is_handed_out_and_the_last_one_needs_no_end() {
        assert_eq!(
            lines(b"one\n\ntwo\xff\nthree").await,
            ["one", "", "two\u{fffd}", "three"]
        );
        assert!(lines(b"").await.is_empty());
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_cut() {
        let written = [vec![b'x'; 100_000], b"\nnext".to_vec()].concat();

        let lines = lines(&written).await;

        assert_eq!(lines[0].len(), LONGEST);
        assert_eq!(lines[1], "next");
    }
}
