//! Papers from what happened: a payment, a credit, a merchant's own lines.

use rust_decimal::Decimal;

use super::{
    Credit, PaperKind,
    credit::GroupAmount,
    paper::{Allowance, Paper, PaperLine, PaperPayment, PaperTax, Party, Preceding},
    settings::InvoiceSettings,
    tax::{Computed, Sale, TaxError, compute, totals},
    words::Words,
};
use crate::domain::{
    Currency,
    checkout::{
        Address, AmountType, Checkout, Customer,
        items::{DISCOUNT_TYPE, ROUNDING_TYPE},
    },
    invoice::Split,
    provider_account::ProviderKind,
    transaction::Transaction,
};

/// What a draft is made from, beside its lines.
#[derive(Debug, Clone, Default)]
pub struct Heading {
    /// Language tag.
    pub language: String,
    /// Of test mode.
    pub test: bool,
    /// Who buys.
    pub buyer: Party,
    /// "Your reference".
    pub your_reference: String,
    /// The shop's order.
    pub order_reference: String,
    /// When it is to be paid, `YYYY-MM-DD`.
    pub due_date: Option<String>,
    /// When goods or services were supplied, `YYYY-MM-DD`.
    pub supply_date: Option<String>,
    /// Free text.
    pub notes: Vec<String>,
}

/// A draft's paper: number, date, seller and look come when it is issued.
pub fn paper(kind: PaperKind, currency: Currency, heading: Heading, computed: Computed) -> Paper {
    Paper {
        kind,
        number: None,
        date: String::new(),
        supply_date: heading.supply_date,
        due_date: heading.due_date,
        language: heading.language,
        currency,
        test: heading.test,
        seller: Party::default(),
        buyer: heading.buyer,
        your_reference: heading.your_reference,
        order_reference: heading.order_reference,
        preceding: None,
        prices_include_tax: computed.prices_include_tax,
        lines: computed.lines,
        allowances: computed.allowances,
        taxes: computed.taxes,
        totals: computed.totals,
        payment: None,
        notes: heading.notes,
        look: super::paper::PaperLook::default(),
    }
}

/// The paper of a payment. `paid_on` is the day in the seller's zone.
pub fn of_payment(
    settings: &InvoiceSettings,
    checkout: &Checkout,
    customer: &Customer,
    transaction: &Transaction,
    paid_on: &str,
) -> Result<Paper, TaxError> {
    let wanted = settings.language.as_deref().or(checkout.locale.as_deref()).unwrap_or_default();
    let words = Words::of(wanted);
    let mut sales: Vec<Sale> = checkout.items.iter().map(Sale::of).collect();
    let code = checkout.discount.as_ref().map(|applied| &applied.code);
    // The lines of a discount code bear its name alone.
    for sale in sales.iter_mut().filter(|sale| sale.item_type == DISCOUNT_TYPE && Some(&sale.name) == code) {
        sale.name = format!("{} {}", words.discount, sale.name);
    }
    if !sales.iter().any(|sale| sale.item_type != ROUNDING_TYPE) {
        sales.insert(0, whole_order(words, checkout));
    }
    let rules = settings.tax_rules();
    // Lines that no paper can show (nothing but reductions) are told as one: the money was paid all the same.
    let computed = compute(&sales, &rules, words);
    let mut computed = computed.or_else(|_| compute(&[whole_order(words, checkout)], &rules, words))?;
    if computed.totals.due != transaction.captured {
        computed = part_of(&computed, transaction.captured, words.partial);
    }
    let heading = Heading {
        language: words.language.to_owned(),
        test: !transaction.mode.is_live(),
        buyer: buyer(customer),
        your_reference: checkout.invoice_number.clone(),
        order_reference: checkout.external_reference.clone(),
        ..Heading::default()
    };
    let mut paper = paper(settings.payment_kind(), checkout.currency, heading, computed);
    paper.totals.paid = paper.totals.gross + paper.totals.rounding;
    paper.totals.due = 0;
    paper.payment = Some(PaperPayment {
        method: method(transaction.provider_kind).to_owned(),
        date: paid_on.to_owned(),
        reference: transaction.id.to_string(),
    });
    Ok(paper)
}

/// A checkout that says only how much.
fn whole_order(words: &Words, checkout: &Checkout) -> Sale {
    let reference = &checkout.external_reference;
    let name =
        if reference.is_empty() { words.order.to_owned() } else { format!("{} {reference}", words.order) };
    Sale {
        name,
        description: String::new(),
        quantity: 1,
        unit_price: checkout.amount,
        amount_type: AmountType::Gross,
        rate: None,
        category: None,
        item_type: String::new(),
    }
}

/// What customers call the way they paid.
fn method(kind: Option<ProviderKind>) -> &'static str {
    match kind.map(ProviderKind::as_str).unwrap_or_default() {
        "stripe" => "Stripe",
        "gocardless" => "GoCardless",
        "sandbox" => "Sandbox",
        "wire" => "Bank transfer",
        other => other,
    }
}

/// The buyer as far as the checkout knows.
pub fn buyer(customer: &Customer) -> Party {
    let address = customer.billing_address.as_ref().or(customer.shipping_address.as_ref());
    let mut party = address.map(party_of).unwrap_or_default();
    party.email.clone_from(&customer.email);
    party
}

fn party_of(address: &Address) -> Party {
    let text = |field: &Option<String>| field.as_deref().unwrap_or_default().trim().to_owned();
    let person = format!("{} {}", text(&address.first_name), text(&address.last_name)).trim().to_owned();
    let company = text(&address.company);
    let lines = [text(&address.address1), text(&address.address2)];
    Party {
        contact: (!company.is_empty() && !person.is_empty()).then(|| person.clone()),
        name: if company.is_empty() { person } else { company },
        address: lines.into_iter().filter(|line| !line.is_empty()).collect(),
        postcode: text(&address.postcode),
        city: text(&address.city),
        country: text(&address.country).to_uppercase(),
        vat_id: address.vat_id.clone().filter(|id| !id.trim().is_empty()),
        phone: address.phone.clone().filter(|phone| !phone.trim().is_empty()),
        ..Party::default()
    }
}

/// A part of what was sold, one line per tax group.
fn part_of(whole: &Computed, amount: i64, name: &str) -> Computed {
    let groups: Vec<GroupAmount> = whole.taxes.iter().map(GroupAmount::from).collect();
    let split = Split { groups, rounding: whole.totals.rounding }.take(amount);
    by_group(&split, &whole.taxes, whole.prices_include_tax, name)
}

/// One line per tax group of a split; where a group is below zero, an allowance.
fn by_group(split: &Split, taxes: &[PaperTax], prices_include_tax: bool, name: &str) -> Computed {
    let mut computed = Computed {
        prices_include_tax,
        lines: Vec::new(),
        allowances: Vec::new(),
        taxes: Vec::new(),
        totals: super::paper::PaperTotals {
            lines_net: 0,
            allowances_net: 0,
            net: 0,
            tax: 0,
            gross: 0,
            paid: 0,
            rounding: 0,
            due: 0,
        },
    };
    for (group, tax) in split.groups.iter().zip(taxes) {
        let (category, rate) = (group.category, group.rate);
        let amount = if prices_include_tax { group.gross() } else { group.net };
        if group.gross() == 0 && group.net == 0 {
            continue;
        }
        if amount < 0 {
            let reason = name.to_owned();
            computed.allowances.push(Allowance { reason, net: -group.net, amount: -amount, category, rate });
        } else {
            computed.lines.push(PaperLine {
                name: name.to_owned(),
                description: String::new(),
                quantity: 1,
                unit_price: amount,
                net: group.net,
                amount,
                category,
                rate,
            });
        }
        computed.taxes.push(PaperTax { basis: group.net, tax: group.tax, ..tax.clone() });
    }
    if computed.lines.is_empty() {
        // Nothing but rounding: a paper has at least one line and one group.
        let first = taxes.first();
        let (category, rate) =
            first.map_or((super::paper::TaxCategory::Z, Decimal::ZERO), |t| (t.category, t.rate));
        let (name, description) = (name.to_owned(), String::new());
        computed.lines.push(PaperLine {
            name,
            description,
            quantity: 1,
            unit_price: 0,
            net: 0,
            amount: 0,
            category,
            rate,
        });
        if computed.taxes.is_empty() {
            let reason = first.and_then(|tax| tax.exemption_reason.clone());
            computed.taxes.push(PaperTax { category, rate, basis: 0, tax: 0, exemption_reason: reason });
        }
    }
    computed.totals = totals(&computed, split.rounding);
    computed
}

/// The paper of a credit note on an issued invoice.
pub fn of_credit(original: &Paper, credit: &Credit, settles: bool) -> Paper {
    let words = Words::of(&original.language);
    let mut paper = original.clone();
    paper.kind = PaperKind::CreditNote;
    let number = original.number.clone().unwrap_or_default();
    if !credit.whole {
        let split = Split { groups: credit.groups.clone(), rounding: credit.rounding };
        let name = format!("{} {number}", words.credit);
        let computed = by_group(&split, &original.taxes, original.prices_include_tax, &name);
        paper.lines = computed.lines;
        paper.allowances = computed.allowances;
        paper.taxes = computed.taxes;
        paper.totals = computed.totals;
    }
    paper.preceding = Some(Preceding { number, date: original.date.clone() });
    paper.number = None;
    paper.date = String::new();
    paper.due_date = None;
    paper.payment = None;
    paper.seller = Party::default();
    paper.notes = credit.reason.iter().cloned().collect();
    let payable = paper.totals.gross + paper.totals.rounding;
    paper.totals.paid = if settles { payable } else { 0 };
    paper.totals.due = payable - paper.totals.paid;
    paper
}

#[cfg(test)]
#[path = "compose_tests.rs"]
mod tests;
