//! Expressions of `LIKE` and `UNLIKE`: written for Java, matched by a compiler that knows no backtracking.
//!
//! What means something else there is put into its words; what it cannot do is refused, with the place and with what
//! to write instead.

use std::{iter::Peekable, str::Chars};

/// What Java's names of characters are in the brackets that the compiler knows: of ASCII alone, as in Java.
const POSIX: [(&str, &str); 13] = [
    ("Lower", "lower"),
    ("Upper", "upper"),
    ("ASCII", "ascii"),
    ("Alpha", "alpha"),
    ("Digit", "digit"),
    ("Alnum", "alnum"),
    ("Punct", "punct"),
    ("Graph", "graph"),
    ("Print", "print"),
    ("Blank", "blank"),
    ("Cntrl", "cntrl"),
    ("XDigit", "xdigit"),
    ("Space", "space"),
];

/// What is white within a line, to Java.
const HORIZONTAL: &str = r"[\t\x20\x{A0}\x{1680}\x{180E}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}]";

/// An expression in the words of the compiler.
#[derive(Debug, Default)]
pub(crate) struct Translated {
    pub(crate) text: String,
    // For each character of the text, which one of the expression it comes from.
    origins: Vec<usize>,
}

impl Translated {
    /// Returns which character of the expression became that one of the text, counted from one.
    pub(crate) fn origin(&self, character: usize) -> Option<usize> {
        self.origins.get(character).copied()
    }
}

/// Puts an expression of Java into the words of the compiler.
///
/// # Errors
///
/// What the compiler cannot do or would take for something else, and what to write instead.
pub(crate) fn translate(expression: &str) -> Result<Translated, String> {
    let mut reader = Reader {
        rest: expression.chars().peekable(),
        at: 0,
        out: Translated::default(),
        modes: vec![Mode::default()],
        after: After::Other,
    };
    while let Some(one) = reader.next() {
        reader.step(one)?;
    }
    Ok(reader.out)
}

// What flags such as `(?x)` switch on, to the end of the group.
#[derive(Clone, Copy, Default)]
struct Mode {
    // White space and comments are passed over.
    comments: bool,
    // Classes such as `\d` are of all scripts.
    unicode: bool,
}

fn refusal(at: usize, what: &str, fix: &str) -> String {
    format!("{what} at character {at} is not supported; {fix}")
}

fn look_around(at: usize) -> String {
    let fix = "put what has to match as well, or must not, into a LIKE or UNLIKE of its own";
    refusal(at, "look-around", fix)
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum After {
    Quantifier,
    // Also what makes it lazy.
    LazyQuantifier,
    Other,
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    // How many characters were read.
    at: usize,
    out: Translated,
    modes: Vec<Mode>,
    after: After,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        self.at = self.at.saturating_add(1);
        self.rest.next()
    }

    fn skips(&mut self, wanted: char) -> bool {
        let found = self.rest.peek() == Some(&wanted);
        if found {
            self.next();
        }
        found
    }

    fn say(&mut self, text: &str) {
        self.say_from(self.at, text);
    }

    fn say_from(&mut self, at: usize, text: &str) {
        self.out.text.push_str(text);
        self.out.origins.extend(text.chars().map(|_| at));
    }

    fn copy(&mut self, one: char) {
        self.say(one.encode_utf8(&mut [0; 4]));
    }

    // Copies up to and with that character, or all.
    fn copy_to(&mut self, last: char) {
        while let Some(one) = self.next() {
            self.copy(one);
            if one == last {
                return;
            }
        }
    }

    fn mode(&self) -> Mode {
        self.modes.last().copied().unwrap_or_default()
    }

    fn step(&mut self, one: char) -> Result<(), String> {
        let comments = self.mode().comments;
        match one {
            _ if comments && one.is_whitespace() => {
                self.copy(one);
                return Ok(());
            }
            '#' if comments => {
                self.copy(one);
                self.copy_to('\n');
                return Ok(());
            }
            '*' | '+' | '?' | '{' => return self.quantifier(one),
            '\\' => self.escape()?,
            '[' => self.class()?,
            '(' => self.group()?,
            ')' => {
                if self.modes.len() > 1 {
                    self.modes.pop();
                }
                self.copy(one);
            }
            _ => self.copy(one),
        }
        self.after = After::Other;
        Ok(())
    }

    // Java's second `+` forbids to try again with less; the compiler would repeat the repetition.
    fn quantifier(&mut self, one: char) -> Result<(), String> {
        self.after = match (self.after, one) {
            (After::Other, _) => After::Quantifier,
            (After::Quantifier, '?') => After::LazyQuantifier,
            (After::Quantifier | After::LazyQuantifier, _) => {
                let what = format!("`{one}` behind a quantifier");
                return Err(refusal(
                    self.at,
                    &what,
                    "leave it out, or put a group around the rest",
                ));
            }
        };
        self.copy(one);
        if one == '{' {
            self.copy_to('}');
        }
        Ok(())
    }

    fn group(&mut self) -> Result<(), String> {
        let at = self.at;
        self.copy('(');
        let mut mode = self.mode();
        if !self.skips('?') {
            self.modes.push(mode);
            return Ok(());
        }
        self.copy('?');
        let mut on = true;
        while let Some(one) = self.next() {
            let ahead = |reader: &mut Self| matches!(reader.rest.peek(), Some('=' | '!'));
            match one {
                '=' | '!' => return Err(look_around(at)),
                '<' if ahead(self) => return Err(look_around(at)),
                '>' => {
                    return Err(refusal(at, "an atomic group `(?>`", "write `(?:`"));
                }
                '-' => on = false,
                'x' => mode.comments = on,
                'U' => mode.unicode = on,
                _ => {}
            }
            self.copy(one);
            match one {
                // Flags for the rest of the group around.
                ')' => {
                    if let Some(around) = self.modes.last_mut() {
                        *around = mode;
                    }
                    return Ok(());
                }
                ':' => break,
                // The name of a group.
                '<' => {
                    mode = self.mode();
                    self.copy_to('>');
                    break;
                }
                _ => {}
            }
        }
        self.modes.push(mode);
        Ok(())
    }

    // Behind the bracket that opens it.
    fn class(&mut self) -> Result<(), String> {
        self.copy('[');
        if self.skips('^') {
            self.copy('^');
        }
        // The first one does not end it.
        let mut is_empty = !self.skips(']');
        if !is_empty {
            self.say("\\]");
        }
        while let Some(one) = self.next() {
            match one {
                ']' => {
                    self.copy(one);
                    return Ok(());
                }
                '&' if self.skips('&') => {
                    // To the compiler nothing is in common with nothing; Java leaves it out.
                    if is_empty || matches!(self.rest.peek(), Some(']' | '&')) {
                        let what = "`&&` without something on both sides";
                        return Err(refusal(self.at, what, r"leave it out, or write `\&`"));
                    }
                    self.say("&&");
                }
                '\\' => self.escape()?,
                '[' if self.rest.peek() == Some(&':') => {
                    return Err(refusal(
                        self.at,
                        "`[:`",
                        r"write a class such as `\p{Alpha}`",
                    ));
                }
                '[' => self.class()?,
                '-' | '~' if self.rest.peek() == Some(&one) => {
                    let what = format!("`{one}{one}` in brackets");
                    return Err(refusal(
                        self.at,
                        &what,
                        &format!(r"write `\{one}` for the character"),
                    ));
                }
                _ => self.copy(one),
            }
            is_empty = false;
        }
        Ok(())
    }

    // Behind the backslash.
    fn escape(&mut self) -> Result<(), String> {
        let at = self.at;
        let Some(one) = self.next() else {
            self.copy('\\');
            return Ok(());
        };
        let unicode = self.mode().unicode;
        match one {
            'd' if !unicode => self.say("[0-9]"),
            'D' if !unicode => self.say("[^0-9]"),
            'w' if !unicode => self.say("[0-9A-Za-z_]"),
            'W' if !unicode => self.say("[^0-9A-Za-z_]"),
            's' if !unicode => self.say(r"[\t\n\x0B\f\r\x20]"),
            'S' if !unicode => self.say(r"[^\t\n\x0B\f\r\x20]"),
            'v' => self.say(r"[\n\x0B\f\r\x{85}\x{2028}\x{2029}]"),
            'h' => self.say(HORIZONTAL),
            'e' => self.say(r"\x1B"),
            'Q' => self.quoted(),
            'p' | 'P' => self.property(at, one),
            // Here they would be the begin and the end of a word.
            '<' | '>' => self.copy(one),
            '1'..='9' | 'k' => {
                let fix = "list the texts that may be there twice, as in `(aa|bb)`";
                return Err(refusal(at, &format!(r"the back-reference `\{one}`"), fix));
            }
            '0' | 'c' | 'C' | 'E' | 'G' | 'H' | 'N' | 'R' | 'V' | 'X' | 'Z' => {
                let fix = "write the characters themselves, or their numbers as in `\\x{1F}`";
                return Err(refusal(at, &format!(r"`\{one}`"), fix));
            }
            _ => {
                self.copy('\\');
                self.copy(one);
            }
        }
        Ok(())
    }

    // Everything up to `\E` is itself.
    fn quoted(&mut self) {
        while let Some(one) = self.next() {
            if one == '\\' && self.skips('E') {
                return;
            }
            if one.is_whitespace() {
                self.say(&format!("\\x{{{:X}}}", u32::from(one)));
            } else {
                self.say(&regex::escape(one.encode_utf8(&mut [0; 4])));
            }
        }
    }

    fn property(&mut self, at: usize, letter: char) {
        let mut name = String::new();
        if self.skips('{') {
            while let Some(one) = self.next().filter(|one| *one != '}') {
                name.push(one);
            }
        } else {
            name.extend(self.next());
        }
        let known = POSIX.iter().find(|(java, _)| *java == name);
        match known.filter(|_| !self.mode().unicode) {
            Some((_, posix)) => {
                let not = if letter == 'P' { "^" } else { "" };
                self.say_from(at, &format!("[[:{not}{posix}:]]"));
            }
            None => self.say_from(at, &format!("\\{letter}{{{name}}}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{AttributeValue, Constraint, Operator};

    // What Java's `Pattern.matches` says, as it was seen to (OpenJDK 17).
    #[test]
    fn an_expression_means_what_it_means_to_java() {
        let cases = [
            // Classes are of ASCII, unless the expression says otherwise.
            (r"\w+", "abc_1", true),
            (r"\w+", "Zürich", false),
            (r"(?U)\w+", "Zürich", true),
            (r"(?U:\w+)\w", "üü", false),
            (r"\d", "\u{663}", false),
            (r"[\d-]+", "1-\u{663}", false),
            (r"\D\W\S", "\u{663}üü", true),
            (r"[^\w]", "ü", true),
            (r"\s", "\u{a0}", false),
            (r"\h", "\u{a0}", true),
            (r"\v", "\n", true),
            (r"\p{Alpha}\p{Punct}", "a$", true),
            (r"\p{Lower}", "ü", false),
            (r"[\P{Lower}]", "ü", true),
            (r"(?U)\p{Lower}", "ü", true),
            (r"\pL\p{Lu}\p{IsLatin}", "üÜü", true),
            // Quoted and escaped.
            (r"\Qa.b[\E\d", "a.b[1", true),
            (r"\Qa.b\E", "axb", false),
            (r"(?x)\Qa b\E c", "a bc", true),
            (r"[\Qa-c\E]", "b", false),
            (r"\<\>\-\_\e", "<>-_\u{1b}", true),
            // Brackets.
            ("[a[b]]", "b", true),
            ("[a[b]c++]", "+", true),
            ("[]a]", "]", true),
            ("[^]a]", "]", false),
            ("[a-z&&[^b]]", "b", false),
            ("[^a-c&&b]", "a", true),
            // The whole text, whatever the flags.
            ("a|ab", "ab", true),
            ("(?x) r 7 # rack", "r7", true),
            ("(?x: r # rack\n ) 7", "r 7", true),
            ("(?x:a )  ", "a", false),
            ("(?m)^a$", "b\na", false),
            ("(?i)RACK(?-i)-A", "rack-A", true),
            ("(?i:rack)-A", "RACK-a", false),
            ("a+?b??c{1,2}?", "aac", true),
            ("(?<n>a)", "a", true),
            // More than a compiler with all scripts in its classes would take.
            (r"\w{1,63}(\.\w{1,63}){0,15}", "node-1", false),
            (r"\w{1,63}(\.\w{1,63}){0,15}", "node.example.com", true),
        ];
        for (expression, text, want) in cases {
            let text = AttributeValue::text(text);
            for (operator, want) in [(Operator::Like, want), (Operator::Unlike, !want)] {
                let constraint = Constraint::new("it", operator, expression).unwrap();
                assert_eq!(constraint.holds_for([&text]), want, "{constraint} {text}");
            }
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_its_place_and_what_to_write() {
        let cases = [
            (
                "ab++",
                "`+` behind a quantifier at character 4 is not supported; leave it out, or put a group around the rest",
            ),
            ("a*+", "`+` behind a quantifier at character 3"),
            ("a??+", "`+` behind a quantifier at character 4"),
            ("a{2}+", "`+` behind a quantifier at character 5"),
            ("a**", "`*` behind a quantifier at character 3"),
            ("a{1}{2}", "`{` behind a quantifier at character 5"),
            ("(?x)a+ +", "`+` behind a quantifier at character 8"),
            (
                "ü(?!x).*",
                "look-around at character 2 is not supported; put what has to match as well, or must not, into a LIKE or UNLIKE of its own",
            ),
            ("(?=x)", "look-around at character 1"),
            ("(?<=x)", "look-around at character 1"),
            ("(?<!x)", "look-around at character 1"),
            (
                "(?>x)",
                "an atomic group `(?>` at character 1 is not supported; write `(?:`",
            ),
            (r"(a)\1", r"the back-reference `\1` at character 4"),
            (r"a\Z", r"`\Z` at character 2"),
            (r"\R", r"`\R` at character 1"),
            (
                "[[:alpha:]]",
                r"`[:` at character 2 is not supported; write a class such as `\p{Alpha}`",
            ),
            (
                "[+--]",
                r"`--` in brackets at character 3 is not supported; write `\-` for the character",
            ),
            ("[a~~b]", "`~~` in brackets at character 3"),
            (
                "[a&&]",
                "`&&` without something on both sides at character 4",
            ),
            (
                "[&&a]",
                "`&&` without something on both sides at character 3",
            ),
            (
                r"\d[z-a]",
                "invalid character class range, the start must be <= the end (at character 4)",
            ),
            (r"\p{Foo}", "Unicode property not found (at character 1)"),
            ("(?x)a\nbb[", "unclosed character class"),
            (
                "(a{1000}){1000}",
                "it takes more than 1048576 bytes when compiled; repeat less often",
            ),
            (
                r"\p{L}{1000}",
                "it takes more than 1048576 bytes when compiled; repeat less often",
            ),
        ];
        for (expression, problem) in cases {
            let error = Constraint::new("it", Operator::Like, expression).unwrap_err();
            let prefix = format!("invalid regular expression {expression:?}: {problem}");
            let error = error.to_string();
            assert!(error.starts_with(&prefix), "{error}");
            let marks = [&*error, problem].map(|text| text.contains("(at "));
            assert_eq!(marks[0], marks[1], "{error}");
        }
    }
}
