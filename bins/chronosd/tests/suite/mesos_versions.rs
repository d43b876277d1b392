//! Two versions of the daemon in turn over one store: the framework stays the same one, and so do its runs.
//!
//! The other version is this program with other things to say of itself. To see how an older program does it:
//!
//! ```sh
//! CHRONOSD_OTHER=/path/to/older/chronosd cargo nextest run -p chronosd -E 'test(mesos_versions)'
//! ```

use crate::{
    client::by_hand,
    daemon::{Daemon, Process},
    home::Home,
    mesos::Cluster,
    several::wait_role,
    zookeeper::ZooKeeper,
};

/// What a later version may come to say of the framework: its name, and what it can do.
const OTHER: [&str; 2] = ["--mesos_framework_name=chronos-next", "--mesos_gpus"];

fn alternate(home: &Home, cluster: &Cluster, store: &[&str]) {
    let program = std::env::var_os("CHRONOSD_OTHER");
    let mut daemon: Option<Daemon> = None;
    for turn in 0..4_usize {
        if let Some(daemon) = daemon.take() {
            daemon.stop();
        }
        let master = cluster.master();
        let is_other = turn % 2 == 1;
        let more: &[&str] = if is_other { &OTHER } else { &[] };
        let args = [&[&*master], store, more].concat();
        let started = match program.as_ref().filter(|_| is_other) {
            Some(program) => Process::spawn_program(program, home, &args),
            None => Process::spawn(home, &args),
        };
        let daemon = daemon.insert(started.ready());
        wait_role(daemon, "leader");
        Cluster::wait_healthy(daemon);
        // What the version before it started goes on, and ends under this one.
        if turn > 0 {
            let before = format!("run-{}", turn - 1);
            daemon.wait_running(&before);
            home.touch(&before);
            daemon.wait_outcome(&before, "succeeded");
        }
        let name = format!("run-{turn}");
        let command = format!("{}; {}", home.append("ran", &name), home.until(&name));
        daemon.create(&by_hand(&name, &command));
        daemon.run_now(&name);
        daemon.wait_running(&name);
        let frameworks = cluster.frameworks();
        assert_eq!(frameworks.len(), 1, "turn {turn}: {frameworks:?}");
        let shown = daemon.json("/v1/scheduler/cluster")["framework"].clone();
        assert_eq!(shown, *frameworks[0], "turn {turn}");
    }
    assert_eq!(
        home.lines("ran"),
        ["run-0", "run-1", "run-2", "run-3"],
        "each once"
    );
    home.touch("run-3");
}

#[test]
fn versions_alternate_over_a_folder() {
    let (home, cluster) = (Home::new(), Cluster::start(1));
    alternate(&home, &cluster, &[]);
}

#[test]
fn versions_alternate_over_zookeeper() {
    let (home, cluster, zookeeper) = (Home::new(), Cluster::start(1), ZooKeeper::start(1));
    alternate(&home, &cluster, &[&zookeeper.flag()]);
}
