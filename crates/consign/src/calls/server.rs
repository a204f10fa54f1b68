//! The service's calls on a component: `Play` on the factory.

use std::sync::Arc;

use consign_core::{
    Guid, Hresult,
    common::{
        CLASS_E_CLASSNOTAVAILABLE, DISP_E_MEMBERNOTFOUND, E_FAIL, E_INVALIDARG, REGDB_E_CLASSNOTREG, REGDB_E_IIDNOTREG, RPC_E_SERVERFAULT,
        S_OK,
    },
    moniker::MessagePriority,
};
use consign_wire::{
    names,
    queue::{CallRecord, MethodRecord, from_wire},
};
use zbus::Message;

use super::{FinalRetry, PlayFailure, Playback, Played, PlayedMessage, Player};

/// What says, without a call, that nothing of the message was understood.
const NOT_UNDERSTOOD: [Hresult; 4] = [CLASS_E_CLASSNOTAVAILABLE, DISP_E_MEMBERNOTFOUND, REGDB_E_CLASSNOTREG, REGDB_E_IIDNOTREG];

/// What `Play` answers: the HRESULT, the call that failed or -1, the sentence.
pub(crate) type Answer = (i32, i32, String);

/// Plays a message on the component of its class, which `find` knows.
pub(crate) async fn play(message: &Message, find: impl FnOnce(Guid) -> Option<Arc<dyn Player>>) -> Answer {
    type Arguments<'a> = (&'a str, u64, &'a str, u32, u32, &'a str, &'a str, u8, u32, u32, u8, Vec<MethodRecord<'a>>, Vec<CallRecord<'a>>);
    let body = message.body();
    let Ok(arguments) = body.deserialize::<Arguments<'_>>() else {
        return refused(E_INVALIDARG, "the arguments of Play are not understood");
    };
    let (class, _attempt, id, number, stage, queue, label, priority, app_specific, caller, endian, methods, calls) = arguments;
    let (Ok(class), Ok(id)) = (class.parse::<Guid>(), id.parse::<Guid>()) else {
        return refused(E_INVALIDARG, "the CLSID or the id of the message is no GUID");
    };
    let Some(player) = find(class) else {
        return refused(CLASS_E_CLASSNOTAVAILABLE, "the server does not have this component");
    };
    let calls = match from_wire((endian, methods, calls)) {
        Ok(calls) => calls,
        Err(failure) => return refused(failure.code, failure.sentence),
    };
    let playback = Playback::new(PlayedMessage {
        id,
        attempt: number,
        label: label.to_owned(),
        priority: MessagePriority::new(priority).unwrap_or_default(),
        app_specific,
        caller,
        queue: queue.to_owned(),
    });
    // In a task, so that a panic of a constructor is an answer.
    let played = tokio::spawn(async move {
        match stage {
            names::FINAL_SERVER_RETRY => player.play_finally(FinalRetry::Server, playback, &calls).await,
            names::FINAL_CLIENT_RETRY => player.play_finally(FinalRetry::Client, playback, &calls).await,
            _ => player.play(playback, &calls).await,
        }
    });
    match played.await {
        Ok(Played::Done) => (S_OK.as_i32(), -1, String::new()),
        // Nobody may take it for a message that is not understood: an object was to be made.
        Ok(Played::Failed(PlayFailure { call: None, code, sentence })) if NOT_UNDERSTOOD.contains(&code) => refused(E_FAIL, sentence),
        Ok(Played::Failed(PlayFailure { call, code, sentence })) => {
            (code.as_i32(), call.and_then(|call| i32::try_from(call).ok()).unwrap_or(-1), sentence)
        }
        // No call has failed: none was made.
        Ok(Played::NotUnderstood(PlayFailure { code, sentence, .. })) => {
            let code = if code == REGDB_E_IIDNOTREG { code } else { DISP_E_MEMBERNOTFOUND };
            (code.as_i32(), -1, sentence)
        }
        Err(_) => refused(RPC_E_SERVERFAULT, "the component panicked"),
    }
}

fn refused(code: Hresult, sentence: impl Into<String>) -> Answer {
    (code.as_i32(), -1, sentence.into())
}
