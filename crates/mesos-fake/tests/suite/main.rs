//! The fake, over real HTTP, beside what a real master was recorded to do.

mod client;
mod http_table;
mod replay;
mod scenarios;
mod shell;
