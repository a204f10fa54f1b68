//! Types with names, as C's declarators.

use std::fmt::Write;

use consign_core::interface::{Field, StringForm, Type};

use super::{Printer, elements_text};
use crate::Opaque;

impl Printer<'_> {
    /// `type name`, where pointers of which nothing is said may be NULL.
    pub(super) fn declared(&mut self, kind: &Type, name: &str) -> String {
        let mut around = name.to_owned();
        let mut kind = kind;
        // From the name outwards; a pointer to an array needs parentheses.
        let mut after_pointer = false;
        loop {
            match kind {
                Type::Array(inner) => {
                    around = if after_pointer { format!("({around})[*]") } else { format!("{around}[*]") };
                    after_pointer = false;
                    kind = inner;
                }
                Type::Optional(inner) => {
                    around.insert(0, '*');
                    after_pointer = true;
                    kind = inner;
                }
                Type::Reference(inner) => {
                    let alias = self.reference(inner);
                    return format!("{alias} {around}");
                }
                Type::Interface { name } => return format!("{name} *{around}"),
                Type::Persisted => return format!("IPersistStream *{around}"),
                Type::Recorder => return format!("IConsignRecorder *{around}"),
                // Its name has its pointer.
                Type::Foreign { name, why } if name == "void (*)()" && *why == Opaque::Function.why() => {
                    return format!("void (*{around})()");
                }
                Type::Foreign { name, .. } if name == "void *" => return format!("void *{around}"),
                base => {
                    let base = self.base(base);
                    return format!("{base} {around}").trim_end().to_owned();
                }
            }
        }
    }

    /// With the attribute that says what the outermost pointer is, where it is not what it would be: `NULL` is
    /// no argument where nothing is said.
    pub(super) fn parameter(&mut self, kind: &Type, name: &str) -> (Option<&'static str>, String) {
        match kind {
            // An array is a pointer that is never NULL already.
            Type::Reference(target) if !matches!(**target, Type::Reference(_)) => {
                let pointer = Type::Optional(target.clone());
                (Some("ref"), self.declared(&pointer, name))
            }
            Type::Optional(_) => (Some("unique"), self.declared(kind, name)),
            _ => (None, self.declared(kind, name)),
        }
    }

    /// The name of a typedef for a pointer to it that is never NULL.
    fn reference(&mut self, target: &Type) -> String {
        let pointer = Type::Optional(Box::new(target.clone()));
        let shown = self.declared(&pointer, "");
        if let Some(name) = self.references.get(&shown) {
            return name.clone();
        }
        let number = (1..).find(|number| !self.taken.contains(&format!("reference_{number}"))).unwrap_or(0);
        let name = format!("reference_{number}");
        self.taken.insert(name.clone());
        self.references.insert(shown, name.clone());
        let declared = self.declared(&pointer, &name);
        let _ = writeln!(self.pending, "typedef [ref] {declared};");
        name
    }

    /// The typedefs that what is printed next needs.
    pub(super) fn flush_references(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.text += &pending;
    }

    fn base(&mut self, kind: &Type) -> String {
        match kind {
            Type::SafeArray(element) => {
                let element = self.declared(element, "");
                format!("SAFEARRAY({})", element.trim_end())
            }
            Type::String(StringForm::Utf8) => "utf8_string".to_owned(),
            Type::Struct { name, fields, .. } if name == "struct" => format!("struct {{\n{}    }}", self.fields(fields, 2)),
            Type::Enum { name, elements } if name == "enum" => format!("enum {{\n{}    }}", elements_text(elements)),
            Type::Foreign { name, .. } if name == "union" => "union { char nothing; }".to_owned(),
            other => other.to_string(),
        }
    }

    pub(super) fn fields(&mut self, fields: &[Field], depth: usize) -> String {
        let mut text = String::new();
        for field in fields {
            let indent = "    ".repeat(depth);
            if matches!(&field.kind, Type::Foreign { name, .. } if name == "bit field") {
                let _ = writeln!(text, "{indent}int {} : 1;", field.name);
                continue;
            }
            let (pointer, shown) = self.parameter(&field.kind, &field.name);
            let pointer = pointer.map(|pointer| format!("[{pointer}] ")).unwrap_or_default();
            let _ = writeln!(text, "{indent}{pointer}{shown};");
        }
        text
    }
}
