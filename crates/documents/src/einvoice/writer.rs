//! Writing XML: elements in order, text escaped, nothing else.

/// The document under construction.
pub(super) struct Xml(String);

/// The root element; its namespaces are those of CII D22B.
const ROOT: &str = "rsm:CrossIndustryInvoice";

impl Xml {
    pub(super) fn new() -> Self {
        let base = "urn:un:unece:uncefact:data:standard:";
        Self(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{ROOT} xmlns:rsm=\"{base}CrossIndustryInvoice:100\" \
             xmlns:ram=\"{base}ReusableAggregateBusinessInformationEntity:100\" \
             xmlns:udt=\"{base}UnqualifiedDataType:100\" xmlns:qdt=\"{base}QualifiedDataType:100\">\n"
        ))
    }

    pub(super) fn open(&mut self, name: &str) {
        self.0.push('<');
        self.0.push_str(name);
        self.0.push_str(">\n");
    }

    pub(super) fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push_str(">\n");
    }

    /// An element with elements in it.
    pub(super) fn within(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.open(name);
        content(self);
        self.close(name);
    }

    /// An element with text.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.element(name, None, text);
    }

    /// An element with text, where there is any.
    pub(super) fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// An element with one attribute and text.
    pub(super) fn attributed(&mut self, name: &str, attribute: &str, value: &str, text: &str) {
        self.element(name, Some((attribute, value)), text);
    }

    /// A date `YYYY-MM-DD`, in the form `YYYYMMDD` (UNTDID 2379 code 102).
    pub(super) fn date(&mut self, name: &str, date: &str) {
        self.attributed(name, "format", "102", &date.replace('-', ""));
    }

    fn element(&mut self, name: &str, attribute: Option<(&str, &str)>, text: &str) {
        self.0.push('<');
        self.0.push_str(name);
        if let Some((attribute, value)) = attribute {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            self.escape(value);
            self.0.push('"');
        }
        self.0.push('>');
        self.escape(text);
        self.close(name);
    }

    fn escape(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                c => self.0.push(c),
            }
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.close(ROOT);
        self.0
    }
}
