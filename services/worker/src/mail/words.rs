//! The words of mails, in five languages.

use gateway_core::domain::invoice::PaperKind;

/// Words in one language. In sentences `#` stands for the document's number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    pub(super) language: &'static str,
    invoice: &'static str,
    credit_note: &'static str,
    receipt: &'static str,
    from: &'static str,
    pub(super) greeting: &'static str,
    invoice_attached: &'static str,
    credit_note_attached: &'static str,
    receipt_attached: &'static str,
    pub(super) amount: &'static str,
    pub(super) due: &'static str,
    pub(super) closing: &'static str,
    pub(super) test: &'static str,
}

const ALL: [Words; 5] = [
    Words {
        language: "en",
        invoice: "Invoice",
        credit_note: "Credit note",
        receipt: "Payment receipt",
        from: "from",
        greeting: "Hello,",
        invoice_attached: "your invoice # is attached.",
        credit_note_attached: "your credit note # is attached.",
        receipt_attached: "your payment receipt # is attached.",
        amount: "Amount",
        due: "To be paid by",
        closing: "Kind regards",
        test: "TEST: this document is not real.",
    },
    Words {
        language: "pt",
        invoice: "Fatura",
        credit_note: "Nota de crédito",
        receipt: "Recibo de pagamento",
        from: "de",
        greeting: "Olá,",
        invoice_attached: "segue em anexo a sua fatura #.",
        credit_note_attached: "segue em anexo a sua nota de crédito #.",
        receipt_attached: "segue em anexo o seu recibo de pagamento #.",
        amount: "Valor",
        due: "A pagar até",
        closing: "Com os melhores cumprimentos",
        test: "TESTE: este documento não é real.",
    },
    Words {
        language: "de",
        invoice: "Rechnung",
        credit_note: "Rechnungskorrektur",
        receipt: "Zahlungsbeleg",
        from: "von",
        greeting: "Guten Tag,",
        invoice_attached: "anbei erhalten Sie Ihre Rechnung #.",
        credit_note_attached: "anbei erhalten Sie Ihre Rechnungskorrektur #.",
        receipt_attached: "anbei erhalten Sie Ihren Zahlungsbeleg #.",
        amount: "Betrag",
        due: "Zu zahlen bis",
        closing: "Freundliche Grüße",
        test: "TEST: Dieses Dokument ist nicht echt.",
    },
    Words {
        language: "fr",
        invoice: "Facture",
        credit_note: "Avoir",
        receipt: "Reçu de paiement",
        from: "de",
        greeting: "Bonjour,",
        invoice_attached: "veuillez trouver ci-joint votre facture #.",
        credit_note_attached: "veuillez trouver ci-joint votre avoir #.",
        receipt_attached: "veuillez trouver ci-joint votre reçu de paiement #.",
        amount: "Montant",
        due: "À payer avant le",
        closing: "Cordialement",
        test: "TEST : ce document n’est pas réel.",
    },
    Words {
        language: "es",
        invoice: "Factura",
        credit_note: "Factura rectificativa",
        receipt: "Recibo de pago",
        from: "de",
        greeting: "Hola:",
        invoice_attached: "adjuntamos su factura #.",
        credit_note_attached: "adjuntamos su factura rectificativa #.",
        receipt_attached: "adjuntamos su recibo de pago #.",
        amount: "Importe",
        due: "A pagar antes del",
        closing: "Un cordial saludo",
        test: "PRUEBA: este documento no es real.",
    },
];

impl Words {
    /// The words of a language; English where there are none.
    pub(super) fn of(tag: &str) -> &'static Self {
        ALL.iter().find(|words| words.language == tag).unwrap_or(&ALL[0])
    }

    /// Subject of a document's mail.
    pub(super) fn subject(&self, kind: PaperKind, number: &str, seller: &str) -> String {
        let what = match kind {
            PaperKind::Invoice => self.invoice,
            PaperKind::CreditNote => self.credit_note,
            PaperKind::PaymentReceipt => self.receipt,
        };
        format!("{what} {number} {} {seller}", self.from)
    }

    /// What the mail says.
    pub(super) fn sentence(&self, kind: PaperKind, number: &str) -> String {
        let sentence = match kind {
            PaperKind::Invoice => self.invoice_attached,
            PaperKind::CreditNote => self.credit_note_attached,
            PaperKind::PaymentReceipt => self.receipt_attached,
        };
        sentence.replace('#', number)
    }
}
