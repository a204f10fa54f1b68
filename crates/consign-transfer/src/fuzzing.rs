//! What fuzzers feed with foreign bytes, and what must hold of every answer. The corpus in `fuzz/` is
//! replayed by the tests.

use consign_bits::ShownUrl;
use url::Url;

pub use crate::{
    engine::fuzzing::new_file,
    fetch::fuzzing::{answer, proxies},
};

/// What a parser of URLs takes for a password, or for a user without one, is not shown.
pub fn shown_url(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let shown = ShownUrl(text).to_string();
    let Ok(url) = Url::parse(text) else { return };
    // Read again, because what is shown need not be spelled as it is parsed.
    if let Ok(again) = Url::parse(&shown) {
        match again.password() {
            Some(password) => assert_eq!(password, "***", "{text:?} is shown as {shown:?}"),
            None => assert!(matches!(again.username(), "" | "***"), "{text:?} is shown as {shown:?}"),
        }
    }
    // The parsed form is what most messages show.
    for text in [text, url.as_str()] {
        let shown = ShownUrl(text).to_string();
        if let Some(password) = url.password().filter(|password| stands_out(password, text)) {
            assert!(!shown.contains(password), "{text:?} is shown as {shown:?}");
        }
    }
}

/// Whether what is found in `text` is this password and nothing else, spelled as it is parsed.
fn stands_out(password: &str, text: &str) -> bool {
    password.len() >= 4 && password.bytes().all(|byte| byte.is_ascii_alphanumeric()) && text.matches(password).count() == 1
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpora_are_survived() {
        for (name, target) in [
            ("answer", super::answer as fn(&[u8])),
            ("new_file", super::new_file),
            ("proxies", super::proxies),
            ("shown_url", super::shown_url),
        ] {
            let folder = format!("{}/../../fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
            let inputs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
            assert!(!inputs.is_empty(), "{name}");
            inputs.iter().for_each(|input| target(input));
        }
    }
}
