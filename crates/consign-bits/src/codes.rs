//! The codes of BITS, of HTTP and of the network, and what each means.

use std::borrow::Cow;

use consign_core::Hresult;

use crate::Sentence;

/// A code's symbol and sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The symbol of the headers, or the number where it has none.
    pub symbol: Cow<'static, str>,
    /// What it means, without a full stop.
    pub sentence: Sentence,
}

/// `GetErrorDescription`: what `code` means. Every code has an answer.
pub fn describe(code: Hresult) -> Description {
    if let Some(status) = http_status(code) {
        let symbol = format!("BG_E_HTTP_ERROR_{status}").into();
        return Description { symbol, sentence: http_sentence(status) };
    }
    let known = bits::TABLE.iter().chain(wininet::TABLE).find(|entry| entry.code == code).or_else(|| code.entry());
    match known {
        Some(entry) => Description { symbol: entry.symbol.into(), sentence: entry.sentence.into() },
        None => Description { symbol: code.to_string().into(), sentence: "a code that Consign has no words for".into() },
    }
}

/// The status of a `BG_E_HTTP_ERROR_nnn` code (0x80190000 and the status).
pub fn http_status(code: Hresult) -> Option<u16> {
    let (facility, status) = (code.as_u32() >> 16, code.as_u32() & 0xffff);
    u16::try_from(status).ok().filter(|status| facility == 0x8019 && (100..1000).contains(status))
}

fn http_sentence(status: u16) -> Sentence {
    let text = match status {
        301 | 302 | 303 | 307 | 308 => "the server redirects to another address",
        400 => "the server does not understand the request",
        401 => "the server asks for credentials",
        402 => "the server asks for payment",
        403 => "the server refuses access",
        404 => "the server has no such file",
        405 => "the server does not allow this method",
        407 => "the proxy asks for credentials",
        408 => "the server waited too long for the request",
        409 => "the request conflicts with the state of the file on the server",
        410 => "the file is gone from the server for good",
        412 => "the file on the server is not the one that was asked for",
        413 => "the server refuses this much data",
        414 => "the address is too long for the server",
        416 => "the server does not have the part that was asked for",
        429 => "the server asks to be asked less often",
        500 => "the server failed",
        501 => "the server does not know this method",
        502 => "a gateway got no valid answer from the server",
        503 => "the server is not available now",
        504 => "a gateway got no answer from the server in time",
        505 => "the server does not speak this version of HTTP",
        _ => return format!("the server answered with status {status}").into(),
    };
    text.into()
}

/// What BITS itself reports.
pub mod bits {
    use consign_core::Hresult;

    consign_core::hresults! {
        BG_S_ERROR_CONTEXT_NONE = 0x0020_0006, "no error occurred";
        BG_S_PARTIAL_COMPLETE = 0x0020_0017, "the finished files were kept, the others were given up";
        BG_S_UNABLE_TO_DELETE_FILES = 0x0020_001A, "done, but some temporary files could not be deleted";
        BG_S_PROXY_CHANGED = 0x0020_002A, "the proxy changed";
        BG_S_OVERRIDDEN_BY_POLICY = 0x0020_0055, "stored, but a policy overrides it";
        BG_E_NOT_FOUND = 0x8020_0001, "there is no such job";
        BG_E_INVALID_STATE = 0x8020_0002, "the job does not allow this in its present state";
        BG_E_EMPTY = 0x8020_0003, "the job has no files";
        BG_E_FILE_NOT_AVAILABLE = 0x8020_0004, "the error is not tied to a file";
        BG_E_PROTOCOL_NOT_AVAILABLE = 0x8020_0005, "the error is not tied to a protocol";
        BG_E_ERROR_CONTEXT_UNKNOWN = 0x8020_0007, "the place of the error is not known";
        BG_E_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER = 0x8020_0008, "the error occurred in the service itself";
        BG_E_ERROR_CONTEXT_LOCAL_FILE = 0x8020_0009, "the error occurred while the local file was being processed";
        BG_E_ERROR_CONTEXT_REMOTE_FILE = 0x8020_000A, "the error occurred while the remote file was being processed";
        BG_E_ERROR_CONTEXT_GENERAL_TRANSPORT = 0x8020_000B, "the error occurred in the network, on the way to the server";
        BG_E_ERROR_CONTEXT_QUEUE_MANAGER_NOTIFICATION = 0x8020_000C, "the error occurred while the application was being notified";
        BG_E_DESTINATION_LOCKED = 0x8020_000D, "the destination is locked; the job goes on when it is free";
        BG_E_VOLUME_CHANGED = 0x8020_000E, "the destination is on another disk than before";
        BG_E_ERROR_INFORMATION_UNAVAILABLE = 0x8020_000F, "the job has no error to tell of";
        BG_E_NETWORK_DISCONNECTED = 0x8020_0010, "there is no network; the job goes on when there is";
        BG_E_MISSING_FILE_SIZE = 0x8020_0011, "the server does not tell the size of the file";
        BG_E_INSUFFICIENT_HTTP_SUPPORT = 0x8020_0012, "the server does not speak HTTP/1.1";
        BG_E_INSUFFICIENT_RANGE_SUPPORT = 0x8020_0013, "the server does not give parts of files, and this file needs them";
        BG_E_REMOTE_NOT_SUPPORTED = 0x8020_0014, "the service is not to be used from another machine";
        BG_E_NEW_OWNER_DIFF_MAPPING = 0x8020_0015, "the folder is not the same for the new owner";
        BG_E_NEW_OWNER_NO_FILE_ACCESS = 0x8020_0016, "the new owner cannot reach the files";
        BG_E_PROXY_LIST_TOO_LARGE = 0x8020_0018, "the list of proxies is too long";
        BG_E_PROXY_BYPASS_LIST_TOO_LARGE = 0x8020_0019, "the list of hosts without proxy is too long";
        BG_E_INVALID_SERVER_RESPONSE = 0x8020_001B, "the server gave an answer that breaks the protocol";
        BG_E_TOO_MANY_FILES = 0x8020_001C, "an upload job has one file";
        BG_E_LOCAL_FILE_CHANGED = 0x8020_001D, "the local file was changed while it was being transferred";
        BG_E_ERROR_CONTEXT_REMOTE_APPLICATION = 0x8020_001E, "the error occurred in the application behind the server";
        BG_E_SESSION_NOT_FOUND = 0x8020_001F, "the server no longer knows the upload session";
        BG_E_TOO_LARGE = 0x8020_0020, "the data is larger than the limit";
        BG_E_STRING_TOO_LONG = 0x8020_0021, "a text is too long";
        BG_E_CLIENT_SERVER_PROTOCOL_MISMATCH = 0x8020_0022, "client and server have no upload protocol in common";
        BG_E_SERVER_EXECUTE_ENABLE = 0x8020_0023, "the folder of the server allows programs to be run";
        BG_E_NO_PROGRESS = 0x8020_0024, "no bytes came";
        BG_E_USERNAME_TOO_LARGE = 0x8020_0025, "the user name is too long";
        BG_E_PASSWORD_TOO_LARGE = 0x8020_0026, "the password is too long";
        BG_E_INVALID_AUTH_TARGET = 0x8020_0027, "the target of the credentials is unknown";
        BG_E_INVALID_AUTH_SCHEME = 0x8020_0028, "the scheme of the credentials is unknown";
        BG_E_FILE_NOT_FOUND = 0x8020_0029, "the job has no such file";
        BG_E_INVALID_RANGE = 0x8020_002B, "a range lies outside the file";
        BG_E_OVERLAPPING_RANGES = 0x8020_002C, "ranges overlap";
        BG_E_CONNECT_FAILURE = 0x8020_002D, "the server could not be connected";
        BG_E_CONNECTION_CLOSED = 0x8020_002E, "the connection was closed before the answer was whole";
        BG_E_BLOCKED_BY_POLICY = 0x8020_003E, "the bandwidth policy allows no transfer now";
        BG_E_INVALID_PROXY_INFO = 0x8020_003F, "the proxy settings are not valid";
        BG_E_INVALID_CREDENTIALS = 0x8020_0040, "the credentials have no valid form";
        BG_E_INVALID_HASH_ALGORITHM = 0x8020_0041, "the hash algorithm is unknown";
        BG_E_RECORD_DELETED = 0x8020_0042, "the cache record was deleted meanwhile";
        BG_E_COMMIT_IN_PROGRESS = 0x8020_0043, "a commit is in progress";
        BG_E_DISCOVERY_IN_PROGRESS = 0x8020_0044, "discovery is in progress";
        BG_E_UPNP_ERROR = 0x8020_0045, "the gateway gave no usable answer";
        BG_E_TEST_OPTION_BLOCKED_DOWNLOAD = 0x8020_0046, "a test option blocks the transfer";
        BG_E_PEERCACHING_DISABLED = 0x8020_0047, "peer caching is off";
        BG_E_BUSYCACHERECORD = 0x8020_0048, "the cache record is in use; try again in seconds";
        BG_E_TOO_MANY_JOBS_PER_USER = 0x8020_0049, "the user has as many jobs as the limit allows";
        BG_E_TOO_MANY_JOBS_PER_MACHINE = 0x8020_0050, "the machine has as many jobs as the limit allows";
        BG_E_TOO_MANY_FILES_IN_JOB = 0x8020_0051, "the job has as many files as the limit allows";
        BG_E_TOO_MANY_RANGES_IN_FILE = 0x8020_0052, "the file has more ranges than the limit allows";
        BG_E_VALIDATION_FAILED = 0x8020_0053, "the content is not what it should be";
        BG_E_MAXDOWNLOAD_TIMEOUT = 0x8020_0054, "the maximum download time is used up";
        BG_E_TOKEN_REQUIRED = 0x8020_0056, "the helper token is missing";
        BG_E_UNKNOWN_PROPERTY_ID = 0x8020_0057, "the property is unknown";
        BG_E_READ_ONLY_PROPERTY = 0x8020_0058, "the property is read-only";
        BG_E_BLOCKED_BY_COST_TRANSFER_POLICY = 0x8020_0059, "the cost of the network is not one that the job allows";
        BG_E_PROPERTY_SUPPORTED_FOR_DOWNLOAD_JOBS_ONLY = 0x8020_0060, "the property is for download jobs alone";
        BG_E_READ_ONLY_PROPERTY_AFTER_ADDFILE = 0x8020_0061, "the property is read-only once a file was added";
        BG_E_READ_ONLY_PROPERTY_AFTER_RESUME = 0x8020_0062, "the property is read-only once the job was resumed";
        BG_E_MAX_DOWNLOAD_SIZE_INVALID_VALUE = 0x8020_0063, "the maximum download size must be between 1 and 2^64-1 bytes";
        BG_E_MAX_DOWNLOAD_SIZE_LIMIT_REACHED = 0x8020_0064, "the maximum download size is reached";
        BG_E_STANDBY_MODE = 0x8020_0065, "the machine saves power";
        BG_E_USE_STORED_CREDENTIALS_NOT_SUPPORTED = 0x8020_0066, "stored credentials are for proxies alone";
        BG_E_BLOCKED_BY_BATTERY_POLICY = 0x8020_0067, "the machine runs on battery";
        BG_E_BLOCKED_BY_BATTERY_SAVER = 0x8020_0068, "the battery saver is on";
        BG_E_WATCHDOG_TIMEOUT = 0x8020_0069, "an operation took too long";
        BG_E_APP_PACKAGE_NOT_FOUND = 0x8020_006A, "the application package is unknown";
        BG_E_APP_PACKAGE_SCENARIO_NOT_SUPPORTED = 0x8020_006B, "the application package cannot be used this way";
        BG_E_DATABASE_CORRUPT = 0x8020_006C, "the database is damaged";
        BG_E_RANDOM_ACCESS_NOT_SUPPORTED = 0x8020_006D, "this file cannot be fetched in parts of choice";
        BG_E_BLOCKED_BY_BACKGROUND_ACCESS_POLICY = 0x8020_006E, "the application may not work in the background";
        BG_E_BLOCKED_BY_GAME_MODE = 0x8020_006F, "another application has the machine to itself";
        BG_E_BLOCKED_BY_SYSTEM_POLICY = 0x8020_0070, "the system is short of resources";
        BG_E_NOT_SUPPORTED_WITH_CUSTOM_HTTP_METHOD = 0x8020_0071, "not possible with a custom HTTP method";
        BG_E_UNSUPPORTED_JOB_CONFIGURATION = 0x8020_0072, "the options of the job exclude each other";
        BG_E_REMOTE_FILE_CHANGED = 0x8020_0073, "the remote file changed while it was being transferred; resume the job to accept that";
        BG_E_SERVER_CERT_VALIDATION_INTERFACE_REQUIRED = 0x8020_0074, "the object that checks the certificate of the server is gone";
        BG_E_READ_ONLY_WHEN_JOB_ACTIVE = 0x8020_0075, "the property is read-only while the job is active";
        BG_E_ERROR_CONTEXT_SERVER_CERTIFICATE_CALLBACK = 0x8020_0076, "the application refused the certificate of the server";
    }

    /// `BG_E_HTTP_ERROR_nnn` for a status code of HTTP.
    pub const fn http_error(status: u16) -> Hresult {
        Hresult::new(0x8019_0000 | status as u32)
    }
}

/// What the network reports, under the numbers that BITS passes on from WinHTTP.
pub mod wininet {
    consign_core::hresults! {
        WININET_E_TIMEOUT = 0x8007_2EE2, "the server did not answer in time";
        WININET_E_INVALID_URL = 0x8007_2EE5, "the URL is not valid";
        WININET_E_NAME_NOT_RESOLVED = 0x8007_2EE7, "the name of the server could not be resolved";
        WININET_E_SEC_CERT_DATE_INVALID = 0x8007_2F05, "the certificate of the server is not valid at this date";
        WININET_E_SEC_CERT_CN_INVALID = 0x8007_2F06, "the certificate of the server is for another name";
        WININET_E_INVALID_CA = 0x8007_2F0D, "the certificate of the server was issued by an authority that is not trusted here";
        WININET_E_REDIRECT_SCHEME_CHANGE = 0x8007_2F11, "the server redirects from https to http, which was not allowed";
        WININET_E_HTTPS_HTTP_SUBMIT_REDIR = 0x8007_2F14, "the server redirects to a scheme that is not followed";
        WININET_E_SEC_CERT_REVOKED = 0x8007_2F8A, "the certificate of the server was revoked";
        WININET_E_SECURITY_CHANNEL_ERROR = 0x8007_2F7D, "the encrypted connection could not be set up";
        WININET_E_REDIRECT_FAILED = 0x8007_2F8C, "the redirects of the server lead nowhere";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_described() {
        assert_eq!(describe(bits::BG_E_NOT_FOUND).symbol, "BG_E_NOT_FOUND");
        assert_eq!(describe(bits::http_error(404)).symbol, "BG_E_HTTP_ERROR_404");
        assert_eq!(describe(consign_core::common::E_INVALIDARG).symbol, "E_INVALIDARG");
        assert_eq!(describe(Hresult::new(0x8123_4567)).symbol, "0x81234567");
    }

    #[test]
    fn no_code_stands_in_two_tables() {
        let all: Vec<_> = bits::TABLE.iter().chain(wininet::TABLE).chain(consign_core::common::TABLE).collect();
        for (index, entry) in all.iter().enumerate() {
            assert!(all[index + 1..].iter().all(|other| other.code != entry.code), "{}", entry.symbol);
        }
    }
}
