//! What merchants hand in, and whom it costs what: logos that unfold without end, pictures that take all memory,
//! bodies that are compared with themselves. It costs whoever sent it, and nobody else.

mod hostile;
mod pool;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gateway_core::domain::invoice::paper::{Logo, LogoFormat};

/// A logo of this SVG.
fn logo(content: &str) -> Logo {
    let svg = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\">{content}</svg>");
    Logo { format: LogoFormat::Svg, data: STANDARD.encode(svg) }
}

/// Three levels of markers on a path of a thousand vertices: a billion shapes.
fn markers() -> Logo {
    let line = format!("M0 0{}", "h1".repeat(999));
    let marker = |name: u8, next: u8| {
        format!(
            "<marker id=\"m{name}\"><path d=\"{line}\" stroke=\"#000\" marker-mid=\"url(#m{next})\"/></marker>"
        )
    };
    logo(&format!(
        "<defs>{}{}<marker id=\"m3\"><path d=\"M0 0h1v1z\"/></marker></defs>\
         <path d=\"{line}\" stroke=\"#000\" marker-mid=\"url(#m1)\"/>",
        marker(1, 2),
        marker(2, 3)
    ))
}

/// References times elements times their depth: ten minutes for whoever counts them all.
fn quadratic() -> Logo {
    logo(&format!("<style>{}</style><g id=\"a\">{}</g>", "url(#a)".repeat(4_000), "<g/>".repeat(10_000)))
}

/// Nothing stands against it until it is drawn: forty thousand letters, sixteen hundred times.
fn endless() -> Logo {
    logo(&format!(
        "<text id=\"a\" y=\"5\">{}</text>{}",
        "gateway ".repeat(5_000),
        "<use href=\"#a\"/>".repeat(1_600)
    ))
}
