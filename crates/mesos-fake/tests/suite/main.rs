//! The fake, over real HTTP, beside what a real master was recorded to do.

mod client;
mod cluster;
mod constraints;
mod http_table;
mod replay;
mod scenarios;
mod shell;
