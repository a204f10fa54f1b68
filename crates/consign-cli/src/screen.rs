//! Lines of a terminal that are drawn over and over.

use std::io::{self, Write};

/// The lines at the bottom of a terminal that belong to us. Anything else that is printed has to be
/// printed after [`Screen::clear`].
#[derive(Debug)]
pub(crate) struct Screen<W> {
    terminal: W,
    drawn: usize,
}

impl<W: Write> Screen<W> {
    pub(crate) const fn new(terminal: W) -> Self {
        Self { terminal, drawn: 0 }
    }

    /// Draws these lines over those before, in one write. None of them may be wider than the
    /// terminal; where it was made narrower meanwhile, they are cut instead of wrapped.
    pub(crate) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        // An interrupt typed at the terminal is echoed where the cursor stands.
        let mut frame = String::from("\r\x1b[?7l");
        if self.drawn > 0 {
            frame += &format!("\x1b[{}A", self.drawn);
        }
        for line in lines {
            // Erased before it is written: a full line leaves the cursor on its last letter.
            frame += &format!("\r\x1b[K{line}\n");
        }
        frame += "\x1b[J\x1b[?7h";
        self.drawn = lines.len();
        self.terminal.write_all(frame.as_bytes())?;
        self.terminal.flush()
    }

    /// Takes the lines away.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        if self.drawn == 0 { Ok(()) } else { self.draw(&[]) }
    }

    /// Leaves the lines where they are.
    pub(crate) const fn keep(&mut self) {
        self.drawn = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_goes_back_over_the_one_before() {
        let mut terminal = Vec::new();
        let mut screen = Screen::new(&mut terminal);
        screen.draw(&["a".into(), "b".into()]).unwrap();
        screen.draw(&["c".into()]).unwrap();
        screen.clear().unwrap();
        screen.clear().unwrap();
        let text = String::from_utf8(terminal).unwrap();
        assert_eq!(
            text,
            "\r\x1b[?7l\r\x1b[Ka\n\r\x1b[Kb\n\x1b[J\x1b[?7h\r\x1b[?7l\x1b[2A\r\x1b[Kc\n\x1b[J\x1b[?7h\r\x1b[?7l\x1b[1A\x1b[J\x1b[?7h"
        );
    }
}
