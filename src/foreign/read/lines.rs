//! Lines of a file, each of bounded length, with their numbers.

use super::{MAX_LINE, Wrong};
use std::io::{BufRead, Cursor, Read};

/// A source, line by line.
pub(super) struct Lines<R> {
    source: R,
    line: Vec<u8>,
    number: u64,
    /// Whether the present line is to be handed out once more.
    again: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, line: Vec::new(), number: 0, again: false }
    }

    /// The number of the line handed out last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number.max(1)
    }

    /// The first line that is not blank, which [`Self::next`] will hand out once more.
    pub(super) fn first(&mut self) -> Result<Option<&str>, Wrong> {
        while self.advance()? {
            if !self.line.trim_ascii().is_empty() {
                self.again = true;
                return self.text().map(Some);
            }
        }
        Ok(None)
    }

    /// The next line, without its end, and its number.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &str)>, Wrong> {
        if !std::mem::take(&mut self.again) && !self.advance()? {
            return Ok(None);
        }
        self.text().map(|text| Some((self.number, text)))
    }

    /// The source from the line on that [`Self::first`] found.
    pub(super) fn rest(self) -> impl BufRead {
        Cursor::new(self.line).chain(self.source)
    }

    fn advance(&mut self) -> Result<bool, Wrong> {
        self.line.clear();
        self.number += 1;
        let mut bounded = (&mut self.source).take(MAX_LINE as u64 + 1);
        let length = bounded
            .read_until(b'\n', &mut self.line)
            .map_err(|error| Wrong::new(self.number, format!("cannot be read: {error}")))?;
        if length > MAX_LINE {
            let message = format!(
                "the line is longer than {} MiB; a line is one operation or event",
                MAX_LINE >> 20
            );
            return Err(Wrong::new(self.number, message));
        }
        Ok(length > 0)
    }

    fn text(&self) -> Result<&str, Wrong> {
        match std::str::from_utf8(&self.line) {
            Ok(text) => {
                let text = text.strip_suffix('\n').unwrap_or(text);
                let text = text.strip_suffix('\r').unwrap_or(text);
                let first = self.number == 1;
                Ok(if first { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text })
            }
            Err(error) => {
                let at = error.valid_up_to() + 1;
                Err(Wrong::new(self.number, format!("byte {at} of the line is not valid UTF-8")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_handed_out_with_their_numbers() {
        let mut lines = Lines::new(&b"\n  \r\none\r\ntwo"[..]);
        assert_eq!(lines.first().expect("a line"), Some("one"));
        assert_eq!(lines.next().expect("a line"), Some((3, "one")));
        assert_eq!(lines.next().expect("a line"), Some((4, "two")));
        assert_eq!(lines.next().expect("the end"), None);
    }

    #[test]
    fn an_endless_line_is_refused_without_being_held() {
        let mut lines = Lines::new(std::io::BufReader::new(std::io::repeat(b'x')));
        let wrong = lines.next().map(|_| ()).expect_err("too long");
        assert!(wrong.message.starts_with("the line is longer than 16 MiB"), "{}", wrong.message);
        assert!(lines.line.capacity() <= 4 * MAX_LINE);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let wrong = Lines::new(&b"ok \xff"[..]).next().map(|_| ()).expect_err("no text");
        assert_eq!(wrong.message, "byte 4 of the line is not valid UTF-8");
    }
}
