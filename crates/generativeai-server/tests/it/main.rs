//! Integration tests: through the router and over real connections.

mod cancellation;
mod faults;
mod files;
mod guard;
mod hops;
mod limits;
mod model_names;
mod playground;
mod recorded;
mod remote;
mod requests;
mod responses;
mod serve;
mod streams;
mod support;
