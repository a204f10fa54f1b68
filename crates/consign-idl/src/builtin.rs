//! What is known without a file: `mtxattr.h`, the types of the SDK, and the SDK's files as empty ones, so
//! that a file imports them where there is no SDK.

use consign_core::{
    Guid,
    interface::{Field, IID_IDISPATCH, IID_IUNKNOWN, StringForm, Type},
};

use crate::Opaque;

/// The text of a built-in file; names of files have no case on Windows.
pub(crate) fn file(name: &str) -> Option<&'static str> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name).to_ascii_lowercase();
    match last.as_str() {
        "mtxattr.h" => Some(MTXATTR),
        other => EMPTY_FILES.contains(&other).then_some(""),
    }
}

/// The names and GUIDs of the attributes are Microsoft's; the text is not.
const MTXATTR: &str = "\
#pragma once
#define TLBATTR_QUEUEABLE E5FC3761-0BBA-11D2-B8FE-00C04FC340EE
#define TLBATTR_TRANS_REQUIRED 17093CC5-9BD2-11CF-AA4F-304BF89C0001
#define TLBATTR_TRANS_NOTSUPP 17093CC6-9BD2-11CF-AA4F-304BF89C0001
#define TLBATTR_TRANS_REQNEW 17093CC7-9BD2-11CF-AA4F-304BF89C0001
#define TLBATTR_TRANS_SUPPORTED 17093CC8-9BD2-11CF-AA4F-304BF89C0001
#define TLBATTR_COMTI_INTRINSICS 47065EDC-D7FE-4B03-919C-C4A50B749605
#define QUEUEABLE custom(TLBATTR_QUEUEABLE, 0)
#define TRANSACTION_REQUIRED custom(TLBATTR_TRANS_REQUIRED, 0)
#define TRANSACTION_NOT_SUPPORTED custom(TLBATTR_TRANS_NOTSUPP, 0)
#define TRANSACTION_REQUIRES_NEW custom(TLBATTR_TRANS_REQNEW, 0)
#define TRANSACTION_SUPPORTED custom(TLBATTR_TRANS_SUPPORTED, 0)
#define COMTI_INTRINSICS_ENABLED custom(TLBATTR_COMTI_INTRINSICS, 0)
";

pub(crate) const TRANSACTION_REQUIRED: Guid = transaction(0xc5);
pub(crate) const TRANSACTION_NOT_SUPPORTED: Guid = transaction(0xc6);
pub(crate) const TRANSACTION_REQUIRES_NEW: Guid = transaction(0xc7);
pub(crate) const TRANSACTION_SUPPORTED: Guid = transaction(0xc8);

const fn transaction(last: u8) -> Guid {
    Guid::from_bytes([0x17, 0x09, 0x3c, last, 0x9b, 0xd2, 0x11, 0xcf, 0xaa, 0x4f, 0x30, 0x4b, 0xf8, 0x9c, 0x00, 0x01])
}

/// Files whose types are preloaded, and headers that only say what is preloaded.
const EMPTY_FILES: &[&str] = &[
    "unknwn.idl",
    "unknwnbase.idl",
    "wtypes.idl",
    "wtypesbase.idl",
    "objidl.idl",
    "objidlbase.idl",
    "oaidl.idl",
    "ocidl.idl",
    "oleidl.idl",
    "propidl.idl",
    "propidlbase.idl",
    "servprov.idl",
    "basetsd.h",
    "windef.h",
    "winnt.h",
    "windows.h",
    "winerror.h",
    "wtypes.h",
    "wtypesbase.h",
    "unknwn.h",
    "objidl.h",
    "oaidl.h",
    "ocidl.h",
    "oleidl.h",
    "olectl.h",
    "dispex.h",
    "guiddef.h",
    "specstrings.h",
    "sal.h",
    "sdkddkver.h",
    "winapifamily.h",
    "rpc.h",
    "rpcndr.h",
    "ntverp.h",
];

/// The constants of the SDK that attributes use.
pub(crate) const CONSTANTS: &[(&str, i64)] = &[
    ("TRUE", 1),
    ("FALSE", 0),
    ("NULL", 0),
    ("VARIANT_TRUE", -1),
    ("VARIANT_FALSE", 0),
    ("DISPID_VALUE", 0),
    ("DISPID_UNKNOWN", -1),
    ("DISPID_PROPERTYPUT", -3),
    ("DISPID_NEWENUM", -4),
    ("DISPID_EVALUATE", -5),
    ("DISPID_CONSTRUCTOR", -6),
    ("DISPID_DESTRUCTOR", -7),
    ("DISPID_COLLECT", -8),
    ("MAX_PATH", 260),
];

/// Interfaces that can be pointed at; only the first two can be derived from without their file.
const INTERFACES: &[&str] = &[
    "IUnknown",
    "IDispatch",
    "IStream",
    "ISequentialStream",
    "IStorage",
    "IMoniker",
    "IPersist",
    "IPersistStreamInit",
    "IPersistFile",
    "IPersistStorage",
    "IPersistPropertyBag",
    "IPropertyBag",
    "IEnumVARIANT",
    "IEnumUnknown",
    "IEnumString",
    "IEnumMoniker",
    "IEnumGUID",
    "ITypeInfo",
    "ITypeLib",
    "ITypeComp",
    "IBindCtx",
    "IErrorInfo",
    "IErrorLog",
    "ISupportErrorInfo",
    "ICreateErrorInfo",
    "IRecordInfo",
    "IConnectionPoint",
    "IConnectionPointContainer",
    "IFont",
    "IFontDisp",
    "IPicture",
    "IPictureDisp",
    "IAdviseSink",
    "IDataObject",
    "IMarshal",
    "IMalloc",
    "IClassFactory",
    "IClassFactory2",
    "IProvideClassInfo",
    "IServiceProvider",
    "IObjectWithSite",
    "ILockBytes",
    "IRunningObjectTable",
    "IOleObject",
    "IOleClientSite",
];

pub(crate) fn is_interface(name: &str) -> bool {
    INTERFACES.contains(&name)
}

/// The IID of a built-in base, and the number of the first method after it.
pub(crate) fn base(name: &str) -> Option<(Guid, u16)> {
    match name {
        "IUnknown" => Some((IID_IUNKNOWN, 3)),
        "IDispatch" => Some((IID_IDISPATCH, 7)),
        _ => None,
    }
}

/// A pointer to it stands for something special.
pub(crate) fn pointed(interface: &str) -> Option<Type> {
    match interface {
        "IPersistStream" => Some(Type::Persisted),
        "IConsignRecorder" => Some(Type::Recorder),
        _ => None,
    }
}

/// A name that always means what it means in the SDK, whatever a file defines: what it stands for there is a
/// layout in memory, and here a value.
pub(crate) fn fixed(name: &str) -> Option<Type> {
    Some(match name {
        "HRESULT" | "SCODE" => Type::Hresult,
        "BSTR" => Type::String(StringForm::Bstr),
        "LPWSTR" | "LPCWSTR" | "PWSTR" | "PCWSTR" | "LPOLESTR" | "LPCOLESTR" | "POLESTR" | "LMSTR" => Type::String(StringForm::Wide),
        "LPSTR" | "LPCSTR" | "PSTR" | "PCSTR" | "LPTSTR" | "LPCTSTR" => Type::String(StringForm::Narrow),
        // Consign's own: a string from Rust or from introspection.
        "utf8_string" => Type::String(StringForm::Utf8),
        "GUID" | "UUID" | "uuid_t" | "IID" | "CLSID" | "FMTID" => Type::Guid,
        "REFGUID" | "REFIID" | "REFCLSID" | "REFFMTID" => Type::Reference(Box::new(Type::Guid)),
        "VARIANT" | "VARIANTARG" | "PROPVARIANT" => Type::Variant,
        "VARIANT_BOOL" | "_VARIANT_BOOL" => Type::Boolean,
        "CURRENCY" | "CY" => Type::Currency,
        "DATE" => Type::Date,
        "DECIMAL" => Type::Decimal,
        _ if HANDLES.contains(&name) => Opaque::Handle.named(name),
        // Bounds, elements and type travel as VARIANT has them, where the type of the elements is not said.
        "SAFEARRAY" => Type::Foreign { name: name.to_owned(), why: "its elements have no type: write SAFEARRAY(type)".to_owned() },
        _ => return None,
    })
}

/// Names that point at one of the fixed ones.
pub(crate) fn fixed_pointer(name: &str) -> Option<Type> {
    match name {
        "LPVARIANT" => fixed("VARIANT"),
        "LPSAFEARRAY" => fixed("SAFEARRAY"),
        "LPBSTR" => fixed("BSTR"),
        "LPGUID" | "LPIID" | "LPCLSID" => fixed("GUID"),
        _ => None,
    }
}

/// Names that stand for a pointer to an interface.
pub(crate) fn interface_pointer(name: &str) -> Option<&'static str> {
    Some(match name {
        "LPUNKNOWN" => "IUnknown",
        "LPDISPATCH" => "IDispatch",
        "LPSTREAM" => "IStream",
        "LPSTORAGE" => "IStorage",
        "LPMONIKER" => "IMoniker",
        _ => return None,
    })
}

const HANDLES: &[&str] = &[
    "HANDLE",
    "HWND",
    "HINSTANCE",
    "HMODULE",
    "HDC",
    "HMENU",
    "HICON",
    "HCURSOR",
    "HBITMAP",
    "HBRUSH",
    "HPEN",
    "HFONT",
    "HPALETTE",
    "HRGN",
    "HKEY",
    "HGLOBAL",
    "HLOCAL",
    "HTASK",
    "HMONITOR",
    "HACCEL",
    "HENHMETAFILE",
    "HMETAFILE",
    "HMETAFILEPICT",
    "HDWP",
    "HRSRC",
    "HSTRING",
    "HRAWINPUT",
    "HWINEVENTHOOK",
    "HUMPD",
    "HGDIOBJ",
    "HCOLORSPACE",
    "HIMAGELIST",
    "SC_HANDLE",
    "SOCKET",
];

/// A name of the SDK, unless a file defines it otherwise.
pub(crate) fn usual(name: &str) -> Option<Type> {
    Some(match name {
        "BYTE" | "UCHAR" | "UINT8" | "uint8_t" => Type::U8,
        "CHAR" | "CCHAR" | "INT8" | "int8_t" => Type::I8,
        "BOOLEAN" => Type::U8,
        "SHORT" | "INT16" | "int16_t" => Type::I16,
        "WORD" | "USHORT" | "UINT16" | "uint16_t" | "WCHAR" | "OLECHAR" | "VARTYPE" | "ATOM" | "LANGID" | "TCHAR" | "CLIPFORMAT" => {
            Type::U16
        }
        "INT" | "LONG" | "BOOL" | "INT32" | "LONG32" | "int32_t" | "DISPID" | "MEMBERID" | "HREFTYPE" | "NTSTATUS" => Type::I32,
        "UINT" | "ULONG" | "DWORD" | "UINT32" | "ULONG32" | "DWORD32" | "uint32_t" | "LCID" | "COLORREF" | "OLE_COLOR" | "PROPID" => {
            Type::U32
        }
        "INT64" | "LONG64" | "LONGLONG" | "int64_t" | "INT_PTR" | "LONG_PTR" | "SSIZE_T" | "LPARAM" | "LRESULT" | "LARGE_INTEGER" => {
            Type::I64
        }
        "UINT64" | "ULONG64" | "ULONGLONG" | "DWORDLONG" | "DWORD64" | "uint64_t" | "UINT_PTR" | "ULONG_PTR" | "DWORD_PTR" | "SIZE_T"
        | "size_t" | "WPARAM" | "ULARGE_INTEGER" | "QWORD" => Type::U64,
        "FLOAT" => Type::F32,
        "DOUBLE" => Type::F64,
        "VOID" => Type::Void,
        "FILETIME" => structure(name, Type::U32, &["dwLowDateTime", "dwHighDateTime"]),
        "SYSTEMTIME" => {
            structure(name, Type::U16, &["wYear", "wMonth", "wDayOfWeek", "wDay", "wHour", "wMinute", "wSecond", "wMilliseconds"])
        }
        "POINT" | "POINTL" => structure(name, Type::I32, &["x", "y"]),
        "SIZE" | "SIZEL" => structure(name, Type::I32, &["cx", "cy"]),
        "RECT" | "RECTL" => structure(name, Type::I32, &["left", "top", "right", "bottom"]),
        _ => return None,
    })
}

/// Names that point at one of the usual ones.
pub(crate) fn usual_pointer(name: &str) -> Option<Type> {
    let target = match name {
        "PVOID" | "LPVOID" | "LPCVOID" => "VOID",
        "LPBYTE" | "PBYTE" => "BYTE",
        "LPWORD" | "PWORD" => "WORD",
        "LPDWORD" | "PDWORD" => "DWORD",
        "LPLONG" | "PLONG" => "LONG",
        "PULONG" => "ULONG",
        "LPINT" | "PINT" => "INT",
        "PUINT" => "UINT",
        "LPBOOL" | "PBOOL" => "BOOL",
        "LPFILETIME" | "PFILETIME" => "FILETIME",
        "LPSYSTEMTIME" | "PSYSTEMTIME" => "SYSTEMTIME",
        "LPPOINT" | "PPOINT" => "POINT",
        "LPSIZE" | "PSIZE" => "SIZE",
        "LPRECT" | "LPCRECT" | "PRECT" => "RECT",
        _ => return None,
    };
    usual(target)
}

fn structure(name: &str, kind: Type, fields: &[&str]) -> Type {
    let fields = fields.iter().map(|field| Field { name: (*field).to_owned(), kind: kind.clone() }).collect();
    Type::Struct { name: name.to_owned(), uuid: None, fields }
}
