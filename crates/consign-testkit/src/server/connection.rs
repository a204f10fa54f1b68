//! One connection: reads requests, sends answers, commits the faults.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};

use super::{
    answer::{Answer, Opening},
    fault::Close,
    proxy, request,
    state::{Stalled, State},
    wire::{End, Wire},
};

/// Serves one connection until it ends.
pub(super) async fn serve(mut wire: Wire, state: &State, number: u64) {
    let mut cuts = state.cuts.subscribe();
    let mut buffer = Vec::new();
    let end = tokio::select! {
        end = converse(&mut wire, &mut buffer, state, number) => end,
        _ = cuts.changed() => {
            let how = *cuts.borrow();
            End::Fault(how)
        }
    };
    wire.close(end).await;
}

async fn converse(wire: &mut Wire, buffer: &mut Vec<u8>, state: &State, number: u64) -> End {
    let mut answered = 0;
    loop {
        let Ok(Some(request)) = request::read(wire, buffer, number).await else {
            return End::Proper;
        };
        if state.forwards(&request) {
            return proxy::forward(wire, buffer, state, request).await;
        }
        let (index, answer) = state.receive(request);
        let last = answer.last;
        let sending = Sending { wire: &mut *wire, buffer: &mut *buffer, state, index, sent: 0, answer: &answer };
        match sending.run().await {
            Ok(()) => {}
            Err(Broken::By(how)) => return End::Fault(how),
            Err(Broken::Client) => return End::Proper,
        }
        answered += 1;
        if last || state.keep_alive_ends(answered) {
            return End::Proper;
        }
    }
}

/// Why an answer was not sent to its end.
enum Broken {
    /// A fault wants it.
    By(Close),
    /// The client left, or the connection broke.
    Client,
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self::Client
    }
}

struct Sending<'a> {
    wire: &'a mut Wire,
    buffer: &'a mut Vec<u8>,
    state: &'a State,
    index: usize,
    sent: u64,
    answer: &'a Answer,
}

// Also when the connection is cut from outside, and this is dropped in the middle of an answer.
impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.state.end(self.index);
    }
}

impl Sending<'_> {
    async fn run(mut self) -> Result<(), Broken> {
        match self.answer.opening {
            Opening::Head => {}
            Opening::Close(how) => return Err(Broken::By(how)),
            Opening::Silence => self.stall().await?,
            Opening::EndlessHeaders => return self.endless_headers().await,
        }
        self.state.begin(self.index, self.answer.status);
        self.wire.write_all(&self.answer.head).await?;
        // Parts go out together as far as they fit, so that what follows the announced end of a body
        // comes with that end.
        let mut buffer = vec![0; 64 * 1024];
        let mut filled = 0;
        for part in &self.answer.body {
            let mut done = 0;
            while done < part.size() {
                let count = part.read_at(done, &mut buffer[filled..]);
                if count == 0 {
                    break;
                }
                (done, filled) = (done + count as u64, filled + count);
                if filled == buffer.len() {
                    self.chunk(&buffer).await?;
                    filled = 0;
                }
            }
        }
        self.chunk(&buffer[..filled]).await?;
        // A cut or a stall exactly at the end of the body.
        if !self.answer.body.is_empty() {
            self.pause_or_cut().await?;
        }
        if self.answer.chunked {
            self.wire.write_all(b"0\r\n\r\n").await?;
        }
        self.wire.flush().await?;
        self.state.finish(self.index);
        Ok(())
    }

    async fn chunk(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        if bytes.is_empty() {
            return Ok(());
        }
        if !self.answer.chunked {
            return self.body(bytes).await;
        }
        if self.answer.garbage_chunk {
            self.wire.write_all(b"zz;\r\n").await?;
        } else {
            self.wire.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).await?;
        }
        self.body(bytes).await?;
        self.wire.write_all(b"\r\n").await?;
        Ok(())
    }

    async fn body(&mut self, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() {
            self.pause_or_cut().await?;
            let mut count = bytes.len() as u64;
            for limit in [self.answer.cut.map(|(after, _)| after), self.answer.stall].into_iter().flatten() {
                if limit > self.sent {
                    count = count.min(limit - self.sent);
                }
            }
            if let Some((quantum, _)) = self.answer.slow {
                count = count.min(quantum - self.sent % quantum);
            }
            let (now, later) = bytes.split_at(usize::try_from(count).unwrap_or(usize::MAX));
            self.wire.write_all(now).await?;
            self.sent += count;
            self.state.progress(self.index, count);
            bytes = later;
        }
        Ok(())
    }

    /// What is due at this place of the body.
    async fn pause_or_cut(&mut self) -> Result<(), Broken> {
        if let Some((quantum, every)) = self.answer.slow
            && self.sent > 0
            && self.sent.is_multiple_of(quantum)
        {
            self.wire.flush().await?;
            sleep(every).await;
        }
        if self.answer.stall == Some(self.sent) {
            self.stall().await?;
        }
        match self.answer.cut {
            Some((after, how)) if after == self.sent => Err(Broken::By(how)),
            _ => Ok(()),
        }
    }

    /// Waits until the server is told to go on, or the client leaves.
    async fn stall(&mut self) -> Result<(), Broken> {
        self.wire.flush().await?;
        let mut released = self.state.releases.subscribe();
        let _stalled = Stalled::new(self.state);
        loop {
            tokio::select! {
                _ = released.changed() => return Ok(()),
                read = self.wire.read_buf(self.buffer) => if read? == 0 {
                    return Err(Broken::Client);
                },
            }
        }
    }

    async fn endless_headers(&mut self) -> Result<(), Broken> {
        self.state.begin(self.index, 200);
        self.wire.write_all(b"HTTP/1.1 200 OK\r\n").await?;
        for number in 0_u64.. {
            self.wire.write_all(format!("X-Header-{number}: the answer never begins\r\n").as_bytes()).await?;
        }
        Ok(())
    }
}
