//! Attributes in brackets. What stands in their parentheses is kept as tokens, because only the attribute
//! knows what it is: a GUID, a type, an expression, a version.

use super::Parser;
use crate::{
    Code,
    lexer::Kind,
    syntax::{Attribute, AttributeList, Word},
};

/// The attributes that IDL files have. A name that is none of them is told: most often it is a macro whose
/// file is not included.
const KNOWN: &[&str] = &[
    "aggregatable",
    "allocate",
    "annotation",
    "appobject",
    "async",
    "async_uuid",
    "auto_handle",
    "bindable",
    "broadcast",
    "byte_count",
    "call_as",
    "callback",
    "cocreate",
    "code",
    "comm_status",
    "composable",
    "contextprop",
    "context_handle",
    "context_handle_noserialize",
    "context_handle_serialize",
    "control",
    "cpp_quote",
    "custom",
    "decode",
    "default",
    "defaultbind",
    "defaultcollelem",
    "defaultvalue",
    "defaultvtable",
    "deprecated",
    "disable_consistency_check",
    "displaybind",
    "dllname",
    "dual",
    "enable_allocate",
    "encode",
    "endpoint",
    "entry",
    "explicit_handle",
    "fault_status",
    "first_is",
    "force_allocate",
    "handle",
    "heap",
    "helpcontext",
    "helpfile",
    "helpstring",
    "helpstringcontext",
    "helpstringdll",
    "hidden",
    "id",
    "idempotent",
    "ignore",
    "iid_is",
    "immediatebind",
    "implicit_handle",
    "importlib",
    "in",
    "in_line",
    "in_place",
    "inline",
    "input_sync",
    "last_is",
    "lcid",
    "length_is",
    "licensed",
    "local",
    "marshaling_behavior",
    "max_is",
    "maybe",
    "message",
    "min_is",
    "ms_union",
    "ms_conf_struct",
    "nocode",
    "nointerpret",
    "nolinecount",
    "nonbrowsable",
    "noncreatable",
    "nonextensible",
    "non_browsable",
    "notify",
    "notify_flag",
    "object",
    "odl",
    "oleautomation",
    "optimize",
    "optional",
    "out",
    "out_of_line",
    "overload",
    "partial_ignore",
    "pointer_default",
    "progid",
    "propget",
    "propput",
    "propputref",
    "proxy",
    "ptr",
    "public",
    "range",
    "readonly",
    "ref",
    "replaceable",
    "represent_as",
    "requestedit",
    "restricted",
    "retval",
    "shape",
    "size_is",
    "source",
    "static",
    "strict_context_handle",
    "string",
    "supports_missing_dependencies",
    "switch",
    "switch_is",
    "switch_type",
    "system_handle",
    "threading",
    "transmit_as",
    "type_strict_context_handle",
    "uidefault",
    "unique",
    "usesgetlasterror",
    "user_marshal",
    "usr_marshal",
    "uuid",
    "v1_enum",
    "v1_array",
    "v1_string",
    "v1_struct",
    "vararg",
    "version",
    "vi_progid",
    "warn",
    "wire_marshal",
    "case",
    "activatable",
    "contract",
    "eventadd",
    "eventremove",
    "exclusiveto",
    "flags",
    "muse",
    "apicontract",
    "contractversion",
    "default_overload",
    "length",
    "represent",
    "cs_char",
    "cs_drtag",
    "cs_rtag",
    "cs_stag",
    "cs_tag_rtn",
    "unimplemented",
    "fv",
    "ignorecase",
    "annotation",
    "transmit",
    "winrt",
    "byte",
    "nosignature",
    "signed",
    "bstring",
    "small",
    "cb_is",
    "interpret",
    "protected",
    "default_interface",
];

/// Those of `mtxattr.h`, which are macros.
const MACROS: &[&str] =
    &["QUEUEABLE", "TRANSACTION_REQUIRED", "TRANSACTION_SUPPORTED", "TRANSACTION_NOT_SUPPORTED", "TRANSACTION_REQUIRES_NEW"];

impl Parser<'_, '_> {
    /// All lists that stand here, `[a] [b, c]`, as one.
    pub(super) fn attributes(&mut self) -> AttributeList {
        let mut list = AttributeList::default();
        while self.take("[") {
            loop {
                // Stray commas are in real files, most often after a macro that became nothing.
                if self.take(",") {
                    continue;
                }
                if self.take("]") {
                    break;
                }
                let Some(name) = self.word("an attribute or `]`") else {
                    self.tokens_until(&["]"]);
                    self.take("]");
                    break;
                };
                let arguments = if self.take("(") { self.arguments(&name) } else { Vec::new() };
                self.check_known(&name);
                list.0.push(Attribute { name, arguments });
                if !self.is(",") && !self.is("]") {
                    self.unexpected("`,` or `]`");
                    self.tokens_until(&["]"]);
                    self.take("]");
                    break;
                }
            }
        }
        list
    }

    fn arguments(&mut self, name: &Word) -> Vec<Vec<crate::lexer::Token>> {
        let mut arguments = Vec::new();
        loop {
            let mut argument = self.tokens_until(&[",", ")"]);
            // A braced GUID has the only braces that may stand here.
            if argument.is_empty() && self.is("{") && self.peek_at(1).is_some_and(|token| token.kind == Kind::Guid) {
                self.next();
                argument.extend(self.next());
                self.expect("}");
            }
            arguments.push(argument);
            if self.take(",") {
                continue;
            }
            if !self.take(")") {
                let message = format!("the arguments of `{}` have no `)`", name.text);
                self.session().error(Code::Syntax, name.span, message);
            }
            return arguments;
        }
    }

    fn check_known(&mut self, name: &Word) {
        let text: &str = &name.text;
        if MACROS.contains(&text) {
            let message = format!("`{text}` is a macro that is not defined");
            self.session().error_with_help(Code::Attribute, name.span, message, "add `#include \"mtxattr.h\"` at the top of the file");
        } else if !KNOWN.contains(&text) {
            let message = format!("there is no attribute `{text}`: it is not looked at");
            self.session().warning(Code::Attribute, name.span, message);
        }
    }
}
