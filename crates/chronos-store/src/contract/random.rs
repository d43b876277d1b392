//! Random histories, compared with the memory store.

use std::{cell::RefCell, collections::BTreeSet, sync::Arc};

use chronos_model::{JobName, Run, RunKey, RunQuery, RunState, Snapshot, Write};
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, prop_oneof},
    test_runner::{Config, TestCaseError, TestRunner},
};

use super::{
    StoreFactory,
    fixture::{
        delete, delete_calendar, job, put_calendar, put_framework_id, put_progress, put_run,
        put_spec,
    },
};
use crate::{CommitError, Committing, MemoryStore, Store, Term};

// Few names and times, so that writes meet.
const NAMES: [&str; 3] = ["a", "a b", "b"];
const DUES: std::ops::Range<i64> = -2..20;

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    /// Commits that are under way together.
    Commits(Vec<Vec<Wish>>),
    /// A commit of the term before.
    Stale(Vec<Wish>),
    NewTerm,
    Reopen,
}

/// A write before its revision is known: `off` is what is added to the right one.
#[derive(Clone, Debug)]
enum Wish {
    PutSpec {
        job: usize,
        command: u8,
        off: u64,
    },
    PutProgress {
        job: usize,
        completed: u64,
        off: u64,
    },
    Delete {
        job: usize,
        off: u64,
    },
    PutRun {
        job: usize,
        due: i64,
        attempt: u32,
        state: RunState,
    },
    Forget {
        job: usize,
    },
    PutCalendar {
        name: usize,
        day: u8,
    },
    DeleteCalendar {
        name: usize,
    },
    FrameworkId(Option<usize>),
}

/// Compares a store with [`MemoryStore`] on random histories, with restarts and stale terms in them.
///
/// After each step both must hold the same, and every answer must be the same to the last field. It
/// makes a runtime of its own and must not be called in one.
pub fn random_histories<F: StoreFactory>(cases: u32, make: impl FnMut() -> F) {
    let config = Config {
        cases,
        // The failing history is printed; a file beside the caller's sources is not ours to write.
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    // `TestRunner::run` wants `Fn`, and making a store may change something.
    let make = RefCell::new(make);
    let result = runner.run(&vec(step(), 1..40), |steps| {
        let factory = (make.borrow_mut())();
        runtime.block_on(play(factory, steps))
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

fn step() -> impl Strategy<Value = Step> {
    let commit = || vec(wish(), 0..6);
    prop_oneof![
        8 => vec(commit(), 1..5).prop_map(Step::Commits),
        1 => commit().prop_map(Step::Stale),
        1 => Just(Step::NewTerm),
        1 => Just(Step::Reopen),
    ]
}

fn wish() -> impl Strategy<Value = Wish> {
    let job = || 0..NAMES.len();
    let off = || prop_oneof![9 => Just(0_u64), 1 => Just(1_u64)];
    let state = proptest::sample::select(RunState::ALL.to_vec());
    // Ended runs more often, so that pruning takes part.
    let state = prop_oneof![1 => state, 2 => Just(RunState::Ended)];
    prop_oneof![
        2 => (job(), 0..4_u8, off()).prop_map(|(job, command, off)| Wish::PutSpec { job, command, off }),
        3 => (job(), 0..9_u64, off()).prop_map(|(job, completed, off)| Wish::PutProgress { job, completed, off }),
        1 => (job(), off()).prop_map(|(job, off)| Wish::Delete { job, off }),
        5 => (job(), DUES, 0..2_u32, state).prop_map(|(job, due, attempt, state)| Wish::PutRun { job, due, attempt, state }),
        1 => job().prop_map(|job| Wish::Forget { job }),
        2 => (job(), 1..5_u8).prop_map(|(name, day)| Wish::PutCalendar { name, day }),
        1 => job().prop_map(|name| Wish::DeleteCalendar { name }),
        1 => proptest::option::of(job()).prop_map(Wish::FrameworkId),
    ]
}

// The store and its model, side by side.
struct Pair {
    store: Box<dyn Store>,
    model: MemoryStore,
    terms: [Term; 2],
    stale: Option<[Term; 2]>,
}

async fn play(mut factory: impl StoreFactory, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let keep = factory.history();
    let model = MemoryStore::with_history(keep);
    let store = factory.open().await;
    let terms = new_terms(&*store, &model).await;
    let mut pair = Pair {
        store,
        model,
        terms,
        stale: None,
    };
    for step in steps {
        match step {
            Step::Commits(commits) => pair.commits(commits).await?,
            Step::Stale(wishes) => {
                let writes = resolve(&wishes, &pair.model_snapshot().await, &pair.model).await;
                if let Some(stale) = pair.stale {
                    let answers = pair.call(stale, writes).await;
                    same(&answers.0, &answers.1)?;
                }
            }
            Step::NewTerm => pair.begin().await,
            Step::Reopen => {
                drop(pair.store);
                pair.store = factory.open().await;
                pair.begin().await;
            }
        }
        pair.compare(keep).await?;
    }
    Ok(())
}

async fn new_terms(store: &dyn Store, model: &MemoryStore) -> [Term; 2] {
    [
        store.begin_term().await.expect("a term begins"),
        model.begin_term().await.expect("a term begins"),
    ]
}

type Answer = Result<(), CommitError>;

impl Pair {
    async fn begin(&mut self) {
        self.stale = Some(self.terms);
        self.terms = new_terms(&*self.store, &self.model).await;
    }

    async fn call(&self, [term, model_term]: [Term; 2], writes: Vec<Write>) -> (Answer, Answer) {
        let model = self.model.commit(model_term, writes.clone()).await;
        (self.store.commit(term, writes).await, model)
    }

    async fn commits(&self, commits: Vec<Vec<Wish>>) -> Result<(), TestCaseError> {
        let mut answers: Vec<(Committing, Answer)> = Vec::new();
        for wishes in commits {
            let writes = resolve(&wishes, &self.model_snapshot().await, &self.model).await;
            let model = self.model.commit(self.terms[1], writes.clone()).await;
            answers.push((self.store.commit(self.terms[0], writes), model));
        }
        for (answer, model) in answers {
            same(&answer.await, &model)?;
        }
        Ok(())
    }

    async fn model_snapshot(&self) -> Snapshot {
        let loaded = self.model.load(self.terms[1]).await;
        loaded.expect("the memory store loads")
    }

    async fn compare(&self, keep: usize) -> Result<(), TestCaseError> {
        let loaded = self.store.load(self.terms[0]).await;
        same(&loaded, &Ok(self.model_snapshot().await))?;
        for name in NAMES {
            let query = |before, limit| RunQuery {
                job: job(name),
                before,
                limit,
            };
            // Only the newest are promised; how many more there are is each store's own affair.
            let newest = self.model.runs(query(None, keep)).await;
            same(&self.store.runs(query(None, keep)).await, &newest)?;
            let newest = newest.expect("the memory store reads");
            if let [first, rest @ ..] = newest.as_slice() {
                let before = Some(first.key.clone());
                let found = self.store.runs(query(before, rest.len())).await;
                same(&found, &Ok(rest.to_vec()))?;
                same(&self.store.run(&first.key).await, &Ok(Some(first.clone())))?;
            }
        }
        Ok(())
    }
}

fn same<T: std::fmt::Debug + PartialEq>(found: &T, want: &T) -> Result<(), TestCaseError> {
    if found == want {
        return Ok(());
    }
    let text = format!("store: {found:?}\nmodel: {want:?}");
    Err(TestCaseError::fail(text))
}

// Gives the writes the revisions that they find, and `off` more.
async fn resolve(wishes: &[Wish], snapshot: &Snapshot, model: &MemoryStore) -> Vec<Write> {
    let revisions = |name: &JobName| {
        let found = snapshot.jobs.iter().find(|job| job.spec.name == *name);
        found.map_or((0, 0), |job| (job.spec_revision, job.progress_revision))
    };
    let mut ended: BTreeSet<RunKey> = BTreeSet::new();
    let mut writes = Vec::new();
    for wish in wishes {
        writes.push(match *wish {
            Wish::PutSpec {
                job: at,
                command,
                off,
            } => {
                let name = NAMES[at];
                put_spec(name, &command.to_string(), revisions(&job(name)).0 + off)
            }
            Wish::PutProgress {
                job: at,
                completed,
                off,
            } => {
                let name = NAMES[at];
                put_progress(name, completed, revisions(&job(name)).1 + off)
            }
            Wish::Delete { job: at, off } => {
                let name = NAMES[at];
                delete(name, revisions(&job(name)).0 + off)
            }
            Wish::PutRun {
                job: at,
                due,
                attempt,
                state,
            } => {
                let put = put_run(NAMES[at], due, attempt, state);
                stay_ended(put, &mut ended, model).await
            }
            Wish::Forget { job: at } => Write::Forget {
                job: job(NAMES[at]),
            },
            Wish::PutCalendar { name, day } => put_calendar(NAMES[name], day),
            Wish::DeleteCalendar { name } => delete_calendar(NAMES[name]),
            Wish::FrameworkId(Some(name)) => put_framework_id(NAMES[name]),
            Wish::FrameworkId(None) => Write::PutFrameworkId(None),
        });
    }
    writes
}

// A run that ended stays so, as the scheduler has it: then what one store pruned a little earlier
// than the other is never among the newest again.
async fn stay_ended(put: Write, ended: &mut BTreeSet<RunKey>, model: &MemoryStore) -> Write {
    let Write::PutRun(mut new) = put else {
        return put;
    };
    let is_ended = |run: &Run| run.state == RunState::Ended;
    let known = model.run(&new.key).await.ok().flatten();
    if known.as_ref().is_some_and(is_ended) || ended.contains(&new.key) {
        let due = new.key.due.millis();
        return put_run(new.key.job.as_str(), due, new.key.attempt, RunState::Ended);
    }
    if is_ended(&new) {
        ended.insert(new.key.clone());
        Arc::make_mut(&mut new).reason = Some("ended".to_owned());
    }
    Write::PutRun(new)
}
