use std::fmt::Write as _;

use super::*;

const HEAD: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">"#;

fn svg(content: &str) -> Result<(), String> {
    let file = format!("{HEAD}{content}</svg>");
    assert!(file.len() <= BYTES_MAX, "a larger file is refused before it is read: {}", file.len());
    drawing(file.as_bytes())
}

/// As much of this as fits into a logo's file.
fn filled(part: &str) -> String {
    part.repeat((BYTES_MAX - HEAD.len() - 500) / part.len())
}

#[test]
fn plain_drawings_pass() {
    svg(r##"<style>.a{fill:url(#g)} .b{clip-path:url(#c)}</style><linearGradient id="g"/><clipPath id="c"><path d="M0 0h9v9z"/></clipPath>
        <g class="b"><path class="a" style="fill:none;marker:none" d="M0 0h9v9z"/><use xlink:href="#c"/></g><text>A</text>"##)
    .unwrap();
    drawing(br#"<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"><svg xmlns="http://www.w3.org/2000/svg"/>"#).unwrap();
    svg(&"<path d='M0 0h9v9z'/>".repeat(4_000)).unwrap();
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
        let _ = write!(laughs, r#"<g id="a{level}">{}</g>"#, reference.repeat(10));
    }
    assert!(svg(&laughs).unwrap_err().contains("unfolds"));
    let mut masks = r#"<mask id="m0"><path d="M0 0"/></mask>"#.to_owned();
    for level in 1..20 {
        let path = format!(r#"<path d="M0 0" style="mask:url(#m{})"/>"#, level - 1);
        let _ = write!(masks, r#"<mask id="m{level}">{}</mask>"#, path.repeat(10));
    }
    assert!(svg(&masks).unwrap_err().contains("unfolds"));
    let many = r#"<path d="M0 0"/>"#.repeat(100);
    let twice = format!(r#"<g id="a">{many}</g><g id="a"/>{}"#, r##"<use href="#a"/>"##.repeat(60));
    assert!(svg(&twice).unwrap_err().contains("unfolds"), "whichever of two a reader takes");
    let styled =
        format!(r#"<style>path<![CDATA[{{mask:url(#m)}}]]></style><mask id="m">{many}</mask>{many}"#);
    assert!(svg(&styled).unwrap_err().contains("unfolds"));
    assert!(svg(r##"<g id="a"><use href="#a"/></g>"##).unwrap_err().contains("itself"));
    let deep = format!("{}{}", "<g>".repeat(70), "</g>".repeat(70));
    assert!(svg(&deep).unwrap_err().contains("deeper"));
}

/// Three levels of markers on paths of a thousand vertices are a billion elements in six kilobytes.
#[test]
fn markers_are_refused() {
    let line = format!("M0 0{}", "h1".repeat(999));
    let marker = |name: &str, next: &str| {
        format!(r#"<marker id="{name}"><path d="{line}" marker-mid="url(#{next})"/></marker>"#)
    };
    let content = format!(
        r#"{}{}<path d="{line}" marker-mid="url(#a)"/>"#,
        marker("a", "b"),
        r#"<marker id="b"><path d="M0 0h1v1z"/></marker>"#
    );
    assert_eq!(svg(&content).unwrap_err(), "holds an element <marker>; only shapes and text are taken");
}

/// Each of these took seconds to minutes somewhere: in this check, in the parser behind it, in the typesetter. None
/// is looked at further than to its bound, so all of them together are quick, unoptimized too.
#[test]
fn no_file_is_worked_on_beyond_its_bounds() {
    let half = BYTES_MAX / 2;
    let references = "url(#a)".repeat(half / 7);
    let groups = "<g/>".repeat(half / 4 - 100);
    let namespaces: String = (0..2_000).fold(String::new(), |mut text, index| {
        let _ = write!(text, " xmlns:n{index}='u{index}'");
        text
    });
    let attributes: String = (0..9_000).fold(String::new(), |mut text, index| {
        let _ = write!(text, " a{index}=''");
        text
    });
    let hidden = format!("<!-- ' --><text>=\"</text><g{attributes}/>");
    let nested = format!("{}<g/>{}", "<g id='a'>".repeat(60), "</g>".repeat(60));
    let cases = [
        (format!("<style>{references}</style><g id='a'>{groups}</g>"), "has more than 5000 elements"),
        (filled("<g/>"), "has more than 5000 elements"),
        (
            format!("<style>{references}</style><g id='a'>{}</g><g/>", "<g/>".repeat(4_900)),
            "unfolds into more than 5000 elements",
        ),
        (format!("<style>{}</style>{}", "a{}".repeat(9_000), "<g/>".repeat(4_900)), "too many rules"),
        (format!("<g{namespaces}>{}</g>", "<g xmlns:z='1'/>".repeat(2_000)), "more than 50 namespaces"),
        (format!("<g{attributes}/>"), "more than 500 attributes"),
        (hidden, "more than 500 attributes"),
        (format!("<style>{references}</style>{nested}"), "unfolds"),
    ];
    for (content, problem) in cases {
        let found = svg(&content).unwrap_err();
        assert!(found.contains(problem), "{found}, not {problem}");
    }
}

/// As deep as a file of the largest size can be: the parser must not run out of stack.
#[test]
fn depth_does_not_exhaust_the_stack() {
    let deep = |depth: usize| format!("{}{}", "<g>".repeat(depth), "</g>".repeat(depth));
    assert!(svg(&deep(14_000)).is_err());
    assert!(drawing(deep(140_000).as_bytes()).is_err());
}

#[test]
fn bitmaps_are_measured_before_they_are_decoded() {
    let logo = |format, bytes: &[u8]| check(&Logo { format, data: STANDARD.encode(bytes) });
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    png.extend([100_000_u32.to_be_bytes(), 100_000_u32.to_be_bytes()].concat());
    png.extend([8, 6, 0, 0, 0]);
    let problem = logo(LogoFormat::Png, &png).unwrap_err();
    assert_eq!(problem, "has 100000 × 100000 pixels; at most 4000000 are taken");
    assert_eq!(logo(LogoFormat::Jpeg, &png).unwrap_err(), "is not a JPEG file", "the format is another");
    // Progressive, four colours, at the limit of pixels: fits. In blocks of 120 by 120 it does not.
    let jpeg = |factors: u8| {
        let head = b"\xff\xd8\xff\xc2\0\x14\x08\xff\xff\0\x3d\x04".to_vec();
        [head, [1, 2, 3, 4].map(|id| [id, factors, 0]).concat()].concat()
    };
    assert_eq!(logo(LogoFormat::Jpeg, &jpeg(0x11)), Ok(jpeg(0x11)));
    let problem = logo(LogoFormat::Jpeg, &jpeg(0xff)).unwrap_err();
    assert!(problem.contains("too much memory"), "{problem}");
}

#[test]
fn a_file_is_measured_before_it_is_read() {
    let of = |format, data: String| check(&Logo { format, data }).unwrap_err();
    assert_eq!(of(LogoFormat::Png, "&".to_owned()), "must be a file in base64");
    for bytes in [BYTES_MAX + 1, 2 << 20] {
        assert_eq!(
            of(LogoFormat::Svg, STANDARD.encode(vec![b'a'; bytes])),
            "must be a file of at most 100 KiB"
        );
    }
    let broken = STANDARD.encode(format!("{HEAD}</svg>")).replace('d', "d\r\n ");
    assert!(check(&Logo { format: LogoFormat::Svg, data: broken }).is_ok(), "lines of base64");
}
