//! HRESULTs: Microsoft's own numbers, so that a code printed here can be looked up anywhere.

use std::fmt;

/// A result code: negative is failure, everything else success (`S_FALSE` is not `S_OK`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hresult(i32);

/// One row of a table of codes: the number, its symbol, and a sentence for people.
#[derive(Clone, Copy, Debug)]
pub struct HresultEntry {
    /// The number.
    pub code: Hresult,
    /// The symbol of the headers, for example `E_INVALIDARG`.
    pub symbol: &'static str,
    /// What it means, without a full stop.
    pub sentence: &'static str,
}

impl Hresult {
    /// The code as the headers print it, for example `0x80070057`.
    pub const fn new(code: u32) -> Self {
        Self(code.cast_signed())
    }

    /// `HRESULT_FROM_WIN32` of an error number that is not zero.
    pub const fn from_win32(error: u16) -> Self {
        Self::new(0x8007_0000 | error as u32)
    }

    /// The code as the wire carries it.
    pub const fn from_i32(code: i32) -> Self {
        Self(code)
    }

    /// The code as the wire carries it.
    pub const fn as_i32(self) -> i32 {
        self.0
    }

    /// The code as the headers print it.
    pub const fn as_u32(self) -> u32 {
        self.0.cast_unsigned()
    }

    /// `SUCCEEDED(hr)`.
    pub const fn is_success(self) -> bool {
        self.0 >= 0
    }

    /// `FAILED(hr)`.
    pub const fn is_failure(self) -> bool {
        self.0 < 0
    }

    /// The entry of this code in the general table, if it has one. Codes that belong to files
    /// alone are described by `consign_bits::describe`, which looks here last.
    pub fn entry(self) -> Option<&'static HresultEntry> {
        common::TABLE.iter().find(|entry| entry.code == self)
    }
}

impl fmt::Display for Hresult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08X}", self.as_u32())
    }
}

impl fmt::Debug for Hresult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hresult({self})")
    }
}

/// Declares constants and the table that describes them from one list, so that neither can lack
/// what the other has.
#[macro_export]
macro_rules! hresults {
    ($($symbol:ident = $code:literal, $sentence:literal;)*) => {
        $(
            #[doc = $sentence]
            pub const $symbol: $crate::Hresult = $crate::Hresult::new($code);
        )*

        /// Every code of this module with its symbol and sentence.
        pub const TABLE: &[$crate::HresultEntry] = &[
            $($crate::HresultEntry {
                code: $symbol,
                symbol: stringify!($symbol),
                sentence: $sentence,
            },)*
        ];
    };
}

/// Codes that neither files nor calls own.
pub mod common {
    crate::hresults! {
        S_OK = 0x0000_0000, "done";
        S_FALSE = 0x0000_0001, "done, but there was nothing to do";
        E_PENDING = 0x8000_000A, "the data is not available yet";
        E_NOTIMPL = 0x8000_4001, "not implemented, or not for objects of this kind";
        E_NOINTERFACE = 0x8000_4002, "the object does not have this interface";
        E_FAIL = 0x8000_4005, "unspecified failure";
        E_UNEXPECTED = 0x8000_FFFF, "the service came to a state that it does not expect";
        CO_E_NOT_SUPPORTED = 0x8000_4021, "the operation is not supported";
        RPC_E_DISCONNECTED = 0x8001_0108, "the other side has closed the connection";
        CLASS_E_CLASSNOTAVAILABLE = 0x8004_0111, "the server does not have this class";
        REGDB_E_INVALIDVALUE = 0x8004_0153, "the registration of the class is not valid";
        REGDB_E_CLASSNOTREG = 0x8004_0154, "the class is not registered";
        CO_E_CLASSSTRING = 0x8004_01F3, "this names no class: neither a class id nor the name of a registered class";
        CO_E_OBJISREG = 0x8004_01FC, "the class has a server already";
        CO_E_SERVER_EXEC_FAILURE = 0x8008_0005, "the server process could not be started";
        RPC_E_SERVER_DIED = 0x8001_0007, "the server has died; the call may have been carried out";
        RPC_E_SERVERFAULT = 0x8001_0105, "the server failed in the middle of the call";
        RPC_E_TIMEOUT = 0x8001_011F, "the call took longer than it may";
        STG_E_MEDIUMFULL = 0x8003_0070, "there is no room left in the stream";
        DISP_E_MEMBERNOTFOUND = 0x8002_0003, "the interface has no method of this name";
        DISP_E_TYPEMISMATCH = 0x8002_0005, "an argument has another type than the method's parameter";
        DISP_E_OVERFLOW = 0x8002_000A, "a number is too large or too small for its type";
        DISP_E_BADPARAMCOUNT = 0x8002_000E, "the method has another number of parameters";
        REGDB_E_IIDNOTREG = 0x8004_0155, "the interface is not known";
        MK_E_SYNTAX = 0x8004_01E4, "the moniker is not written as one";
        CONTEXT_E_ABORTED = 0x8004_E002, "the component voted to abort";
        COMQC_E_APPLICATION_NOT_QUEUED = 0x8011_0600, "the application is not queued";
        COMQC_E_NO_QUEUEABLE_INTERFACES = 0x8011_0601, "the class has no interface on which calls are queued";
        COMQC_E_QUEUING_SERVICE_NOT_AVAILABLE = 0x8011_0602, "the queue is not available";
        COMQC_E_NO_IPERSISTSTREAM = 0x8011_0603, "the object can be neither persisted nor is it a recorder, so it cannot be put into a message";
        COMQC_E_BAD_MESSAGE = 0x8011_0604, "the message is damaged, or is none";
        COMQC_E_UNAUTHENTICATED = 0x8011_0605, "nobody vouches for the sender of the message";
        COMQC_E_UNTRUSTED_ENQUEUER = 0x8011_0606, "the sender may not speak for the caller that the message names";
        MQ_ERROR_QUEUE_NOT_FOUND = 0xC00E_0003, "there is no queue of this name";
        MQ_ERROR_QUEUE_EXISTS = 0xC00E_0005, "there is a queue of this name already";
        MQ_ERROR_IO_TIMEOUT = 0xC00E_001B, "the message was not received in time";
        MQ_ERROR_INSUFFICIENT_RESOURCES = 0xC00E_0027, "the message or the queue would be larger than it may be";
        MQ_ERROR_LABEL_TOO_LONG = 0xC00E_005D, "the label has more than 249 characters";
        MQ_ERROR_MESSAGE_NOT_FOUND = 0xC00E_0088, "there is no such message";
        ERROR_FILE_NOT_FOUND = 0x8007_0002, "the file does not exist";
        ERROR_PATH_NOT_FOUND = 0x8007_0003, "the folder does not exist";
        ERROR_TOO_MANY_OPEN_FILES = 0x8007_0004, "too many files are open";
        E_ACCESSDENIED = 0x8007_0005, "access is denied";
        E_OUTOFMEMORY = 0x8007_000E, "out of memory";
        ERROR_NOT_SAME_DEVICE = 0x8007_0011, "the two names are on different file systems";
        ERROR_WRITE_PROTECT = 0x8007_0013, "the file system is mounted read-only";
        ERROR_BUSY = 0x8007_00AA, "it is in use";
        E_INVALIDARG = 0x8007_0057, "an argument is not valid";
        ERROR_DISK_FULL = 0x8007_0070, "the disk is full";
        ERROR_FILE_TOO_LARGE = 0x8007_00DF, "the file is larger than the file system or the limits of the process allow";
        ERROR_ALREADY_EXISTS = 0x8007_00B7, "it exists already";
        ERROR_FILENAME_EXCED_RANGE = 0x8007_00CE, "the name is too long";
        ERROR_DIRECTORY = 0x8007_010B, "a file stands where a folder should be, or a folder where a file should be";
        ERROR_OPERATION_ABORTED = 0x8007_03E3, "the operation was cut off";
        ERROR_DISK_QUOTA_EXCEEDED = 0x8007_050F, "the disk quota is used up";
        ERROR_SERVICE_ALREADY_RUNNING = 0x8007_0420, "the service is running already";
        ERROR_SERVICE_NOT_ACTIVE = 0x8007_0426, "the service is not running";
        ERROR_IO_DEVICE = 0x8007_045D, "the disk reported an error";
        ERROR_SHUTDOWN_IN_PROGRESS = 0x8007_045B, "the service is ending";
        ERROR_CANT_ACCESS_FILE = 0x8007_0780, "the file cannot be reached that way: a symbolic link stands in the path";
        ERROR_PRODUCT_VERSION = 0x8007_0666, "the store was written by a newer version";
        ERROR_TIMEOUT = 0x8007_05B4, "the time limit was reached";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_prints_as_the_headers_do() {
        assert_eq!(common::E_INVALIDARG.to_string(), "0x80070057");
        assert_eq!(Hresult::from_win32(112), common::ERROR_DISK_FULL);
        assert_eq!(common::E_ACCESSDENIED.entry().map(|entry| entry.symbol), Some("E_ACCESSDENIED"));
    }

    #[test]
    fn success_is_the_sign() {
        assert!(common::S_FALSE.is_success());
        assert!(common::E_FAIL.is_failure());
        assert_eq!(Hresult::from_i32(common::E_FAIL.as_i32()), common::E_FAIL);
    }

    #[test]
    fn no_code_stands_twice() {
        for (index, entry) in common::TABLE.iter().enumerate() {
            assert!(common::TABLE[index + 1..].iter().all(|other| other.code != entry.code), "{}", entry.symbol);
        }
    }
}
