//! A server whose model always answers the same, for the tests of clients.
//!
//! `--port`, `--api-key`, `--fault`; prints `listening on http://ADDRESS` when it is ready. The model
//! is `models/stand-in`; it says what it heard, fills in schemas, calls the functions it must call,
//! and goes on forever when it is asked to. The description of the model tells how many replies are
//! on their way.

mod instance;
mod model;

use std::error::Error;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};

use generativeai_server::{Faults, Server};

use model::StandIn;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut server = Server::new(StandIn::default());
    let mut port = 0;
    let mut arguments = std::env::args().skip(1);
    while let (Some(name), Some(value)) = (arguments.next(), arguments.next()) {
        match name.as_str() {
            "--port" => port = value.parse()?,
            "--api-key" => server = server.api_key(value),
            "--fault" => server = server.faults(value.parse::<Faults>()?),
            _ => return Err(format!("no argument is called `{name}`").into()),
        }
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    writeln!(
        std::io::stdout(),
        "listening on http://{}",
        listener.local_addr()?
    )?;
    server.serve(listener, std::future::pending()).await?;
    Ok(())
}
