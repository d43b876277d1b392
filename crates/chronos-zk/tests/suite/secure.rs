//! TLS and SASL, on real servers.

use std::{fs, path::PathBuf, time::Duration};

use async_trait::async_trait;
use chronos_store::{
    Store, StoreError,
    contract::{StoreFactory, fences_older_terms, fill, random_histories, refuses_large_values},
};
use chronos_zk::{
    Election, ElectionOptions, Leadership, OpenError, SaslFile, SecurityFiles, TlsFiles, ZkAddress,
    ZkOptions, ZkStore,
};
use tempfile::TempDir;
use zk_server::{Authority, Identity, Server, Setup, fresh_root};

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_secs(1);

/// What an operator has: an authority, and files.
struct Desk {
    authority: Authority,
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            authority: Authority::new("ours"),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Trusts our authority, and shows a certificate.
    fn tls(&self, own: Option<&Identity>) -> TlsFiles {
        TlsFiles {
            ca: self.file("ca.pem", self.authority.certificate()),
            own: own.map(|own| {
                let cert = self.file("own.pem", &own.certificate);
                (cert, self.file("own.key", &own.key))
            }),
        }
    }

    fn user(&self, name: &str, password: &str) -> SaslFile {
        SaslFile {
            user: name.to_owned(),
            password: self.file(&format!("{name}.password"), password),
        }
    }

    /// The whole of it: a certificate that the server demands, and a user.
    fn files(&self, name: &str, password: &str) -> SecurityFiles {
        SecurityFiles {
            tls: Some(self.tls(Some(&self.authority.sign("127.0.0.1")))),
            sasl: Some(self.user(name, password)),
        }
    }

    /// A server for all that, and for a second user.
    fn setup(&self) -> Setup {
        let own = self.authority.sign("127.0.0.1");
        let setup = Setup::default().tls(own, Some(self.authority.certificate()));
        setup.user("cron", "ge heim: #'s").user("other", "word")
    }
}

fn address(server: &Server, root: &str, files: &SecurityFiles) -> ZkAddress {
    let text = format!("zk://{}{root}", server.hosts());
    let address: ZkAddress = text.parse().unwrap();
    address.secured(files).unwrap()
}

struct Secure {
    address: ZkAddress,
}

#[async_trait]
impl StoreFactory for Secure {
    async fn open(&mut self) -> Box<dyn Store> {
        let mut options = ZkOptions::new(self.address.clone());
        options.history = self.history();
        options.shards = 2;
        Box::new(ZkStore::open(&options).await.expect("the store opens"))
    }

    fn history(&self) -> usize {
        16
    }
}

#[test]
fn the_store_keeps_its_promise() {
    let desk = Desk::new();
    let server = Server::start_with(&desk.setup());
    let files = desk.files("cron", "ge heim: #'s\n");
    let fresh = || Secure {
        address: address(&server, &fresh_root(), &files),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        fences_older_terms(&mut fresh()).await;
        // Half a packet is many records of TLS.
        refuses_large_values(&mut fresh()).await;
    });
    random_histories(8, fresh);
}

fn join(address: &ZkAddress, name: &str) -> Election {
    let mut options = ElectionOptions::new(address.clone(), name);
    options.session_timeout = LONG;
    Election::join(&options).unwrap()
}

async fn until_leads(election: &Election) {
    let mut leadership = election.leadership();
    let leads = |now: &Leadership| matches!(now, Leadership::Leading(_));
    leadership.wait_for(leads).await.unwrap();
}

#[tokio::test]
async fn sessions_and_leaders_outlive_a_server() {
    let desk = Desk::new();
    let mut server = Server::start_with(&desk.setup());
    let address = address(&server, &fresh_root(), &desk.files("cron", "ge heim: #'s"));
    let mut options = ZkOptions::new(address.clone());
    options.session_timeout = LONG;
    let store = ZkStore::open(&options).await.unwrap();
    let term = store.begin_term().await.unwrap();
    fill(&store, term, 3).await;
    let (first, second) = (join(&address, "first:1"), join(&address, "second:1"));
    let (first, second) = tokio::select! {
        () = until_leads(&first) => (first, second),
        () = until_leads(&second) => (second, first),
    };
    let leadership = *first.leadership().borrow();
    server.kill();
    let mut told = first.leadership();
    let is_in_doubt = |now: &Leadership| matches!(now, Leadership::Suspended(_));
    told.wait_for(is_in_doubt).await.unwrap();
    server.start_again();
    // The same session goes on: who we are was said again.
    until_leads(&first).await;
    assert_eq!(*first.leadership().borrow(), leadership);
    while let Err(error) = store.load(term).await {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    }
    assert_eq!(store.commit(term, Vec::new()).await, Ok(()));
    assert_eq!(*second.leadership().borrow(), Leadership::None);
    drop(first);
    until_leads(&second).await;
}

#[tokio::test]
async fn only_the_user_writes() {
    let desk = Desk::new();
    // Whoever comes is let in, also without a user.
    let server = Server::start_with(&Setup::default().user("cron", "s").user("other", "w"));
    for private in [false, true] {
        let root = fresh_root();
        let cron = SecurityFiles {
            sasl: Some(desk.user("cron", "s")),
            ..SecurityFiles::default()
        };
        let ours = address(&server, &root, &cron);
        let ours = if private { ours.private() } else { ours };
        let store = ZkStore::open(&ZkOptions::new(ours.clone())).await.unwrap();
        let term = store.begin_term().await.unwrap();
        fill(&store, term, 3).await;
        let election = join(&ours, "one:1");
        until_leads(&election).await;
        let other = SecurityFiles {
            sasl: Some(desk.user("other", "w")),
            ..SecurityFiles::default()
        };
        let anyone = SecurityFiles::default();
        for theirs in [&other, &anyone] {
            let theirs = ZkOptions::new(address(&server, &root, theirs));
            let refused = match ZkStore::open(&theirs).await {
                Ok(store) => store.begin_term().await.unwrap_err().to_string(),
                Err(error) => error.to_string(),
            };
            assert!(refused.ends_with("not authorized"), "{refused}");
        }
        let client = zookeeper_client::Client::connect(&server.hosts())
            .await
            .unwrap();
        // Only who may read a node may ask whose it is, so the nodes of the second tree are those of a refusal.
        let acl = client.get_acl(&root).await;
        if private {
            assert_eq!(acl, Err(zookeeper_client::Error::NoAuth));
            continue;
        }
        let acl = acl.unwrap().0;
        let acl: Vec<_> = acl
            .iter()
            .map(|it| format!("{}:{} {}", it.scheme(), it.id(), it.permission()))
            .collect();
        assert_eq!(acl, ["sasl:cron ALL", "world:anyone READ"]);
        // The store goes on.
        assert_eq!(store.commit(term, Vec::new()).await, Ok(()));
    }
}

async fn refusal(address: ZkAddress) -> String {
    let mut options = ZkOptions::new(address);
    options.session_timeout = SHORT;
    match ZkStore::open(&options).await {
        Err(OpenError::Unavailable { problem, .. }) => problem,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

#[track_caller]
fn assert_told(problem: &str, want: &str) {
    assert!(problem.contains(want), "{problem}\n{want}");
    assert!(!problem.contains("heim"), "{problem}");
}

#[tokio::test]
async fn says_what_a_plain_server_does_not_know() {
    let desk = Desk::new();
    let plain = Server::start();
    let tls = SecurityFiles {
        tls: Some(desk.tls(None)),
        sasl: None,
    };
    let problem = refusal(address(&plain, "/x", &tls)).await;
    assert_told(
        &problem,
        "does not speak TLS; name its port for TLS, or leave",
    );
    let user = SecurityFiles {
        tls: None,
        sasl: Some(desk.user("cron", "ge heim: #'s")),
    };
    let problem = refusal(address(&plain, "/x", &user)).await;
    assert_told(&problem, "no notice of the user \"cron\" (sasl_user)");
}

#[tokio::test]
async fn says_why_it_is_refused() {
    let desk = Desk::new();
    let secure = Server::start_with(&Setup {
        users_only: true,
        ..desk.setup()
    });
    let elsewhere = desk.authority.sign("elsewhere.example");
    let misnamed = Server::start_with(&Setup::default().tls(elsewhere, None));
    let whole = desk.files("cron", "ge heim: #'s");
    let with = |tls: TlsFiles| SecurityFiles {
        tls: Some(tls),
        sasl: whole.sasl.clone(),
    };
    let stranger = Authority::new("stranger");
    let strangers = TlsFiles {
        ca: desk.file("other-ca.pem", stranger.certificate()),
        own: None,
    };
    let strange = stranger.sign("127.0.0.1");
    let strange = TlsFiles {
        own: Some((
            desk.file("strange.pem", &strange.certificate),
            desk.file("strange.key", &strange.key),
        )),
        ..desk.tls(None)
    };
    let user = |sasl: Option<SaslFile>| SecurityFiles {
        tls: whole.tls.clone(),
        sasl,
    };
    let wrong = Some(desk.user("other", "heimlich"));
    let bare = desk.tls(None);
    for (server, files, want) in [
        (
            &secure,
            SecurityFiles::default(),
            "if that is its port for TLS, say tls_ca_file",
        ),
        (
            &secure,
            with(strangers),
            "other-ca.pem (tls_ca_file) signed",
        ),
        (
            &secure,
            with(bare.clone()),
            "demands a certificate of ours (tls_cert_file",
        ),
        (&secure, with(strange), "strange.pem (tls_cert_file)"),
        (
            &secure,
            user(wrong),
            "refused the user \"other\" or the password (sasl_user, sasl_password_file)",
        ),
        (
            &secure,
            user(None),
            "demand a user by SASL (sasl_user, sasl_password_file)",
        ),
        (&misnamed, with(bare), "has a certificate for another name"),
    ] {
        let problem = refusal(address(server, "/x", &files)).await;
        assert_told(&problem, want);
    }
}

#[tokio::test]
async fn who_was_revoked_is_not_spoken_to() {
    let desk = Desk::new();
    let [own, other] = ["127.0.0.1"; 2].map(|host| desk.authority.sign(host));
    let server = Server::start_with(&Setup::default().tls(own.clone(), None));
    let with = |revoked: &Identity| {
        let ca = desk.authority.certificate();
        let text = format!("{ca}{}", desk.authority.revoke(revoked));
        let ca = desk.file("ca-and-list.pem", &text);
        let files = SecurityFiles {
            tls: Some(TlsFiles { ca, own: None }),
            sasl: None,
        };
        address(&server, "/x", &files)
    };
    let problem = refusal(with(&own)).await;
    assert_told(&problem, "has a certificate that cannot be trusted");
    assert_told(&problem, "evoked");
    assert!(ZkStore::open(&ZkOptions::new(with(&other))).await.is_ok());
}

// Looks until there is something, for as long as is sensible.
async fn within<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let looks = async {
        loop {
            match look() {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    let found = tokio::time::timeout(3 * LONG, looks).await;
    found.expect("it comes in time")
}

#[tokio::test]
async fn heals_when_the_server_is_mended() {
    let desk = Desk::new();
    let setup = desk.setup();
    let mut server = Server::start_with(&Setup {
        tls: Some(zk_server::ServerTls {
            own: Authority::new("stranger").sign("127.0.0.1"),
            clients_of: None,
        }),
        ..setup.clone()
    });
    let address = address(&server, "/x", &desk.files("cron", "ge heim: #'s"));
    let mut options = ZkOptions::new(address);
    options.session_timeout = SHORT;
    let store = ZkStore::start(&options).unwrap();
    let problem = within(|| store.health().problem.filter(|it| it.contains("signed"))).await;
    assert!(
        problem.starts_with("cannot use zk://cron@127.0.0.1:"),
        "{problem}"
    );
    assert!(store.begin_term().await.is_err());
    server.kill();
    server.start_again_with(&setup);
    within(|| store.health().problem.is_none().then_some(())).await;
    assert!(store.begin_term().await.is_ok());
}
