//! Which passwords are refused: short ones, and those that are guessed first. No rules about kinds of characters,
//! which make passwords worse (NIST SP 800-63B).

/// Shortest password, in characters.
pub const CHARS_MIN: usize = 12;
/// Longest password, in bytes: what is hashed has a bound.
pub const BYTES_MAX: usize = 512;

/// What passwords of lists of leaked ones are made of: longer ones are these with digits, signs or repetition
/// around them, which [`problem`] takes off first.
const COMMON: &[&str] = &[
    "abc",
    "access",
    "admin",
    "administrator",
    "asdf",
    "asdfghjkl",
    "baseball",
    "batman",
    "changeme",
    "charlie",
    "computer",
    "dragon",
    "flower",
    "football",
    "gateway",
    "hello",
    "helloworld",
    "iloveyou",
    "jordan",
    "letmein",
    "letmeinplease",
    "liverpool",
    "login",
    "lovely",
    "master",
    "michael",
    "monkey",
    "mustang",
    "mypassword",
    "newpassword",
    "opensesame",
    "pass",
    "passw",
    "passwd",
    "password",
    "passwordpassword",
    "passwort",
    "payment",
    "pokemon",
    "princess",
    "qazwsx",
    "qazwsxedc",
    "qwer",
    "qwerty",
    "qwertyuiop",
    "qwertz",
    "secret",
    "senha",
    "shadow",
    "starwars",
    "summer",
    "sunshine",
    "superman",
    "superuser",
    "temporary",
    "test",
    "testtest",
    "thisismypassword",
    "tollgate",
    "trustno",
    "user",
    "welcome",
    "welcometo",
    "whatever",
    "winter",
    "yourpassword",
    "zaqwsx",
    "zxcvbnm",
    "contrasena",
    "contraseña",
    "motdepasse",
    "palavrapasse",
    "kennwort",
    "hallo",
    "azerty",
    "azertyuiop",
];

/// Runs of neighbours on a keyboard or in an order.
const RUNS: &[&str] = &[
    "01234567890123456789",
    "98765432109876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "zyxwvutsrqponmlkjihgfedcba",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1q2w3e4r5t6y7u8i9o0p",
];

/// What is wrong with a password, and what to change; nothing when it may be taken. `own` is what a guesser knows
/// of the person: address and name.
pub fn problem(password: &str, own: &[&str]) -> Option<&'static str> {
    if password.chars().count() < CHARS_MIN {
        return Some("must be at least 12 characters: a few words will do");
    }
    if password.len() > BYTES_MAX {
        return Some("must be at most 512 bytes");
    }
    let plain = unmasked(password);
    let unit = repeated_unit(&plain);
    let core = unit.trim_matches(|c: char| !c.is_alphabetic());
    if unit.chars().count() <= 3 || RUNS.iter().any(|run| run.contains(unit)) {
        return Some("is a simple pattern, which is guessed first: choose another");
    }
    if COMMON.contains(&core) || COMMON.contains(&unit) {
        return Some("is among the passwords that are guessed first: choose another");
    }
    let given = own.iter().flat_map(|text| text.split('@')).map(unmasked);
    let mut given =
        given.filter(|text| text.chars().count() >= 3).chain(own.iter().map(|text| unmasked(text)));
    if given.any(|text| text == plain || text == core) {
        return Some("is your own address or name: choose another");
    }
    None
}

/// In lower case, without spaces, with letters for the digits that are often put in their place.
fn unmasked(text: &str) -> String {
    let lower = text.to_lowercase();
    let digits_only = lower.chars().all(|c| c.is_ascii_digit());
    let letter = |c: char| match c {
        '@' if !lower.contains('.') => 'a',
        '0' if !digits_only && !ends_in_digits(&lower) => 'o',
        '3' if !digits_only && !ends_in_digits(&lower) => 'e',
        '$' => 's',
        other => other,
    };
    lower.chars().filter(|c| !c.is_whitespace()).map(letter).collect()
}

/// `secret2030` is a word and a number: its digits stand for digits.
fn ends_in_digits(text: &str) -> bool {
    text.trim_end_matches(|c: char| c.is_ascii_digit()).chars().all(|c| !c.is_ascii_digit())
}

/// The shortest piece that the text repeats from end to end.
fn repeated_unit(text: &str) -> &str {
    let ends = text.char_indices().map(|(at, _)| at).skip(1);
    for end in ends {
        let unit = &text[..end];
        if text.len().is_multiple_of(end) && text.as_bytes().chunks(end).all(|piece| piece == unit.as_bytes())
        {
            return unit;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guessed_first_is_refused() {
        let own = ["ada.lovelace@example.com", "Ada Lovelace"];
        for bad in [
            "short",
            "elevenchars",
            "passwordpassword",
            "Password1234!",
            "P@ssw0rd!!!!",
            "123456789012",
            "098765432109",
            "qwertyuiopas",
            "aaaaaaaaaaaaaaa",
            "abcabcabcabc",
            "hellohellohello",
            "letmein2030!!",
            "ada.lovelace@example.com",
            "Ada.Lovelace@Example.com",
            "ada lovelace",
            "AdaLovelace1815",
            "1q2w3e4r5t6y",
        ] {
            assert!(problem(bad, &own).is_some(), "{bad}");
        }
        assert!(problem(&"x1".repeat(300), &own).is_some());
        for good in ["correct horse battery", "Vier Hüte im Wind", "k7#vQz!x2Lpw", "mango-lantern-orbit"] {
            assert_eq!(problem(good, &own), None, "{good}");
        }
    }
}
