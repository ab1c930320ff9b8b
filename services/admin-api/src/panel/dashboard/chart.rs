//! Bars, drawn here: no script, no style attribute, nothing but shapes and numbers.

use std::fmt::Write as _;

use crate::panel::shell::Html;

const WIDTH: i64 = 720;
const HEIGHT: i64 = 160;

/// A bar, and the one of the period before behind it.
pub(super) struct Bar {
    /// What it shows on hover.
    pub(super) title: String,
    pub(super) now: i64,
    pub(super) before: i64,
}

/// Bars beside each other. What they show stands in a table as well, so it is hidden from readers of the page.
pub(super) fn bars(all: &[Bar]) -> Html {
    let top = all.iter().map(|bar| bar.now.max(bar.before)).max().unwrap_or(0).max(1);
    let count = i64::try_from(all.len()).unwrap_or(1).max(1);
    // Amounts reach a trillion, and a thousand times the height stays far below the end of 64 bits.
    let height = |value: i64| value.max(0).saturating_mul(HEIGHT) / top;
    let mut svg = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" aria-hidden=\"true\" \
         focusable=\"false\">"
    );
    for line in 0..=2 {
        let y = (HEIGHT - 1) * line / 2;
        let _ = write!(svg, "<rect class=\"grid\" x=\"0\" y=\"{y}\" width=\"{WIDTH}\" height=\"1\"/>");
    }
    for (index, bar) in (0..).zip(all) {
        let (left, right) = (WIDTH * index / count, WIDTH * (index + 1) / count);
        let width = right - left;
        let gap = (width / 5).max(1);
        let (before, now) = (height(bar.before), height(bar.now));
        let _ = write!(
            svg,
            "<g><title>{}</title><rect class=\"hit\" x=\"{left}\" y=\"0\" width=\"{width}\" height=\"{HEIGHT}\"/>\
             <rect class=\"before\" x=\"{left}\" y=\"{}\" width=\"{}\" height=\"{before}\"/>\
             <rect class=\"now\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{now}\"/></g>",
            escaped(&bar.title),
            HEIGHT - before,
            (width - gap).max(1),
            left + gap,
            HEIGHT - now,
            (width - 2 * gap).max(1),
        );
    }
    svg.push_str("</svg>");
    Html::drawing(&svg)
}

/// How much of the whole a part is, as a bar.
pub(super) fn share(part: i64, whole: i64) -> Html {
    let width = if whole > 0 { part.clamp(0, whole).saturating_mul(100) / whole } else { 0 };
    Html::drawing(&format!(
        "<svg class=\"share-bar\" viewBox=\"0 0 100 6\" preserveAspectRatio=\"none\" aria-hidden=\"true\" \
         focusable=\"false\"><rect class=\"grid\" x=\"0\" y=\"0\" width=\"100\" height=\"6\"/><rect class=\"now\" \
         x=\"0\" y=\"0\" width=\"{width}\" height=\"6\"/></svg>"
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_bar_fills_the_chart_and_nothing_leaves_it() {
        let bar = |now, before| Bar { title: "<b>".to_owned(), now, before };
        let svg = bars(&[bar(50, 0), bar(100, 200), bar(-5, 0)]).to_string();
        assert!(
            svg.contains("height=\"160\"") && svg.contains("height=\"80\"") && svg.contains("height=\"40\"")
        );
        assert!(svg.contains("&lt;b&gt;") && !svg.contains("style="), "{svg}");
        assert!(!svg.contains("=\"-"), "{svg}");
        let most = gateway_core::domain::money::AMOUNT_MAX;
        assert!(bars(&[bar(most * 1000, most)]).to_string().contains("height=\"160\""));
        assert!(bars(&[]).to_string().starts_with("<svg"));
        assert!(
            share(1, 3).to_string().contains("width=\"33\"")
                && share(1, 0).to_string().contains("width=\"0\"")
        );
    }
}
