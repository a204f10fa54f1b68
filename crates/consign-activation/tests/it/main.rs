//! The activator with real child processes. The tests play the service: a server says its token
//! through a named pipe, and connections are numbers.

mod bench;

mod hooks;
mod hosts;
mod life;
mod programs;
mod starts;
