//! What fuzzers feed with foreign bytes, and what must hold of every answer. The corpus in `fuzz/` is
//! replayed by the tests.

use crate::{Colour, Diagnostic, InMemory, Limits, Options, Severity, Wanted, parse, print, render, render_plain};

/// An IDL file, which may include and import itself: there is an end to reading it, diagnostics point into
/// it, and what is understood is printed as what is read again.
pub fn idl(bytes: &[u8]) {
    let source = InMemory::new().with("fuzzed.idl", bytes);
    let limits = Limits { total_bytes: 1 << 20, files: 40, expansion: 20_000, parts: 20_000, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    let outcome = parse("fuzzed.idl", &source, &options);
    outcome.diagnostics.iter().for_each(drawn);
    outcome.document.check(Wanted::ComPlus).iter().for_each(drawn);
    assert!(outcome.diagnostics.len() <= options.limits.diagnostics);
    if outcome.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return;
    }
    let text = print(&outcome.document);
    let again = parse("printed.idl", &InMemory::new().with("printed.idl", text.as_str()), &Options::default());
    let complaint = again.diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error).map(render_plain);
    assert_eq!(complaint, None, "what is printed is not understood:\n{text}");
    assert!(outcome.document.is_said_by(&again.document), "what is printed is read as something else:\n{text}");
    assert_eq!(print(&again.document), text, "what is printed is printed in another way");
}

fn drawn(diagnostic: &Diagnostic) {
    assert!(!diagnostic.message.is_empty());
    if let Some(place) = &diagnostic.place {
        let (line, column) = place.line_and_column();
        assert!(line > 0 && column > 0);
        assert!(place.start <= place.file.text.len(), "it points behind the end of the file");
    }
    assert!(render(diagnostic, Colour::Never, 100).contains(diagnostic.code.as_str()));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/idl");

    fn corpus() -> Vec<Vec<u8>> {
        let mut files: Vec<_> = std::fs::read_dir(CORPUS).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| std::fs::read(file).unwrap()).collect()
    }

    #[test]
    fn the_corpus_is_survived() {
        let inputs = corpus();
        assert!(!inputs.is_empty());
        inputs.iter().for_each(|input| super::idl(input));
    }

    /// Words and marks of the language, in any order.
    fn words() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "interface",
            "IOne",
            "ITwo",
            "IUnknown",
            "IDispatch",
            "[",
            "]",
            "(",
            ")",
            "{",
            "}",
            ";",
            ",",
            ":",
            "*",
            "=",
            "object",
            "dual",
            "uuid",
            "97184D0F-F7EF-413A-8C6D-C1745018B2E9",
            "97184D0F-F7EF-413A-8C6D-C1745018B2EA",
            "in",
            "out",
            "retval",
            "size_is",
            "string",
            "unique",
            "ref",
            "ptr",
            "long",
            "unsigned",
            "short",
            "HRESULT",
            "BSTR",
            "VARIANT",
            "SAFEARRAY",
            "struct",
            "union",
            "enum",
            "typedef",
            "const",
            "x",
            "y",
            "A",
            "B",
            "1",
            "2",
            "0x10",
            "\"t\"",
            "\n#define",
            "\n#if",
            "\n#else",
            "\n#endif",
            "\n#include",
            "\n",
            "##",
            "#",
            "library",
            "coclass",
            "dispinterface",
            "properties",
            "methods",
            "import",
            "importlib",
            "cpp_quote",
            "id",
            "default",
            "source",
            "module",
            "void",
            "char",
            "pipe",
            "switch",
            "case",
            "...",
            "-",
            "+",
            "/",
            "?",
            "LPWSTR",
            "REFIID",
            "QUEUEABLE",
            "HWND",
            "wchar_t",
            "context_handle",
            "\"fuzzed.idl\"",
        ]);
        prop::collection::vec(word, 0..120).prop_map(|words| words.join(" "))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_survived(text in ".{0,200}") {
            super::idl(text.as_bytes());
        }

        #[test]
        fn any_words_are_survived(text in words()) {
            super::idl(text.as_bytes());
        }

        #[test]
        fn changed_files_are_survived(
            file in any::<prop::sample::Index>(),
            other in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
            length in 0_usize..40,
            from in any::<prop::sample::Index>(),
        ) {
            let corpus = corpus();
            let (mut text, other) = (file.get(&corpus).clone(), other.get(&corpus));
            prop_assume!(!text.is_empty() && !other.is_empty());
            let at = at.index(text.len());
            let from = from.index(other.len());
            let end = (at + length).min(text.len());
            let taken = other[from..(from + length).min(other.len())].to_vec();
            text.splice(at..end, taken);
            super::idl(&text);
        }
    }
}
