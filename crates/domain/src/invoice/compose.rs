//! Papers from what happened: a payment, a credit, a merchant's own lines.

use rust_decimal::Decimal;

use super::{
    Credit, PaperKind,
    credit::GroupAmount,
    hold::converted,
    paper::{Allowance, Paper, PaperExchange, PaperLine, PaperPayment, PaperTax, Party, Preceding},
    settings::{ExchangeRate, InvoiceSettings},
    tax::{Computed, Sale, TaxError, apportion, compute, line_amount, multiply_out, totals},
    vat_id,
    vat_states::VatState,
    words::Words,
};
use crate::{
    Currency,
    checkout::{
        Address, AmountType, Checkout, Customer,
        items::{DISCOUNT_TYPE, ROUNDING_TYPE},
    },
    country,
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
    /// When goods or services were supplied, `YYYY-MM-DD`; on the day of issue where absent.
    pub supply_date: Option<String>,
    /// What the currency is worth in the seller's own, where that is another one.
    pub exchange_rate: Option<Decimal>,
    /// Why no tax is charged on lines that are exempt (`E`), where it is not what the settings say.
    pub exemption_reason: Option<String>,
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
        exchange: None,
        payment: None,
        notes: heading.notes,
        look: super::paper::PaperLook::default(),
    }
}

/// The tax of a document in the seller's national currency, where that is another one and a rate is given. Where the
/// currency is the seller's own, or the seller's is not known, there is none.
pub fn exchange(paper: &Paper, seller_country: &str, rate: Option<&ExchangeRate>) -> Option<PaperExchange> {
    let national = VatState::of(seller_country)?.currency().filter(|national| *national != paper.currency)?;
    let rate = rate.filter(|rate| rate.currency == paper.currency)?;
    let tax = converted(paper.totals.tax, paper.currency, national, rate.rate)?;
    Some(PaperExchange { currency: national, rate: rate.rate.normalize(), tax, source: rate.source.clone() })
}

/// Whether a document of a seller states its tax in a currency that is not their own.
pub fn needs_exchange(paper: &Paper, seller_country: &str) -> bool {
    let national = VatState::of(seller_country).and_then(VatState::currency);
    national.is_some_and(|national| national != paper.currency)
        && paper.totals.tax != 0
        && paper.exchange.is_none()
        && paper.kind != PaperKind::PaymentReceipt
}

/// Lines as they were sold, as a draft shows them: what an edit starts from, and a copy.
pub fn sales_of(paper: &Paper) -> Vec<Sale> {
    let amount_type = if paper.prices_include_tax { AmountType::Gross } else { AmountType::Net };
    let is_rate = |category| category == super::paper::TaxCategory::S;
    let line = |line: &PaperLine| Sale {
        name: line.name.clone(),
        description: line.description.clone(),
        quantity: line.quantity,
        unit: line.unit.clone(),
        unit_price: line.unit_price,
        amount_type,
        rate: Some(line.rate).filter(|_| is_rate(line.category)),
        category: Some(line.category).filter(|category| !is_rate(*category)),
        item_type: String::new(),
    };
    let allowance = |allowance: &Allowance| Sale {
        name: allowance.reason.clone(),
        description: String::new(),
        quantity: Decimal::ONE,
        unit: None,
        unit_price: -allowance.amount,
        amount_type,
        rate: Some(allowance.rate).filter(|_| is_rate(allowance.category)),
        category: Some(allowance.category).filter(|category| !is_rate(*category)),
        item_type: DISCOUNT_TYPE.to_owned(),
    };
    let rounding = Some(paper.totals.rounding).filter(|rounding| *rounding != 0).map(|minor| Sale {
        name: String::new(),
        description: String::new(),
        quantity: Decimal::ONE,
        unit: None,
        unit_price: minor,
        amount_type: AmountType::Gross,
        rate: None,
        category: None,
        item_type: ROUNDING_TYPE.to_owned(),
    });
    let lines = paper.lines.iter().map(line);
    lines.chain(paper.allowances.iter().map(allowance)).chain(rounding).collect()
}

/// The paper of a payment. `paid_on` is the day in the seller's zone, which is when it counts as supplied. `kind` is
/// what the seller's country lets it be.
pub fn of_payment(
    settings: &InvoiceSettings,
    kind: PaperKind,
    checkout: &Checkout,
    customer: &Customer,
    transaction: &Transaction,
    paid_on: &str,
) -> Result<Paper, TaxError> {
    let wanted = settings.language.as_deref().or(checkout.locale.as_deref()).unwrap_or_default();
    let words = Words::of(wanted);
    let mut computed = sold(settings, checkout, words)?;
    if computed.totals.due != transaction.captured {
        computed = part_of(&computed, transaction.captured, words.partial);
    }
    let heading = Heading {
        language: words.language.to_owned(),
        test: !transaction.mode.is_live(),
        buyer: buyer(customer),
        your_reference: checkout.invoice_number.clone(),
        order_reference: checkout.external_reference.clone(),
        supply_date: Some(paid_on.to_owned()),
        ..Heading::default()
    };
    let mut paper = paper(kind, checkout.currency, heading, computed);
    paper.totals.paid = paper.totals.gross + paper.totals.rounding;
    paper.totals.due = 0;
    paper.payment = Some(PaperPayment {
        method: method(transaction.provider_kind).to_owned(),
        date: paid_on.to_owned(),
        reference: transaction.id.to_string(),
    });
    paper.exchange = exchange(&paper, &settings.country, settings.exchange_rate(paper.currency));
    Ok(paper)
}

/// The lines of a checkout. What no paper can show (nothing but reductions) is told as one line: the money was paid
/// all the same.
fn sold(settings: &InvoiceSettings, checkout: &Checkout, words: &Words) -> Result<Computed, TaxError> {
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
    compute(&sales, &rules, words).or_else(|_| compute(&[whole_order(words, checkout)], &rules, words))
}

/// A checkout that says only how much.
fn whole_order(words: &Words, checkout: &Checkout) -> Sale {
    let reference = &checkout.external_reference;
    let name =
        if reference.is_empty() { words.order.to_owned() } else { format!("{} {reference}", words.order) };
    Sale {
        name,
        description: String::new(),
        quantity: Decimal::ONE,
        unit: None,
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
        // What is no country of the standard's list stays as it was given, and the XML is left out with its reason.
        country: country::canonical(&text(&address.country))
            .map_or_else(|| text(&address.country).to_uppercase(), str::to_owned),
        vat_id: address.vat_id.as_deref().map(vat_id::normalized).filter(|id| !id.is_empty()),
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
            computed.lines.push(plain_line(name, amount, group));
        }
        computed.taxes.push(PaperTax { basis: group.net, tax: group.tax, ..tax.clone() });
    }
    if computed.lines.is_empty() {
        // Nothing but rounding: a paper has at least one line and one group.
        let first = taxes.first();
        let (category, rate) =
            first.map_or((super::paper::TaxCategory::Z, Decimal::ZERO), |t| (t.category, t.rate));
        computed.lines.push(plain_line(name, 0, &GroupAmount { category, rate, net: 0, tax: 0 }));
        if computed.taxes.is_empty() {
            computed.taxes.push(PaperTax {
                category,
                rate,
                basis: 0,
                tax: 0,
                exemption_reason: first.and_then(|tax| tax.exemption_reason.clone()),
                exemption_code: first.and_then(|tax| tax.exemption_code.clone()),
            });
        }
    }
    computed.totals = totals(&computed, split.rounding);
    computed
}

/// One of something, over what a group comes to.
fn plain_line(name: &str, amount: i64, group: &GroupAmount) -> PaperLine {
    PaperLine {
        name: name.to_owned(),
        description: String::new(),
        quantity: Decimal::ONE,
        unit: None,
        unit_price: amount,
        net: group.net,
        amount,
        category: group.category,
        rate: group.rate,
        position: None,
    }
}

/// The lines of an invoice that a credit takes back, and their part of the allowances of the whole.
fn by_line(original: &Paper, credit: &Credit) -> Computed {
    let mut computed = Computed {
        prices_include_tax: original.prices_include_tax,
        lines: Vec::new(),
        allowances: Vec::new(),
        taxes: Vec::new(),
        totals: original.totals,
    };
    for taken in &credit.lines {
        let Some(line) = original.lines.get(taken.line) else { continue };
        let (quantity, amount) = (taken.quantity.normalize(), taken.amount);
        let mut line = PaperLine { quantity, amount, net: amount, position: None, ..line.clone() };
        if line_amount(line.quantity, line.unit_price) != Some(line.amount) {
            multiply_out(&mut line);
        }
        computed.lines.push(line);
    }
    for (group, tax) in credit.groups.iter().zip(&original.taxes) {
        let is_of = |category, rate| (category, rate) == (group.category, group.rate);
        let sum: i64 = computed.lines.iter().filter(|l| is_of(l.category, l.rate)).map(|l| l.amount).sum();
        let shown = if original.prices_include_tax { group.gross() } else { group.net };
        if sum == 0 && group.gross() == 0 {
            continue;
        }
        if sum != shown {
            let reason = original.allowances.iter().find(|a| is_of(a.category, a.rate));
            let reason = reason.map(|allowance| allowance.reason.clone()).unwrap_or_default();
            let amount = sum - shown;
            let (category, rate) = (group.category, group.rate);
            computed.allowances.push(Allowance { reason, net: amount, amount, category, rate });
        }
        if original.prices_include_tax {
            share_net(&mut computed, group);
        }
        computed.taxes.push(PaperTax { basis: group.net, tax: group.tax, ..tax.clone() });
    }
    computed.totals = totals(&computed, credit.rounding);
    computed
}

/// Shares a group's net out among its lines and its allowance, whose amounts hold the tax.
fn share_net(computed: &mut Computed, group: &GroupAmount) {
    let is_of = |category, rate| (category, rate) == (group.category, group.rate);
    let net = |amount: i64| {
        let whole = Decimal::ONE_HUNDRED + group.rate;
        (Decimal::from(amount) * Decimal::ONE_HUNDRED).checked_div(whole).unwrap_or_default()
    };
    let lines: Vec<usize> = (0..computed.lines.len())
        .filter(|i| is_of(computed.lines[*i].category, computed.lines[*i].rate))
        .collect();
    let allowance =
        computed.allowances.iter().position(|allowance| is_of(allowance.category, allowance.rate));
    let mut ideals: Vec<Decimal> = lines.iter().map(|i| net(computed.lines[*i].amount)).collect();
    ideals.extend(allowance.map(|i| -net(computed.allowances[i].amount)));
    let shares = apportion(group.net, &ideals);
    for (index, share) in lines.iter().zip(&shares) {
        computed.lines[*index].net = *share;
    }
    if let (Some(index), Some(share)) = (allowance, shares.get(lines.len())) {
        computed.allowances[index].net = -share;
    }
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
        let computed = if credit.lines.is_empty() {
            by_group(&split, &original.taxes, original.prices_include_tax, &name)
        } else {
            by_line(original, credit)
        };
        paper.lines = computed.lines;
        paper.allowances = computed.allowances;
        paper.taxes = computed.taxes;
        paper.totals = computed.totals;
    }
    paper.preceding = Some(Preceding { number, date: original.date.clone() });
    paper.number = None;
    paper.date = String::new();
    paper.due_date = None;
    // What is corrected was supplied when the invoice says, or on its day.
    paper.supply_date = original.supply_date.clone().or_else(|| Some(original.date.clone()));
    paper.exchange = original.exchange.as_ref().and_then(|exchange| {
        let tax = converted(paper.totals.tax, paper.currency, exchange.currency, exchange.rate)?;
        Some(PaperExchange { tax, ..exchange.clone() })
    });
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
