//! What the operator sets about the API.

use std::fmt;

/// Settings of the API.
#[derive(Clone)]
pub struct ApiConfig {
    /// Only this machine connects, so a request for any other host than this machine (by a loopback
    /// name or address, or one of [`hostnames`](Self::hostnames)) was sent by a deceived browser.
    pub loopback_only: bool,
    /// Names under which this machine is reached besides the loopback ones.
    pub hostnames: Vec<String>,
    /// User and password that every request must bring (`--http_credentials`); `None` asks for none.
    pub credentials: Option<(String, String)>,
    /// What browsers show when they ask for the credentials (`--http_realm`).
    pub realm: String,
    /// Answers are compressed for clients that take it (off with `--disable_http_compression`).
    pub compression: bool,
}

impl Default for ApiConfig {
    /// For a daemon alone: loopback, no credentials, compression.
    fn default() -> Self {
        Self {
            loopback_only: true,
            hostnames: Vec::new(),
            credentials: None,
            realm: "Chronos".to_owned(),
            compression: true,
        }
    }
}

// By hand, because the password must not get into any log.
impl fmt::Debug for ApiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.credentials.as_ref().map(|(user, _)| user);
        f.debug_struct("ApiConfig")
            .field("loopback_only", &self.loopback_only)
            .field("hostnames", &self.hostnames)
            .field("user", &user)
            .field("realm", &self.realm)
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}
