//! The verb `check`.

use std::io::{self, Write as _};

use chronos_store::check::{Finding, Severity};
use chronos_zk::ZkReader;
use clap::Args;
use serde_json::json;

use super::Which;
use crate::{
    exit::Failure,
    place::{Place, ZK_TIMEOUT, block_on, open_folder, zk_failure},
};

/// Looks at everything in a store and lists what is wrong.
///
/// It reads pages and nodes, records, and what lies between records, and writes nothing; a daemon may use the store
/// meanwhile. "damage" is lost or does not run until somebody mends it; "strange" is not as this program writes it and
/// does no harm by itself. It ends with 3 when it finds damage.
#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    which: Which,

    /// Print a JSON object a line.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let json = self.json;
        let place = self.which.place()?;
        let found = match &place {
            Place::Folder(folder) => open_folder(folder)?.check()?,
            Place::Zk(address) => block_on(async {
                let reader = ZkReader::open(address, ZK_TIMEOUT).await;
                let reader = reader.map_err(|error| zk_failure(&error))?;
                Ok(reader.check().await?)
            })?,
        };
        let mut out = io::stdout().lock();
        for one in &found {
            if json {
                writeln!(out, "{}", line(one))?;
            } else {
                writeln!(out, "{one}")?;
            }
        }
        let damage = found.iter().filter(|one| one.severity == Severity::Damage);
        let damage = damage.count();
        if !json {
            let strange = found.len() - damage;
            writeln!(out, "{place}: {damage} damaged, {strange} strange")?;
        }
        if damage > 0 {
            Err(Failure::Told)
        } else {
            Ok(())
        }
    }
}

fn line(one: &Finding) -> serde_json::Value {
    let severity = match one.severity {
        Severity::Damage => "damage",
        Severity::Strange => "strange",
    };
    json!({ "severity": severity, "key": one.key, "problem": one.problem })
}
