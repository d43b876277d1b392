//! The connections for the calls of one subscription, opened as they are needed.

use std::sync::Arc;

use mesos_v1::driver::{Input, Lane, Subscription};
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    task::JoinSet,
};

use crate::http::{Client, Outgoing, speak};

/// They end with this value, and what is on its way over them is lost.
pub(crate) struct Lanes {
    client: Arc<Client>,
    subscription: Subscription,
    authority: String,
    inputs: mpsc::Sender<Input>,
    speakers: Vec<mpsc::Sender<Outgoing>>,
    tasks: JoinSet<()>,
}

impl Lanes {
    pub(crate) fn new(
        client: Arc<Client>,
        subscription: Subscription,
        authority: String,
        inputs: mpsc::Sender<Input>,
    ) -> Self {
        Self {
            client,
            subscription,
            authority,
            inputs,
            speakers: Vec::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Sends a call over a lane. That of another subscription goes nowhere.
    pub(crate) fn send(&mut self, subscription: Subscription, lane: Lane, call: Outgoing) {
        if subscription != self.subscription {
            return;
        }
        while self.speakers.len() <= lane.0 {
            self.open();
        }
        match self.speakers[lane.0].try_send(call) {
            // The driver sends one at a time on each lane, so there is room.
            Err(TrySendError::Full(call)) => {
                tracing::error!(call = call.call.0, "a call found no room");
            }
            Ok(()) | Err(TrySendError::Closed(_)) => {}
        }
    }

    fn open(&mut self) {
        let (calls_tx, calls) = mpsc::channel(1);
        let (client, authority) = (Arc::clone(&self.client), self.authority.clone());
        let inputs = self.inputs.clone();
        self.tasks
            .spawn(speak(client, self.subscription, authority, calls, inputs));
        self.speakers.push(calls_tx);
    }
}
