//! The embedded store: what is durable, what is undone, and whose file it is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::Path;

use acme_ca::audit::{Decision, OPERATOR, Outcome};
use acme_ca::records::UserName;
use acme_ca::store::{Audit, Certificates, DecisionFilter, Records, SqliteStore, StoreError};

fn decision(subject: &str) -> Decision {
    Decision::new(Outcome::Done, "test", OPERATOR, subject, 1)
}

fn name(text: &str) -> UserName {
    text.parse().unwrap()
}

fn sqlite(path: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn what_was_written_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.db");
    let store = SqliteStore::open(&path).unwrap();
    store.add_user(&name("alice"), decision("a")).await.unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert!(store.user(&name("alice")).await.unwrap().is_some());
}

#[tokio::test]
async fn an_older_program_refuses_a_newer_schema() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.db");
    drop(SqliteStore::open(&path).unwrap());
    sqlite(&path, "PRAGMA user_version = 999");
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 999, .. }));
    assert!(error.to_string().contains("run the newer `ca`"));
}

#[tokio::test]
async fn another_programs_database_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.db");
    sqlite(&path, "CREATE TABLE theirs (a)");
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(
        SqliteStore::open(&path),
        Err(StoreError::NotOurs { .. })
    ));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::write(
        &path,
        "this is no database, and it is longer than one header of SQLite: ".repeat(20),
    )
    .unwrap();
    assert!(SqliteStore::open(&path).is_err());
}

#[tokio::test]
async fn a_write_that_fails_undoes_itself_and_nothing_else_in_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("ca.db")).unwrap();
    let mut writes = Vec::new();
    for number in 0..64 {
        let store = store.clone();
        writes.push(tokio::spawn(async move {
            let name = name(&format!("user{number}"));
            // Every fourth inserts, and then fails.
            if number % 4 == 0 {
                let failed = store
                    .write_decided(decision("x"), move |connection| {
                        connection.execute(
                            "INSERT INTO users (name, added) VALUES (?1, 1)",
                            [name.as_str()],
                        )?;
                        Err::<(), _>(StoreError::Conflict { what: "no".into() })
                    })
                    .await;
                assert!(matches!(failed, Err(StoreError::Conflict { .. })));
            } else {
                store.add_user(&name, decision("y")).await.unwrap();
            }
        }));
    }
    for write in writes {
        write.await.unwrap();
    }
    assert_eq!(store.users().await.unwrap().len(), 48);
    let decisions = store.decisions(DecisionFilter::default()).await.unwrap();
    assert_eq!(decisions.len(), 48, "no decision without its change");
}

#[tokio::test]
async fn after_sqlite_rolled_a_group_back_nothing_of_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("ca.db")).unwrap();
    // The writer is held until both writes wait, so that they are one group.
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let held = store.clone();
    let held = tokio::spawn(async move {
        held.write(move |_| {
            let _ = begun.send(());
            let _ = wait.recv();
            Ok(())
        })
        .await
    });
    has_begun.await.unwrap();
    let all = async {
        // As SQLite does by itself when the disk is full.
        let rolled_back = store.write(|connection| {
            connection.execute_batch("ROLLBACK")?;
            Err::<(), _>(StoreError::Conflict { what: "no".into() })
        });
        let alice = name("alice");
        let added = store.add_user(&alice, decision("a"));
        let go = async { go.send(()).unwrap() };
        tokio::join!(rolled_back, added, go)
    };
    let (rolled_back, added, ()) = all.await;
    held.await.unwrap().unwrap();
    assert!(matches!(rolled_back, Err(StoreError::Conflict { .. })));
    let there = store.user(&name("alice")).await.unwrap().is_some();
    assert_eq!(there, added.is_ok(), "what was told is what stands");
    store.add_user(&name("bob"), decision("b")).await.unwrap();
}

#[tokio::test]
async fn what_the_operator_asks_in_vain_is_on_record() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("ca.db")).unwrap();
    store.add_user(&name("alice"), decision("a")).await.unwrap();
    let _ = store.add_user(&name("alice"), decision("a")).await;
    let _ = store.disable_user(&name("bob"), decision("b")).await;
    let refusals = DecisionFilter {
        refusals: true,
        ..Default::default()
    };
    let refused = store.decisions(refusals).await.unwrap();
    let reasons: Vec<_> = refused.iter().map(|(_, d)| d.reasons[0].as_str()).collect();
    assert_eq!(
        reasons,
        ["user alice already exists", "user bob does not exist"]
    );
}

#[tokio::test]
async fn two_processes_write_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.db");
    let one = SqliteStore::open(&path).unwrap();
    let two = SqliteStore::open(&path).unwrap();
    let writes = (0..40).map(|number| {
        let store = if number % 2 == 0 {
            one.clone()
        } else {
            two.clone()
        };
        tokio::spawn(async move {
            store
                .add_user(&name(&format!("user{number}")), decision("z"))
                .await
                .unwrap();
        })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap();
    }
    assert_eq!(one.users().await.unwrap().len(), 40);
    assert_eq!(two.users().await.unwrap().len(), 40);
}

#[tokio::test]
async fn a_user_is_added_once_and_disabled_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("ca.db")).unwrap();
    store.add_user(&name("alice"), decision("a")).await.unwrap();
    assert!(matches!(
        store.add_user(&name("alice"), decision("a")).await,
        Err(StoreError::Exists { .. })
    ));
    assert!(matches!(
        store.disable_user(&name("bob"), decision("b")).await,
        Err(StoreError::Missing { .. })
    ));
    let first = store
        .disable_user(&name("alice"), decision("a"))
        .await
        .unwrap();
    let later = Decision {
        at: 99,
        ..decision("a")
    };
    let second = store.disable_user(&name("alice"), later).await.unwrap();
    assert_eq!(first.disabled, second.disabled, "the first time counts");
}

#[tokio::test]
async fn decisions_can_be_followed_and_filtered() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("ca.db")).unwrap();
    for number in 0..10 {
        let mut decision = decision(&format!("order {number}")).fact("serial", 1000 + number);
        if number % 5 == 0 {
            decision.outcome = Outcome::Alarm;
        }
        store
            .record_decision(decision.because("why"))
            .await
            .unwrap();
    }
    let get = async |filter| store.decisions(filter).await.unwrap();
    let all = get(DecisionFilter::default()).await;
    assert_eq!(all.len(), 10);
    assert_eq!(all[0].1.reasons, ["why"]);
    let last = get(DecisionFilter {
        last: Some(3),
        ..Default::default()
    })
    .await;
    assert_eq!(last[0].1.subject, "order 7");
    let after = get(DecisionFilter {
        after: all[7].0,
        ..Default::default()
    })
    .await;
    assert_eq!(after.len(), 2);
    let alarms = get(DecisionFilter {
        refusals: true,
        ..Default::default()
    })
    .await;
    assert_eq!(alarms.len(), 2);
    // Nothing of it is wanted, and nothing is looked at twice.
    let mut follows = DecisionFilter {
        about: Some("nobody".into()),
        ..Default::default()
    };
    assert!(follows.follow(&store).await.unwrap().is_empty());
    assert_eq!(follows.after, all[9].0);
    // None of what was there, all of what comes.
    let mut follows = DecisionFilter {
        last: Some(0),
        ..Default::default()
    };
    assert!(follows.follow(&store).await.unwrap().is_empty());
    assert!(follows.follow(&store).await.unwrap().is_empty());
    store.record_decision(decision("order 10")).await.unwrap();
    let came = follows.follow(&store).await.unwrap();
    assert_eq!(came.len(), 1);
    assert_eq!(came[0].1.subject, "order 10");
    let about = get(DecisionFilter {
        about: Some("1003".into()),
        ..Default::default()
    })
    .await;
    assert_eq!(about[0].1.subject, "order 3");
}

#[tokio::test]
async fn a_certificate_is_found_by_its_beginning_unless_several_begin_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.db");
    let store = SqliteStore::open(&path).unwrap();
    for id in ["abcd01", "abcd02", "abce01"] {
        sqlite(
            &path,
            &format!(
                "INSERT INTO certificates (id, issuer, serial, kind, status, profile, names,
                   not_before, not_after, tbs, intended)
                 VALUES ('{id}', 'ca', '{id}', 'x509', 'issued', 'tls', '[]', 0, 1, x'', 0)"
            ),
        );
    }
    let find = async |prefix: &str| store.certificate_by_prefix(&prefix.parse().unwrap()).await;
    for (prefix, id) in [("ABCE", "abce01"), ("abcd0", ""), ("abcd02", "abcd02")] {
        match find(prefix).await {
            Ok(found) => assert_eq!(found.unwrap().id, id),
            Err(StoreError::Ambiguous { .. }) => assert_eq!(id, "", "{prefix}"),
            Err(other) => panic!("{other}"),
        }
    }
    assert!(find("abcf").await.unwrap().is_none());
}

#[test]
fn user_names_are_short_printable_ascii() {
    for good in ["alice", "a", "alice.b-c_d@example.com", "7of9", "a+b"] {
        assert!(good.parse::<UserName>().is_ok(), "{good}");
    }
    let long = "a".repeat(65);
    for bad in [
        "",
        "-alice",
        ".a",
        "alice bob",
        "alice\n",
        "ålice",
        "a/b",
        "a\"b",
        &long,
    ] {
        assert!(bad.parse::<UserName>().is_err(), "{bad:?}");
    }
}
