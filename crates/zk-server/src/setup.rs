//! What a server is told at its start.

use std::{fmt::Write as _, fs, path::Path};

use crate::Identity;

/// How a server is set up; by default plain and open to everybody.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Its memory, as Java is told.
    pub heap: Option<&'static str>,
    /// Speaks TLS, and nothing else.
    pub tls: Option<ServerTls>,
    /// Who may come by SASL (DIGEST-MD5): names and passwords.
    pub users: Vec<(String, String)>,
    /// Nobody else may come.
    pub users_only: bool,
}

/// How a server speaks TLS.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// Who it is.
    pub own: Identity,
    /// Who must have signed the certificates of clients (PEM); `None` asks for no certificates.
    pub clients_of: Option<String>,
}

/// The memory of a server that holds little.
const HEAP: &str = "256m";

impl Setup {
    /// Adds a user.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.users.push((name.to_owned(), password.to_owned()));
        self
    }

    /// Speaks TLS.
    #[must_use]
    pub fn tls(mut self, own: Identity, clients_of: Option<&str>) -> Self {
        let clients_of = clients_of.map(str::to_owned);
        self.tls = Some(ServerTls { own, clients_of });
        self
    }

    pub(crate) fn heap(&self) -> &'static str {
        self.heap.unwrap_or(HEAP)
    }

    /// Writes all files.
    pub(crate) fn write(&self, home: &Path, data: &Path, port: u16, peers: &str) {
        // Sessions may last from one second to a minute.
        let mut text = format!(
            "tickTime=500\ninitLimit=20\nsyncLimit=10\nmaxSessionTimeout=60000\nmaxClientCnxns=0\n\
             admin.enableServer=false\nfsync.warningthresholdms=60000\ndataDir={}\n{peers}",
            data.display()
        );
        match &self.tls {
            None => writeln!(text, "clientPortAddress=127.0.0.1\nclientPort={port}").unwrap(),
            Some(tls) => text.push_str(&tls.write(home, port)),
        }
        if !self.users.is_empty() {
            text.push_str(
                "authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider\n",
            );
        }
        if self.users_only {
            text.push_str("enforce.auth.enabled=true\nenforce.auth.schemes=sasl\n");
        }
        fs::write(home.join("zoo.cfg"), text).unwrap();
        fs::write(home.join("jaas.conf"), self.jaas()).unwrap();
    }

    fn jaas(&self) -> String {
        let mut text =
            "Server {\n  org.apache.zookeeper.server.auth.DigestLoginModule required".to_owned();
        for (name, password) in &self.users {
            write!(text, "\n  user_{name}=\"{password}\"").unwrap();
        }
        text.push_str(";\n};\n");
        text
    }
}

impl ServerTls {
    fn write(&self, home: &Path, port: u16) -> String {
        let (keys, trust) = (home.join("keys.pem"), home.join("trust.pem"));
        let Identity {
            certificate, key, ..
        } = &self.own;
        fs::write(&keys, format!("{key}{certificate}")).unwrap();
        fs::write(&trust, self.clients_of.as_ref().unwrap_or(certificate)).unwrap();
        let wanted = if self.clients_of.is_some() {
            "need"
        } else {
            "none"
        };
        format!(
            "secureClientPortAddress=127.0.0.1\nsecureClientPort={port}\n\
             serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory\n\
             ssl.keyStore.location={}\nssl.trustStore.location={}\nssl.clientAuth={wanted}\n",
            keys.display(),
            trust.display()
        )
    }
}
