//! Who may ask: nobody by way of a deceived browser, and nobody without the credentials.

use std::{net::IpAddr, str::FromStr};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, uri::Authority};
use subtle::ConstantTimeEq;

use crate::{ApiConfig, error::ApiError, params::decoded, router::App};

/// What is asked of every request, made from the settings once.
#[derive(Debug)]
pub(crate) struct Guard {
    /// The host names besides the loopback ones; `None` takes any.
    hostnames: Option<Vec<String>>,
    credentials: Option<Credentials>,
}

struct Credentials {
    /// What follows `Basic `.
    token: String,
    challenge: HeaderValue,
}

// By hand, because the password must not get into any log.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Guard {
    /// Makes the guard that the settings ask for.
    pub(crate) fn new(config: ApiConfig) -> Self {
        Self {
            hostnames: config.loopback_only.then_some(config.hostnames),
            credentials: config.credentials.map(|(user, password)| Credentials {
                token: STANDARD.encode(format!("{user}:{password}")),
                challenge: challenge(&config.realm),
            }),
        }
    }

    fn check(&self, request: &Request) -> Result<(), ApiError> {
        let host = host(request);
        self.check_host(host.as_ref())?;
        self.check_credentials(request.headers())?;
        check_origin(request, host.as_ref())?;
        check_path(request.uri().path())
    }

    // A page of anybody can have its own name resolve to 127.0.0.1 and then talk to this daemon as to
    // itself; what it cannot do is send another name than its own.
    fn check_host(&self, host: Option<&Authority>) -> Result<(), ApiError> {
        let Some(hostnames) = &self.hostnames else {
            return Ok(());
        };
        let name = host.map(|host| host.host().trim_end_matches('.'));
        let known = name.is_some_and(|name| {
            let mut others = hostnames.iter();
            is_loopback(name) || others.any(|other| other.eq_ignore_ascii_case(name))
        });
        if known {
            return Ok(());
        }
        Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "the Host header names neither this machine's loopback nor a configured host name",
        ))
    }

    fn check_credentials(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(credentials) = &self.credentials else {
            return Ok(());
        };
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .map(|(_, token)| token.trim());
        let same = |given: &str| bool::from(given.as_bytes().ct_eq(credentials.token.as_bytes()));
        if given.is_some_and(same) {
            return Ok(());
        }
        let error = ApiError::new(StatusCode::UNAUTHORIZED, "user and password are needed");
        Err(error.with(header::WWW_AUTHENTICATE, credentials.challenge.clone()))
    }
}

/// Lets a request through that passes the guard.
pub(crate) async fn guarded(State(app): State<App>, request: Request, next: Next) -> Response {
    match app.guard.check(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

// Quotes and whatever no header may hold are left out of the realm.
fn challenge(realm: &str) -> HeaderValue {
    let realm = realm.replace(['"', '\\'], "");
    HeaderValue::from_str(&format!("Basic realm=\"{realm}\", charset=\"UTF-8\""))
        .unwrap_or(HeaderValue::from_static("Basic realm=\"Chronos\""))
}

fn host(request: &Request) -> Option<Authority> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.clone());
    }
    let host = request.headers().get(header::HOST)?;
    Authority::from_str(host.to_str().ok()?).ok()
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let name = host.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || IpAddr::from_str(address).is_ok_and(|address| address.is_loopback())
}

// Browsers say from which site a changing request comes; others say nothing.
fn check_origin(request: &Request, host: Option<&Authority>) -> Result<(), ApiError> {
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let Some(origin) = request.headers().get(header::ORIGIN).filter(|_| !reads) else {
        return Ok(());
    };
    let same = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
        .zip(host)
        .is_some_and(|((scheme, site), host)| {
            without_default_port(scheme, site)
                .eq_ignore_ascii_case(without_default_port(scheme, host.as_str()))
        });
    if same {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "the Origin header names another site than this one",
    ))
}

fn without_default_port<'a>(scheme: &str, site: &'a str) -> &'a str {
    let port = if scheme == "https" { ":443" } else { ":80" };
    site.strip_suffix(port).unwrap_or(site)
}

fn check_path(path: &str) -> Result<(), ApiError> {
    if decoded(path).is_some() {
        return Ok(());
    }
    Err(ApiError::bad(
        "path",
        "holds '%' without two hexadecimal digits, or octets that are no UTF-8",
    ))
}
