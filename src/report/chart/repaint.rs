//! plotters' SVG text rewritten for a page: classes for colours, and few bytes.
//!
//! A page holds more than a thousand pictures, most of them lines, letters and boxes alike. So what
//! the page's style sheet says is left out, neighbours of one class stand in one group, lines are
//! paths of steps from point to point, and the grid is a single path. Nothing that is seen changes.

use super::super::theme::{Ink, size};
use std::fmt::Write;

/// One tag on its way out.
struct Element {
    name: String,
    classes: String,
    /// Attributes, each after a space.
    kept: String,
    /// Closing bracket, and what stands between the tags.
    rest: String,
}

/// Rewrites plotters' text line by line: it puts every tag and every text on a line of its own.
pub(super) fn repaint(raw: &str, head: &str, tips: &str) -> String {
    let mut elements: Vec<Element> = Vec::new();
    // Grid lines and ticks are many and alike: one path each holds them all.
    let mut alike = [("s-grid", String::new()), ("s-axis", String::new())];
    for line in raw.lines() {
        let Some(tag) = line.strip_prefix('<').filter(|t| !t.starts_with('/')) else {
            if let Some(last) = elements.last_mut().filter(|_| line != "</svg>") {
                last.rest.push_str(line);
            }
            continue;
        };
        if tag.starts_with("svg ") {
            continue;
        }
        let element = rewritten(tag);
        if let Some((class, step)) = step(&element) {
            alike.iter_mut().filter(|a| a.0 == class).for_each(|a| a.1.push_str(&step));
            continue;
        }
        if element.name != "text" {
            flush(&mut alike, &mut elements);
        }
        elements.push(element);
    }
    flush(&mut alike, &mut elements);
    let mut out = String::with_capacity(raw.len());
    out.push_str(head);
    for group in elements.chunk_by(|a, b| a.classes == b.classes) {
        write_group(group, &mut out);
    }
    if !tips.is_empty() {
        let _ = write!(out, "<g class=\"tip\">{tips}</g>");
    }
    out.push_str("</svg>");
    out
}

/// Elements of one class; the class is said once.
fn write_group(group: &[Element], out: &mut String) {
    let class = match group.first().map(|e| e.classes.as_str()) {
        None | Some("") => String::new(),
        Some(classes) => format!(" class=\"{classes}\""),
    };
    let shared = group.len() > 1 && !class.is_empty();
    if shared {
        let _ = write!(out, "<g{class}>");
    }
    for Element { name, kept, rest, .. } in group {
        let own = if shared { "" } else { &class };
        let _ = write!(out, "<{name}{own}{kept}{rest}");
    }
    if shared {
        out.push_str("</g>");
    }
}

fn flush(alike: &mut [(&str, String)], elements: &mut Vec<Element>) {
    for (class, path) in alike.iter_mut().filter(|a| !a.1.is_empty()) {
        elements.push(Element {
            name: "path".to_owned(),
            classes: (*class).to_owned(),
            kept: format!(" d=\"{path}\""),
            rest: "/>".to_owned(),
        });
        path.clear();
    }
}

/// A level or upright line of the grid or of an axis as its class and `M1 2H3`.
fn step(element: &Element) -> Option<(&'static str, String)> {
    let class = ["s-grid", "s-axis"].into_iter().find(|c| *c == element.classes)?;
    let numbers: Vec<i32> = match element.name.as_str() {
        "line" => {
            let value = |name: &str| {
                let (_, after) = element.kept.split_once(&format!(" {name}=\""))?;
                after.split_once('"')?.0.parse().ok()
            };
            ["x1", "y1", "x2", "y2"].into_iter().map(value).collect::<Option<_>>()?
        }
        "path" => {
            // Two points as `M1 2l3 4`, and a step to nowhere is none.
            let (from, by) =
                element.kept.strip_prefix(" d=\"M")?.trim_end_matches('"').split_once('l')?;
            let two = |pair: &str| -> Option<(i32, i32)> {
                let cut = pair.get(1..)?.find([' ', '-'])? + 1;
                Some((pair[..cut].parse().ok()?, pair[cut..].trim_start().parse().ok()?))
            };
            let ((x, y), (dx, dy)) = (two(from)?, two(by)?);
            vec![x, y, x + dx, y + dy]
        }
        _ => return None,
    };
    match numbers[..] {
        [x, y, right, same] if y == same => Some((class, format!("M{x} {y}H{right}"))),
        [x, y, same, down] if x == same => Some((class, format!("M{x} {y}V{down}"))),
        _ => None,
    }
}

/// One tag, without its opening `<`: colours become classes, defaults go.
fn rewritten(tag: &str) -> Element {
    let (body, end) = match tag.strip_suffix("/>") {
        Some(body) => (body, "/>"),
        None => (tag.trim_end_matches('>'), ">"),
    };
    let (name, mut rest) = body.split_once(' ').unwrap_or((body, ""));
    let mut classes = String::new();
    let (mut kept, mut height) = (String::new(), 0);
    while let Some((key, (value, after))) =
        rest.split_once("=\"").and_then(|(k, r)| Some((k.trim(), r.split_once('"')?)))
    {
        rest = after;
        match key {
            "fill" | "stroke" if value.starts_with('#') => paint(key, value, &mut classes),
            "opacity" if value == "1" => {}
            "stroke-width" if name != "polyline" && value == "1" => {}
            "stroke-width" if value.parse() == Ok(size::LINE) => {}
            "stroke" if value == "none" => {}
            "fill" if value == "none" && name == "polyline" => {}
            "points" if name == "polyline" => {
                let _ = write!(kept, " d=\"{}\"", steps(value));
            }
            // Where fonts differ, whole units serve as well as parts of a letter.
            "y" if name == "text" => height += value.parse::<i32>().unwrap_or(0),
            "dy" => height += below(value),
            "text-anchor" => match value {
                "middle" => classes.push_str("c "),
                "end" => classes.push_str("e "),
                _ => {}
            },
            "font-family" => {}
            "font-size" => {
                let points = value.parse::<f64>().map_or(size::TEXT, |v| libm::round(v) as i32);
                if points != size::TEXT {
                    let _ = write!(kept, " font-size=\"{points}\"");
                }
            }
            _ => {
                let _ = write!(kept, " {key}=\"{}\"", value.trim_end());
            }
        }
    }
    if name == "text" {
        let _ = write!(kept, " y=\"{height}\"");
    }
    let classes = classes.trim_end().to_owned();
    // The style sheet says how wide these are.
    if ["s-grid", "s-axis"].contains(&classes.as_str()) {
        for width in [" stroke-width=\"1\"", " stroke-width=\"2\""] {
            kept = kept.replace(width, "");
        }
    }
    let name = if name == "polyline" { "path" } else { name };
    Element { name: name.to_owned(), classes, kept, rest: end.to_owned() }
}

/// `1,2 3,4 5,3` as `M1 2l2 2 2-1`.
fn steps(points: &str) -> String {
    let mut path = String::new();
    let mut last: Option<(i32, i32)> = None;
    for point in points.split_whitespace() {
        let Some((x, y)) = point.split_once(',') else { continue };
        let (Ok(x), Ok(y)) = (x.parse::<i32>(), y.parse::<i32>()) else { continue };
        let (dx, dy) = match last {
            None => {
                path.push('M');
                (x, y)
            }
            Some((a, b)) => {
                match path.contains('l') {
                    false => path.push('l'),
                    true if x >= a => path.push(' '),
                    true => {}
                }
                (x - a, y - b)
            }
        };
        let gap = if dy < 0 { "" } else { " " };
        let _ = write!(path, "{dx}{gap}{dy}");
        last = Some((x, y));
    }
    path
}

/// How far below its anchor a text stands, for plotters' three alignments.
fn below(dy: &str) -> i32 {
    match dy {
        "0.76em" => 18,
        "0.5ex" => 8,
        _ => -6,
    }
}

/// `#01SSNN` to `f-name style`.
fn paint(key: &str, value: &str, classes: &mut String) {
    let channel = |at: usize| value.get(at..at + 2).and_then(|h| u8::from_str_radix(h, 16).ok());
    let ink = (|| Ink::decode(channel(1)?, channel(3)?, channel(5)?))();
    if let Some((name, style)) = ink {
        let _ = write!(classes, "{}-{name} ", &key[..1]);
        if !style.is_empty() {
            let _ = write!(classes, "{style} ");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_steps_from_point_to_point() {
        assert_eq!(steps("1,2 3,4 5,3 4,3 "), "M1 2l2 2 2-1-1 0");
        assert_eq!(steps("-1,-2 3,4"), "M-1-2l4 6");
        assert_eq!((steps(""), steps("7,8").as_str()), (String::new(), "M7 8"));
    }

    #[test]
    fn a_grid_is_one_path_and_neighbours_share_their_class() {
        let colour = |ink: Ink| {
            let plotters::style::RGBAColor(r, g, b, _) = ink.color();
            format!("#{r:02X}{g:02X}{b:02X}")
        };
        let (grid, data) = (colour(Ink::GRID), colour(Ink::mode(0)));
        let line = |ink: &str, points: &str| {
            format!(
                "<polyline fill=\"none\" opacity=\"1\" stroke=\"{ink}\" stroke-width=\"4\" points=\"{points} \"/>\n"
            )
        };
        let raw = format!(
            "<svg width=\"9\">\n{}{}{}{}</svg>\n",
            line(&grid, "1,5 9,5"),
            line(&grid, "3,1 3,9"),
            line(&data, "1,2 3,4"),
            line(&data, "5,6 7,8"),
        );
        assert_eq!(
            repaint(&raw, "<svg>", "T"),
            "<svg><path class=\"s-grid\" d=\"M1 5H9M3 1V9\"/><g class=\"s-m0\">\
             <path d=\"M1 2l2 2\"/><path d=\"M5 6l2 2\"/></g><g class=\"tip\">T</g></svg>"
        );
    }
}
