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
    "012345678901234567890123456789",
    "987654321098765432109876543210",
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
    let typed: String = password.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    let unit = repeated_unit(&typed);
    if unit.chars().count() <= 3 || RUNS.iter().any(|run| run.contains(unit)) {
        return Some("is a simple pattern, which is guessed first: choose another");
    }
    let plain = unmasked(unit);
    let core = plain.trim_matches(|c: char| !c.is_alphabetic());
    if COMMON.contains(&core) || COMMON.contains(&repeated_unit(core)) {
        return Some("is among the passwords that are guessed first: choose another");
    }
    let pieces = own.iter().flat_map(|text| text.split('@')).filter(|piece| piece.chars().count() >= 3);
    if own.iter().copied().chain(pieces).map(unmasked).any(|text| text == plain || text == core) {
        return Some("is your own address or name: choose another");
    }
    None
}

/// In lower case, without spaces, with letters for the digits and signs that are put in their place inside of words.
fn unmasked(text: &str) -> String {
    let typed: Vec<char> = text.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    let is_letter = |at: Option<usize>| at.and_then(|at| typed.get(at)).is_some_and(|c| c.is_alphabetic());
    let letter = |(at, c): (usize, &char)| match c {
        _ if !is_letter(at.checked_sub(1)) || !is_letter(at.checked_add(1)) => *c,
        '@' | '4' => 'a',
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '$' | '5' => 's',
        _ => *c,
    };
    typed.iter().enumerate().map(letter).collect()
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
