use consign_core::Guid;

use crate::Result;

/// `IPlaybackControl`: what an exception class does before the calls of a message that could not be played
/// are played on it. It implements the same interfaces as the component.
///
/// If it succeeds, and then all calls, the message is done. It should try hard: otherwise somebody has to
/// look after the message by hand.
pub trait PlaybackControl: Send + Sync + 'static {
    /// `FinalServerRetry`: the component has failed at every attempt.
    ///
    /// # Errors
    /// Whatever it answers sends the message to the dead queue.
    fn final_server_retry(&self) -> impl Future<Output = Result<()>> + Send;

    /// `FinalClientRetry`: the message never came to the component's queue.
    ///
    /// # Errors
    /// Whatever it answers leaves the message where it is.
    fn final_client_retry(&self) -> impl Future<Output = Result<()>> + Send;
}

/// Which of the two is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FinalRetry {
    /// [`PlaybackControl::final_server_retry`].
    Server,
    /// [`PlaybackControl::final_client_retry`].
    Client,
}

/// `IID_IPlaybackControl`.
pub const IID_IPLAYBACKCONTROL: Guid =
    Guid::from_bytes([0x51, 0x37, 0x2a, 0xfd, 0xca, 0xe7, 0x11, 0xcf, 0xbe, 0x81, 0x00, 0xaa, 0x00, 0xa2, 0xfa, 0x25]);
