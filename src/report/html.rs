//! The little HTML the report needs: escaping, paragraphs and anchors.

/// Text as text, also inside quoted attributes: names come from users' files.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Paragraphs of plain prose, separated by blank lines; `code` between backticks.
pub(super) fn prose(text: &str) -> String {
    let mut out = String::new();
    for paragraph in text.split("\n\n").map(str::trim).filter(|p| !p.is_empty()) {
        out.push_str("<p>");
        for (i, part) in paragraph.split('`').enumerate() {
            let (open, close) = if i % 2 == 1 { ("<code>", "</code>") } else { ("", "") };
            out.push_str(open);
            out.push_str(&escape(&with_units(part)));
            out.push_str(close);
        }
        out.push_str("</p>\n");
    }
    out
}

/// A number and its unit stay on one line.
fn with_units(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, word) in text.split(' ').enumerate() {
        let unit =
            ["ms", "s", "%", "kB"].contains(&word.trim_end_matches([',', ';', '.', ':', ')']));
        let joined = unit && out.ends_with(|c: char| c.is_ascii_digit());
        if i > 0 {
            out.push(if joined { '\u{a0}' } else { ' ' });
        }
        out.push_str(word);
    }
    out
}

/// A name as an anchor: letters, digits and dashes.
pub(super) fn anchor(name: &str) -> String {
    let dashed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    format!("s-{}", name.chars().map(dashed).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_text() {
        assert_eq!(
            escape("<script>alert('x')</script>"),
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"
        );
        assert_eq!(escape("a\u{1b}[31m\" onload=\""), "a [31m&quot; onload=&quot;");
        assert_eq!(anchor("A b/<x>"), "s-a-b--x-");
    }

    #[test]
    fn prose_has_paragraphs_and_code() {
        assert_eq!(prose("One `x<1`.\n\n\nTwo."), "<p>One <code>x&lt;1</code>.</p>\n<p>Two.</p>\n");
        assert_eq!(prose("p99 5 ms, 4 of 5 s."), "<p>p99 5\u{a0}ms, 4 of 5\u{a0}s.</p>\n");
        assert_eq!(prose("odd ` tick"), "<p>odd <code> tick</code></p>\n");
    }
}
