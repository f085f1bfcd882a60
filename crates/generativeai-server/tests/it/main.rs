//! The promises of the server, through its router and over real connections.

mod answers;
mod cancel;
mod faults;
mod guard;
mod limits;
mod models;
mod remote;
mod requests;
mod serve;
mod streams;
mod support;
