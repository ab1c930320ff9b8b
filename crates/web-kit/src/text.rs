//! Every sentence of the checkout pages, in every language.
//!
//! Placeholders in braces are filled by [`fill`]; a test holds all languages to the same ones.

use crate::locale::Lang;

/// The texts of one language.
#[derive(Debug)]
pub struct Text {
    /// Strip above pages in test mode.
    pub test_mode: &'static str,
    /// Name of the order's part of the page.
    pub order: &'static str,
    /// `{reference}`.
    pub order_reference: &'static str,
    /// `{time}`.
    pub ends_in: &'static str,
    /// `{count}`, always above one.
    pub more_items: &'static str,
    /// A discount without a name.
    pub discount: &'static str,
    /// Sum before tax.
    pub net: &'static str,
    /// `{rate}`.
    pub tax: &'static str,
    /// Sum to pay.
    pub total: &'static str,
    /// `{shop}`.
    pub back_to_shop: &'static str,
    /// `{shop}`.
    pub continue_to_shop: &'static str,
    /// Copy button.
    pub copy: &'static str,
    /// Copy button, once done.
    pub copied: &'static str,
    /// Label of the request id.
    pub support_id: &'static str,
    /// `{shop}`, `{amount}`.
    pub pay_title: &'static str,
    /// Heading of the methods.
    pub how_to_pay: &'static str,
    /// `{amount}`.
    pub pay_button: &'static str,
    /// Button while the form is on its way.
    pub one_moment: &'static str,
    /// Small print below the button.
    pub provider_note: &'static str,
    /// No method was chosen.
    pub choose_method: &'static str,
    /// The chosen method cannot be used now.
    pub method_unavailable: &'static str,
    /// No use of the discount code is left.
    pub discount_refused: &'static str,
    /// `{shop}`; a checkout without any method.
    pub no_methods: &'static str,
    /// `{amount}` is the least, `{shop}` who to ask.
    pub amount_too_small: &'static str,
    /// `{amount}` is the most, `{shop}` who to ask.
    pub amount_too_large: &'static str,
    /// Method.
    pub method_card: &'static str,
    /// Its hint.
    pub method_card_hint: &'static str,
    /// Method.
    pub method_bank_debit: &'static str,
    /// Its hint.
    pub method_bank_debit_hint: &'static str,
    /// Method.
    pub method_multibanco: &'static str,
    /// Its hint.
    pub method_multibanco_hint: &'static str,
    /// Method.
    pub method_mb_way: &'static str,
    /// Its hint.
    pub method_mb_way_hint: &'static str,
    /// Method.
    pub method_bank_transfer: &'static str,
    /// Its hint.
    pub method_bank_transfer_hint: &'static str,
    /// Method.
    pub method_stablecoin: &'static str,
    /// Its hint.
    pub method_stablecoin_hint: &'static str,
    /// Method.
    pub method_sandbox: &'static str,
    /// Its hint.
    pub method_sandbox_hint: &'static str,
    /// `{method}`; on the way to a provider.
    pub handover_title: &'static str,
    /// Below it.
    pub handover_text: &'static str,
    /// `{method}`.
    pub handover_button: &'static str,
    /// Payment pending.
    pub waiting_title: &'static str,
    /// Follows live.
    pub waiting_text: &'static str,
    /// `{shop}`; methods that take days.
    pub waiting_days: &'static str,
    /// Link that loads the page anew.
    pub check_again: &'static str,
    /// Payment succeeded.
    pub paid_title: &'static str,
    /// `{shop}`.
    pub paid_text: &'static str,
    /// `{shop}`.
    pub returning: &'static str,
    /// Stops the automatic return.
    pub stay_here: &'static str,
    /// Receipt line.
    pub amount_paid: &'static str,
    /// Receipt line.
    pub amount: &'static str,
    /// Receipt line.
    pub amount_refunded: &'static str,
    /// Receipt line.
    pub payment_method: &'static str,
    /// Receipt line.
    pub paid_at: &'static str,
    /// Receipt line.
    pub reference: &'static str,
    /// Receipt line.
    pub payment_id: &'static str,
    /// Payment failed.
    pub failed_title: &'static str,
    /// After the reason.
    pub failed_text: &'static str,
    /// Button.
    pub try_again: &'static str,
    /// Button.
    pub other_method: &'static str,
    /// Why a payment failed.
    pub reason_declined: &'static str,
    /// Why a payment failed.
    pub reason_funds: &'static str,
    /// Why a payment failed.
    pub reason_expired_card: &'static str,
    /// Why a payment failed.
    pub reason_authentication: &'static str,
    /// Why a payment failed.
    pub reason_limit: &'static str,
    /// Why a payment failed.
    pub reason_provider: &'static str,
    /// Why a payment failed.
    pub reason_cancelled: &'static str,
    /// Why a payment failed.
    pub reason_timed_out: &'static str,
    /// Why a payment failed, days after it succeeded.
    pub reason_returned: &'static str,
    /// What to do then; `{shop}`.
    pub returned_text: &'static str,
    /// Why a payment failed.
    pub reason_unknown: &'static str,
    /// Checkout expired.
    pub expired_title: &'static str,
    /// `{shop}`.
    pub expired_text: &'static str,
    /// Checkout cancelled.
    pub cancelled_title: &'static str,
    /// `{shop}`.
    pub cancelled_text: &'static str,
    /// Checkout already paid.
    pub already_paid_title: &'static str,
    /// Below it.
    pub already_paid_text: &'static str,
    /// A newer checkout exists.
    pub superseded_title: &'static str,
    /// `{shop}`.
    pub superseded_text: &'static str,
    /// Unknown checkout.
    pub not_found_title: &'static str,
    /// Below it.
    pub not_found_text: &'static str,
    /// 5xx.
    pub error_title: &'static str,
    /// Below it.
    pub error_text: &'static str,
    /// 429.
    pub busy_title: &'static str,
    /// `{seconds}`.
    pub busy_text: &'static str,
    /// Other 4xx.
    pub refused_title: &'static str,
    /// Below it.
    pub refused_text: &'static str,
    /// Card authorised, not captured.
    pub authorized_title: &'static str,
    /// `{shop}`.
    pub authorized_text: &'static str,
    /// Refunded in full.
    pub refunded_title: &'static str,
    /// Refunded in part.
    pub partly_refunded_title: &'static str,
    /// Below either.
    pub refunded_text: &'static str,
    /// Disputed.
    pub disputed_title: &'static str,
    /// `{shop}`.
    pub disputed_text: &'static str,
    /// The sandbox's own page.
    pub sandbox_title: &'static str,
    /// Below it.
    pub sandbox_text: &'static str,
    /// Outcome.
    pub sandbox_pay: &'static str,
    /// Its hint.
    pub sandbox_pay_hint: &'static str,
    /// Outcome.
    pub sandbox_decline: &'static str,
    /// Its hint.
    pub sandbox_decline_hint: &'static str,
    /// Outcome.
    pub sandbox_challenge: &'static str,
    /// Its hint.
    pub sandbox_challenge_hint: &'static str,
    /// Outcome.
    pub sandbox_pending: &'static str,
    /// Its hint.
    pub sandbox_pending_hint: &'static str,
    /// Outcome.
    pub sandbox_late_failure: &'static str,
    /// Its hint.
    pub sandbox_late_failure_hint: &'static str,
    /// Outcome.
    pub sandbox_dispute: &'static str,
    /// Its hint.
    pub sandbox_dispute_hint: &'static str,
    /// Outcome, for manual capture.
    pub sandbox_authorize: &'static str,
    /// Its hint.
    pub sandbox_authorize_hint: &'static str,
    /// Leaves without paying.
    pub sandbox_cancel: &'static str,
    /// The sandbox's 3-D Secure step.
    pub challenge_title: &'static str,
    /// `{amount}`, `{shop}`.
    pub challenge_text: &'static str,
    /// Button.
    pub challenge_approve: &'static str,
    /// Button.
    pub challenge_fail: &'static str,
}

impl Text {
    /// The texts of a language.
    pub const fn of(lang: Lang) -> &'static Self {
        match lang {
            Lang::En => &EN,
            Lang::Pt => &PT,
            Lang::De => &DE,
            Lang::Fr => &FR,
            Lang::Es => &ES,
        }
    }
}

/// Puts values into `{name}` placeholders, in one pass: a value that looks like a placeholder stays as it is.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            out.push('{');
            out.push_str(after);
            return out;
        };
        out.push_str(values.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value));
        rest = after;
    }
    out.push_str(rest);
    out
}

static EN: Text = Text {
    test_mode: "Test mode: no real money moves.",
    order: "Your order",
    order_reference: "Order {reference}",
    ends_in: "ends in {time}",
    more_items: "and {count} more items",
    discount: "Discount",
    net: "Net",
    tax: "VAT {rate}",
    total: "Total",
    back_to_shop: "Back to {shop}",
    continue_to_shop: "Continue to {shop}",
    copy: "Copy",
    copied: "Copied",
    support_id: "Reference for support",
    pay_title: "Pay {shop} · {amount}",
    how_to_pay: "How would you like to pay?",
    pay_button: "Pay {amount}",
    one_moment: "One moment …",
    provider_note: "Your payment details go to the payment provider, never to the shop.",
    choose_method: "Please choose how you would like to pay.",
    method_unavailable: "This payment method is not available right now. Please choose another one.",
    discount_refused: "The discount code has been used up in the meantime. Please go back to the shop and order again.",
    no_methods: "There is no payment method for this order at the moment. Please contact {shop}.",
    amount_too_small: "This order comes to less than can be paid online: {amount} is the least. Please contact {shop}.",
    amount_too_large: "This order comes to more than can be paid online: {amount} is the most. Please contact {shop}.",
    method_card: "Card",
    method_card_hint: "Visa, Mastercard and others",
    method_bank_debit: "Bank debit",
    method_bank_debit_hint: "From your bank account, takes a few working days",
    method_multibanco: "Multibanco",
    method_multibanco_hint: "Pay a reference at an ATM or in your bank’s app",
    method_mb_way: "MB WAY",
    method_mb_way_hint: "Confirm on your phone",
    method_bank_transfer: "Bank transfer",
    method_bank_transfer_hint: "With a QR code for your banking app",
    method_stablecoin: "Stablecoin",
    method_stablecoin_hint: "From your own wallet",
    method_sandbox: "Test payment",
    method_sandbox_hint: "You choose how it ends",
    handover_title: "Taking you to {method}",
    handover_text: "If nothing happens, use the button.",
    handover_button: "Go on to {method}",
    waiting_title: "Your payment is on its way",
    waiting_text: "We are waiting for it to be confirmed. This page updates itself.",
    waiting_days: "This can take a few working days. You can close this page: your payment to {shop} goes on without it.",
    check_again: "Check again",
    paid_title: "Payment received",
    paid_text: "Thank you! Your payment to {shop} was received.",
    returning: "You will be taken back to {shop} in a moment.",
    stay_here: "Stay on this page",
    amount_paid: "Amount paid",
    amount: "Amount",
    amount_refunded: "Amount refunded",
    payment_method: "Payment method",
    paid_at: "Date",
    reference: "Order reference",
    payment_id: "Payment ID",
    failed_title: "The payment did not go through",
    failed_text: "Your order is still open: you can try again or pay another way.",
    try_again: "Try again",
    other_method: "Choose another method",
    reason_declined: "Your bank or card issuer declined the payment.",
    reason_funds: "There was not enough money in the account.",
    reason_expired_card: "The card has expired.",
    reason_authentication: "The payment was not confirmed with your bank.",
    reason_limit: "The amount is above a limit of your card or account.",
    reason_provider: "The payment provider cannot be reached right now.",
    reason_cancelled: "You stopped the payment before it was finished.",
    reason_timed_out: "The payment was not finished in time.",
    reason_returned: "Your bank returned the payment.",
    returned_text: "So the order is not paid. Please order again at {shop}, or ask {shop} how to pay, and name the payment ID below.",
    reason_unknown: "The payment could not be completed.",
    expired_title: "This payment page has expired",
    expired_text: "Nothing can be paid here any more. To order, please start again at {shop}.",
    cancelled_title: "This payment was cancelled",
    cancelled_text: "Nothing can be paid here any more. To order after all, please start again at {shop}.",
    already_paid_title: "This order is already paid",
    already_paid_text: "There is nothing more to pay.",
    superseded_title: "There is a newer payment page for this order",
    superseded_text: "Please pay on the newer page, so that {shop} can match your payment to the order. You reach it from the shop.",
    not_found_title: "This payment page does not exist",
    not_found_text: "Please check the address, or go back to the shop and open the payment page from there.",
    error_title: "Something went wrong on our side",
    error_text: "Please try again in a moment. If you were paying: opening this page again shows whether the payment arrived, and you are never charged twice for the same order by reloading.",
    busy_title: "That was a little too fast",
    busy_text: "Please wait {seconds} seconds, then try again.",
    refused_title: "That did not work",
    refused_text: "Please go back to the payment page and try again.",
    authorized_title: "Payment authorised",
    authorized_text: "The amount is reserved on your card. {shop} takes it once the order is confirmed.",
    refunded_title: "This payment was refunded",
    partly_refunded_title: "Part of this payment was refunded",
    refunded_text: "The money goes back the way you paid. Your bank may take a few days to show it.",
    disputed_title: "This payment is being looked into",
    disputed_text: "The payment was disputed with the bank. For questions, please contact your bank or {shop}.",
    sandbox_title: "Test payment",
    sandbox_text: "This page stands in for a payment provider. Choose how the payment ends.",
    sandbox_pay: "Pay",
    sandbox_pay_hint: "Succeeds at once",
    sandbox_decline: "Decline",
    sandbox_decline_hint: "The bank says no",
    sandbox_challenge: "Require 3-D Secure",
    sandbox_challenge_hint: "One more step, then paid or failed",
    sandbox_pending: "Pending, then paid",
    sandbox_pending_hint: "Confirmed after a few seconds",
    sandbox_late_failure: "Paid, then late failure",
    sandbox_late_failure_hint: "The bank takes the money back",
    sandbox_dispute: "Paid, then disputed",
    sandbox_dispute_hint: "The payer complains to the bank",
    sandbox_authorize: "Authorise only",
    sandbox_authorize_hint: "The shop captures later",
    sandbox_cancel: "Cancel and go back",
    challenge_title: "Confirm the test payment",
    challenge_text: "Your (pretended) bank asks: pay {amount} to {shop}?",
    challenge_approve: "Approve",
    challenge_fail: "Fail the check",
};

static PT: Text = Text {
    test_mode: "Modo de teste: não há movimentos de dinheiro real.",
    order: "A sua encomenda",
    order_reference: "Encomenda {reference}",
    ends_in: "termina em {time}",
    more_items: "e mais {count} artigos",
    discount: "Desconto",
    net: "Valor sem IVA",
    tax: "IVA {rate}",
    total: "Total",
    back_to_shop: "Voltar a {shop}",
    continue_to_shop: "Continuar para {shop}",
    copy: "Copiar",
    copied: "Copiado",
    support_id: "Referência para o apoio",
    pay_title: "Pagar a {shop} · {amount}",
    how_to_pay: "Como prefere pagar?",
    pay_button: "Pagar {amount}",
    one_moment: "Um momento …",
    provider_note: "Os seus dados de pagamento vão para o prestador de pagamentos, nunca para a loja.",
    choose_method: "Escolha como prefere pagar.",
    method_unavailable: "Este método de pagamento não está disponível neste momento. Escolha outro.",
    discount_refused: "O código de desconto esgotou-se entretanto. Volte à loja e faça a encomenda de novo.",
    no_methods: "De momento não há nenhum método de pagamento para esta encomenda. Contacte {shop}.",
    amount_too_small: "O valor desta encomenda é inferior ao mínimo que se pode pagar online: {amount}. Contacte {shop}.",
    amount_too_large: "O valor desta encomenda é superior ao máximo que se pode pagar online: {amount}. Contacte {shop}.",
    method_card: "Cartão",
    method_card_hint: "Visa, Mastercard e outros",
    method_bank_debit: "Débito direto",
    method_bank_debit_hint: "Da sua conta bancária, demora alguns dias úteis",
    method_multibanco: "Multibanco",
    method_multibanco_hint: "Pague uma referência no multibanco ou na app do seu banco",
    method_mb_way: "MB WAY",
    method_mb_way_hint: "Confirme no telemóvel",
    method_bank_transfer: "Transferência bancária",
    method_bank_transfer_hint: "Com código QR para a app do seu banco",
    method_stablecoin: "Stablecoin",
    method_stablecoin_hint: "Da sua própria carteira",
    method_sandbox: "Pagamento de teste",
    method_sandbox_hint: "Escolhe como termina",
    handover_title: "A encaminhar para {method}",
    handover_text: "Se nada acontecer, use o botão.",
    handover_button: "Continuar para {method}",
    waiting_title: "O seu pagamento está a ser processado",
    waiting_text: "Estamos à espera da confirmação. Esta página atualiza-se sozinha.",
    waiting_days: "Pode demorar alguns dias úteis. Pode fechar esta página: o seu pagamento à loja {shop} continua sem ela.",
    check_again: "Verificar novamente",
    paid_title: "Pagamento recebido",
    paid_text: "Obrigado! O seu pagamento à loja {shop} foi recebido.",
    returning: "Será encaminhado para {shop} dentro de momentos.",
    stay_here: "Ficar nesta página",
    amount_paid: "Valor pago",
    amount: "Valor",
    amount_refunded: "Valor reembolsado",
    payment_method: "Método de pagamento",
    paid_at: "Data",
    reference: "Referência da encomenda",
    payment_id: "ID do pagamento",
    failed_title: "O pagamento não foi concluído",
    failed_text: "A sua encomenda continua em aberto: pode tentar novamente ou pagar de outra forma.",
    try_again: "Tentar novamente",
    other_method: "Escolher outro método",
    reason_declined: "O seu banco ou emissor do cartão recusou o pagamento.",
    reason_funds: "Não havia saldo suficiente na conta.",
    reason_expired_card: "O cartão expirou.",
    reason_authentication: "O pagamento não foi confirmado junto do seu banco.",
    reason_limit: "O valor ultrapassa um limite do seu cartão ou da sua conta.",
    reason_provider: "O prestador de pagamentos não está acessível neste momento.",
    reason_cancelled: "Interrompeu o pagamento antes de terminar.",
    reason_timed_out: "O pagamento não foi concluído a tempo.",
    reason_returned: "O seu banco devolveu o pagamento.",
    returned_text: "Por isso, a encomenda não está paga. Encomende de novo em {shop} ou pergunte a {shop} como pagar, indicando o ID do pagamento abaixo.",
    reason_unknown: "Não foi possível concluir o pagamento.",
    expired_title: "Esta página de pagamento expirou",
    expired_text: "Já não é possível pagar aqui. Para encomendar, recomece em {shop}.",
    cancelled_title: "Este pagamento foi cancelado",
    cancelled_text: "Já não é possível pagar aqui. Se ainda quiser encomendar, recomece em {shop}.",
    already_paid_title: "Esta encomenda já está paga",
    already_paid_text: "Não há mais nada a pagar.",
    superseded_title: "Há uma página de pagamento mais recente para esta encomenda",
    superseded_text: "Pague na página mais recente, para que {shop} possa associar o pagamento à encomenda. Chega lá a partir da loja.",
    not_found_title: "Esta página de pagamento não existe",
    not_found_text: "Verifique o endereço ou volte à loja e abra a página de pagamento a partir daí.",
    error_title: "Algo correu mal do nosso lado",
    error_text: "Tente novamente dentro de momentos. Se estava a pagar: ao abrir esta página outra vez vê se o pagamento chegou, e recarregá-la nunca cobra a encomenda duas vezes.",
    busy_title: "Foi um pouco depressa demais",
    busy_text: "Aguarde {seconds} segundos e tente novamente.",
    refused_title: "Não funcionou",
    refused_text: "Volte à página de pagamento e tente novamente.",
    authorized_title: "Pagamento autorizado",
    authorized_text: "O valor está reservado no seu cartão. {shop} cobra-o quando a encomenda for confirmada.",
    refunded_title: "Este pagamento foi reembolsado",
    partly_refunded_title: "Parte deste pagamento foi reembolsada",
    refunded_text: "O dinheiro volta pela mesma via do pagamento. O seu banco pode demorar alguns dias a mostrá-lo.",
    disputed_title: "Este pagamento está em análise",
    disputed_text: "O pagamento foi contestado junto do banco. Em caso de dúvida, contacte o seu banco ou {shop}.",
    sandbox_title: "Pagamento de teste",
    sandbox_text: "Esta página faz as vezes de um prestador de pagamentos. Escolha como termina o pagamento.",
    sandbox_pay: "Pagar",
    sandbox_pay_hint: "É concluído de imediato",
    sandbox_decline: "Recusar",
    sandbox_decline_hint: "O banco recusa",
    sandbox_challenge: "Exigir 3-D Secure",
    sandbox_challenge_hint: "Mais um passo, depois pago ou falhado",
    sandbox_pending: "Pendente, depois pago",
    sandbox_pending_hint: "Confirmado após alguns segundos",
    sandbox_late_failure: "Pago, depois falha tardia",
    sandbox_late_failure_hint: "O banco retira o dinheiro",
    sandbox_dispute: "Pago, depois contestado",
    sandbox_dispute_hint: "O pagador reclama junto do banco",
    sandbox_authorize: "Só autorizar",
    sandbox_authorize_hint: "A loja cobra mais tarde",
    sandbox_cancel: "Cancelar e voltar",
    challenge_title: "Confirme o pagamento de teste",
    challenge_text: "O seu banco (simulado) pergunta: pagar {amount} a {shop}?",
    challenge_approve: "Aprovar",
    challenge_fail: "Falhar a verificação",
};

static DE: Text = Text {
    test_mode: "Testmodus: Es fließt kein echtes Geld.",
    order: "Ihre Bestellung",
    order_reference: "Bestellung {reference}",
    ends_in: "endet in {time}",
    more_items: "und {count} weitere Artikel",
    discount: "Rabatt",
    net: "Nettobetrag",
    tax: "MwSt. {rate}",
    total: "Gesamtbetrag",
    back_to_shop: "Zurück zu {shop}",
    continue_to_shop: "Weiter zu {shop}",
    copy: "Kopieren",
    copied: "Kopiert",
    support_id: "Kennung für den Support",
    pay_title: "{shop} bezahlen · {amount}",
    how_to_pay: "Wie möchten Sie bezahlen?",
    pay_button: "{amount} bezahlen",
    one_moment: "Einen Moment …",
    provider_note: "Ihre Zahlungsdaten gehen an den Zahlungsdienst, nie an den Shop.",
    choose_method: "Bitte wählen Sie, wie Sie bezahlen möchten.",
    method_unavailable: "Diese Zahlungsart ist im Moment nicht verfügbar. Bitte wählen Sie eine andere.",
    discount_refused: "Der Rabattcode ist inzwischen aufgebraucht. Bitte gehen Sie zurück zum Shop und bestellen Sie noch einmal.",
    no_methods: "Für diese Bestellung gibt es im Moment keine Zahlungsart. Bitte wenden Sie sich an {shop}.",
    amount_too_small: "Der Betrag dieser Bestellung ist zu klein, um online bezahlt zu werden: Mindestens {amount} sind nötig. Bitte wenden Sie sich an {shop}.",
    amount_too_large: "Der Betrag dieser Bestellung ist zu groß, um online bezahlt zu werden: Höchstens {amount} sind möglich. Bitte wenden Sie sich an {shop}.",
    method_card: "Karte",
    method_card_hint: "Visa, Mastercard und andere",
    method_bank_debit: "Lastschrift",
    method_bank_debit_hint: "Von Ihrem Bankkonto, dauert einige Werktage",
    method_multibanco: "Multibanco",
    method_multibanco_hint: "Referenz am Geldautomaten oder in der Banking-App bezahlen",
    method_mb_way: "MB WAY",
    method_mb_way_hint: "Auf dem Telefon bestätigen",
    method_bank_transfer: "Überweisung",
    method_bank_transfer_hint: "Mit QR-Code für Ihre Banking-App",
    method_stablecoin: "Stablecoin",
    method_stablecoin_hint: "Aus Ihrer eigenen Wallet",
    method_sandbox: "Testzahlung",
    method_sandbox_hint: "Sie bestimmen, wie sie ausgeht",
    handover_title: "Weiterleitung zu {method}",
    handover_text: "Falls nichts passiert, nutzen Sie die Schaltfläche.",
    handover_button: "Weiter zu {method}",
    waiting_title: "Ihre Zahlung ist unterwegs",
    waiting_text: "Wir warten auf die Bestätigung. Diese Seite aktualisiert sich von selbst.",
    waiting_days: "Das kann einige Werktage dauern. Sie können diese Seite schließen: Ihre Zahlung an {shop} läuft ohne sie weiter.",
    check_again: "Erneut prüfen",
    paid_title: "Zahlung erhalten",
    paid_text: "Vielen Dank! Ihre Zahlung an {shop} ist eingegangen.",
    returning: "Sie werden gleich zu {shop} zurückgeleitet.",
    stay_here: "Auf dieser Seite bleiben",
    amount_paid: "Bezahlter Betrag",
    amount: "Betrag",
    amount_refunded: "Erstatteter Betrag",
    payment_method: "Zahlungsart",
    paid_at: "Datum",
    reference: "Bestellreferenz",
    payment_id: "Zahlungs-ID",
    failed_title: "Die Zahlung hat nicht geklappt",
    failed_text: "Ihre Bestellung ist noch offen: Sie können es erneut versuchen oder anders bezahlen.",
    try_again: "Erneut versuchen",
    other_method: "Andere Zahlungsart wählen",
    reason_declined: "Ihre Bank oder Ihr Kartenanbieter hat die Zahlung abgelehnt.",
    reason_funds: "Das Konto war nicht ausreichend gedeckt.",
    reason_expired_card: "Die Karte ist abgelaufen.",
    reason_authentication: "Die Zahlung wurde bei Ihrer Bank nicht bestätigt.",
    reason_limit: "Der Betrag übersteigt ein Limit Ihrer Karte oder Ihres Kontos.",
    reason_provider: "Der Zahlungsdienst ist im Moment nicht erreichbar.",
    reason_cancelled: "Sie haben die Zahlung vor dem Abschluss abgebrochen.",
    reason_timed_out: "Die Zahlung wurde nicht rechtzeitig abgeschlossen.",
    reason_returned: "Ihre Bank hat die Zahlung zurückgegeben.",
    returned_text: "Die Bestellung ist deshalb nicht bezahlt. Bestellen Sie bei {shop} erneut, oder fragen Sie {shop}, wie Sie bezahlen können, und nennen Sie dabei die Zahlungs-ID unten.",
    reason_unknown: "Die Zahlung konnte nicht abgeschlossen werden.",
    expired_title: "Diese Zahlungsseite ist abgelaufen",
    expired_text: "Hier kann nichts mehr bezahlt werden. Bitte bestellen Sie bei {shop} noch einmal.",
    cancelled_title: "Diese Zahlung wurde abgebrochen",
    cancelled_text: "Hier kann nichts mehr bezahlt werden. Falls Sie doch bestellen möchten, beginnen Sie bei {shop} bitte neu.",
    already_paid_title: "Diese Bestellung ist bereits bezahlt",
    already_paid_text: "Es gibt nichts mehr zu bezahlen.",
    superseded_title: "Für diese Bestellung gibt es eine neuere Zahlungsseite",
    superseded_text: "Bitte zahlen Sie auf der neueren Seite, damit {shop} die Zahlung zuordnen kann. Sie erreichen sie über den Shop.",
    not_found_title: "Diese Zahlungsseite gibt es nicht",
    not_found_text: "Bitte prüfen Sie die Adresse oder öffnen Sie die Zahlungsseite noch einmal vom Shop aus.",
    error_title: "Bei uns ist etwas schiefgelaufen",
    error_text: "Bitte versuchen Sie es gleich noch einmal. Falls Sie gerade bezahlt haben: Wenn Sie diese Seite erneut öffnen, sehen Sie, ob die Zahlung angekommen ist; durch das Neuladen wird nie doppelt abgebucht.",
    busy_title: "Das ging etwas zu schnell",
    busy_text: "Bitte warten Sie {seconds} Sekunden und versuchen Sie es dann erneut.",
    refused_title: "Das hat nicht funktioniert",
    refused_text: "Bitte gehen Sie zurück zur Zahlungsseite und versuchen Sie es erneut.",
    authorized_title: "Zahlung autorisiert",
    authorized_text: "Der Betrag ist auf Ihrer Karte reserviert. {shop} bucht ihn ab, sobald die Bestellung bestätigt ist.",
    refunded_title: "Diese Zahlung wurde erstattet",
    partly_refunded_title: "Diese Zahlung wurde teilweise erstattet",
    refunded_text: "Das Geld geht auf dem Weg zurück, auf dem Sie bezahlt haben. Ihre Bank kann einige Tage brauchen, bis sie es anzeigt.",
    disputed_title: "Diese Zahlung wird geprüft",
    disputed_text: "Die Zahlung wurde bei der Bank beanstandet. Bei Fragen wenden Sie sich bitte an Ihre Bank oder an {shop}.",
    sandbox_title: "Testzahlung",
    sandbox_text: "Diese Seite vertritt einen Zahlungsdienst. Wählen Sie, wie die Zahlung ausgeht.",
    sandbox_pay: "Bezahlen",
    sandbox_pay_hint: "Gelingt sofort",
    sandbox_decline: "Ablehnen",
    sandbox_decline_hint: "Die Bank lehnt ab",
    sandbox_challenge: "3-D Secure verlangen",
    sandbox_challenge_hint: "Ein Schritt mehr, dann bezahlt oder gescheitert",
    sandbox_pending: "Ausstehend, dann bezahlt",
    sandbox_pending_hint: "Nach einigen Sekunden bestätigt",
    sandbox_late_failure: "Bezahlt, dann spät gescheitert",
    sandbox_late_failure_hint: "Die Bank holt das Geld zurück",
    sandbox_dispute: "Bezahlt, dann beanstandet",
    sandbox_dispute_hint: "Der Zahler beschwert sich bei der Bank",
    sandbox_authorize: "Nur autorisieren",
    sandbox_authorize_hint: "Der Shop bucht später ab",
    sandbox_cancel: "Abbrechen und zurück",
    challenge_title: "Testzahlung bestätigen",
    challenge_text: "Ihre (gespielte) Bank fragt: {amount} an {shop} zahlen?",
    challenge_approve: "Bestätigen",
    challenge_fail: "Prüfung scheitern lassen",
};

static FR: Text = Text {
    test_mode: "Mode test\u{a0}: aucun argent réel n’est débité.",
    order: "Votre commande",
    order_reference: "Commande {reference}",
    ends_in: "expire dans {time}",
    more_items: "et {count} autres articles",
    discount: "Remise",
    net: "Montant HT",
    tax: "TVA {rate}",
    total: "Total",
    back_to_shop: "Revenir sur {shop}",
    continue_to_shop: "Continuer sur {shop}",
    copy: "Copier",
    copied: "Copié",
    support_id: "Référence pour l’assistance",
    pay_title: "Payer {shop} · {amount}",
    how_to_pay: "Comment souhaitez-vous payer\u{a0}?",
    pay_button: "Payer {amount}",
    one_moment: "Un instant…",
    provider_note: "Vos données de paiement vont au prestataire de paiement, jamais à la boutique.",
    choose_method: "Veuillez choisir un moyen de paiement.",
    method_unavailable: "Ce moyen de paiement n’est pas disponible pour le moment. Veuillez en choisir un autre.",
    discount_refused: "Le code de remise a été épuisé entre-temps. Veuillez retourner à la boutique et recommencer la commande.",
    no_methods: "Aucun moyen de paiement n’est disponible pour cette commande. Veuillez contacter {shop}.",
    amount_too_small: "Le montant de cette commande est inférieur au minimum qui peut être payé en ligne : {amount}. Veuillez contacter {shop}.",
    amount_too_large: "Le montant de cette commande est supérieur au maximum qui peut être payé en ligne : {amount}. Veuillez contacter {shop}.",
    method_card: "Carte bancaire",
    method_card_hint: "Visa, Mastercard et autres",
    method_bank_debit: "Prélèvement bancaire",
    method_bank_debit_hint: "Depuis votre compte bancaire, sous quelques jours ouvrés",
    method_multibanco: "Multibanco",
    method_multibanco_hint: "Payez une référence au distributeur ou dans l’appli de votre banque",
    method_mb_way: "MB WAY",
    method_mb_way_hint: "Confirmez sur votre téléphone",
    method_bank_transfer: "Virement bancaire",
    method_bank_transfer_hint: "Avec un QR code pour l’appli de votre banque",
    method_stablecoin: "Stablecoin",
    method_stablecoin_hint: "Depuis votre portefeuille",
    method_sandbox: "Paiement de test",
    method_sandbox_hint: "Vous choisissez son issue",
    handover_title: "Redirection vers {method}",
    handover_text: "Si rien ne se passe, utilisez le bouton.",
    handover_button: "Continuer vers {method}",
    waiting_title: "Votre paiement est en cours",
    waiting_text: "Nous attendons sa confirmation. Cette page se met à jour toute seule.",
    waiting_days: "Cela peut prendre quelques jours ouvrés. Vous pouvez fermer cette page\u{a0}: votre paiement à {shop} suit son cours sans elle.",
    check_again: "Vérifier à nouveau",
    paid_title: "Paiement reçu",
    paid_text: "Merci\u{a0}! Votre paiement à {shop} a bien été reçu.",
    returning: "Vous allez être redirigé vers {shop} dans un instant.",
    stay_here: "Rester sur cette page",
    amount_paid: "Montant payé",
    amount: "Montant",
    amount_refunded: "Montant remboursé",
    payment_method: "Moyen de paiement",
    paid_at: "Date",
    reference: "Référence de commande",
    payment_id: "ID du paiement",
    failed_title: "Le paiement n’a pas abouti",
    failed_text: "Votre commande reste ouverte\u{a0}: vous pouvez réessayer ou payer autrement.",
    try_again: "Réessayer",
    other_method: "Choisir un autre moyen",
    reason_declined: "Votre banque ou l’émetteur de votre carte a refusé le paiement.",
    reason_funds: "Le solde du compte était insuffisant.",
    reason_expired_card: "La carte a expiré.",
    reason_authentication: "Le paiement n’a pas été confirmé auprès de votre banque.",
    reason_limit: "Le montant dépasse un plafond de votre carte ou de votre compte.",
    reason_provider: "Le prestataire de paiement est injoignable pour le moment.",
    reason_cancelled: "Vous avez interrompu le paiement avant la fin.",
    reason_timed_out: "Le paiement n’a pas été terminé à temps.",
    reason_returned: "Votre banque a rejeté le paiement.",
    returned_text: "La commande n’est donc pas payée. Commandez de nouveau chez {shop}, ou demandez à {shop} comment payer en indiquant l’ID du paiement ci-dessous.",
    reason_unknown: "Le paiement n’a pas pu être finalisé.",
    expired_title: "Cette page de paiement a expiré",
    expired_text: "Plus rien ne peut être payé ici. Pour commander, veuillez recommencer sur {shop}.",
    cancelled_title: "Ce paiement a été annulé",
    cancelled_text: "Plus rien ne peut être payé ici. Pour commander malgré tout, veuillez recommencer sur {shop}.",
    already_paid_title: "Cette commande est déjà payée",
    already_paid_text: "Il n’y a plus rien à payer.",
    superseded_title: "Il existe une page de paiement plus récente pour cette commande",
    superseded_text: "Veuillez payer sur la page la plus récente, afin que {shop} puisse rattacher le paiement à la commande. Vous y accédez depuis la boutique.",
    not_found_title: "Cette page de paiement n’existe pas",
    not_found_text: "Vérifiez l’adresse, ou retournez à la boutique et ouvrez la page de paiement depuis celle-ci.",
    error_title: "Une erreur est survenue de notre côté",
    error_text: "Veuillez réessayer dans un instant. Si vous étiez en train de payer\u{a0}: rouvrez cette page pour voir si le paiement est arrivé\u{a0}; la recharger ne débite jamais deux fois.",
    busy_title: "C’était un peu trop rapide",
    busy_text: "Veuillez patienter {seconds} secondes, puis réessayer.",
    refused_title: "Cela n’a pas fonctionné",
    refused_text: "Veuillez revenir à la page de paiement et réessayer.",
    authorized_title: "Paiement autorisé",
    authorized_text: "Le montant est réservé sur votre carte. {shop} le prélèvera une fois la commande confirmée.",
    refunded_title: "Ce paiement a été remboursé",
    partly_refunded_title: "Une partie de ce paiement a été remboursée",
    refunded_text: "L’argent revient par le moyen utilisé pour payer. Votre banque peut mettre quelques jours à l’afficher.",
    disputed_title: "Ce paiement est en cours d’examen",
    disputed_text: "Le paiement a été contesté auprès de la banque. Pour toute question, contactez votre banque ou {shop}.",
    sandbox_title: "Paiement de test",
    sandbox_text: "Cette page remplace un prestataire de paiement. Choisissez l’issue du paiement.",
    sandbox_pay: "Payer",
    sandbox_pay_hint: "Réussit immédiatement",
    sandbox_decline: "Refuser",
    sandbox_decline_hint: "La banque refuse",
    sandbox_challenge: "Exiger 3-D Secure",
    sandbox_challenge_hint: "Une étape de plus, puis payé ou échoué",
    sandbox_pending: "En attente, puis payé",
    sandbox_pending_hint: "Confirmé après quelques secondes",
    sandbox_late_failure: "Payé, puis échec tardif",
    sandbox_late_failure_hint: "La banque reprend l’argent",
    sandbox_dispute: "Payé, puis contesté",
    sandbox_dispute_hint: "Le payeur se plaint à sa banque",
    sandbox_authorize: "Autoriser seulement",
    sandbox_authorize_hint: "La boutique encaisse plus tard",
    sandbox_cancel: "Annuler et revenir",
    challenge_title: "Confirmez le paiement de test",
    challenge_text: "Votre banque (simulée) demande\u{a0}: payer {amount} à {shop}\u{a0}?",
    challenge_approve: "Approuver",
    challenge_fail: "Échouer à la vérification",
};

static ES: Text = Text {
    test_mode: "Modo de prueba: no se mueve dinero real.",
    order: "Su pedido",
    order_reference: "Pedido {reference}",
    ends_in: "termina en {time}",
    more_items: "y {count} artículos más",
    discount: "Descuento",
    net: "Base imponible",
    tax: "IVA {rate}",
    total: "Total",
    back_to_shop: "Volver a {shop}",
    continue_to_shop: "Continuar a {shop}",
    copy: "Copiar",
    copied: "Copiado",
    support_id: "Referencia para soporte",
    pay_title: "Pagar a {shop} · {amount}",
    how_to_pay: "¿Cómo desea pagar?",
    pay_button: "Pagar {amount}",
    one_moment: "Un momento…",
    provider_note: "Sus datos de pago van al proveedor de pagos, nunca a la tienda.",
    choose_method: "Elija cómo desea pagar.",
    method_unavailable: "Este método de pago no está disponible en este momento. Elija otro.",
    discount_refused: "El código de descuento se ha agotado mientras tanto. Vuelva a la tienda y haga el pedido de nuevo.",
    no_methods: "Por ahora no hay ningún método de pago para este pedido. Póngase en contacto con {shop}.",
    amount_too_small: "El importe de este pedido es inferior al mínimo que se puede pagar en línea: {amount}. Póngase en contacto con {shop}.",
    amount_too_large: "El importe de este pedido es superior al máximo que se puede pagar en línea: {amount}. Póngase en contacto con {shop}.",
    method_card: "Tarjeta",
    method_card_hint: "Visa, Mastercard y otras",
    method_bank_debit: "Domiciliación bancaria",
    method_bank_debit_hint: "Desde su cuenta bancaria, tarda unos días laborables",
    method_multibanco: "Multibanco",
    method_multibanco_hint: "Pague una referencia en un cajero o en la app de su banco",
    method_mb_way: "MB WAY",
    method_mb_way_hint: "Confirme en su teléfono",
    method_bank_transfer: "Transferencia bancaria",
    method_bank_transfer_hint: "Con código QR para la app de su banco",
    method_stablecoin: "Stablecoin",
    method_stablecoin_hint: "Desde su propia cartera",
    method_sandbox: "Pago de prueba",
    method_sandbox_hint: "Usted elige cómo termina",
    handover_title: "Redirigiendo a {method}",
    handover_text: "Si no ocurre nada, use el botón.",
    handover_button: "Continuar a {method}",
    waiting_title: "Su pago está en camino",
    waiting_text: "Estamos esperando la confirmación. Esta página se actualiza sola.",
    waiting_days: "Puede tardar unos días laborables. Puede cerrar esta página: su pago a {shop} sigue adelante sin ella.",
    check_again: "Comprobar de nuevo",
    paid_title: "Pago recibido",
    paid_text: "¡Gracias! Su pago a {shop} se ha recibido.",
    returning: "En un momento volverá a {shop}.",
    stay_here: "Quedarse en esta página",
    amount_paid: "Importe pagado",
    amount: "Importe",
    amount_refunded: "Importe reembolsado",
    payment_method: "Método de pago",
    paid_at: "Fecha",
    reference: "Referencia del pedido",
    payment_id: "ID del pago",
    failed_title: "El pago no se ha completado",
    failed_text: "Su pedido sigue abierto: puede intentarlo de nuevo o pagar de otra forma.",
    try_again: "Intentar de nuevo",
    other_method: "Elegir otro método",
    reason_declined: "Su banco o el emisor de la tarjeta ha rechazado el pago.",
    reason_funds: "No había saldo suficiente en la cuenta.",
    reason_expired_card: "La tarjeta ha caducado.",
    reason_authentication: "El pago no se ha confirmado con su banco.",
    reason_limit: "El importe supera un límite de su tarjeta o de su cuenta.",
    reason_provider: "No se puede contactar ahora con el proveedor de pagos.",
    reason_cancelled: "Ha interrumpido el pago antes de terminar.",
    reason_timed_out: "El pago no se ha terminado a tiempo.",
    reason_returned: "Su banco ha devuelto el pago.",
    returned_text: "Por eso, el pedido no está pagado. Haga el pedido de nuevo en {shop} o pregunte a {shop} cómo pagar e indique el ID del pago que figura abajo.",
    reason_unknown: "No se ha podido completar el pago.",
    expired_title: "Esta página de pago ha caducado",
    expired_text: "Ya no se puede pagar aquí. Para hacer el pedido, empiece de nuevo en {shop}.",
    cancelled_title: "Este pago se ha cancelado",
    cancelled_text: "Ya no se puede pagar aquí. Si aún quiere hacer el pedido, empiece de nuevo en {shop}.",
    already_paid_title: "Este pedido ya está pagado",
    already_paid_text: "No queda nada por pagar.",
    superseded_title: "Hay una página de pago más reciente para este pedido",
    superseded_text: "Pague en la página más reciente, para que {shop} pueda asociar el pago al pedido. Puede abrirla desde la tienda.",
    not_found_title: "Esta página de pago no existe",
    not_found_text: "Compruebe la dirección, o vuelva a la tienda y abra la página de pago desde allí.",
    error_title: "Algo ha fallado por nuestra parte",
    error_text: "Inténtelo de nuevo en un momento. Si estaba pagando: al abrir otra vez esta página verá si el pago ha llegado, y recargarla nunca cobra dos veces.",
    busy_title: "Ha ido un poco demasiado rápido",
    busy_text: "Espere {seconds} segundos e inténtelo de nuevo.",
    refused_title: "No ha funcionado",
    refused_text: "Vuelva a la página de pago e inténtelo de nuevo.",
    authorized_title: "Pago autorizado",
    authorized_text: "El importe está reservado en su tarjeta. {shop} lo cobrará cuando se confirme el pedido.",
    refunded_title: "Este pago se ha reembolsado",
    partly_refunded_title: "Se ha reembolsado parte de este pago",
    refunded_text: "El dinero vuelve por la misma vía del pago. Su banco puede tardar unos días en mostrarlo.",
    disputed_title: "Este pago está en revisión",
    disputed_text: "El pago se ha impugnado ante el banco. Si tiene dudas, póngase en contacto con su banco o con {shop}.",
    sandbox_title: "Pago de prueba",
    sandbox_text: "Esta página hace las veces de un proveedor de pagos. Elija cómo termina el pago.",
    sandbox_pay: "Pagar",
    sandbox_pay_hint: "Se completa al momento",
    sandbox_decline: "Rechazar",
    sandbox_decline_hint: "El banco dice que no",
    sandbox_challenge: "Exigir 3-D Secure",
    sandbox_challenge_hint: "Un paso más, después pagado o fallido",
    sandbox_pending: "Pendiente, después pagado",
    sandbox_pending_hint: "Se confirma tras unos segundos",
    sandbox_late_failure: "Pagado, después fallo tardío",
    sandbox_late_failure_hint: "El banco retira el dinero",
    sandbox_dispute: "Pagado, después impugnado",
    sandbox_dispute_hint: "El pagador reclama ante el banco",
    sandbox_authorize: "Solo autorizar",
    sandbox_authorize_hint: "La tienda cobra más tarde",
    sandbox_cancel: "Cancelar y volver",
    challenge_title: "Confirme el pago de prueba",
    challenge_text: "Su banco (simulado) pregunta: ¿pagar {amount} a {shop}?",
    challenge_approve: "Aprobar",
    challenge_fail: "Fallar la comprobación",
};

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn fields(lang: Lang) -> Vec<(String, String)> {
        fields_of(&format!("{:?}", Text::of(lang)))
    }

    /// Names and texts of all fields, by way of the derived Debug form.
    pub(crate) fn fields_of(debug: &str) -> Vec<(String, String)> {
        let body = debug.split_once(" { ").expect("a struct").1.trim_end_matches(" }");
        body.split("\", ")
            .map(|field| {
                let (name, text) = field.split_once(": \"").expect("name and text");
                (name.to_owned(), text.trim_end_matches('"').to_owned())
            })
            .collect()
    }

    pub(crate) fn placeholders(text: &str) -> Vec<&str> {
        let mut names: Vec<_> =
            text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect();
        names.retain(|name| *name != "a0");
        names.sort_unstable();
        names
    }

    #[test]
    fn all_languages_have_the_same_placeholders_and_no_empty_text() {
        let english = fields(Lang::En);
        assert!(english.len() > 80);
        for lang in Lang::ALL {
            for ((name, text), (_, own)) in english.iter().zip(fields(lang)) {
                assert!(!own.trim().is_empty(), "{lang:?} {name}");
                assert_eq!(placeholders(text), placeholders(&own), "{lang:?} {name}");
            }
        }
    }

    #[test]
    fn values_are_filled_once() {
        assert_eq!(fill("a {x} b {y}{x}", &[("x", "{y}"), ("y", "2")]), "a {y} b 2{y}");
        assert_eq!(fill("a { b", &[]), "a { b");
    }
}
