//! The program as its users meet it: the binary, files, and a server over a real
//! socket. A file per capability; what they share is in `harness`.

mod harness;

mod draining;
mod fairness;
mod input;
mod outage;
mod pace;
mod routes;
mod run;
mod truth;
mod wire;
