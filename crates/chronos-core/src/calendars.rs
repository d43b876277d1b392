//! Calendars, and the jobs that name them.

use std::sync::Arc;

use chronos_model::{Calendar, CalendarName, Exclusions, JobName, JobSpec};

use crate::{Refusal, Reply, Scheduler};

impl Scheduler {
    pub(crate) fn put_calendar(&mut self, calendar: &Arc<Calendar>) -> Reply {
        let name = calendar.name().clone();
        let before = self.calendars.insert(name.clone(), Arc::clone(calendar));
        if before.as_ref() == Some(calendar) {
            return Reply::Updated;
        }
        self.changes
            .calendar(name.clone(), Some(Arc::clone(calendar)));
        // What has its time already is not taken back; what is to come is seen in the new light.
        let users = self.calendar_users.get(&name).cloned().unwrap_or_default();
        for job in users {
            let Some(spec) = self.jobs.get(&job).map(|job| Arc::clone(&job.spec)) else {
                continue;
            };
            let exclusions = self.exclusions(&spec);
            self.change_job(&job, |job| job.exclusions = exclusions);
            self.arm(&job);
        }
        if before.is_some() {
            Reply::Updated
        } else {
            Reply::Created
        }
    }

    pub(crate) fn delete_calendar(&mut self, name: &CalendarName) -> Result<Reply, Refusal> {
        if !self.calendars.contains_key(name) {
            return Err(Refusal::UnknownCalendar(name.clone()));
        }
        if let Some(users) = self.calendar_users.get(name) {
            return Err(Refusal::CalendarInUse {
                calendar: name.clone(),
                jobs: users.iter().cloned().collect(),
            });
        }
        self.calendars.remove(name);
        self.changes.calendar(name.clone(), None);
        Ok(Reply::Done)
    }

    pub(crate) fn check_calendars(&self, spec: &JobSpec) -> Result<(), Refusal> {
        let unknown = spec
            .details
            .calendars
            .iter()
            .find(|name| !self.calendars.contains_key(name));
        match unknown {
            None => Ok(()),
            Some(name) => Err(Refusal::Invalid {
                field: "calendar",
                problem: format!("unknown calendar {name}; create it first"),
            }),
        }
    }

    /// Puts the calendars of a job together.
    pub(crate) fn exclusions(&self, spec: &JobSpec) -> Exclusions {
        let calendars = spec.details.calendars.iter();
        Exclusions::new(
            calendars
                .filter_map(|name| self.calendars.get(name).cloned())
                .collect(),
        )
    }

    pub(crate) fn use_calendars(&mut self, job: &JobName, calendars: &[CalendarName]) {
        for calendar in calendars {
            let users = self.calendar_users.entry(calendar.clone()).or_default();
            users.insert(job.clone());
        }
    }

    pub(crate) fn unuse_calendars(&mut self, job: &JobName, calendars: &[CalendarName]) {
        for calendar in calendars {
            if let Some(users) = self.calendar_users.get_mut(calendar) {
                users.remove(job);
                if users.is_empty() {
                    self.calendar_users.remove(calendar);
                }
            }
        }
    }
}
