//! Sentences of the checkout page's forms, in every language: the discount code and the billing address.
//!
//! Placeholders in braces are filled by [`crate::text::fill`]; a test holds all languages to the same ones.

use crate::locale::Lang;

/// The texts of one language.
#[derive(Debug)]
pub struct FormText {
    /// Opens the field for a code.
    pub code_toggle: &'static str,
    /// Field.
    pub code_label: &'static str,
    /// Button.
    pub code_apply: &'static str,
    /// `{code}`; button.
    pub code_remove: &'static str,
    /// Nothing was typed.
    pub code_missing: &'static str,
    /// There is no such code, or it is not accepted yet.
    pub code_unknown: &'static str,
    /// Its time is over.
    pub code_ended: &'static str,
    /// No use is left.
    pub code_spent: &'static str,
    /// For other products, larger orders, another currency.
    pub code_other_order: &'static str,
    /// `{shop}`; limited per customer, and nobody is known.
    pub code_needs_customer: &'static str,
    /// `{seconds}`.
    pub code_too_fast: &'static str,
    /// A payment stands in the way.
    pub code_locked: &'static str,
    /// An entered code was used up before the payment.
    pub code_gone: &'static str,
    /// The amount is another than when the page was loaded.
    pub price_changed: &'static str,
    /// Title: another payment of the order holds money.
    pub order_paid_title: &'static str,
    /// `{shop}`.
    pub order_paid_text: &'static str,
    /// Title: another payment of the order is on its way.
    pub order_pending_title: &'static str,
    /// What to do then.
    pub order_pending_text: &'static str,
    /// Link to the methods all the same.
    pub pay_again: &'static str,
    /// Instead of the methods.
    pub free_title: &'static str,
    /// Button.
    pub free_button: &'static str,
    /// Heading.
    pub address_title: &'static str,
    /// Opens the fields.
    pub address_add: &'static str,
    /// Link.
    pub address_change: &'static str,
    /// Above the form.
    pub address_wrong: &'static str,
    /// `{field}`.
    pub optional: &'static str,
    /// Field.
    pub first_name: &'static str,
    /// Field.
    pub last_name: &'static str,
    /// Field.
    pub company: &'static str,
    /// Field.
    pub vat_id: &'static str,
    /// Field.
    pub address1: &'static str,
    /// Field.
    pub address2: &'static str,
    /// Field.
    pub postcode: &'static str,
    /// Field.
    pub city: &'static str,
    /// Field.
    pub country: &'static str,
    /// First entry of the list.
    pub choose_country: &'static str,
    /// Below a field.
    pub field_missing: &'static str,
    /// Below the list.
    pub country_missing: &'static str,
    /// Below a field.
    pub field_too_long: &'static str,
    /// `{country}`.
    pub postcode_wrong: &'static str,
    /// Below the field.
    pub vat_id_wrong: &'static str,
}

impl FormText {
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

static EN: FormText = FormText {
    code_toggle: "Do you have a discount code?",
    code_label: "Discount code",
    code_apply: "Apply",
    code_remove: "Remove code {code}",
    code_missing: "Please enter a code.",
    code_unknown: "This code is not valid. Please check how it is written.",
    code_ended: "This code has expired.",
    code_spent: "This code has been used up.",
    code_other_order: "This code does not apply to this order.",
    code_needs_customer: "This code cannot be used here, because it is not known who is ordering. Please contact {shop}.",
    code_too_fast: "Too many attempts. Please wait {seconds} seconds and try again.",
    code_locked: "A payment is already under way: the price can no longer change.",
    code_gone: "The discount code has been used up in the meantime. Please remove it or enter another one.",
    price_changed: "The amount of this order has changed. Please check it and pay again.",
    order_paid_title: "This order has already been paid",
    order_paid_text: "{shop} has received a payment for this order. Pay again only if {shop} has asked you to.",
    order_pending_title: "A payment for this order is on its way",
    order_pending_text: "If you pay now, you may pay twice. Please wait for the first payment, or pay again only if you are sure that it will not arrive.",
    pay_again: "Pay again anyway",
    free_title: "Nothing is left to pay",
    free_button: "Complete the order",
    address_title: "Billing address",
    address_add: "Add a billing address",
    address_change: "Change the billing address",
    address_wrong: "Please check the billing address: something is missing or not right.",
    optional: "{field} (optional)",
    first_name: "First name",
    last_name: "Last name",
    company: "Company",
    vat_id: "VAT ID",
    address1: "Street and number",
    address2: "Apartment, floor",
    postcode: "Postal code",
    city: "City",
    country: "Country",
    choose_country: "Please choose",
    field_missing: "Please fill in this field.",
    country_missing: "Please choose a country.",
    field_too_long: "Please use at most 100 characters.",
    postcode_wrong: "This is not a postal code of {country}.",
    vat_id_wrong: "A VAT ID begins with the two letters of its country, such as DE123456789.",
};

static PT: FormText = FormText {
    code_toggle: "Tem um código de desconto?",
    code_label: "Código de desconto",
    code_apply: "Aplicar",
    code_remove: "Remover o código {code}",
    code_missing: "Introduza um código.",
    code_unknown: "Este código não é válido. Verifique se está bem escrito.",
    code_ended: "Este código expirou.",
    code_spent: "Este código já foi totalmente utilizado.",
    code_other_order: "Este código não se aplica a esta encomenda.",
    code_needs_customer: "Este código não pode ser usado aqui, porque não se sabe quem faz a encomenda. Contacte {shop}.",
    code_too_fast: "Demasiadas tentativas. Aguarde {seconds} segundos e tente novamente.",
    code_locked: "Já há um pagamento em curso: o preço já não pode mudar.",
    code_gone: "Entretanto, o código de desconto foi totalmente utilizado. Remova-o ou introduza outro.",
    price_changed: "O valor desta encomenda mudou. Verifique-o e pague novamente.",
    order_paid_title: "Esta encomenda já foi paga",
    order_paid_text: "{shop} recebeu um pagamento desta encomenda. Pague novamente apenas se {shop} lho tiver pedido.",
    order_pending_title: "Um pagamento desta encomenda está a caminho",
    order_pending_text: "Se pagar agora, poderá pagar duas vezes. Aguarde o primeiro pagamento ou pague novamente apenas se tiver a certeza de que ele não chegará.",
    pay_again: "Pagar novamente mesmo assim",
    free_title: "Não há mais nada a pagar",
    free_button: "Concluir a encomenda",
    address_title: "Endereço de faturação",
    address_add: "Adicionar um endereço de faturação",
    address_change: "Alterar o endereço de faturação",
    address_wrong: "Verifique o endereço de faturação: falta algo ou algo não está certo.",
    optional: "{field} (opcional)",
    first_name: "Nome próprio",
    last_name: "Apelido",
    company: "Empresa",
    vat_id: "NIF / N.º de IVA",
    address1: "Rua e número",
    address2: "Andar, apartamento",
    postcode: "Código postal",
    city: "Localidade",
    country: "País",
    choose_country: "Escolha",
    field_missing: "Preencha este campo.",
    country_missing: "Escolha um país.",
    field_too_long: "Use no máximo 100 caracteres.",
    postcode_wrong: "Isto não é um código postal deste país: {country}.",
    vat_id_wrong: "Um número de IVA começa pelas duas letras do país, por exemplo PT123456789.",
};

static DE: FormText = FormText {
    code_toggle: "Haben Sie einen Rabattcode?",
    code_label: "Rabattcode",
    code_apply: "Einlösen",
    code_remove: "Code {code} entfernen",
    code_missing: "Bitte geben Sie einen Code ein.",
    code_unknown: "Dieser Code ist nicht gültig. Bitte prüfen Sie die Schreibweise.",
    code_ended: "Dieser Code ist abgelaufen.",
    code_spent: "Dieser Code ist aufgebraucht.",
    code_other_order: "Dieser Code gilt nicht für diese Bestellung.",
    code_needs_customer: "Dieser Code kann hier nicht eingelöst werden, weil nicht bekannt ist, wer bestellt. Bitte wenden Sie sich an {shop}.",
    code_too_fast: "Zu viele Versuche. Bitte warten Sie {seconds} Sekunden und versuchen Sie es erneut.",
    code_locked: "Es läuft bereits eine Zahlung: der Preis kann sich nicht mehr ändern.",
    code_gone: "Der Rabattcode ist inzwischen aufgebraucht. Bitte entfernen Sie ihn oder geben Sie einen anderen ein.",
    price_changed: "Der Betrag dieser Bestellung hat sich geändert. Bitte prüfen Sie ihn und zahlen Sie erneut.",
    order_paid_title: "Diese Bestellung ist bereits bezahlt",
    order_paid_text: "{shop} hat eine Zahlung für diese Bestellung erhalten. Zahlen Sie nur erneut, wenn {shop} Sie darum gebeten hat.",
    order_pending_title: "Eine Zahlung für diese Bestellung ist unterwegs",
    order_pending_text: "Wenn Sie jetzt zahlen, zahlen Sie möglicherweise doppelt. Bitte warten Sie die erste Zahlung ab, oder zahlen Sie nur erneut, wenn Sie sicher sind, dass sie nicht ankommt.",
    pay_again: "Trotzdem erneut zahlen",
    free_title: "Es bleibt nichts zu zahlen",
    free_button: "Bestellung abschließen",
    address_title: "Rechnungsadresse",
    address_add: "Rechnungsadresse angeben",
    address_change: "Rechnungsadresse ändern",
    address_wrong: "Bitte prüfen Sie die Rechnungsadresse: etwas fehlt oder stimmt nicht.",
    optional: "{field} (optional)",
    first_name: "Vorname",
    last_name: "Nachname",
    company: "Firma",
    vat_id: "USt-IdNr.",
    address1: "Straße und Hausnummer",
    address2: "Adresszusatz",
    postcode: "Postleitzahl",
    city: "Ort",
    country: "Land",
    choose_country: "Bitte wählen",
    field_missing: "Bitte füllen Sie dieses Feld aus.",
    country_missing: "Bitte wählen Sie ein Land.",
    field_too_long: "Bitte verwenden Sie höchstens 100 Zeichen.",
    postcode_wrong: "Das ist keine Postleitzahl aus diesem Land: {country}.",
    vat_id_wrong: "Eine USt-IdNr. beginnt mit den zwei Buchstaben ihres Landes, etwa DE123456789.",
};

static FR: FormText = FormText {
    code_toggle: "Avez-vous un code de réduction ?",
    code_label: "Code de réduction",
    code_apply: "Appliquer",
    code_remove: "Retirer le code {code}",
    code_missing: "Veuillez saisir un code.",
    code_unknown: "Ce code n’est pas valide. Vérifiez comment il s’écrit.",
    code_ended: "Ce code a expiré.",
    code_spent: "Ce code a déjà été entièrement utilisé.",
    code_other_order: "Ce code ne s’applique pas à cette commande.",
    code_needs_customer: "Ce code ne peut pas être utilisé ici, car on ne sait pas qui commande. Veuillez contacter {shop}.",
    code_too_fast: "Trop de tentatives. Attendez {seconds} secondes, puis réessayez.",
    code_locked: "Un paiement est déjà en cours : le prix ne peut plus changer.",
    code_gone: "Le code de réduction a été épuisé entre-temps. Veuillez le retirer ou en saisir un autre.",
    price_changed: "Le montant de cette commande a changé. Vérifiez-le, puis payez à nouveau.",
    order_paid_title: "Cette commande est déjà payée",
    order_paid_text: "{shop} a reçu un paiement pour cette commande. Ne payez à nouveau que si {shop} vous l’a demandé.",
    order_pending_title: "Un paiement pour cette commande est en cours",
    order_pending_text: "Si vous payez maintenant, vous risquez de payer deux fois. Attendez le premier paiement, ou ne payez à nouveau que si vous êtes sûr qu’il n’arrivera pas.",
    pay_again: "Payer à nouveau quand même",
    free_title: "Il ne reste rien à payer",
    free_button: "Finaliser la commande",
    address_title: "Adresse de facturation",
    address_add: "Ajouter une adresse de facturation",
    address_change: "Modifier l’adresse de facturation",
    address_wrong: "Vérifiez l’adresse de facturation : quelque chose manque ou n’est pas correct.",
    optional: "{field} (facultatif)",
    first_name: "Prénom",
    last_name: "Nom",
    company: "Société",
    vat_id: "N° de TVA",
    address1: "Rue et numéro",
    address2: "Appartement, étage",
    postcode: "Code postal",
    city: "Ville",
    country: "Pays",
    choose_country: "Veuillez choisir",
    field_missing: "Veuillez remplir ce champ.",
    country_missing: "Veuillez choisir un pays.",
    field_too_long: "Utilisez au plus 100 caractères.",
    postcode_wrong: "Ce n’est pas un code postal de ce pays : {country}.",
    vat_id_wrong: "Un numéro de TVA commence par les deux lettres de son pays, par exemple FR12345678901.",
};

static ES: FormText = FormText {
    code_toggle: "¿Tiene un código de descuento?",
    code_label: "Código de descuento",
    code_apply: "Aplicar",
    code_remove: "Quitar el código {code}",
    code_missing: "Introduzca un código.",
    code_unknown: "Este código no es válido. Compruebe cómo se escribe.",
    code_ended: "Este código ha caducado.",
    code_spent: "Este código ya se ha agotado.",
    code_other_order: "Este código no es aplicable a este pedido.",
    code_needs_customer: "Este código no se puede usar aquí, porque no se sabe quién hace el pedido. Póngase en contacto con {shop}.",
    code_too_fast: "Demasiados intentos. Espere {seconds} segundos e inténtelo de nuevo.",
    code_locked: "Ya hay un pago en curso: el precio ya no puede cambiar.",
    code_gone: "Entretanto, el código de descuento se ha agotado. Quítelo o introduzca otro.",
    price_changed: "El importe de este pedido ha cambiado. Compruébelo y pague de nuevo.",
    order_paid_title: "Este pedido ya está pagado",
    order_paid_text: "{shop} ha recibido un pago de este pedido. Pague de nuevo solo si {shop} se lo ha pedido.",
    order_pending_title: "Un pago de este pedido está en camino",
    order_pending_text: "Si paga ahora, es posible que pague dos veces. Espere el primer pago o pague de nuevo solo si está seguro de que no llegará.",
    pay_again: "Pagar de nuevo de todos modos",
    free_title: "No queda nada por pagar",
    free_button: "Completar el pedido",
    address_title: "Dirección de facturación",
    address_add: "Añadir una dirección de facturación",
    address_change: "Cambiar la dirección de facturación",
    address_wrong: "Compruebe la dirección de facturación: falta algo o algo no es correcto.",
    optional: "{field} (opcional)",
    first_name: "Nombre",
    last_name: "Apellidos",
    company: "Empresa",
    vat_id: "NIF-IVA",
    address1: "Calle y número",
    address2: "Piso, puerta",
    postcode: "Código postal",
    city: "Localidad",
    country: "País",
    choose_country: "Elija",
    field_missing: "Rellene este campo.",
    country_missing: "Elija un país.",
    field_too_long: "Use como máximo 100 caracteres.",
    postcode_wrong: "Esto no es un código postal de este país: {country}.",
    vat_id_wrong: "Un NIF-IVA empieza por las dos letras de su país, por ejemplo ESB12345678.",
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::{fields_of, placeholders};

    #[test]
    fn all_languages_have_the_same_placeholders_and_words_of_their_own() {
        let english = fields_of(&format!("{:?}", FormText::of(Lang::En)));
        assert!(english.len() >= 30);
        for lang in Lang::ALL {
            let own = fields_of(&format!("{:?}", FormText::of(lang)));
            assert_eq!(own.len(), english.len());
            let mut same = 0;
            for ((name, text), (_, own)) in english.iter().zip(own) {
                assert!(!own.trim().is_empty(), "{lang:?} {name}");
                assert_eq!(placeholders(text), placeholders(&own), "{lang:?} {name}");
                same += usize::from(*text == own);
            }
            // "{field} (optional)" is German, too.
            assert!(lang == Lang::En || same <= 1, "{lang:?}: {same} texts were left in English");
        }
    }
}
