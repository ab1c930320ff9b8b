//! Logos come from merchants and are as hostile as anything from outside: they are looked at before the
//! typesetter sees them.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use gateway_core::domain::invoice::paper::{Logo, LogoFormat};
use roxmltree::{Document, Node, NodeId, ParsingOptions};

use crate::RenderError;

/// The field that a bad logo is reported under.
pub(crate) const FIELD: &str = "look.logo";

/// Bytes of a logo's file.
const BYTES_MAX: usize = 1 << 20;

/// Pixels of a bitmap: 16 MB decoded.
const PIXELS_MAX: u64 = 4_000_000;

/// Elements of a drawing once all its references are followed.
const ELEMENTS_MAX: u64 = 5_000;

/// Elements within elements, references followed.
const DEPTH_MAX: usize = 64;

/// What draws more than vectors, runs, or loads.
const REFUSED: [&str; 5] = ["image", "feImage", "filter", "foreignObject", "script"];

/// The file of a logo, if it is one.
pub(crate) fn decode(logo: &Logo) -> Result<Vec<u8>, RenderError> {
    let problem = |problem: String| RenderError::field(FIELD, problem);
    if logo.data.len() > BYTES_MAX * 4 / 3 + 4 {
        return Err(problem(format!("is larger than {BYTES_MAX} bytes")));
    }
    let compact: String = logo.data.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(compact).map_err(|_| problem("is not base64".to_owned()))?;
    match logo.format {
        LogoFormat::Png => bitmap(png_size(&bytes), "PNG"),
        LogoFormat::Jpeg => bitmap(jpeg_size(&bytes), "JPEG"),
        LogoFormat::Svg => drawing(&bytes),
    }
    .map_err(problem)?;
    Ok(bytes)
}

fn bitmap(size: Option<(u64, u64)>, name: &str) -> Result<(), String> {
    match size {
        None => Err(format!("is not a {name} file")),
        Some((0, _) | (_, 0)) => Err("is empty".to_owned()),
        Some((width, height)) if width * height > PIXELS_MAX => {
            Err(format!("has {width} × {height} pixels; at most {PIXELS_MAX} are taken"))
        }
        Some(_) => Ok(()),
    }
}

/// Width and height from the header (PNG 11.2.2).
fn png_size(bytes: &[u8]) -> Option<(u64, u64)> {
    let header = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(4..16)?.strip_prefix(b"IHDR")?;
    let (width, height) = header.split_at(4);
    Some((
        u32::from_be_bytes(width.try_into().ok()?).into(),
        u32::from_be_bytes(height.try_into().ok()?).into(),
    ))
}

/// Width and height from the frame header (ISO 10918-1 B.2.2).
fn jpeg_size(bytes: &[u8]) -> Option<(u64, u64)> {
    let mut rest = bytes.strip_prefix(b"\xff\xd8")?;
    loop {
        let [0xff, marker, high, low, segment @ ..] = rest else { return None };
        if *marker == 0xff {
            rest = rest.get(1..)?;
            continue;
        }
        let length = usize::from(u16::from_be_bytes([*high, *low])).checked_sub(2)?;
        // Start of frame, without the tables (C4, C8, CC) that share the range.
        if (0xc0..=0xcf).contains(marker) && ![0xc4, 0xc8, 0xcc].contains(marker) {
            let [_, h1, h2, w1, w2, ..] = segment else { return None };
            return Some((u16::from_be_bytes([*w1, *w2]).into(), u16::from_be_bytes([*h1, *h2]).into()));
        }
        rest = segment.get(length..)?;
    }
}

/// An SVG of vectors alone, which loads nothing and does not unfold into more than it seems.
fn drawing(bytes: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not an SVG file in UTF-8".to_owned())?;
    if text.contains("<!ENTITY") {
        return Err("declares entities".to_owned());
    }
    let options = ParsingOptions { allow_dtd: true, nodes_limit: 100_000, ..ParsingOptions::default() };
    let document =
        Document::parse_with_options(text, options).map_err(|error| format!("is not SVG: {error}"))?;
    let root = document.root_element();
    if root.tag_name().name() != "svg" {
        return Err("is not SVG: the root element is another".to_owned());
    }
    let mut unfolding =
        Unfolding { by_id: HashMap::new(), style_references: Vec::new(), known: HashMap::new() };
    for node in document.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        if REFUSED.contains(&name) {
            return Err(format!("holds an element <{name}>; only shapes and text are taken"));
        }
        for attribute in node.attributes() {
            if attribute.name() == "href" && !attribute.value().trim_start().starts_with('#') && name != "a" {
                return Err(format!("refers to {:?} outside of the file", shortened(attribute.value())));
            }
            if attribute.name() == "id" {
                unfolding.by_id.insert(attribute.value(), node);
            }
        }
    }
    for style in document.descendants().filter(|node| node.tag_name().name() == "style") {
        unfolding.style_references.extend(references(style.text().unwrap_or_default()));
    }
    match unfolding.size(root, 0)? {
        size if size > ELEMENTS_MAX => Err(format!("unfolds into more than {ELEMENTS_MAX} elements")),
        _ => Ok(()),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Ids in `url(#id)`.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split("url(").skip(1).filter_map(|rest| {
        let id = rest.split(')').next()?.trim().trim_matches(['"', '\'']).trim();
        id.strip_prefix('#')
    })
}

/// Counts elements as a reader meets them: `use`, masks and patterns again at each place that names them.
struct Unfolding<'a, 'input> {
    by_id: HashMap<&'a str, Node<'a, 'input>>,
    /// What style sheets name, which may apply to any element.
    style_references: Vec<&'a str>,
    known: HashMap<NodeId, u64>,
}

impl<'a, 'input: 'a> Unfolding<'a, 'input> {
    fn size(&mut self, node: Node<'a, 'input>, depth: usize) -> Result<u64, String> {
        if depth > DEPTH_MAX {
            return Err(format!("nests deeper than {DEPTH_MAX} elements, or refers to itself"));
        }
        if let Some(size) = self.known.get(&node.id()) {
            return Ok(*size);
        }
        let mut size = 1_u64;
        for child in node.children().filter(Node::is_element) {
            size = size.saturating_add(self.size(child, depth + 1)?);
        }
        let mut named: Vec<&str> = self.style_references.clone();
        for attribute in node.attributes() {
            named.extend(references(attribute.value()));
            if attribute.name() == "href" {
                named.extend(attribute.value().trim_start().strip_prefix('#'));
            }
        }
        for id in named {
            // A gradient is a colour and draws nothing of its own.
            let target =
                self.by_id.get(id).copied().filter(|node| !node.tag_name().name().ends_with("Gradient"));
            let inside_itself = |target: &Node| target.descendants().any(|inner| inner == node);
            match target {
                // A style sheet's mask does not apply within itself.
                Some(target) if self.style_references.contains(&id) && inside_itself(&target) => {}
                Some(target) => size = size.saturating_add(self.size(target, depth + 1)?),
                None => {}
            }
        }
        self.known.insert(node.id(), size);
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(content: &str) -> Result<(), String> {
        let head = r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">"#;
        drawing(format!("{head}{content}</svg>").as_bytes())
    }

    #[test]
    fn plain_drawings_pass() {
        svg(r##"<style>.a{fill:url(#g)} .b{clip-path:url(#c)}</style><linearGradient id="g"/><clipPath id="c"><path d="M0 0h9v9z"/></clipPath>
            <g class="b"><path class="a" d="M0 0h9v9z"/><use xlink:href="#c"/></g><text>A</text>"##)
        .unwrap();
        drawing(br#"<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"><svg xmlns="http://www.w3.org/2000/svg"/>"#).unwrap();
    }

    #[test]
    fn nothing_outside_of_the_file_is_named() {
        for content in [
            r#"<image href="file:///etc/passwd"/>"#,
            r#"<image xlink:href="http://127.0.0.1/a.png"/>"#,
            r#"<image href="data:image/svg+xml;base64,PHN2Zy8+"/>"#,
            r#"<use href="other.svg#a"/>"#,
            r#"<linearGradient xlink:href="http://127.0.0.1/#a"/>"#,
            "<filter><feImage href=\"#a\"/></filter>",
            "<script>1</script>",
            "<foreignObject/>",
        ] {
            assert!(svg(content).is_err(), "{content}");
        }
        let entity = br#"<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>"#;
        assert!(drawing(entity).is_err());
        assert!(drawing(b"\x1f\x8b compressed").is_err());
        assert!(drawing(b"<html/>").is_err());
    }

    #[test]
    fn drawings_that_unfold_are_refused() {
        let mut laughs = r#"<g id="a0"><path d="M0 0"/></g>"#.to_owned();
        for level in 1..20 {
            let reference = format!(r##"<use href="#a{}"/>"##, level - 1);
            laughs += format!(r#"<g id="a{level}">{}</g>"#, reference.repeat(10)).as_str();
        }
        assert!(svg(&laughs).unwrap_err().contains("unfolds"));
        let mut masks = r#"<mask id="m0"><path d="M0 0"/></mask>"#.to_owned();
        for level in 1..20 {
            let path = format!(r#"<path d="M0 0" style="mask:url(#m{})"/>"#, level - 1);
            masks += format!(r#"<mask id="m{level}">{}</mask>"#, path.repeat(10)).as_str();
        }
        assert!(svg(&masks).unwrap_err().contains("unfolds"));
        assert!(svg(r##"<g id="a"><use href="#a"/></g>"##).unwrap_err().contains("itself"));
        let deep = format!("{}{}", "<g>".repeat(70), "</g>".repeat(70));
        assert!(svg(&deep).unwrap_err().contains("deeper"));
    }

    /// As deep as a file of the largest size can be: the parser must not run out of stack.
    #[test]
    fn depth_does_not_exhaust_the_stack() {
        for depth in [90_000, 140_000] {
            let deep = format!("{}{}", "<g>".repeat(depth), "</g>".repeat(depth));
            assert!(svg(&deep).is_err());
        }
    }

    #[test]
    fn bitmaps_are_measured_before_they_are_decoded() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        png.extend(100_000_u32.to_be_bytes());
        png.extend(100_000_u32.to_be_bytes());
        let logo = |format, bytes: &[u8]| Logo { format, data: STANDARD.encode(bytes) };
        let problem = decode(&logo(LogoFormat::Png, &png)).unwrap_err().to_string();
        assert_eq!(problem, "look.logo: has 100000 × 100000 pixels; at most 4000000 are taken");
        assert!(decode(&logo(LogoFormat::Jpeg, &png)).is_err(), "the format is another");
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc2\0\x0b\x08\xff\xff\xff\xff\x01\x01\x11\0";
        assert_eq!(jpeg_size(jpeg), Some((65_535, 65_535)));
        assert!(decode(&Logo { format: LogoFormat::Png, data: "&".to_owned() }).is_err());
        let large = Logo { format: LogoFormat::Svg, data: "A".repeat(2 << 20) };
        assert!(decode(&large).unwrap_err().to_string().contains("larger"));
    }
}
