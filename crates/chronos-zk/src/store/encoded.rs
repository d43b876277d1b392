//! Values as they are stored.

use chronos_model::Write;
use chronos_store::{CommitError, check_sizes, json};

/// The value of a write; empty where there is none.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) data: Vec<u8>,
}

/// Encodes the values of a commit and refuses what is too large.
pub(super) fn encode(writes: &[Write]) -> Result<Vec<Encoded>, CommitError> {
    let encoded: Vec<Encoded> = writes.iter().map(encode_one).collect();
    let lens = encoded.iter().map(|encoded| encoded.data.len());
    check_sizes(writes.iter().zip(lens))?;
    Ok(encoded)
}

fn encode_one(write: &Write) -> Encoded {
    let text = match write {
        Write::PutSpec { spec, .. } => json::encode_spec(spec),
        Write::PutProgress { progress, .. } => json::encode_progress(progress),
        Write::PutRun(run) => json::encode_run(run),
        Write::DeleteJob { tomb, .. } => json::encode_tomb(tomb),
        Write::PutCalendar(calendar) => json::encode_calendar(calendar),
        Write::PutFrameworkId(Some(id)) => json::encode_framework_id(id),
        Write::PutFrameworkId(None) | Write::Forget { .. } | Write::DeleteCalendar(_) => {
            String::new()
        }
    };
    Encoded {
        data: text.into_bytes(),
    }
}
