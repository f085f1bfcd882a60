//! A server whose model is deterministic and needs no model file, for tests of clients and of the
//! playground.
//!
//! Options: `--port`, `--api-key`, `--fault`, `--files`, `--hop-tokens`, `--checkpoint-tokens`. Prints `listening on
//! http://ADDRESS` when it is ready. The model `models/stand-in` repeats its input, fills in schemas and calls
//! functions; see `reply.rs`. The description of the model contains the number of replies in progress.

mod instance;
mod model;
mod reply;

use std::error::Error;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};

use generativeai_server::{Faults, FileStorage, Server};

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
            "--hop-tokens" => server = server.hop_tokens(value.parse()?),
            "--checkpoint-tokens" => server = server.checkpoint_tokens(value.parse()?),
            "--files" => server = server.files(FileStorage::open(value)?),
            "--fault" => server = server.faults(value.parse::<Faults>()?),
            _ => return Err(format!("unknown option `{name}`").into()),
        }
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), "listening on http://{address}")?;
    server.serve(listener, std::future::pending()).await?;
    Ok(())
}
