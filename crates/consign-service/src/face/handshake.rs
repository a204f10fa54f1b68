//! How a peer shows who it is before the first message: SASL with the one mechanism EXTERNAL, as
//! the D-Bus specification has it.
//!
//! Pure: lines in, lines out. The kernel has already said whose process it is; the handshake only
//! lets stock clients speak as they are used to.

/// The longest line, in bytes. The longest honest one has about 40.
pub(crate) const LONGEST_LINE: usize = 1024;

/// How many lines a peer may send. Honest ones send at most 8.
const MOST_LINES: u32 = 32;

/// What follows from a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send this line, without its end, and read on.
    Answer(String),
    /// Messages follow.
    Begin,
    /// Close the connection.
    Refuse(&'static str),
}

/// One peer's handshake.
#[derive(Debug)]
pub(crate) struct Handshake {
    uid: u32,
    guid: String,
    state: State,
    lines: u32,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Auth,
    Data,
    Begin,
}

impl Handshake {
    /// With a peer of this uid, as the kernel has it; `guid` names this server.
    pub(crate) const fn new(uid: u32, guid: String) -> Self {
        Self { uid, guid, state: State::Auth, lines: 0 }
    }

    /// The next line, without its end.
    pub(crate) fn line(&mut self, line: &[u8]) -> Step {
        self.lines += 1;
        if self.lines > MOST_LINES {
            return Step::Refuse("a handshake without end");
        }
        let Ok(line) = std::str::from_utf8(line) else {
            return Step::Refuse("a handshake that is no text");
        };
        let (command, argument) = line.split_once(' ').unwrap_or((line, ""));
        match (self.state, command) {
            (State::Auth, "AUTH") => match argument.split_once(' ').unwrap_or((argument, "")) {
                ("EXTERNAL", "") => {
                    self.state = State::Data;
                    Step::Answer("DATA".into())
                }
                ("EXTERNAL", identity) => self.identify(identity),
                _ => self.reject(),
            },
            (State::Data, "DATA") => self.identify(argument),
            (State::Begin, "BEGIN") => Step::Begin,
            (_, "BEGIN") => Step::Refuse("messages before the handshake is done"),
            // Nothing here is ever done with a descriptor of somebody else.
            (State::Begin, "NEGOTIATE_UNIX_FD") => Step::Answer("ERROR descriptors are not taken".into()),
            (_, "CANCEL" | "ERROR") => self.reject(),
            _ => Step::Answer("ERROR not expected here".into()),
        }
    }

    /// `identity` is the decimal uid as hexadecimal digits of its characters; empty means whoever
    /// the kernel says it is.
    fn identify(&mut self, identity: &str) -> Step {
        if identity.is_empty() || identity == hexadecimal(&self.uid.to_string()) {
            self.state = State::Begin;
            Step::Answer(format!("OK {}", self.guid))
        } else {
            self.reject()
        }
    }

    fn reject(&mut self) -> Step {
        self.state = State::Auth;
        Step::Answer("REJECTED EXTERNAL".into())
    }
}

fn hexadecimal(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds lines and returns what came of each.
    fn check(lines: &[&str]) -> Vec<Step> {
        let mut handshake = Handshake::new(1000, "feed".into());
        lines.iter().map(|line| handshake.line(line.as_bytes())).collect()
    }

    fn answer(text: &str) -> Step {
        Step::Answer(text.into())
    }

    #[test]
    fn stock_clients_get_through() {
        // libdbus and zbus, GDBus, sd-bus.
        assert_eq!(check(&["AUTH EXTERNAL 31303030", "BEGIN"]), [answer("OK feed"), Step::Begin]);
        assert_eq!(
            check(&["AUTH", "AUTH EXTERNAL 31303030", "NEGOTIATE_UNIX_FD", "BEGIN"]),
            [answer("REJECTED EXTERNAL"), answer("OK feed"), answer("ERROR descriptors are not taken"), Step::Begin]
        );
        assert_eq!(
            check(&["AUTH EXTERNAL", "DATA", "NEGOTIATE_UNIX_FD", "BEGIN"]),
            [answer("DATA"), answer("OK feed"), answer("ERROR descriptors are not taken"), Step::Begin]
        );
    }

    #[test]
    fn nobody_gets_in_as_somebody_else_or_without_asking() {
        assert_eq!(check(&["AUTH EXTERNAL 30"]), [answer("REJECTED EXTERNAL")]);
        assert_eq!(check(&["AUTH ANONYMOUS"]), [answer("REJECTED EXTERNAL")]);
        assert_eq!(check(&["AUTH EXTERNAL", "DATA 30"]), [answer("DATA"), answer("REJECTED EXTERNAL")]);
        for line in ["BEGIN", "BEGIN now"] {
            assert!(matches!(check(&[line])[..], [Step::Refuse(_)]));
        }
        assert!(matches!(check(&["AUTH EXTERNAL 31303030", "CANCEL", "BEGIN"])[2], Step::Refuse(_)));
    }

    #[test]
    fn nonsense_is_answered_and_has_an_end() {
        assert_eq!(check(&["", "HELO", "DATA"]), [const { "ERROR not expected here" }; 3].map(answer));
        let mut handshake = Handshake::new(0, String::new());
        assert!(matches!(handshake.line(b"\xff"), Step::Refuse(_)));
        assert!((0..100).any(|_| matches!(handshake.line(b"AUTH"), Step::Refuse(_))));
    }
}
