//! Bit masks.

bitflags::bitflags! {
    /// `SetNotifyFlags`: which events the owner of a job wants to hear of.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct NotifyFlags: u32 {
        /// `BG_NOTIFY_JOB_TRANSFERRED`.
        const JOB_TRANSFERRED = 0x0001;
        /// `BG_NOTIFY_JOB_ERROR`.
        const JOB_ERROR = 0x0002;
        /// `BG_NOTIFY_DISABLE`: silences all the others.
        const DISABLE = 0x0004;
        /// `BG_NOTIFY_JOB_MODIFICATION`.
        const JOB_MODIFICATION = 0x0008;
        /// `BG_NOTIFY_FILE_TRANSFERRED`.
        const FILE_TRANSFERRED = 0x0010;
        /// `BG_NOTIFY_FILE_RANGES_TRANSFERRED`.
        const FILE_RANGES_TRANSFERRED = 0x0020;
    }

    /// `SetSecurityFlags`, the part about redirects. Unknown bits are refused with `E_NOTIMPL`;
    /// the bits that would relax TLS are among them on purpose.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct SecurityFlags: u32 {
        /// `BG_HTTP_REDIRECT_POLICY_ALLOW_REPORT`: the remote name becomes the final URL.
        const REDIRECT_ALLOW_REPORT = 0x0100;
        /// `BG_HTTP_REDIRECT_POLICY_DISALLOW`: a redirect is an error, and the remote name
        /// becomes its target.
        const REDIRECT_DISALLOW = 0x0200;
        /// `BG_HTTP_REDIRECT_POLICY_ALLOW_HTTPS_TO_HTTP`.
        const REDIRECT_ALLOW_HTTPS_TO_HTTP = 0x0800;
    }
}

impl Default for NotifyFlags {
    /// Transferred and error: 3.
    fn default() -> Self {
        Self::JOB_TRANSFERRED | Self::JOB_ERROR
    }
}

impl Default for SecurityFlags {
    /// Redirects are followed silently, and never from https to http.
    fn default() -> Self {
        Self::empty()
    }
}
