//! Logos, well-meant and hostile.

use base64::{Engine, engine::general_purpose::STANDARD};
use documents::{RenderError, samples};
use gateway_core::domain::invoice::paper::{Logo, LogoFormat, Paper};
use serde_json::json;

use crate::tool::{ask, folder, written};
use crate::{render, renderer, wait};

/// 12 × 6 pixels.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAwAAAAGCAIAAAB4jOjWAAAAFUlEQVR42mOU941hIASYGIgAg1ERALG1ANQzDmKzAAAAAElFTkSuQmCC";
/// 4 × 4 pixels, half transparent.
const PNG_ALPHA: &str = "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAYAAACp8Z5+AAAAFUlEQVR42mPkEpFLYUACTAxogLAAACm4AKhEe5eYAAAAAElFTkSuQmCC";
/// 12 × 6 pixels.
const JPEG: &str = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAGAAwDASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwDMooorQwP/2Q==";
/// 8 × 8 pixels in four printing colours.
const JPEG_CMYK: &str = "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwBQNzxGPDJQRkFGWlVQX3jIgnhubnj1r7mRyP///////////////////////////////////////////////////8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC//EALUQAAIBAwMCBAMFBQQEAAABfQECAwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+v/aAA4EQwBNAFkASwAAPwCCrdXatV//2Q==";

fn with_logo(format: LogoFormat, data: &str) -> Paper {
    let mut paper = samples::invoice();
    paper.look.logo = Some(Logo { format, data: data.to_owned() });
    paper
}

#[test]
fn bitmaps_and_drawings_are_printed() {
    let (folder, renderer) = (folder("logos"), renderer());
    let square = r##"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9v9z" fill="#123456"/></svg>"##;
    let logos = [
        ("png", LogoFormat::Png, PNG.to_owned()),
        ("alpha", LogoFormat::Png, PNG_ALPHA.to_owned()),
        ("jpeg", LogoFormat::Jpeg, JPEG.to_owned()),
        ("svg", LogoFormat::Svg, STANDARD.encode(square)),
    ];
    let mut without = samples::invoice();
    without.look.logo = None;
    let without = render(&renderer, &without).pdf;
    let mut questions = Vec::new();
    for (name, format, data) in logos {
        let pdf = render(&renderer, &with_logo(format, &data)).pdf;
        assert_ne!(pdf, without, "{name}");
        questions.push(json!({ "pdf": written(&folder, &format!("{name}.pdf"), &pdf) }));
    }
    for answer in ask(&questions) {
        assert_eq!(answer["problems"], json!([]));
    }
}

#[test]
fn bad_logos_are_refused_by_name_and_the_next_paper_is_rendered() {
    let renderer = renderer();
    let svg = |content: &str| {
        STANDARD.encode(format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{content}</svg>"#
        ))
    };
    let damaged = STANDARD.encode(&STANDARD.decode(PNG).unwrap()[..40]);
    for (format, data) in [
        (LogoFormat::Png, damaged),
        (LogoFormat::Png, JPEG.to_owned()),
        (LogoFormat::Jpeg, JPEG_CMYK.to_owned()),
        (LogoFormat::Jpeg, "not base64!".to_owned()),
        (LogoFormat::Svg, svg(r#"<image href="/etc/passwd" width="9" height="9"/>"#)),
        (LogoFormat::Svg, svg(r#"<image href="http://127.0.0.1:9/a.png" width="9" height="9"/>"#)),
        (LogoFormat::Svg, svg("<text>\u{7dd1}</text>")),
        (LogoFormat::Svg, STANDARD.encode("<svg width='0' height='0'/>")),
        (LogoFormat::Svg, STANDARD.encode("<svg")),
    ] {
        let outcome = wait(renderer.render(with_logo(format, &data)));
        let Err(RenderError::Field { field, problem }) = outcome else { panic!("{data}: {outcome:?}") };
        assert_eq!(field, "look.logo", "{problem}");
        assert!(!problem.is_empty());
    }
    render(&renderer, &with_logo(LogoFormat::Png, PNG));
}
