//! Sentences of the page that tells where to transfer, in every language.
//!
//! Placeholders in braces are filled by [`crate::text::fill`]; a test holds all languages to the same ones.

use crate::locale::Lang;

/// The texts of one language.
#[derive(Debug)]
pub struct TransferText {
    /// Heading.
    pub title: &'static str,
    /// `{shop}`; below it.
    pub intro: &'static str,
    /// `{received}`, `{amount}`; a part has come.
    pub partly: &'static str,
    /// Above the code.
    pub scan: &'static str,
    /// What the code is, for those who do not see it.
    pub code: &'static str,
    /// Fact.
    pub holder: &'static str,
    /// Fact.
    pub bank: &'static str,
    /// Fact.
    pub amount: &'static str,
    /// Fact.
    pub reference: &'static str,
    /// `{date}`.
    pub pay_by: &'static str,
    /// `{shop}`; how long it takes.
    pub told: &'static str,
    /// In test mode.
    pub test: &'static str,
}

impl TransferText {
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

static EN: TransferText = TransferText {
    title: "Please make this transfer",
    intro: "Transfer the amount from your bank. Enter exactly this payment reference: it is how {shop} recognises your payment.",
    partly: "{received} has arrived. Please transfer the remaining {amount}.",
    scan: "Scan this code with your banking app, and it fills everything in.",
    code: "QR code of this transfer for banking apps",
    holder: "Recipient",
    bank: "Bank",
    amount: "Amount",
    reference: "Payment reference",
    pay_by: "The money should arrive by {date}.",
    told: "A transfer usually takes one or two working days. You can close this page: {shop} recognises it by the reference.",
    test: "Test mode: nobody can pay to this account, and no banking app takes the code. Confirm the payment in the panel.",
};

static PT: TransferText = TransferText {
    title: "Faça esta transferência",
    intro: "Transfira o valor a partir do seu banco. Indique exatamente esta referência de pagamento: é por ela que {shop} reconhece o seu pagamento.",
    partly: "Chegaram {received}. Transfira os {amount} em falta.",
    scan: "Leia este código com a app do seu banco, que preenche tudo.",
    code: "Código QR desta transferência para apps de bancos",
    holder: "Beneficiário",
    bank: "Banco",
    amount: "Valor",
    reference: "Referência de pagamento",
    pay_by: "O dinheiro deve chegar até {date}.",
    told: "Uma transferência costuma demorar um ou dois dias úteis. Pode fechar esta página: {shop} reconhece-a pela referência.",
    test: "Modo de teste: ninguém pode pagar para esta conta, e nenhuma app bancária aceita o código. Confirme o pagamento no painel.",
};

static DE: TransferText = TransferText {
    title: "Bitte überweisen Sie",
    intro: "Überweisen Sie den Betrag von Ihrer Bank aus. Geben Sie genau diesen Verwendungszweck an: Daran erkennt {shop} Ihre Zahlung.",
    partly: "{received} sind angekommen. Bitte überweisen Sie die restlichen {amount}.",
    scan: "Scannen Sie diesen Code mit Ihrer Banking-App: Sie füllt alles aus.",
    code: "QR-Code dieser Überweisung für Banking-Apps",
    holder: "Empfänger",
    bank: "Kreditinstitut",
    amount: "Betrag",
    reference: "Verwendungszweck",
    pay_by: "Das Geld sollte bis zum {date} eingehen.",
    told: "Eine Überweisung dauert meist ein bis zwei Werktage. Sie können diese Seite schließen: {shop} erkennt sie am Verwendungszweck.",
    test: "Testmodus: Auf dieses Konto kann niemand zahlen, und keine Banking-App nimmt den Code an. Bestätigen Sie die Zahlung im Panel.",
};

static FR: TransferText = TransferText {
    title: "Effectuez ce virement",
    intro: "Virez le montant depuis votre banque. Indiquez exactement cette référence de paiement\u{a0}: c’est à elle que {shop} reconnaît votre paiement.",
    partly: "{received} sont arrivés. Merci de virer les {amount} restants.",
    scan: "Scannez ce code avec l’appli de votre banque\u{a0}: elle remplit tout.",
    code: "QR code de ce virement pour les applis bancaires",
    holder: "Bénéficiaire",
    bank: "Banque",
    amount: "Montant",
    reference: "Référence du paiement",
    pay_by: "L’argent doit arriver avant le {date}.",
    told: "Un virement prend en général un ou deux jours ouvrés. Vous pouvez fermer cette page\u{a0}: {shop} le reconnaît à sa référence.",
    test: "Mode test\u{a0}: personne ne peut payer sur ce compte, et aucune appli bancaire n’accepte le code. Confirmez le paiement dans le panneau.",
};

static ES: TransferText = TransferText {
    title: "Haga esta transferencia",
    intro: "Transfiera el importe desde su banco. Indique exactamente esta referencia de pago: por ella {shop} reconoce su pago.",
    partly: "Han llegado {received}. Transfiera los {amount} restantes.",
    scan: "Escanee este código con la app de su banco, que lo rellena todo.",
    code: "Código QR de esta transferencia para apps bancarias",
    holder: "Beneficiario",
    bank: "Entidad",
    amount: "Importe",
    reference: "Referencia de pago",
    pay_by: "El dinero debería llegar antes del {date}.",
    told: "Una transferencia suele tardar uno o dos días laborables. Puede cerrar esta página: {shop} la reconoce por la referencia.",
    test: "Modo de prueba: nadie puede pagar a esta cuenta y ninguna app bancaria acepta el código. Confirme el pago en el panel.",
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::{fields_of, placeholders};

    #[test]
    fn all_languages_have_the_same_placeholders_and_words_of_their_own() {
        let english = fields_of(&format!("{:?}", TransferText::of(Lang::En)));
        assert_eq!(english.len(), 12);
        for lang in Lang::ALL {
            let own = fields_of(&format!("{:?}", TransferText::of(lang)));
            for ((name, text), (_, own)) in english.iter().zip(own) {
                assert!(!own.trim().is_empty(), "{lang:?} {name}");
                assert_eq!(placeholders(text), placeholders(&own), "{lang:?} {name}");
                assert!(lang == Lang::En || *text != own, "{lang:?} {name} was left in English");
            }
        }
    }
}
