//! What Factur-X asks of the PDF's metadata (XMP), added by an incremental update.
//!
//! The PDF writer has no way to add properties of another namespace, so the metadata stream is written anew
//! behind the end of the file, with a cross-reference section that points to it (ISO 32000-1, 7.5.6). Nothing of
//! what precedes is touched.

use std::fmt::Write;

use crate::RenderError;

/// The name that Factur-X 1.0 gives the attachment.
pub(crate) const FILE: &str = "factur-x.xml";

/// Factur-X 1.0, 6.2.2.
const NAMESPACE: &str = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#";

/// The four properties, with what the extension schema says of them.
const PROPERTIES: [(&str, &str, &str); 4] = [
    ("DocumentType", "INVOICE", "The type of the hybrid document"),
    ("DocumentFileName", FILE, "The name of the embedded XML file"),
    ("Version", "1.0", "The version of the standard that the XML follows"),
    ("ConformanceLevel", "EN 16931", "The profile of the XML"),
];

/// Where the list of extension schemas ends.
const SCHEMAS_END: &str = "</rdf:Bag></pdfaExtension:schemas>";

/// The file with the properties and their schema in its metadata.
pub(crate) fn declare(mut pdf: Vec<u8>) -> Result<Vec<u8>, RenderError> {
    let update = update(&pdf).ok_or_else(|| {
        RenderError::Typesetting("the PDF has not the form in which its metadata can be extended".to_owned())
    })?;
    pdf.extend(update);
    Ok(pdf)
}

fn update(pdf: &[u8]) -> Option<Vec<u8>> {
    let start: usize = number(pdf, rfind(pdf, b"startxref")? + b"startxref".len())?;
    let trailer = pdf.get(start..)?;
    let trailer = trailer.get(find(trailer, b"trailer")? + b"trailer".len()..)?;
    let dictionary = trailer.get(find(trailer, b"<<")? + 2..rfind(trailer, b">>")?)?;
    let catalog = object(pdf, start, reference(dictionary, b"/Root")?)?;
    let metadata = reference(catalog, b"/Metadata")?;
    let stream = object(pdf, start, metadata)?;
    let content = stream.get(find(stream, b"<?xpacket")?..rfind(stream, b"endstream")?)?;
    let xmp = extended(std::str::from_utf8(content).ok()?.trim_end())?;

    let offset = pdf.len() + 1;
    let object = format!(
        "\n{metadata} 0 obj\n<<\n  /Type /Metadata\n  /Subtype /XML\n  /Length {}\n>>\nstream\n{xmp}\nendstream\nendobj\n",
        xmp.len()
    );
    let next = pdf.len() + object.len();
    let mut update = object.into_bytes();
    update.extend(format!("xref\n{metadata} 1\n{offset:010} 00000 n\r\ntrailer\n<<").into_bytes());
    update.extend_from_slice(dictionary.trim_ascii_end());
    update.extend(format!("\n  /Prev {start}\n>>\nstartxref\n{next}\n%%EOF\n").into_bytes());
    Some(update)
}

/// The packet with the properties in a description of their own, and their schema in the list of schemas that
/// the writer has begun: a property may stand in a packet once only.
fn extended(packet: &str) -> Option<String> {
    let (before_schemas, rest) = packet.split_once(SCHEMAS_END)?;
    let (between, end) = rest.split_at(rest.rfind("</rdf:RDF>")?);
    let mut values = String::new();
    let mut properties = String::new();
    for (name, value, description) in PROPERTIES {
        let _ = write!(values, "<fx:{name}>{value}</fx:{name}>");
        let _ = write!(
            properties,
            "<rdf:li rdf:parseType=\"Resource\"><pdfaProperty:category>external</pdfaProperty:category>\
             <pdfaProperty:description>{description}</pdfaProperty:description>\
             <pdfaProperty:name>{name}</pdfaProperty:name>\
             <pdfaProperty:valueType>Text</pdfaProperty:valueType></rdf:li>"
        );
    }
    Some(format!(
        "{before_schemas}<rdf:li rdf:parseType=\"Resource\">\
         <pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>\
         <pdfaSchema:namespaceURI>{NAMESPACE}</pdfaSchema:namespaceURI>\
         <pdfaSchema:prefix>fx</pdfaSchema:prefix>\
         <pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property></rdf:li>{SCHEMAS_END}{between}\
         <rdf:Description rdf:about=\"\" xmlns:fx=\"{NAMESPACE}\">{values}</rdf:Description>{end}"
    ))
}

/// The bytes of an object, from the classic cross-reference table with one section that begins at 0.
fn object(pdf: &[u8], xref: usize, number: usize) -> Option<&[u8]> {
    let table = pdf.get(xref..)?.strip_prefix(b"xref\n0 ")?;
    let entries = table.get(find(table, b"\n")? + 1..)?;
    let entry = entries.get(number * 20..number * 20 + 20)?;
    let offset: usize = std::str::from_utf8(entry.get(..10)?).ok()?.parse().ok()?;
    let object = pdf.get(offset..)?;
    let object = object.strip_prefix(format!("{number} 0 obj").as_bytes())?;
    object.get(..find(object, b"endobj")?)
}

/// The object that a key of a dictionary refers to.
fn reference(dictionary: &[u8], key: &[u8]) -> Option<usize> {
    number(dictionary, find(dictionary, key)? + key.len())
}

/// The number that follows.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let text = bytes.get(at..)?.trim_ascii_start();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(text.get(..digits)?).ok()?.parse().ok()
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn rfind(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).rposition(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_joins_the_list_and_the_properties_stand_behind() {
        let packet = "<rdf:RDF><a><pdfaExtension:schemas><rdf:Bag><b/></rdf:Bag></pdfaExtension:schemas></a></rdf:RDF>end";
        let extended = extended(packet).unwrap();
        assert_eq!(extended.matches("<pdfaExtension:schemas>").count(), 1);
        assert!(extended.starts_with("<rdf:RDF><a><pdfaExtension:schemas><rdf:Bag><b/><rdf:li"));
        assert!(extended.ends_with("</fx:ConformanceLevel></rdf:Description></rdf:RDF>end"));
    }

    #[test]
    fn another_form_of_file_is_refused() {
        for pdf in ["", "%PDF-1.7 startxref 0", "%PDF-1.7\nxref\n0 1\ntrailer\n<<>>\nstartxref\n9\n%%EOF"] {
            assert!(declare(pdf.as_bytes().to_vec()).is_err(), "{pdf}");
        }
    }
}
