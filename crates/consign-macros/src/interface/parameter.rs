use syn::{GenericArgument, Ident, Pat, PatType, Path, PathArguments, Type, ext::IdentExt};

use crate::{errors::Errors, names};

/// A parameter of a method.
pub(super) struct Parameter {
    pub(super) ident: Ident,
    /// As IDL would name it.
    pub(super) name: String,
    /// As it was written.
    pub(super) written: Type,
    /// What is recorded: `written`, without its `&`.
    pub(super) recorded: Type,
    /// What is read when it is played.
    pub(super) played: Played,
}

/// What becomes of a parameter when it is played.
pub(super) enum Played {
    /// Read, and passed on.
    Owned,
    /// Read as this, and passed by reference.
    Borrowed(Box<Type>),
}

const LIVE: &str = "a live object cannot be in a message: pass a copy of it as `consign::Object` (its class has `PersistStream`), or a \
                    recorder, on which the component can answer";
const HANDLE: &str = "a handle means nothing in another process, on another day: pass what it stands for, such as a path or the content";
const POINTER: &str = "a pointer means nothing in another process: pass what it points to";
const FUNCTION: &str = "a function cannot be in a message: pass a recorder, on which the component can answer by a call of its own";
const GENERIC: &str = "name the type: the types of a queued method are part of its contract";
const INNER: &str = "borrowed inside another type: pass it owned, such as `Option<String>`, or borrow the whole, such as `&[String]`";

impl Parameter {
    pub(super) fn read(input: &PatType, errors: &mut Errors) -> Option<Self> {
        for attribute in &input.attrs {
            errors.at(attribute, "a parameter of a queued method has no attributes");
        }
        let ident = match &*input.pat {
            Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.mutability.is_none() && pattern.subpat.is_none() => {
                Some(pattern.ident.clone())
            }
            other => {
                errors.at(other, "a parameter has a plain name, which the interface carries: `order_number: u32`");
                None
            }
        };
        let written = Type::clone(&input.ty);
        let (recorded, played) = match plain(&input.ty) {
            Type::Reference(reference) => {
                if reference.mutability.is_some() {
                    errors.at(
                        &input.ty,
                        "nothing can come back through `&mut`: a queued call has no answer. Pass the value, and let the component answer by \
                         a call of its own, on a recorder that is passed to it",
                    );
                    return None;
                }
                if let Some(lifetime) = &reference.lifetime {
                    errors.at(lifetime, "leave the lifetime out: what is borrowed is copied when the call is recorded");
                }
                let target = plain(&reference.elem).clone();
                let owned = match &target {
                    Type::Path(path) if path.path.is_ident("str") => syn::parse_quote!(::std::string::String),
                    Type::Slice(slice) => {
                        check(&slice.elem, errors);
                        let element = &slice.elem;
                        syn::parse_quote!(::std::vec::Vec<#element>)
                    }
                    other => {
                        check(other, errors);
                        other.clone()
                    }
                };
                (target, Played::Borrowed(Box::new(owned)))
            }
            other => {
                check(other, errors);
                (other.clone(), Played::Owned)
            }
        };
        let ident = ident?;
        Some(Self { name: names::camel(&ident), ident, written, recorded, played })
    }
}

/// The type within parentheses and invisible groups.
fn plain(kind: &Type) -> &Type {
    match kind {
        Type::Paren(inner) => plain(&inner.elem),
        Type::Group(inner) => plain(&inner.elem),
        other => other,
    }
}

/// Refuses types of which can be seen that no call can carry them. What cannot be seen here, the trait
/// bound of the generated code refuses.
fn check(kind: &Type, errors: &mut Errors) {
    let why = match plain(kind) {
        Type::Path(path) => match &path.qself {
            Some(_) => None,
            None => return check_path(kind, &path.path, errors),
        },
        Type::TraitObject(_) => Some(LIVE),
        Type::ImplTrait(_) | Type::Infer(_) => Some(GENERIC),
        Type::FnPtr(_) => Some(FUNCTION),
        Type::Ptr(_) => Some(POINTER),
        Type::Reference(_) | Type::Slice(_) => Some(INNER),
        Type::Array(_) => Some("an array in a message has any length: pass `&[T]` or `Vec<T>`"),
        Type::Tuple(tuple) if tuple.elems.is_empty() => Some("`()` is nothing: take the parameter away"),
        Type::Tuple(_) => Some("a tuple has no names: pass a structure with `#[derive(consign::Queueable)]`"),
        Type::Never(_) => Some("there is no such value"),
        _ => None,
    };
    if let Some(why) = why {
        errors.at(kind, why);
    }
}

fn check_path(kind: &Type, path: &Path, errors: &mut Errors) {
    let Some(last) = path.segments.last() else { return };
    let inner: Vec<&Type> = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments
            .args
            .iter()
            .filter_map(|argument| match argument {
                GenericArgument::Type(inner) => Some(inner),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    let name = last.ident.unraw().to_string();
    let of_a_library =
        path.segments.first().is_some_and(|first| ["std", "core", "alloc", "tokio"].iter().any(|library| first.ident == library));
    let why = match name.as_str() {
        "Self" => Some("an object cannot be in a call on itself: pass a copy of it as `consign::Object`"),
        "OwnedFd" | "BorrowedFd" | "RawFd" | "TcpStream" | "TcpListener" | "UdpSocket" | "UnixStream" | "UnixListener" | "UnixDatagram"
        | "JoinHandle" => Some(HANDLE),
        "Arc" | "Rc" | "Mutex" | "RwLock" | "RefCell" => Some(LIVE),
        "Box" if inner.iter().any(|inner| matches!(plain(inner), Type::TraitObject(_))) => Some(LIVE),
        "Box" => Some("what is passed is copied: pass it without the `Box`"),
        "NonNull" => Some(POINTER),
        "usize" | "isize" => Some("its size differs from machine to machine: pass `u32` or `u64`, `i32` or `i64`"),
        "u128" | "i128" => Some("a call carries at most 64 bits in one number: pass two, or a `consign::automation::Decimal`"),
        "char" => Some("pass a `String`, or its number as `u32`"),
        "PathBuf" | "OsString" | "OsStr" => Some("pass the path as a `String`, or its bytes as `Vec<u8>`"),
        "str" => Some("pass it as `&str` or `String`"),
        // Names that a program may well have for types of its own.
        "File" | "Child" | "Stdin" | "Stdout" | "Stderr" if of_a_library => Some(HANDLE),
        "Cell" | "Pin" | "Weak" if of_a_library => Some(LIVE),
        "Path" if of_a_library => Some("pass the path as a `String`, or its bytes as `Vec<u8>`"),
        _ => None,
    };
    match why {
        Some(why) => errors.at(kind, why),
        None => inner.into_iter().for_each(|inner| check(inner, errors)),
    }
}
