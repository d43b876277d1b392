//! The bounds of a job definition, each with its reason.

/// The longest text of any one field, in bytes.
///
/// Linux refuses to start a program when one argument or variable takes 128 KiB or more; a quarter is
/// left for what is put around it.
pub const TEXT_LEN_MAX: usize = 96 * 1024;

/// The longest command with its arguments appended, in bytes.
///
/// A shell gets them as one argument, of which Linux takes less than 128 KiB; 8 KiB are left for
/// longer arguments given by hand.
pub const COMMAND_LEN_MAX: usize = 120 * 1024;

/// The most entries of any one list: arguments, variables, fetches, parents, volumes, ….
///
/// Far above what people write; low enough that one job's lists are read in a few milliseconds.
pub const LIST_LEN_MAX: usize = 1000;

/// The most constraints of one job.
///
/// A compiled expression may take 1 MiB, so one job holds 64 MiB of them at the very worst.
pub const CONSTRAINTS_LEN_MAX: usize = 64;

/// The longest attribute or value in a constraint, in bytes; keeps compiling an expression quick.
pub const CONSTRAINT_TEXT_LEN_MAX: usize = 4096;

/// The longest schedule, in bytes: twice the longest that means anything.
pub const SCHEDULE_LEN_MAX: usize = 256;

/// The longest name of a time zone, in bytes; the longest of the IANA database has 32.
pub const ZONE_LEN_MAX: usize = 64;

/// The largest job as stored JSON, in bytes.
///
/// ZooKeeper refuses nodes over 1 MiB by default; half of it leaves room for what is stored beside
/// the definition.
pub const JOB_JSON_LEN_MAX: usize = 512 * 1024;

/// The most extra attempts; Chronos keeps them in 32 bits with a sign.
pub const RETRIES_MAX: u32 = i32::MAX.unsigned_abs();

/// The longest delay before an extra attempt, in seconds: a week, beyond which it is a schedule.
pub const RETRY_DELAY_SECS_MAX: u64 = 7 * 24 * 60 * 60;

/// How many missed targets are run under `catchUp: all` where the job does not say.
pub const CATCH_UP_LIMIT_DEFAULT: u32 = 100;

/// The most missed targets that one catch-up may run: beyond it the queue of one job would crowd out
/// everybody else's.
pub const CATCH_UP_LIMIT_MAX: u32 = 10_000;

/// How many runs of a job may wait under `overlap: queueAll` where the job does not say.
pub const OVERLAP_LIMIT_DEFAULT: u32 = 100;

/// The most runs of one job that may wait, or be at agents at once.
pub const OVERLAP_LIMIT_MAX: u32 = 10_000;

/// The longest back-off where the job does not say, in seconds: an hour.
pub const RETRY_DELAY_MAX_SECS_DEFAULT: u64 = 60 * 60;

/// The longest jitter, in seconds: a day, beyond which it is another schedule.
pub const JITTER_SECS_MAX: u64 = 24 * 60 * 60;

/// The most schedules of one job.
pub const SCHEDULES_LEN_MAX: usize = 32;

/// The most calendars of one job.
pub const CALENDARS_LEN_MAX: usize = 16;

/// The longest completion time, in seconds: Mesos takes nanoseconds in 63 bits.
pub const COMPLETION_TIME_SECS_MAX: u64 = 9_223_372_036;

/// The most GPUs of one job: more than any machine has.
pub const GPUS_MAX: u32 = 1024;

/// The most dates, or ranges of them, of one calendar: a century of holidays.
pub const CALENDAR_DATES_LEN_MAX: usize = 2000;

/// The most windows of one calendar.
pub const CALENDAR_WINDOWS_LEN_MAX: usize = 64;

/// How many stretches that calendars leave out are passed over in search of a target, before the
/// search says how far it came: some milliseconds of work.
pub const EXCLUDED_STRETCHES_MAX: usize = 1000;

/// The most targets of one preview.
pub const PREVIEW_LEN_MAX: usize = 1000;
