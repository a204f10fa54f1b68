//! The tools of the tests: a web server that lies on command, real nginx beside it, contents of any
//! size that need no memory, child processes that do not outlive their test.
//!
//! ```
//! use std::{io::{Read, Write}, net::TcpStream};
//! use consign_testkit::{Body, Close, Fault, Resource, Server};
//!
//! let server = Server::start()?;
//! // The first request is cut off after 10 bytes, the second is answered with 503, later ones well.
//! server.set("/file", Resource::new(Body::pattern(1, 1_000_000)).then(Fault::end(10)).then(Fault::status(503)));
//!
//! let mut connection = TcpStream::connect(server.address())?;
//! connection.write_all(b"GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
//! let mut answer = Vec::new();
//! connection.read_to_end(&mut answer)?;
//! assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
//! assert_eq!(server.requests()[0].path, "/file");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The program `consign-testserver` starts the server by hand.
//!
//! Nothing in here may be used outside tests: no limit protects the server's memory from a client.

pub mod server;

mod authority;
mod body;
mod dice;
mod nginx;
mod process;
mod trusted;

pub use authority::{Authority, Certificate, Validity};
pub use body::{Body, Difference, Pattern};
pub use dice::Dice;
pub use nginx::Nginx;
pub use process::Process;
pub use server::{Close, Fault, Resource, Server};
pub use trusted::{Trusted, trusted_folder};
