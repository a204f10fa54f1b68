//! A line of calls: words as a shell has them, or a JSON array.

use super::convert::Given;

/// A call, as it stands in a line; `None` for a line that says nothing.
pub(super) fn read(line: &str) -> Result<Option<(String, Vec<Given>)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    if line.starts_with('[') {
        let array: Vec<serde_json::Value> = serde_json::from_str(line).map_err(|error| format!("this is no JSON array: {error}"))?;
        let mut elements = array.into_iter();
        let Some(serde_json::Value::String(method)) = elements.next() else {
            return Err("the first element is not the name of a method".to_owned());
        };
        return Ok(Some((method, elements.map(Given::Json).collect())));
    }
    let mut words = words(line)?.into_iter();
    Ok(words.next().map(|method| (method, words.map(Given::Word).collect())))
}

/// Words with spaces between them; quotes and backslashes mean what they mean to a shell. Nothing is expanded.
fn words(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some('\'') => break,
                        Some(other) => word.push(other),
                        None => return Err("a quote ' is not closed".to_owned()),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some('"') => break,
                        Some('\\') => match characters.next() {
                            Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                            Some(other) => word.extend(['\\', other]),
                            None => return Err("a quote \" is not closed".to_owned()),
                        },
                        Some(other) => word.push(other),
                        None => return Err("a quote \" is not closed".to_owned()),
                    }
                }
            }
            '\\' => match characters.next() {
                Some(escaped) => word.get_or_insert_default().push(escaped),
                None => return Err("the line ends with a backslash".to_owned()),
            },
            space if space.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(line: &str) -> Vec<String> {
        words(line).unwrap()
    }

    #[test]
    fn words_are_as_in_a_shell() {
        assert_eq!(text("Ship 42  '' \"a b\""), ["Ship", "42", "", "a b"]);
        assert_eq!(text(r#"a\ b 'c\d' "e\"f\g\\" 'g'"h"i"#), ["a b", "c\\d", "e\"f\\g\\", "ghi"]);
        assert_eq!(text("Note $HOME `x` *"), ["Note", "$HOME", "`x`", "*"]);
        for bad in ["'a", "\"a", "a\\", "\"a\\"] {
            assert!(words(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_line_is_a_call_or_nothing() {
        let word = |text: &str| Given::Word(text.to_owned());
        assert_eq!(read("  "), Ok(None));
        assert_eq!(read(" # ShipOrder 1"), Ok(None));
        assert_eq!(read("Ship '[1]'\r"), Ok(Some(("Ship".into(), vec![word("[1]")]))));
        assert_eq!(
            read(r#"["Ship", 42, {"a": null}]"#),
            Ok(Some(("Ship".into(), vec![Given::Json(json!(42)), Given::Json(json!({"a": null}))])))
        );
        for bad in ["[", "[]", "[1]", "'"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
