//! A web server with one file, that knows when it sent the last byte.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{Outcome, measure::now};

pub(super) struct Origin {
    url: String,
    last_byte: Arc<Mutex<f64>>,
}

impl Origin {
    pub(super) fn start(size: usize) -> Outcome<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let url = format!("http://{}/file", listener.local_addr()?);
        let last_byte = Arc::new(Mutex::new(0.0));
        let noted = Arc::clone(&last_byte);
        // Ends with the program.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let noted = Arc::clone(&noted);
                std::thread::spawn(move || serve(&stream, size, &noted));
            }
        });
        Ok(Self { url, last_byte })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// When the latest answer was sent whole.
    pub(super) fn last_byte(&self) -> f64 {
        *self.last_byte.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until the other side has enough.
fn serve(stream: &TcpStream, size: usize, noted: &Mutex<f64>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let content = vec![7; size];
    let mut requests = BufReader::new(stream).lines();
    loop {
        let request = requests.next()?.ok()?;
        while !requests.next()?.ok()?.is_empty() {}
        let body = if request.starts_with("HEAD") { &content[..0] } else { &content[..] };
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nETag: \"1\"\r\n\r\n").into_bytes();
        answer.extend_from_slice(body);
        // In one piece: the moment before is as good as the one after, and cannot come too late.
        *noted.lock().unwrap_or_else(PoisonError::into_inner) = now();
        (&mut &*stream).write_all(&answer).ok()?;
    }
}
