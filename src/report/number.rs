//! How the report writes numbers: one way each for times, shares and counts.
//!
//! Three or four significant digits, because the fourth digit of a simulated percentile is noise,
//! and always with the unit, because a table is read row by row.

/// Operations below which a p99.9 is the mood of a few.
pub(super) const ENOUGH_FOR_P999: u64 = 10_000;

/// `250 us`, `1.23 ms`, `69.6 ms`, `1.23 s`, `12.3 s`.
pub(super) fn ms(x: f64) -> String {
    if !x.is_finite() {
        return "-".to_owned();
    }
    match x {
        x if x <= 0.0 => "0 ms".to_owned(),
        x if x < 0.000_999_5 => format!("{:.0} ns", x * 1e6),
        x if x < 0.009_95 => format!("{:.1} us", x * 1e3),
        x if x < 0.999_5 => format!("{:.0} us", x * 1e3),
        x if x < 9.995 => format!("{x:.2} ms"),
        x if x < 999.95 => format!("{x:.1} ms"),
        x if x < 9_995.0 => format!("{:.2} s", x / 1e3),
        x => format!("{:.1} s", x / 1e3),
    }
}

/// The same without its unit, milliseconds, for boxes that stand close: `0.35`, `1.7`, `70`, `1560`.
pub(super) fn bare_ms(x: f64) -> String {
    match x {
        x if !x.is_finite() => ms(x),
        x if x < 0.995 => format!("{x:.2}"),
        x if x < 9.95 => format!("{x:.1}"),
        x => format!("{x:.0}"),
    }
}

/// The same for a tick: no digits that say nothing.
pub(super) fn tick_ms(x: f64) -> String {
    let (value, unit) = match x {
        x if x <= 0.0 => return "0".to_owned(),
        x if x < 0.001 => (x * 1e6, "ns"),
        x if x < 1.0 => (x * 1e3, "us"),
        x if x < 1e3 => (x, "ms"),
        x => (x / 1e3, "s"),
    };
    format!("{} {unit}", plain(value))
}

/// A number without superfluous zeros, at most six digits after the point.
pub(super) fn plain(x: f64) -> String {
    if !x.is_finite() {
        return "-".to_owned();
    }
    let text = format!("{x:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A share as per cent: `33.4 %`, `1.20 %`, `0.12 %`, `0.0042 %`.
pub(super) fn percent(share: f64) -> String {
    if !share.is_finite() {
        return "-".to_owned();
    }
    let p = share * 100.0;
    match p {
        p if p <= 0.0 => "0 %".to_owned(),
        p if p >= 99.995 => "100 %".to_owned(),
        p if p >= 99.0 || (0.0995..9.995).contains(&p) => format!("{p:.2} %"),
        p if p >= 9.995 => format!("{p:.1} %"),
        p if p >= 0.009_95 => format!("{p:.3} %"),
        p if p >= 0.000_995 => format!("{p:.4} %"),
        p if p >= 0.000_099_5 => format!("{p:.5} %"),
        p => format!("{p:.1e} %"),
    }
}

/// A share for a tick: `10 %`, `0.1 %`.
pub(super) fn tick_percent(share: f64) -> String {
    format!("{} %", plain(share * 100.0))
}

/// Two times as an interval, the unit once where both have it: `66.6 to 69.4 ms`.
pub(super) fn ms_range(low: f64, high: f64) -> String {
    let (low, high) = (ms(low), ms(high));
    match (low.split_once(' '), high.split_once(' ')) {
        (Some((number, a)), Some((_, b))) if a == b => format!("{number} to {high}"),
        _ => format!("{low} to {high}"),
    }
}

/// `1 cell`, `12 cells`.
pub(super) fn plural(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A rate: what was counted, or for 0 of n what it is below; `-` where nothing was counted.
pub(super) fn share(hits: u64, of: u64, rate: Option<f64>, high: Option<f64>) -> String {
    match (rate, high) {
        (None, _) => "-".to_owned(),
        (Some(_), Some(high)) if hits == 0 && high < 1.0 => format!("< {}", percent(high)),
        (Some(_), _) if hits == 0 => format!("0 of {of}"),
        (Some(rate), _) => percent(rate),
    }
}

/// A whole number in groups of three: `1 234 567`, with thin spaces.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A large number in words: `950`, `12.3 thousand`, `4.40 million`.
pub(super) fn roughly(n: u64) -> String {
    let x = n as f64;
    match n {
        0..10_000 => count(n),
        10_000..1_000_000 => format!("{:.0} thousand", x / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} million", x / 1e6),
        _ => format!("{:.2} billion", x / 1e9),
    }
}

/// Virtual time: `42.0 s`, `12.5 min`, `37.2 h`.
#[must_use]
pub fn seconds(s: f64) -> String {
    match s {
        s if !s.is_finite() => "-".to_owned(),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_carry_their_unit_and_round_into_it() {
        let cases = [
            (0.0, "0 ms"),
            (0.000_5, "500 ns"),
            (0.0012, "1.2 us"),
            (0.25, "250 us"),
            (0.9996, "1.00 ms"),
            (1.234, "1.23 ms"),
            (9.996, "10.0 ms"),
            (69.6, "69.6 ms"),
            (218.9, "218.9 ms"),
            (999.96, "1.00 s"),
            (1234.0, "1.23 s"),
            (12_340.0, "12.3 s"),
            (f64::NAN, "-"),
        ];
        for (x, text) in cases {
            assert_eq!(ms(x), text, "{x}");
        }
        assert_eq!(
            (tick_ms(0.5), tick_ms(200.0), tick_ms(2e3)),
            ("500 us".into(), "200 ms".into(), "2 s".into())
        );
    }

    #[test]
    fn bare_times_have_four_letters_at_most() {
        for (x, text) in
            [(0.0, "0.00"), (0.429, "0.43"), (1.68, "1.7"), (9.96, "10"), (1560.0, "1560")]
        {
            assert_eq!(bare_ms(x), text);
        }
    }

    #[test]
    fn shares_never_round_to_nothing() {
        let cases = [
            (0.334, "33.4 %"),
            (0.012, "1.20 %"),
            (0.0012, "0.12 %"),
            (0.000_12, "0.012 %"),
            (0.000_015, "0.0015 %"),
            (0.000_008_3, "0.00083 %"),
            (0.000_000_12, "1.2e-5 %"),
            (0.9987, "99.87 %"),
            (1.0, "100 %"),
            (0.0, "0 %"),
        ];
        for (x, text) in cases {
            assert_eq!(percent(x), text, "{x}");
        }
    }

    #[test]
    fn none_of_n_prints_its_upper_bound() {
        assert_eq!(share(0, 30_000, Some(0.0), Some(0.0001)), "< 0.010 %");
        assert_eq!(share(0, 2, Some(0.0), Some(1.5)), "0 of 2");
        assert_eq!(share(3, 1000, Some(0.003), Some(0.008)), "0.30 %");
        assert_eq!(share(0, 0, None, None), "-");
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!((tick_percent(0.1), plural(1, "cell")), ("10 %".into(), "1 cell".into()));
        assert_eq!(ms_range(66.6, 69.4), "66.6 to 69.4 ms");
        assert_eq!(ms_range(0.9, 1.2), "900 us to 1.20 ms");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(
            (count(999), plain(2.50), plain(-0.0)),
            ("999".into(), "2.5".into(), "0".into())
        );
        assert_eq!(
            (roughly(4_400_000), seconds(134_000.0)),
            ("4.4 million".into(), "37.2 h".into())
        );
    }
}
