//! A client of the API, and the questions that tests ask.

use std::{
    io::{BufRead as _, BufReader, ErrorKind},
    time::Duration,
};

use serde_json::{Value, json};
use ureq::{
    Agent, Body,
    http::{HeaderMap, Request, Response, request::Builder},
};

use crate::patience::{PATIENCE, wait_for};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Talks to one daemon.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    url: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn new(url: String) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .proxy(None)
            .timeout_global(Some(2 * PATIENCE))
            .timeout_connect(Some(Duration::from_secs(5)))
            .build();
        Self {
            agent: config.new_agent(),
            url,
        }
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response<Body> {
        let request = || {
            let request = Request::builder()
                .method(method)
                .uri(format!("{}{path}", self.url));
            let named =
                |request: Builder, (name, value): &(&str, &str)| request.header(*name, *value);
            headers.iter().fold(request, named)
        };
        loop {
            let sent = match body {
                "" => self.agent.run(request().body(()).unwrap()),
                body => self.agent.run(request().body(body).unwrap()),
            };
            match sent {
                Ok(response) => return response,
                // Processes of this test end while it waits, which interrupts the wait. Neither of these does more when
                // it is asked twice.
                Err(ureq::Error::Io(error))
                    if matches!(method, "GET" | "POST")
                        && error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("{method} {path}: {error}"),
            }
        }
    }

    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut response = self.send(method, path, headers, body);
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.body_mut().read_to_string().unwrap(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    pub(crate) fn put(&self, path: &str) -> Answer {
        self.ask("PUT", path, &[], "")
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, &[], "")
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, &[JSON], body)
    }

    /// Opens an answer that is read while it is made.
    pub(crate) fn open(&self, path: &str) -> impl Iterator<Item = String> + use<> {
        let response = self.send("GET", path, &[], "");
        assert_eq!(response.status(), 200);
        let lines = BufReader::new(response.into_body().into_reader()).lines();
        lines.map(Result::unwrap)
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn create(&self, job: &Value) {
        let kind = match job.get("parents") {
            Some(_) => "dependency",
            None => "iso8601",
        };
        self.post(&format!("/v1/scheduler/{kind}"), &job.to_string())
            .check_no_content();
    }

    pub(crate) fn job_names(&self) -> Vec<String> {
        let jobs = self.json("/v1/scheduler/jobs");
        let jobs = jobs.as_array().unwrap().iter();
        jobs.map(|job| job["name"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn job(&self, name: &str) -> Value {
        self.json(&format!("/v1/scheduler/job/{name}"))
    }

    /// Why a job does not run, in one text.
    pub(crate) fn waiting(&self, name: &str) -> String {
        let reasons = self.job(name)["waiting"].take();
        let reasons: Vec<String> = serde_json::from_value(reasons).unwrap();
        reasons.join("; ")
    }

    #[track_caller]
    pub(crate) fn run_now(&self, name: &str) {
        self.put(&format!("/v1/scheduler/job/{name}"))
            .check_no_content();
    }

    /// The runs of a job, newest first.
    pub(crate) fn runs(&self, name: &str) -> Vec<Value> {
        serde_json::from_value(self.json(&format!("/v1/scheduler/job/{name}/runs"))).unwrap()
    }

    pub(crate) fn run(&self, id: &str) -> Value {
        self.json(&format!("/v1/scheduler/runs/{id}"))
    }

    /// Waits for a run of a job in a state.
    #[track_caller]
    pub(crate) fn wait_run(&self, job: &str, field: &str, value: &str) -> Value {
        wait_for(&format!("a run of {job} with {field} {value}"), || {
            let mut runs = self.runs(job).into_iter();
            runs.find(|run| run[field] == value)
        })
    }

    #[track_caller]
    pub(crate) fn wait_running(&self, job: &str) -> Value {
        self.wait_run(job, "state", "running")
    }

    #[track_caller]
    pub(crate) fn wait_outcome(&self, job: &str, outcome: &str) -> Value {
        self.wait_run(job, "outcome", outcome)
    }
}

impl Answer {
    /// Checks that it says nothing, as Chronos' clients demand.
    #[track_caller]
    pub(crate) fn check_no_content(&self) {
        assert_eq!((self.status, &*self.body), (204, ""));
    }

    /// Checks that it is an error as all are, about a field.
    #[track_caller]
    pub(crate) fn check_error(&self, status: u16, field: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/json");
        let error: Value = serde_json::from_str(&self.body).unwrap();
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        let mut errors = error["errors"].as_array().unwrap().iter();
        assert!(errors.any(|error| error["field"] == field), "{error}");
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

/// A job that runs only when it is told to: its first target is far away.
pub(crate) fn by_hand(name: &str, command: &str) -> Value {
    json!({
        "name": name,
        "schedule": "R/2099-01-01T00:00:00Z/P1D",
        "command": command,
        "retries": 0,
        "cpus": 0.01,
        "mem": 1,
        "disk": 1,
    })
}

/// A job that runs after others.
pub(crate) fn after(parents: &[&str], name: &str, command: &str) -> Value {
    let mut job = by_hand(name, command);
    let fields = job.as_object_mut().unwrap();
    fields.remove("schedule");
    fields.insert("parents".to_owned(), json!(parents));
    job
}
