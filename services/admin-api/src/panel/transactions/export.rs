//! `GET …/transactions.csv`: the list with its filters, for spreadsheets (RFC 4180).
//!
//! Rows are read and sent as the reader takes them, so the file may be of any length. A failure on the way
//! breaks the connection: browsers then say that the download failed, where a file that just ends would be
//! taken for whole.

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use gateway_core::{
    app::{
        AppError,
        list::{self, TransactionFilter},
    },
    domain::{Timestamp, transaction::Transaction},
};
use http::header;
use web_kit::ApiError;

use super::list::{Names, filter};
use crate::panel::{form::major_units, shell::Ctx};

/// Rows that are sent as one piece, where so many are at hand.
const ROWS_AT_ONCE: usize = 200;

/// The byte order mark. Without it Excel takes UTF-8 for the machine's own code page; everything else skips it.
const MARK: &str = "\u{feff}";

const COLUMNS: &str = "transactionId,createdAt,status,amount,captured,refunded,currency,externalReference,\
invoiceNumber,siteId,site,providerId,provider,providerType,providerReferences,checkoutId,clientId,needsReview,\
succeededAt,updatedAt,metadata\r\n";

pub(super) async fn export(ctx: Ctx) -> Result<Response, ApiError> {
    let filter = filter(ctx.query())?;
    let names = Names::of(&ctx).await?;
    let rows = list::every_transaction(ctx.app(), ctx.tenant(), &filter).await?;
    let pieces = rows.ready_chunks(ROWS_AT_ONCE).map(move |rows| {
        let mut text = String::new();
        for row in rows {
            let row = row.inspect_err(|error| tracing::error!(%error, "an export broke off"))?;
            write_row(&mut text, &names, &row);
        }
        Ok::<_, AppError>(Bytes::from(text))
    });
    let head = stream::iter([Ok(Bytes::from(format!("{MARK}{COLUMNS}")))]);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file_name(&ctx, &filter))),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, Body::from_stream(head.chain(pieces))).into_response())
}

/// `transactions_example-gmbh_live_2030-01-01_2030-01-31.csv`: of plain letters, since it becomes a file.
fn file_name(ctx: &Ctx, filter: &TransactionFilter) -> String {
    let letters = ctx.member.organization.chars();
    let letters = letters.map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    let slug: String = letters.take(40).collect();
    let slug: Vec<&str> = slug.split('-').filter(|part| !part.is_empty()).collect();
    let day = |at: Timestamp| at.to_string().get(..10).unwrap_or_default().to_owned();
    let from = filter.span.from.map_or_else(|| "first".to_owned(), day);
    let to = filter.span.to.map_or_else(|| ctx.app().now(), |to| Timestamp::from_millis(to.millis() - 1));
    let mode = ctx.tenant().mode;
    format!("transactions_{}_{mode}_{from}_{}.csv", slug.join("-"), day(to))
}

fn write_row(out: &mut String, names: &Names, one: &Transaction) {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let amount = |minor: i64| major_units(minor, one.currency);
    let id = |id: Option<String>| id.unwrap_or_default();
    let references: Vec<&str> =
        one.refs.iter().map(gateway_core::domain::transaction::ProviderRef::id).collect();
    let metadata = if one.metadata.is_empty() {
        String::new()
    } else {
        serde_json::Value::Object(one.metadata.to_json()).to_string()
    };
    let cells = [
        one.id.to_string(),
        one.created_at.to_string(),
        one.status.as_str().to_owned(),
        amount(one.amount),
        amount(one.captured),
        amount(one.refunded),
        one.currency.to_string(),
        defused(&one.external_reference),
        defused(&one.invoice_number),
        one.site_id.to_string(),
        defused(&names.site(one.site_id)),
        id(one.provider_id.map(|id| id.to_string())),
        one.provider_id.map(|id| defused(&names.provider(Some(id)))).unwrap_or_default(),
        one.provider_kind.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        defused(&references.join(" ")),
        one.checkout_id.to_string(),
        defused(one.client_id.as_deref().unwrap_or_default()),
        one.needs_review.as_ref().map(|review| review.reason.clone()).unwrap_or_default(),
        time(one.succeeded_at),
        one.updated_at.to_string(),
        metadata,
    ];
    for (index, cell) in cells.iter().enumerate() {
        write_cell(out, index, cell);
    }
    out.push_str("\r\n");
}

/// Quoted where it must be.
fn write_cell(out: &mut String, index: usize, cell: &str) {
    if index > 0 {
        out.push(',');
    }
    if cell.contains([',', '"', '\r', '\n']) {
        out.push('"');
        out.push_str(&cell.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(cell);
    }
}

/// Text that a spreadsheet would take for a formula gets an apostrophe in front: what a customer of a shop has
/// typed must not run on an accountant's machine.
fn defused(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if is_formula { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_defused_and_all_else_stays() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"] {
            assert_eq!(defused(formula), format!("'{formula}"));
        }
        for text in ["ORD-1", "1-2", "a=b", "", "'quoted"] {
            assert_eq!(defused(text), text);
        }
    }

    #[test]
    fn cells_are_quoted_where_rfc_4180_asks_for_it() {
        let mut out = String::new();
        for (index, cell) in ["plain", "a,b", "say \"hi\"", "two\nlines", ""].into_iter().enumerate() {
            write_cell(&mut out, index, cell);
        }
        assert_eq!(out, "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",");
    }
}
