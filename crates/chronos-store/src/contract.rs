//! The contract of [`Store`] as tests that any store must pass.
//!
//! One function for each rule; [`store_contract!`](crate::store_contract) makes a test of each, named
//! by the rule. The rules in words are at [`Store`]; where the two differ, both are wrong. Beside them
//! [`random_histories`] compares a store with [`MemoryStore`](crate::MemoryStore) on what nobody
//! thought of.
//!
//! # Examples
//!
//! ```
//! use async_trait::async_trait;
//! use chronos_store::{MemoryStore, Store, contract::StoreFactory, store_contract};
//!
//! struct Memory(MemoryStore);
//!
//! #[async_trait]
//! impl StoreFactory for Memory {
//!     async fn open(&mut self) -> Box<dyn Store> {
//!         Box::new(self.0.clone())
//!     }
//!
//!     fn history(&self) -> usize {
//!         8
//!     }
//! }
//!
//! store_contract!(memory, Memory(MemoryStore::with_history(8)));
//! # fn main() {}
//! ```
#![expect(
    clippy::missing_panics_doc,
    reason = "a rule panics when it is broken; that is what it is for"
)]

mod calendars;
mod fencing;
mod fill;
mod fixture;
mod framework;
mod history;
mod order;
mod random;
mod size;
mod values;
mod writes;

use async_trait::async_trait;

pub use self::{fill::fill, random::random_histories};
use crate::Store;

/// Opens a store for the rules.
#[async_trait]
pub trait StoreFactory: Send {
    /// Opens the store: an empty one at first, then the same data again.
    ///
    /// The store that was opened before has been dropped by then.
    async fn open(&mut self) -> Box<dyn Store>;

    /// Returns how many ended runs of each job the store keeps; 8 to 64 make the rules quick.
    fn history(&self) -> usize;
}

/// Makes a test of each rule, in a module of the given name.
///
/// The factory is an expression that is evaluated for each rule. The crate that calls it needs
/// `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! store_contract {
    ($module:ident, $factory:expr) => {
        mod $module {
            #[allow(unused_imports, reason = "the factory may need none of them")]
            use super::*;
            $crate::for_each_store_rule!($crate::store_contract_tests; $factory);
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! store_contract_tests {
    ($factory:expr; $($rule:ident),+) => {
        $(
            #[tokio::test]
            async fn $rule() {
                $crate::contract::$rule(&mut $factory).await;
            }
        )+
    };
}

// The one list of the rules: what is not in it is unused, and the compiler says so.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_store_rule {
    ($callback:path; $($argument:tt)*) => {
        $callback! {
            $($argument)*;
            creates_replaces_and_deletes,
            keeps_progress_apart,
            refuses_progress_without_a_definition,
            names_the_record_in_conflict,
            applies_all_or_nothing,
            lets_writes_see_those_before,
            leaves_a_tomb,
            forgets,
            keeps_every_field_of_a_definition,
            keeps_every_field_of_a_calendar,
            keeps_every_field_of_a_run,
            keeps_every_field_of_progress,
            takes_every_name,
            puts_replaces_and_deletes_calendars,
            keeps_one_framework_id,
            keeps_active_and_ended_runs_apart,
            pages_history,
            bounds_history,
            never_prunes_active_runs,
            fences_older_terms,
            checks_the_term_of_an_empty_commit,
            starts_later_terms_after_a_restart,
            keeps_the_order_of_calls,
            carries_out_what_nobody_waits_for,
            spares_the_neighbours_of_a_refused_commit,
            loads_what_was_called_before,
            keeps_what_it_acknowledged,
            refuses_large_values,
            refuses_large_commits,
            loads_many_jobs
        }
    };
}

macro_rules! export {
    (; $($rule:ident),+) => {
        pub use self::rules::{$($rule),+};
    };
}

for_each_store_rule!(export;);

mod rules {
    pub use super::{
        calendars::*, fencing::*, framework::*, history::*, order::*, size::*, values::*, writes::*,
    };
}
