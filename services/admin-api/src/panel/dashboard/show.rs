//! `GET /o/{org}/{mode}`.

use std::cmp::Ordering;

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        dashboard::{self, ATTENTION_MAX, Attention, Compared, Dashboard, Period},
        first_steps,
    },
    domain::{Currency, KnownCurrency, scope::Scope},
};
use web_kit::ApiError;

use super::{
    chart::{self, Bar},
    steps::Steps,
};
use crate::{
    api::query::Filters,
    panel::{
        list::Asked,
        shell::{self, Ctx, Html, Shell},
        transactions::Names,
    },
};

#[derive(Template)]
#[template(path = "panel/dashboard.html")]
struct DashboardPage {
    shell: Shell,
    problem: Option<String>,
    steps: Option<Steps>,
    board: Option<Board>,
}

/// The figures, as they are shown.
struct Board {
    periods: Vec<Choice>,
    currencies: Vec<Choice>,
    before_name: String,
    tiles: Vec<Tile>,
    attention: Vec<(String, String)>,
    chart: Html,
    chart_top: String,
    first_day: String,
    last_day: String,
    days: Vec<Vec<String>>,
    parts: Vec<(&'static str, Vec<Part>)>,
}

/// A choice in the address.
struct Choice {
    name: String,
    url: String,
    is_chosen: bool,
}

/// A large figure.
struct Tile {
    name: &'static str,
    value: String,
    change: String,
    class: &'static str,
}

/// A provider's or site's row.
struct Part {
    name: String,
    share: Html,
    volume: String,
    change: String,
    success: String,
    refunded: String,
    net: String,
}

pub(super) async fn show(ctx: Ctx) -> Result<Response, ApiError> {
    let mut filters = Filters::of(Some(ctx.query()));
    let asked = (
        filters.word("days", Period::ALL, Period::as_str),
        filters.parsed("currency").map(|KnownCurrency(currency)| currency),
    );
    // A word that cannot be read: the page stays as it is without it, and says so.
    let (asked, problem) = match filters.finish(asked) {
        Ok(asked) => (asked, None),
        Err(error) => ((None, None), Some(Asked::problem(&error))),
    };
    let period = asked.0.unwrap_or_default();
    let (app, tenant) = (ctx.app(), ctx.tenant());
    let (found, steps, names) = tokio::join!(
        dashboard::dashboard(app, tenant, period, asked.1),
        first_steps::first_steps(app, tenant),
        Names::of(&ctx),
    );
    let found = found?;
    let steps = steps?.map(|steps| Steps::of(&ctx, &steps));
    let board = found.currency.filter(|_| !found.currencies.is_empty());
    let names = names?;
    let page = DashboardPage {
        shell: ctx.shell("", "Dashboard"),
        problem,
        steps,
        board: board.map(|currency| board_of(&ctx, &names, &found, currency)),
    };
    Ok(shell::page(&page))
}

fn board_of(ctx: &Ctx, names: &Names, of: &Dashboard, currency: Currency) -> Board {
    let money = |minor: i64| ctx.money(minor, currency);
    let url =
        |days: Period, currency: Currency| ctx.url(&format!("?days={}&currency={currency}", days.as_str()));
    let periods = Period::ALL.iter().map(|period| Choice {
        name: format!("{} days", period.as_str()),
        url: url(*period, currency),
        is_chosen: *period == of.period,
    });
    let currencies = of.currencies.iter().map(|one| Choice {
        name: one.to_string(),
        url: url(of.period, *one),
        is_chosen: *one == currency,
    });
    let date = |at: gateway_core::domain::Timestamp| at.to_string().get(..10).unwrap_or_default().to_owned();
    let bars: Vec<Bar> = of.days.iter().map(|(day, figures)| bar(&date(*day), figures, &money)).collect();
    let top = bars.iter().map(|bar| bar.now.max(bar.before)).max().unwrap_or(0);
    let whole = of.total.now.volume;
    let providers = of.providers.iter().map(|(id, figures)| {
        let name = if id.is_some() { names.provider(*id) } else { "Without a provider".to_owned() };
        part(name, figures, whole, &money)
    });
    let sites = of.sites.iter().map(|(id, figures)| part(names.site(*id), figures, whole, &money));
    Board {
        periods: periods.collect(),
        currencies: currencies.collect(),
        before_name: format!("the {} days before", of.period.days()),
        tiles: tiles(&of.total, &money),
        attention: attention(ctx, &of.attention, &date(of.from)),
        chart: chart::bars(&bars),
        chart_top: money(top),
        first_day: of.days.first().map(|(day, _)| date(*day)).unwrap_or_default(),
        last_day: of.days.last().map(|(day, _)| date(*day)).unwrap_or_default(),
        days: of.days.iter().rev().map(|(day, figures)| day_row(date(*day), figures, &money)).collect(),
        parts: vec![("By provider", providers.collect()), ("By site", sites.collect())],
    }
}

fn bar(day: &str, of: &Compared, money: &impl Fn(i64) -> String) -> Bar {
    let title = format!("{day}: {}, before: {}", money(of.now.volume), money(of.before.volume));
    Bar { title, now: of.now.volume, before: of.before.volume }
}

fn day_row(day: String, of: &Compared, money: &impl Fn(i64) -> String) -> Vec<String> {
    let (now, before) = (&of.now, &of.before);
    let success = per_cent(now.success_per_mille());
    vec![day, now.paid.to_string(), money(now.volume), money(before.volume), success, money(now.refunded)]
}

fn tiles(of: &Compared, money: &impl Fn(i64) -> String) -> Vec<Tile> {
    let (now, before) = (&of.now, &of.before);
    let more_is_good = |now: i64, before: i64| match now.cmp(&before) {
        Ordering::Less => "down",
        Ordering::Equal => "muted",
        Ordering::Greater => "up",
    };
    let tile = |name, value: i64, was: i64, class| Tile {
        name,
        value: money(value),
        change: change(value, was),
        class,
    };
    let success = match (now.success_per_mille(), before.success_per_mille()) {
        (Some(is), Some(was)) => (points(is - was), more_is_good(is, was)),
        _ => ("nothing to compare with".to_owned(), "muted"),
    };
    vec![
        tile("Volume", now.volume, before.volume, more_is_good(now.volume, before.volume)),
        tile("Net", now.net(), before.net(), more_is_good(now.net(), before.net())),
        Tile {
            name: "Success rate",
            value: per_cent(now.success_per_mille()),
            change: success.0,
            class: success.1,
        },
        tile("Refunded", now.refunded, before.refunded, "muted"),
        Tile {
            name: "Payments",
            value: now.paid.to_string(),
            change: change(now.paid, before.paid),
            class: more_is_good(now.paid, before.paid),
        },
    ]
}

fn part(name: String, of: &Compared, whole: i64, money: &impl Fn(i64) -> String) -> Part {
    Part {
        name,
        share: chart::share(of.now.volume, whole),
        volume: money(of.now.volume),
        change: change(of.now.volume, of.before.volume),
        success: per_cent(of.now.success_per_mille()),
        refunded: money(of.now.refunded),
        net: money(of.now.net()),
    }
}

/// Text and address of each thing that needs a look.
fn attention(ctx: &Ctx, of: &Attention, from: &str) -> Vec<(String, String)> {
    let all = [
        (
            of.reviews,
            "payment needs a look",
            "payments need a look",
            "/transactions?needsReview=true".to_owned(),
        ),
        (of.disputes, "dispute is open", "disputes are open", "/transactions?status=disputed".to_owned()),
        (
            of.events,
            "event could not be applied",
            "events could not be applied",
            "/events?state=parked".to_owned(),
        ),
        (
            of.deliveries,
            "notification did not arrive",
            "notifications did not arrive",
            format!("/deliveries?state=failed&from={from}"),
        ),
    ];
    let some = all.into_iter().filter(|(count, ..)| *count > 0);
    some.map(|(count, one, many, path)| {
        let number =
            if count >= ATTENTION_MAX { format!("{ATTENTION_MAX} or more") } else { count.to_string() };
        (format!("{number} {}", if count == 1 { one } else { many }), ctx.url(&path))
    })
    .collect()
}

/// `94.2 %`, from thousandths.
fn per_cent(per_mille: Option<i64>) -> String {
    per_mille.map_or_else(|| "–".to_owned(), |value| format!("{}.{} %", value / 10, value % 10))
}

/// `+1.5 points`, from thousandths.
fn points(per_mille: i64) -> String {
    let (sign, size) = (if per_mille < 0 { "−" } else { "+" }, per_mille.abs());
    format!("{sign}{}.{} points", size / 10, size % 10)
}

/// `+12 %` of what it was before.
fn change(now: i64, before: i64) -> String {
    if before <= 0 {
        return if now == before { "as before".to_owned() } else { "nothing before".to_owned() };
    }
    let (sign, size) = (if now < before { "−" } else { "+" }, now.abs_diff(before));
    let per_cent = u128::from(size) * 100 / u128::from(before.unsigned_abs());
    if per_cent == 0 { "as before".to_owned() } else { format!("{sign}{per_cent} %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_in_per_cent() {
        assert_eq!(change(112, 100), "+12 %");
        assert_eq!(change(50, 100), "−50 %");
        assert_eq!(change(999, 1000), "as before");
        assert_eq!(change(-50, 100), "−150 %");
        assert_eq!((change(5, 0), change(0, 0)), ("nothing before".to_owned(), "as before".to_owned()));
        assert_eq!(
            (per_cent(Some(942)), per_cent(Some(1000)), per_cent(None)),
            ("94.2 %".into(), "100.0 %".into(), "–".into())
        );
        assert_eq!((points(-15), points(3)), ("−1.5 points".to_owned(), "+0.3 points".to_owned()));
    }
}
