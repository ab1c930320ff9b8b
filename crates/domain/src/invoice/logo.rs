//! Logos come from merchants and are as hostile as anything from outside: they are judged when they are saved, and
//! again before the typesetter sees them, each time in one pass over the file that stops at its bound.

use std::collections::{HashMap, HashSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use roxmltree::{Document, Node, NodeId, ParsingOptions};

use super::paper::{Logo, LogoFormat};
use crate::picture::{PictureFormat, PictureHead};

/// Largest logo, in bytes of the file.
pub const BYTES_MAX: usize = 100 * 1024;
/// Pixels of a bitmap: 16 MB decoded.
const PIXELS_MAX: u64 = 4_000_000;
/// Most memory that decoding a bitmap may take, in bytes.
const MEMORY_BYTES_MAX: u64 = 48 * 1024 * 1024;
/// Elements of a drawing once all its references are followed.
const ELEMENTS_MAX: usize = 5_000;
/// Elements within elements, references followed.
const DEPTH_MAX: usize = 64;
/// Attributes of one element: parsers compare each with each.
const ATTRIBUTES_MAX: usize = 500;
/// Namespaces in a whole drawing: parsers hand them down to each element, comparing each with each.
const NAMESPACES_MAX: usize = 50;
/// Rules of all style sheets times elements: readers try each rule on each element.
const RULE_TRIALS_MAX: usize = 500_000;

/// What draws more than vectors, runs, or loads. A marker is drawn once per vertex of a path.
const REFUSED: [&str; 6] = ["image", "feImage", "filter", "foreignObject", "marker", "script"];

/// The file of a logo, if it is one that can be printed; else what is wrong with it, for the person who sent it.
pub fn check(logo: &Logo) -> Result<Vec<u8>, String> {
    // Base64 has four characters for three bytes, and perhaps line breaks.
    if logo.data.len() > BYTES_MAX * 3 / 2 {
        return Err(too_large());
    }
    let compact: String = logo.data.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let file = STANDARD.decode(compact).map_err(|_| "must be a file in base64".to_owned())?;
    if file.len() > BYTES_MAX {
        return Err(too_large());
    }
    match logo.format {
        LogoFormat::Png => bitmap(&file, PictureFormat::Png, "PNG"),
        LogoFormat::Jpeg => bitmap(&file, PictureFormat::Jpeg, "JPEG"),
        LogoFormat::Svg => drawing(&file),
    }?;
    Ok(file)
}

fn too_large() -> String {
    format!("must be a file of at most {} KiB", BYTES_MAX / 1024)
}

fn bitmap(file: &[u8], format: PictureFormat, name: &str) -> Result<(), String> {
    let head = PictureHead::read(file).filter(|head| head.format == format);
    let head = head.ok_or_else(|| format!("is not a {name} file"))?;
    if head.pixels() > PIXELS_MAX {
        let (width, height) = (head.width, head.height);
        return Err(format!("has {width} × {height} pixels; at most {PIXELS_MAX} are taken"));
    }
    if head.memory_bytes > MEMORY_BYTES_MAX {
        return Err("takes too much memory to be decoded; save it as a baseline JPEG or as PNG".to_owned());
    }
    Ok(())
}

/// An SVG of vectors alone, which loads nothing and does not unfold into more than it seems.
fn drawing(file: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(file).map_err(|_| "is not an SVG file in UTF-8".to_owned())?;
    if text.contains("<!ENTITY") {
        return Err("declares entities".to_owned());
    }
    if text.matches("xmlns").count() > NAMESPACES_MAX {
        return Err(format!("declares more than {NAMESPACES_MAX} namespaces"));
    }
    if widest_tag(text) > ATTRIBUTES_MAX {
        return Err(format!("has an element with more than {ATTRIBUTES_MAX} attributes"));
    }
    let options = ParsingOptions { allow_dtd: true, nodes_limit: 100_000, ..ParsingOptions::default() };
    let document =
        Document::parse_with_options(text, options).map_err(|error| format!("is not SVG: {error}"))?;
    let root = document.root_element();
    if root.tag_name().name() != "svg" {
        return Err("is not SVG: the root element is another".to_owned());
    }
    let elements = document.descendants().filter(Node::is_element);
    if elements.clone().nth(ELEMENTS_MAX).is_some() {
        return Err(format!("has more than {ELEMENTS_MAX} elements"));
    }
    elements.clone().try_for_each(|node| check_element(&node))?;
    let sheets = || elements.clone().filter(|node| node.tag_name().name() == "style");
    let rules: usize = sheets().flat_map(texts).map(rules).sum();
    if rules * elements.clone().count() > RULE_TRIALS_MAX {
        return Err("has style sheets with too many rules".to_owned());
    }
    let named = sheets().flat_map(texts).flat_map(references).collect();
    Unfolding::new(elements.clone(), &named).size(root, 0).map(drop)
}

/// At least as many as the attributes of the widest tag: the signs of equality between one `<` and the next, which
/// may not stand in an attribute.
fn widest_tag(text: &str) -> usize {
    text.split('<').map(|tag| tag.bytes().filter(|byte| *byte == b'=').count()).max().unwrap_or(0)
}

fn check_element(node: &Node) -> Result<(), String> {
    let name = node.tag_name().name();
    if REFUSED.contains(&name) {
        return Err(format!("holds an element <{name}>; only shapes and text are taken"));
    }
    for attribute in node.attributes() {
        if attribute.name() == "href" && !attribute.value().trim_start().starts_with('#') && name != "a" {
            let shortened: String = attribute.value().chars().take(60).collect();
            return Err(format!("refers to {shortened:?} outside of the file"));
        }
    }
    Ok(())
}

/// The texts within an element.
fn texts<'a>(node: Node<'a, '_>) -> impl Iterator<Item = &'a str> {
    node.children().filter_map(|child| child.text())
}

/// At most as many rules as a style sheet has selectors.
fn rules(sheet: &str) -> usize {
    sheet.bytes().filter(|byte| matches!(byte, b'{' | b',')).count()
}

/// Ids in `url(#id)`.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split("url(").skip(1).filter_map(|rest| {
        let id = rest.split(')').next()?.trim().trim_matches(['"', '\'']).trim();
        id.strip_prefix('#')
    })
}

/// Counts elements as a reader meets them: `use`, masks and patterns again at each place that names them. Ends as
/// soon as there are too many; no step is taken that does not count at least one.
struct Unfolding<'a, 'input> {
    /// Where an id is given twice, readers differ in which one they mean: all count.
    by_id: HashMap<&'a str, Vec<Node<'a, 'input>>>,
    /// What style sheets name, which may apply to any element; each once.
    styled: Vec<Node<'a, 'input>>,
    known: HashMap<NodeId, usize>,
}

impl<'a, 'input: 'a> Unfolding<'a, 'input> {
    fn new(elements: impl Iterator<Item = Node<'a, 'input>>, named: &HashSet<&str>) -> Self {
        let mut by_id: HashMap<_, Vec<_>> = HashMap::new();
        for node in elements {
            for attribute in node.attributes().filter(|attribute| attribute.name() == "id") {
                by_id.entry(attribute.value()).or_default().push(node);
            }
        }
        let styled = named.iter().filter_map(|id| by_id.get(id)).flatten().copied().filter(draws).collect();
        Self { by_id, styled, known: HashMap::new() }
    }

    fn size(&mut self, node: Node<'a, 'input>, depth: usize) -> Result<usize, String> {
        if depth > DEPTH_MAX {
            return Err(format!("nests deeper than {DEPTH_MAX} elements, or refers to itself"));
        }
        if let Some(size) = self.known.get(&node.id()) {
            return Ok(*size);
        }
        let mut size = 1;
        for child in node.children().filter(Node::is_element) {
            self.add(&mut size, child, depth)?;
        }
        for attribute in node.attributes() {
            let link = Some(attribute.value().trim_start()).filter(|_| attribute.name() == "href");
            let link = link.and_then(|link| link.strip_prefix('#'));
            for id in references(attribute.value()).chain(link) {
                for target in self.by_id.get(id).cloned().into_iter().flatten().filter(draws) {
                    self.add(&mut size, target, depth)?;
                }
            }
        }
        for index in 0..self.styled.len() {
            let target = self.styled[index];
            // A style sheet's mask does not apply within itself.
            if !node.ancestors().take(DEPTH_MAX + 1).any(|outer| outer == target) {
                self.add(&mut size, target, depth)?;
            }
        }
        self.known.insert(node.id(), size);
        Ok(size)
    }

    fn add(&mut self, size: &mut usize, inner: Node<'a, 'input>, depth: usize) -> Result<(), String> {
        *size += self.size(inner, depth + 1)?;
        if *size > ELEMENTS_MAX {
            return Err(format!("unfolds into more than {ELEMENTS_MAX} elements"));
        }
        Ok(())
    }
}

/// A gradient is a colour and draws nothing of its own.
fn draws(node: &Node) -> bool {
    !node.tag_name().name().ends_with("Gradient")
}

#[cfg(test)]
#[path = "logo_tests.rs"]
mod tests;
