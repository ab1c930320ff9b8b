//! The pool of rendering processes, with processes that do as a test wants.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use gateway_core::domain::{OrganizationId, invoice::paper::Logo};
use tempfile::TempDir;
use worker::pool::{
    Failure, Limits, Pool, Program,
    message::{Answer, Done, Reply, write},
};

use super::{endless, logo};
use testkit::process::workspace_binary;

fn organization(number: u8) -> OrganizationId {
    OrganizationId::from_bytes([number; 12])
}

/// Does something for each task; `$folder` is the test's own, and `done` answers the task.
struct Actor {
    folder: TempDir,
}

impl Actor {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let said = |name: &str, reply: Reply| {
            let mut frame = Vec::new();
            write(&mut frame, &Answer { reply, worn: name == "worn" }, &[]).unwrap();
            std::fs::write(folder.path().join(name), frame).unwrap();
        };
        said("ready", Reply::Ready);
        said("done", Reply::Done(Done::Logo));
        said("worn", Reply::Done(Done::Logo));
        said("refused", Reply::Refused("it is ugly".to_owned()));
        // A task's head is small, and comes in one piece: eight bytes of lengths, then it.
        let text = format!(
            "#!/bin/sh\nfolder={}\necho $$ >> \"$folder/started\"\ncat \"$folder/ready\"\n\
             while task=$(dd bs=65536 count=1 2>/dev/null | tr -d '\\000') && [ -n \"$task\" ]; do\n{script}\ndone\n",
            folder.path().display()
        );
        let program = folder.path().join("actor");
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn pool(&self, limits: Limits) -> Pool {
        Pool::new(Program::at(self.folder.path().join("actor"), &[]).unwrap(), limits)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Process ids of all that were started.
    fn started(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("started")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

fn limits(processes: usize) -> Limits {
    Limits { task: Duration::from_secs(2), idle: Duration::from_secs(1), ..Limits::of(processes) }
}

fn is_alive(pid: &str) -> bool {
    // One that nobody has waited for is a zombie, and dead.
    std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"))
        .is_ok_and(|stat| !stat.contains(") Z "))
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn ask(pool: &Pool, number: u8) -> Result<(), Failure> {
    pool.try_it(organization(number), plain()).await
}

fn plain() -> Logo {
    logo("<path d=\"M0 0h9v9z\"/>")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_serves_one_task_after_another_and_ends_when_there_are_none() {
    let actor = Actor::new("cat \"$folder/done\"");
    let pool = actor.pool(limits(2));
    for _ in 0..5 {
        ask(&pool, 1).await.unwrap();
    }
    let started = actor.started();
    assert_eq!(started.len(), 1, "the same one each time");
    assert!(is_alive(&started[0]));
    until("it ends when there is nothing to do", || !is_alive(&started[0])).await;
    ask(&pool, 1).await.unwrap();
    assert_eq!(actor.started().len(), 2, "another comes when it is needed");
    drop(pool);
    until("they end with the pool", || actor.started().iter().all(|pid| !is_alive(pid))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_has_grown_is_replaced() {
    let actor = Actor::new("cat \"$folder/worn\"");
    let pool = actor.pool(limits(1));
    for tasks in 1..=3 {
        ask(&pool, 1).await.unwrap();
        assert_eq!(actor.started().len(), tasks);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_against_a_task_costs_no_process() {
    let actor = Actor::new("cat \"$folder/refused\"");
    let pool = actor.pool(limits(1));
    for _ in 0..3 {
        assert_eq!(ask(&pool, 1).await, Err(Failure::Refused("it is ugly".to_owned())));
    }
    assert_eq!(actor.started().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_end_of_a_process_has_its_reason() {
    for (script, reason) in [
        ("exec sleep 60", "it took longer than 2 s"),
        ("while :; do :; done", "it took longer than 2 s"),
        ("echo 'memory allocation of 12345 bytes failed' >&2; kill -ABRT $$", "it took too much memory"),
        ("kill -KILL $$", "it took too much memory"),
        ("kill -SEGV $$", "the process that worked on it broke down"),
        ("exit 3", "the process that worked on it broke down"),
        ("echo nonsense that is no answer", "the process that worked on it broke down"),
        ("cat \"$folder/ready\"", "the process that worked on it answered something else"),
    ] {
        let actor = Actor::new(script);
        let pool = actor.pool(limits(1));
        let lost = ask(&pool, 1).await;
        assert_eq!(lost, Err(Failure::Lost(reason.to_owned())), "{script}");
        if !reason.contains("something else") {
            until("nothing is left of it", || actor.started().iter().all(|pid| !is_alive(pid))).await;
            // The next task has a process of its own.
            let _ = ask(&pool, 2).await;
            assert_eq!(actor.started().len(), 2, "{script}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_dies_while_it_rests_costs_no_task() {
    let actor = Actor::new("cat \"$folder/done\"");
    let pool = actor.pool(Limits { idle: Duration::from_mins(1), ..limits(1) });
    ask(&pool, 1).await.unwrap();
    let first = actor.started()[0].clone();
    assert!(std::process::Command::new("kill").args(["-KILL", &first]).status().unwrap().success());
    until("it is dead", || !is_alive(&first)).await;
    ask(&pool, 1).await.unwrap();
    assert_eq!(actor.started().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_start_is_no_fault_of_the_task() {
    let missing = Pool::new(Program::at("/nowhere/worker", &[]).unwrap(), limits(1));
    assert!(matches!(ask(&missing, 1).await, Err(Failure::Busy(_))));
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken");
    std::fs::write(&broken, "#!/bin/sh\necho 'cannot render: no fonts' >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(&broken, PermissionsExt::from_mode(0o755)).unwrap();
    let program = Program::at(&broken, &[]).unwrap();
    let problem = Pool::start(program.clone(), limits(1)).await.unwrap_err();
    assert!(problem.contains("no fonts"), "{problem}");
    assert!(matches!(ask(&Pool::new(program, limits(1)), 1).await, Err(Failure::Busy(_))));
}

/// Two processes, one organization that never comes to an end: the other process is everybody else's.
#[tokio::test(flavor = "multi_thread")]
async fn an_organization_has_one_task_at_once_and_others_go_first_afterwards() {
    let actor = Actor::new(
        "case $task in *c2xvdw==*) echo slow >> \"$folder/order\"; sleep 1;; *) echo fast >> \"$folder/order\";; esac\n\
         cat \"$folder/done\"",
    );
    let pool = actor.pool(Limits { task: Duration::from_secs(10), ..limits(1) });
    // "slow" in base64.
    let slow = Logo { data: "c2xvdw==".to_owned(), ..plain() };
    let asked = |number: u8, logo: Logo| {
        let pool = pool.clone();
        tokio::spawn(async move { pool.try_it(organization(number), logo).await })
    };
    let order = || std::fs::read_to_string(actor.path("order")).unwrap_or_default();
    let first = asked(1, slow.clone());
    until("it has begun", || order().starts_with("slow")).await;
    let again: Vec<_> = (0..3).map(|_| asked(1, slow.clone())).collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let others: Vec<_> = (2..8).map(|number| asked(number, plain())).collect();
    for task in std::iter::once(first).chain(again).chain(others) {
        task.await.unwrap().unwrap();
    }
    let order: Vec<String> = order().lines().map(str::to_owned).collect();
    assert_eq!(order.iter().position(|line| line == "fast"), Some(1), "{order:?}");
    assert!(order[1..7].iter().all(|line| line == "fast"), "those who came later go first: {order:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_that_waits_is_turned_away_and_whoever_left_is_not_served() {
    let actor = Actor::new("echo >> \"$folder/served\"; sleep 0.5; cat \"$folder/done\"");
    let pool = actor.pool(Limits { task: Duration::from_secs(10), ..limits(2) });
    let ask = |number: u8| {
        let pool = pool.clone();
        tokio::spawn(async move { pool.try_it(organization(number), plain()).await })
    };
    let waiting: Vec<_> = (0..40).map(|_| ask(1)).collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let busy = waiting.iter().filter(|task| task.is_finished()).count();
    assert_eq!(busy, 40 - 17, "one at work and sixteen in line; the others hear so at once");
    ask(2).await.unwrap().unwrap();
    // Nobody waits any more.
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let served = std::fs::read_to_string(actor.path("served")).unwrap().lines().count();
    assert!(served <= 4, "{served} were served");
}

/// The real thing: a deadline ends what has no end, and the process after it prints.
#[tokio::test(flavor = "multi_thread")]
async fn the_workers_own_processes_are_ended_at_their_limits() {
    let program = Program::at(workspace_binary("worker"), &[]).unwrap();
    let pool = Pool::start(program, Limits::of(2)).await.unwrap();
    let bomb = {
        let pool = pool.clone();
        tokio::spawn(async move { pool.try_it(organization(1), endless()).await })
    };
    pool.try_it(organization(2), plain()).await.unwrap();
    let lost = bomb.await.unwrap();
    assert!(matches!(lost, Err(Failure::Lost(_))), "{lost:?}");
    pool.try_it(organization(1), plain()).await.unwrap();
    // No glyph for it, and no size: found out by printing alone.
    for content in ["<text y='5'>\u{7dd1}</text>", "<g/></svg><svg>"] {
        let refused = pool.try_it(organization(1), logo(content)).await;
        assert!(matches!(refused, Err(Failure::Refused(_))), "{content}: {refused:?}");
    }
}
