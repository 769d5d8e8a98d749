//! How wide words are in a picture, and what to leave out of those that are too wide.
//!
//! The viewer picks the font and nobody can measure it beforehand, so widths are those of one of the
//! wider common sans-serif fonts, by classes of letters: what fits by them fits.

use super::super::theme::size;

/// Small raised letters, as far as Unicode has them.
pub(super) const RAISED: [char; 25] = [
    'ᵃ', 'ᵇ', 'ᶜ', 'ᵈ', 'ᵉ', 'ᶠ', 'ᵍ', 'ʰ', 'ⁱ', 'ʲ', 'ᵏ', 'ˡ', 'ᵐ', 'ⁿ', 'ᵒ', 'ᵖ', 'ʳ', 'ˢ', 'ᵗ',
    'ᵘ', 'ᵛ', 'ʷ', 'ˣ', 'ʸ', 'ᶻ',
];

/// About how wide a text is, in one of the wider common sans-serif fonts.
pub(super) fn width(text: &str) -> i32 {
    libm::ceil(text.chars().map(advance).sum::<f64>() * f64::from(size::TEXT)) as i32
}

/// How wide a letter is, in em: those of DejaVu Sans by classes.
fn advance(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' => 0.30,
        'f' | 'r' | 't' | ' ' | '-' | '/' | '(' | ')' => 0.38,
        'm' | 'w' | 'M' | 'W' | '%' | '…' => 0.96,
        '=' | '<' | '>' | '+' | '~' => 0.84,
        letter if RAISED.contains(&letter) => 0.46,
        'A'..='Z' => 0.72,
        _ => 0.62,
    }
}

/// Cuts a name to a width, in its middle: long names often differ at their ends.
pub(super) fn fit(name: &str, room: i32) -> String {
    if width(name) <= room {
        return name.to_owned();
    }
    let whole = f64::from(room) / f64::from(size::TEXT) - advance('…');
    let within = |mut left: f64| {
        move |letter: &char| {
            left -= advance(*letter);
            left >= 0.0
        }
    };
    let head: String = name.chars().take_while(within(whole * 0.6)).collect();
    let mut tail: Vec<char> = name.chars().rev().take_while(within(whole * 0.4)).collect();
    tail.reverse();
    format!("{}…{}", head.trim_end(), tail.iter().collect::<String>().trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_both_its_ends() {
        assert_eq!(fit("short", 400), "short");
        let cut =
            ["one", "two"].map(|last| fit(&format!("a name far too long to fit {last}"), 160));
        assert!(cut[0].starts_with("a n") && cut[0].contains('…') && cut[0] != cut[1], "{cut:?}");
        assert!(cut.iter().all(|name| width(name) <= 160));
    }
}
