//! The beginning of a session: who we are to the servers, what we give to the nodes we make, and the root node.

use std::time::Duration;

use zookeeper_client::{
    Acl, Acls, AuthId, Client, CreateMode, Error, Permission, SaslOptions, TlsOptions,
};

use super::{
    Session, diagnosis,
    failure::{Failure, not_sent},
};
use crate::{
    ZkAddress,
    security::{Sasl, Security, Tls},
};

impl Session {
    /// Connects and makes the root node.
    pub(crate) async fn connect(address: &ZkAddress, timeout: Duration) -> Result<Self, Failure> {
        let mut session = Self::dial(address, timeout).await?;
        let root = address.root();
        if root.is_empty() {
            return Ok(session);
        }
        session.close_like(root).await?;
        let Self { client, acl } = &session;
        // Making a node that is there is refused to whoever may not write above it.
        if !session.exists(root).await? {
            // What is above is not ours alone.
            if let Some((above, _)) = root.rsplit_once('/').filter(|(above, _)| !above.is_empty()) {
                let open = CreateMode::Persistent.with_acls(Acls::anyone_all());
                let made = client.mkdir(above, &open).await;
                made.map_err(|error| not_sent(&error))?;
            }
            let ours = CreateMode::Persistent.with_acls(Acls::new(acl));
            let made = client.mkdir(root, &ours).await;
            made.map_err(|error| not_sent(&error))?;
        }
        session.below(root)
    }

    /// Connects to look at what is there; `None` when there is no root node.
    pub(crate) async fn open(
        address: &ZkAddress,
        timeout: Duration,
    ) -> Result<Option<Self>, Failure> {
        let session = Self::dial(address, timeout).await?;
        let root = address.root();
        if root.is_empty() {
            return Ok(Some(session));
        }
        if !session.exists(root).await? {
            return Ok(None);
        }
        session.below(root).map(Some)
    }

    // Whatever is told at a connection is told again at the next one of the session, by the library.
    async fn dial(address: &ZkAddress, timeout: Duration) -> Result<Self, Failure> {
        let mut connector = Client::connector().with_session_timeout(timeout);
        if let Some(auth) = address.auth() {
            let words = format!("{}:{}", auth.user, auth.password);
            connector = connector.with_auth("digest", words.as_bytes());
        }
        let Security { tls, sasl } = address.security().cloned().unwrap_or_default();
        if let Some(Sasl { user, password }) = sasl.clone() {
            connector = connector.with_sasl(SaslOptions::digest_md5(user, password));
        }
        let client = match &tls {
            None => connector.connect(address.hosts()).await,
            Some(tls) => {
                let options = tls_options(tls).map_err(|error| not_sent(&error))?;
                let connector = connector.with_tls(options);
                connector.secure_connect(address.hosts()).await
            }
        };
        let client = match client {
            Ok(client) => client,
            Err(error) => {
                let problem = diagnosis::explain(address, &error).await;
                return Err(Failure::NotSent { problem });
            }
        };
        if let Some(sasl) = &sasl {
            check_known(&client, sasl).await?;
        }
        let acl = acl(address);
        Ok(Self { client, acl })
    }

    // A tree that was made for its user's eyes only stays so, whoever writes into it. What others may not
    // write is not asked there: a root that an operator made may be open.
    async fn close_like(&mut self, root: &str) -> Result<(), Failure> {
        let found = match self.client.get_acl(root).await {
            Ok((found, _)) => found,
            // We may not even look at it; what we do there will say so.
            Err(Error::NoNode | Error::NoAuth) => return Ok(()),
            Err(error) => return Err(not_sent(&error)),
        };
        let anyone = AuthId::anyone();
        let is_readable =
            |acl: &Acl| *acl.auth_id() == anyone && acl.permission().has(Permission::READ);
        if self.acl.len() > 1 && !found.iter().any(is_readable) {
            self.acl.retain(|acl| *acl.auth_id() != anyone);
        }
        Ok(())
    }

    async fn exists(&self, path: &str) -> Result<bool, Failure> {
        let found = self.client.check_stat(path).await;
        let found = found.map_err(|error| not_sent(&error))?;
        Ok(found.is_some())
    }

    fn below(self, root: &str) -> Result<Self, Failure> {
        let client = self.client.chroot(root.to_owned());
        let client = client.map_err(|_client| Failure::NotSent {
            problem: format!("{root:?} is no path of a node"),
        })?;
        Ok(Self {
            client,
            acl: self.acl,
        })
    }

    /// Connects to look at what is under a root that others keep; nothing is made.
    pub(crate) async fn look_at(address: &ZkAddress, timeout: Duration) -> Result<Self, Failure> {
        let session = Self::dial(address, timeout).await?;
        if address.root().is_empty() {
            return Ok(session);
        }
        session.below(address.root())
    }
}

fn tls_options(tls: &Tls) -> Result<TlsOptions, Error> {
    // Names of servers are compared with their certificates unless one says otherwise.
    let options = TlsOptions::new().with_pem_ca(&tls.ca)?;
    match &tls.own {
        None => Ok(options),
        Some((certificate, key)) => options.with_pem_identity(certificate, key),
    }
}

// What is made belongs to the user, if there is one.
fn acl(address: &ZkAddress) -> Vec<Acl> {
    let sasl = address.security().and_then(|it| it.sasl.as_ref());
    let owner = match (sasl, address.auth()) {
        // By name, and not whoever this connection is: a certificate is an identity too, but that of one machine.
        (Some(sasl), _) => AuthId::new("sasl", &sasl.user),
        // The servers know the hash.
        (None, Some(_)) => AuthId::authed(),
        (None, None) => return vec![Acl::new(Permission::ALL, AuthId::anyone())],
    };
    // What Mesos' own state library gives: the creator may do all, everybody may look.
    let mut acl = vec![Acl::new(Permission::ALL, owner)];
    if !address.is_private() {
        acl.push(Acl::new(Permission::READ, AuthId::anyone()));
    }
    acl
}

// A server that has no users says yes to any, and then we are nobody.
async fn check_known(client: &Client, sasl: &Sasl) -> Result<(), Failure> {
    let known = match client.list_auth_users().await {
        Ok(known) => known,
        // Servers before 3.7 do not tell; they refuse what nobody may do.
        Err(Error::Unimplemented) => return Ok(()),
        Err(error) => return Err(not_sent(&error)),
    };
    let is_us = |scheme: &str, user: &str| scheme == "sasl" && user == sasl.user;
    if known.iter().any(|it| is_us(it.scheme(), it.user())) {
        return Ok(());
    }
    Err(Failure::NotSent {
        problem: format!(
            "the server took no notice of the user {:?} (sasl_user): it has no users by SASL; see its JAAS file and \
             authProvider, or leave sasl_user out",
            sasl.user
        ),
    })
}
