//! Why there is no session: what each server says to one plain question.
//!
//! The library says "timeout" for all that goes wrong before a session, be it a name that nobody knows or a
//! certificate that nobody trusts.

use std::{io, time::Duration};

use futures_util::future;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{self, AlertDescription, CertificateError, pki_types::ServerName},
};
use zookeeper_client::Error;

use crate::{
    ZkAddress,
    security::{Security, Tls},
};

/// How long one server may take for all of it.
const PATIENCE: Duration = Duration::from_secs(3);

/// A question that servers answer without a session, and what they answer.
const QUESTION: &[u8] = b"srvr";
const ANSWERS: [&str; 2] = ["Zookeeper version", "srvr is not executed"];
const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving";
const ANSWER_BYTES: usize = 64;

/// The first byte of a message of TLS that says what is wrong.
const TLS_ALERT: u8 = 0x15;

/// Says why there is no session; asks the servers where the library does not know.
pub(super) async fn explain(address: &ZkAddress, error: &Error) -> String {
    let nothing = Security::default();
    let security = address.security().unwrap_or(&nothing);
    if *error == Error::AuthFailed {
        return match (&security.sasl, address.auth()) {
            (Some(sasl), _) => format!(
                "the servers refused the user {:?} or the password (sasl_user, sasl_password_file)",
                sasl.user
            ),
            (None, _) => {
                "the servers demand a user by SASL (sasl_user, sasl_password_file)".to_owned()
            }
        };
    }
    let tls = security.tls.as_ref();
    let asked = address.each_host().map(|(host, port)| async move {
        let asked = timeout(PATIENCE, ask(host, port, tls)).await;
        let problem = asked.unwrap_or_else(|_elapsed| Err(silent()));
        problem
            .err()
            .map(|problem| format!("{host}:{port} {problem}"))
    });
    let problems: Vec<_> = future::join_all(asked).await;
    let problems: Vec<_> = problems.into_iter().flatten().collect();
    if problems.is_empty() {
        // It may have been so for a moment only.
        return format!("no session: {error}");
    }
    problems.join("; ")
}

fn silent() -> String {
    format!("does not answer within {PATIENCE:?}")
}

async fn ask(host: &str, port: u16, tls: Option<&Tls>) -> Result<(), String> {
    let found = tokio::net::lookup_host((host, port)).await;
    let found: Vec<_> = found
        .map_err(|error| format!("is not known by name: {error}"))?
        .collect();
    let stream = TcpStream::connect(&*found).await;
    let mut stream = stream.map_err(|error| format!("cannot be connected to: {error}"))?;
    let Some(tls) = tls else {
        return match answer(&mut stream).await {
            Ok(answer) if answer.first() == Some(&TLS_ALERT) => Err(wants_tls()),
            Ok(answer) => judge(&answer),
            Err(error) => Err(format!("breaks the connection: {error}")),
        };
    };
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|error| format!("cannot have a certificate: {error}"))?;
    let connected = TlsConnector::from(tls.config.clone()).connect(name, stream);
    let asked = async { answer(&mut connected.await?).await };
    match asked.await {
        Ok(answer) => judge(&answer),
        Err(error) => Err(tls_problem(&error, tls)),
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<Vec<u8>> {
    stream.write_all(QUESTION).await?;
    stream.flush().await?;
    let mut answer = vec![0; ANSWER_BYTES];
    let len = match timeout(PATIENCE / 3, stream.read(&mut answer)).await {
        Ok(len) => len?,
        // Whoever waits for TLS waits for a fifth byte.
        Err(_elapsed) => {
            stream.write_all(b"\n").await?;
            stream.flush().await?;
            stream.read(&mut answer).await?
        }
    };
    answer.truncate(len);
    Ok(answer)
}

fn judge(answer: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(answer);
    if ANSWERS.iter().any(|known| text.starts_with(known)) {
        Ok(())
    } else if text.starts_with(NOT_SERVING) {
        Err("serves nobody now: it does not find enough other servers".to_owned())
    } else if answer.is_empty() {
        Err("hangs up when it is asked; if that is its port for TLS, say tls_ca_file".to_owned())
    } else {
        Err("does not answer as ZooKeeper does".to_owned())
    }
}

fn wants_tls() -> String {
    "speaks TLS; say tls_ca_file, or name its port without TLS".to_owned()
}

fn tls_problem(error: &io::Error, tls: &Tls) -> String {
    let inner = error.get_ref().and_then(|it| it.downcast_ref());
    match inner {
        Some(rustls::Error::InvalidCertificate(problem)) => certificate_problem(problem, tls),
        Some(rustls::Error::AlertReceived(alert)) => alert_problem(*alert, tls),
        Some(rustls::Error::InvalidMessage(_)) => plain(),
        Some(other) => format!("cannot be spoken to by TLS: {other}"),
        None if error.kind() == io::ErrorKind::UnexpectedEof => plain(),
        None => format!("breaks the connection: {error}"),
    }
}

fn certificate_problem(problem: &CertificateError, tls: &Tls) -> String {
    use CertificateError::{NotValidForName, NotValidForNameContext, UnknownIssuer};
    let ca = tls.ca_file().display();
    if matches!(problem, UnknownIssuer) {
        format!("has a certificate that nobody in {ca} (tls_ca_file) signed")
    } else if matches!(problem, NotValidForName | NotValidForNameContext { .. }) {
        "has a certificate for another name; name it as its certificate does, or give it another one".to_owned()
    } else {
        format!("has a certificate that cannot be trusted: {problem}")
    }
}

fn plain() -> String {
    "does not speak TLS; name its port for TLS, or leave tls_ca_file out".to_owned()
}

fn alert_problem(alert: AlertDescription, tls: &Tls) -> String {
    match tls.cert_file() {
        None => format!(
            "demands a certificate of ours (tls_cert_file, tls_key_file): it says {alert:?}"
        ),
        Some(file) => format!(
            "refuses our certificate in {} (tls_cert_file): it says {alert:?}",
            file.display()
        ),
    }
}
