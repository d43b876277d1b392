//! Masters and agents that speak TLS.

use chronos_core::TaskState;
use chronos_mesos::{Masters, Mesos, MesosConfig, Standing, Tls};
use chronos_model::RunState;
use mesos_fake::{Fake, Plan, script::Behaviour};
use serde_json::json;

use crate::{
    kit::{Kit, Notebook, plan, quick},
    tasks::run_of,
};

/// A certificate for 127.0.0.1 that signs itself, as a file to trust.
fn certificate(name: &str) -> (mesos_fake::Tls, tempfile::NamedTempFile) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let pem = made.cert.pem();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &pem).unwrap();
    let key = made.signing_key.serialize_pem();
    (mesos_fake::Tls::new(&pem, &key).unwrap(), file)
}

async fn fake(tls: mesos_fake::Tls) -> Fake {
    let plan = Plan {
        tls: Some(tls),
        ..plan(quick(Behaviour::Process))
    };
    let mut fake = Fake::start(plan).await.unwrap();
    fake.real_time();
    fake
}

fn config(fake: &Fake) -> MesosConfig {
    let masters: Masters = format!("https://{}", fake.address(0)).parse().unwrap();
    MesosConfig::new(masters)
}

#[tokio::test]
async fn masters_and_agents_that_are_trusted_are_spoken_to() {
    let (tls, ca) = certificate("127.0.0.1");
    let fake = fake(tls).await;
    let mut config = config(&fake);
    config.tls.ca = Some(ca.path().to_owned());
    let mut kit = Kit::of(fake, config, Notebook::new(None)).await;
    let launched = kit.launch(json!({ "command": "echo out" })).await;
    kit.until(TaskState::Finished).await;
    let run = run_of(&launched, RunState::Ended);
    let log = kit.cluster.logs.read(&run, false, "stdout", 0, 100).await;
    assert_eq!(log.unwrap().bytes, "out\n");
}

#[tokio::test]
async fn others_are_not() {
    // Another name, another certificate.
    for (shown, trusted) in [("localhost", None), ("127.0.0.1", Some("127.0.0.1"))] {
        let (tls, own) = certificate(shown);
        let other = trusted.map(|name| certificate(name).1);
        let fake = fake(tls).await;
        let mut config = config(&fake);
        config.tls.ca = Some(other.as_ref().unwrap_or(&own).path().to_owned());
        let mut kit = Kit::of(fake, config, Notebook::new(None)).await;
        let standing = kit
            .standing(|standing| matches!(standing, Standing::Waiting(_)))
            .await;
        let Standing::Waiting(text) = standing else {
            panic!("it waits");
        };
        assert!(text.contains("invalid peer certificate"), "{text}");
        assert_eq!(kit.keeper.id(), None);
    }
}

#[tokio::test]
async fn a_certificate_of_our_own_is_shown_where_it_is_demanded() {
    let ours = rcgen::generate_simple_self_signed(["chronos".to_owned()]).unwrap();
    let theirs = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let ca = file("ca", theirs.cert.pem());
    let own = (
        file("certificate", ours.cert.pem()),
        file("key", ours.signing_key.serialize_pem()),
    );
    let demanding = || {
        let key = theirs.signing_key.serialize_pem();
        mesos_fake::Tls::demanding(&theirs.cert.pem(), &key, &ours.cert.pem()).unwrap()
    };
    for shown in [Some(own), None] {
        let fake = fake(demanding()).await;
        let mut config = config(&fake);
        config.tls.ca = Some(ca.clone());
        config.tls.own.clone_from(&shown);
        let mut kit = Kit::of(fake, config, Notebook::new(None)).await;
        let standing = kit
            .standing(|standing| matches!(standing, Standing::Subscribed | Standing::Waiting(_)))
            .await;
        assert_eq!(standing == Standing::Subscribed, shown.is_some());
    }
}

#[tokio::test]
async fn one_that_has_expired_is_not_trusted() {
    let mut params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let old = params.self_signed(&key).unwrap().pem();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &old).unwrap();
    let fake = fake(mesos_fake::Tls::new(&old, &key.serialize_pem()).unwrap()).await;
    let mut config = config(&fake);
    config.tls.ca = Some(file.path().to_owned());
    let mut kit = Kit::of(fake, config, Notebook::new(None)).await;
    let standing = kit
        .standing(|standing| matches!(standing, Standing::Waiting(_)))
        .await;
    let Standing::Waiting(text) = standing else {
        panic!("it waits");
    };
    assert!(text.contains("expired"), "{text}");
}

#[tokio::test]
async fn files_that_are_no_certificates_are_refused_at_the_start() {
    let nothing = tempfile::NamedTempFile::new().unwrap();
    let path = nothing.path().to_owned();
    let missing = std::path::PathBuf::from("/nowhere/at/all");
    for (tls, problem) in [
        (
            Tls {
                ca: Some(path.clone()),
                own: None,
            },
            "there is no certificate in it",
        ),
        (
            Tls {
                ca: Some(missing.clone()),
                own: None,
            },
            "/nowhere/at/all cannot be read",
        ),
    ] {
        let mut config = MesosConfig::new("https://m:5050".parse().unwrap());
        config.tls = tls;
        let error = Mesos::start(config, Notebook::new(None)).unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    }
}
