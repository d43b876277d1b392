//! What the master says, for people who read logs: ids and states, never what is in an environment.

use mesos_v1::{
    driver::{Notice, Update},
    event::{message, wants_acknowledgement},
    proto::{
        TaskState,
        scheduler::event::Failure,
        task_status::{Reason, Source},
    },
};

/// Writes down what was said, when that is nowhere else.
pub(super) fn note(notice: &Notice) {
    match notice {
        Notice::Failure(failure) => failed(failure),
        Notice::CallRefused { status, text } => {
            tracing::error!(
                status,
                text,
                "the master refused a call; this is a defect of ours"
            );
        }
        Notice::ConstraintsRefused => tracing::warn!(
            "the master refused what was said with offer constraints; there will be none any more"
        ),
        Notice::QueueFull => tracing::warn!("too many calls wait for the master"),
        Notice::Undecodable(error) => tracing::warn!(%error, "the master said what cannot be read"),
        Notice::UnknownEvent(number) => tracing::debug!(number, "an event of a later Mesos"),
        Notice::Message(message) => {
            let executor = &message.executor_id.value;
            tracing::debug!(
                executor,
                len = message.data.len(),
                "a message of an executor"
            );
        }
        Notice::Reconciled => tracing::debug!("all tasks that were asked about were answered"),
        Notice::Update(update) => updated(update),
        Notice::Offers(offers) => {
            let ids = offers.iter().map(|offer| offer.id.value.as_str());
            tracing::debug!(count = offers.len(), offers = ?ids.collect::<Vec<_>>(), "offers");
        }
        Notice::Rescinded(offer) => {
            tracing::debug!(offer = offer.value, "an offer does not stand any more");
        }
        Notice::InverseOffers(offers) => {
            let agents = offers.iter().filter_map(|offer| offer.agent_id.as_ref());
            let agents: Vec<_> = agents.map(|agent| agent.value.as_str()).collect();
            tracing::info!(?agents, "agents are to be left for maintenance");
        }
        Notice::Settled { request, outcome } => {
            tracing::debug!(request = request.0, ?outcome, "a launch came to its end");
        }
        // Not used, or told elsewhere.
        Notice::OperationStatus(_)
        | Notice::InverseRescinded(_)
        | Notice::Subscribed { .. }
        | Notice::Disconnected(_)
        | Notice::NoLeader
        | Notice::Waiting { .. }
        | Notice::Refused { .. }
        | Notice::Deposed => {}
    }
}

fn failed(failure: &Failure) {
    let Failure {
        agent_id,
        executor_id,
        status,
    } = failure;
    let agent = agent_id.as_ref().map(|id| id.value.as_str());
    let executor = executor_id.as_ref().map(|id| id.value.as_str());
    tracing::warn!(
        agent,
        executor,
        status,
        "Mesos lost an agent or an executor"
    );
}

fn updated(update: &Update) {
    let status = &update.status;
    let agent = status.agent_id.as_ref().map(|id| id.value.as_str());
    let source = status.source.and_then(|it| Source::try_from(it).ok());
    let reason = status.reason.and_then(|it| Reason::try_from(it).ok());
    tracing::debug!(
        task = status.task_id.value,
        state = TaskState::try_from(status.state).map_or("of a later Mesos", |it| it.as_str_name()),
        agent,
        source = source.map(|it| it.as_str_name()),
        reason = reason.map(|it| it.as_str_name()),
        text = message(status),
        wants_acknowledgement = wants_acknowledgement(status),
        doubtful = update.doubtful,
        "news of a task"
    );
}
