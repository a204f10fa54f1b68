//! `org.consign.Player`: the calls on components' servers, and what their answers mean.

use consign_activation::ClassId;
use consign_bits::Failure;
use consign_core::{Calls, Hresult, common};
use consign_queue::{Play, Stage};
use consign_wire::{
    error::{Body, from_wire},
    names,
    queue::to_wire,
};
use zbus::{Message, message::Type};

use crate::{classes::Server, face::OWN_NAME};

/// A longer sentence of a component is cut, in bytes.
const LONGEST_SENTENCE: usize = 2048;

/// `Play` on the factory of a server.
pub(crate) fn play(server: &Server, class: ClassId, play: &Play, calls: &Calls) -> zbus::Result<Message> {
    let stage = match play.stage {
        Stage::Play => names::PLAY,
        Stage::FinalServerRetry => names::FINAL_SERVER_RETRY,
        Stage::FinalClientRetry => names::FINAL_CLIENT_RETRY,
    };
    let (endian, methods, calls) = to_wire(calls);
    let body = (
        class.to_string(),
        play.attempt,
        play.message.to_string(),
        play.number,
        stage,
        &*play.queue,
        &play.label,
        play.priority,
        play.app_specific,
        play.caller.uid,
        endian,
        methods,
        calls,
    );
    let builder = Message::method_call(&server.factory, "Play");
    builder.interface(names::PLAYER).sender(OWN_NAME).destination(server.peer_name.as_str()).build(&body)
}

/// The HRESULT, the call that failed, and the sentence.
pub(crate) fn played(answer: &Message) -> Result<(Hresult, Option<u32>, String), Failure> {
    match answer.message_type() {
        Type::MethodReturn => {
            let (code, call, sentence): (i32, i32, String) = answer
                .body()
                .deserialize()
                .map_err(|_| Failure::refused(common::E_UNEXPECTED, "the component answered Play with something else than a result"))?;
            Ok((Hresult::from_i32(code), u32::try_from(call).ok(), cut(sentence)))
        }
        _ => {
            let failure = answer.body().deserialize::<Body>().map(from_wire);
            let failure = failure.map(|Failure { code, context, sentence }| Failure::new(code, context, cut(sentence.into_owned())));
            let silent = |_| Failure::refused(common::E_FAIL, "the component's server failed to play, and does not say why");
            Err(failure.unwrap_or_else(silent))
        }
    }
}

/// A sentence is stored with each attempt, and shown.
fn cut(mut sentence: String) -> String {
    if sentence.len() > LONGEST_SENTENCE {
        let end = (0..=LONGEST_SENTENCE).rev().find(|end| sentence.is_char_boundary(*end)).unwrap_or(0);
        sentence.truncate(end);
    }
    sentence
}
