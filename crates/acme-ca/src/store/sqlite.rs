//! SQLite: one thread writes, and commits what waits as a group; reads run beside it on
//! connections of their own.
//!
//! WAL with `synchronous=FULL`: a write that was answered survives a power cut. Since one fsync
//! serves all writes that waited for the one before, the cost of durability falls as load grows.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use tokio::sync::oneshot;

use super::StoreError;

/// Each file is applied once, in this order; a file that was released never changes.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_records.sql"),
    include_str!("migrations/0002_protocol.sql"),
    include_str!("migrations/0003_certificates.sql"),
];

/// "dlcb": marks the file as ours. It was "dlca" before the schema had its present shape.
const APPLICATION_ID: i64 = 0x646c_6362;
/// How many writes share one commit at most, which bounds how long the first of them waits.
const GROUP: usize = 256;
/// How many pages the log holds before they are copied to the database (16 MiB): the more, the
/// fewer copies of a page that changes often.
const LOG_PAGES: u32 = 4000;
/// Read connections kept open.
const READERS: usize = 8;
/// How long to wait for another process (`ca user add` beside `ca serve`).
const BUSY: Duration = Duration::from_secs(5);

/// The embedded store. Clones share one writer.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    writer: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<std::thread::JoinHandle<()>>,
    readers: Mutex<Vec<Connection>>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SqliteStore")
            .field(&self.inner.path)
            .finish()
    }
}

impl Drop for Inner {
    /// Ends the writer after what it was given, so that the file is closed when we return.
    fn drop(&mut self) {
        drop(self.writer.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One write on its way: run inside the group's transaction, answered after its commit.
trait Job: Send {
    /// Returns whether the work wants to stand.
    fn run(&mut self, connection: &Connection) -> bool;
    fn answer(self: Box<Self>, committed: Result<(), Arc<rusqlite::Error>>);
}

struct Write<T, F> {
    work: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Write<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        let Some(work) = self.work.take() else {
            return false;
        };
        let outcome = work(connection);
        let stands = outcome.is_ok();
        self.outcome = Some(outcome);
        stands
    }

    fn answer(self: Box<Self>, committed: Result<(), Arc<rusqlite::Error>>) {
        let outcome = match (self.outcome, committed) {
            (Some(Err(refused)), _) => Err(refused),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (_, Err(error)) => Err(StoreError::Commit(error)),
            (None, Ok(())) => Err(StoreError::Stopped),
        };
        // Nobody waits any more when the request was dropped; the write stands all the same.
        let _ = self.reply.send(outcome);
    }
}

impl SqliteStore {
    /// Opens the database, makes it when it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] for a database of a newer `ca`, [`StoreError::NotOurs`] for
    /// another program's file, [`StoreError::Sqlite`] for whatever SQLite finds.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        migrate(&mut connection, path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        plan_once(&connection)?;
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || write_groups(connection, &receiver))
            .map_err(|_| StoreError::Stopped)?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                writer: Some(sender),
                thread: Some(thread),
                readers: Mutex::new(Vec::new()),
            }),
        })
    }

    /// Runs `work` in a transaction on the writer, and returns once it is durable. An error from
    /// `work` undoes what it did, and nothing else.
    ///
    /// # Errors
    /// What `work` returns, or [`StoreError::Commit`] when the group could not be committed.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Box<dyn Job> = Box::new(Write {
            work: Some(work),
            outcome: None,
            reply,
        });
        self.inner
            .writer
            .as_ref()
            .and_then(|writer| writer.send(job).ok())
            .ok_or(StoreError::Stopped)?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }

    /// Runs `work` on a read-only connection that sees everything committed so far, and nothing
    /// that is committed meanwhile. It runs where it is called: keep it to a few indexed rows.
    ///
    /// # Errors
    /// What `work` returns, or SQLite's error when a connection cannot be opened.
    pub fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.readers().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.open_reader()?,
        };
        let outcome = snapshot(&connection, work);
        let mut readers = self.readers();
        if readers.len() < READERS && connection.is_autocommit() {
            readers.push(connection);
        }
        outcome
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // A connection is never in the list while it is used, so a panic cannot spoil the list.
        self.inner
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn open_reader(&self) -> Result<Connection, StoreError> {
        let connection = Connection::open_with_flags(
            &self.inner.path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(BUSY)?;
        plan_once(&connection)?;
        Ok(connection)
    }
}

/// One read transaction: however many statements, they see one state.
fn snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    control(connection, "BEGIN")?;
    let outcome = work(connection);
    let ended = control(connection, "COMMIT");
    let outcome = outcome?;
    ended?;
    Ok(outcome)
}

/// Each statement is parsed and planned once for a connection. Without the stability guarantee
/// SQLite plans those anew whose best plan might depend on a parameter, which costs more than
/// running them.
fn plan_once(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(128);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn write_groups(connection: Connection, jobs: &mpsc::Receiver<Box<dyn Job>>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(next) = jobs.try_recv()
        {
            group.push(next);
        }
        let committed = run_group(&connection, &mut group).map_err(Arc::new);
        for job in group {
            job.answer(committed.clone());
        }
    }
}

fn run_group(connection: &Connection, group: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    // Immediate: a deferred transaction that starts with a read could fail to become a write.
    control(connection, "BEGIN IMMEDIATE")?;
    let done = run_jobs(connection, group).and_then(|end| control(connection, end));
    if !connection.is_autocommit() {
        // What failed to end in one way ends in the other; nobody is told that it stands.
        control(connection, "ROLLBACK")?;
    }
    done
}

/// Runs each job, undoes those that do not want to stand, and tells how the transaction ends.
fn run_jobs(connection: &Connection, group: &mut [Box<dyn Job>]) -> rusqlite::Result<&'static str> {
    // What is alone is undone with its transaction. A savepoint keeps a copy of every page.
    if let [only] = group {
        let stands = only.run(connection);
        still_open(connection)?;
        return Ok(if stands { "COMMIT" } else { "ROLLBACK" });
    }
    for job in group {
        control(connection, "SAVEPOINT job")?;
        if !job.run(connection) {
            still_open(connection)?;
            control(connection, "ROLLBACK TO job")?;
        }
        still_open(connection)?;
        control(connection, "RELEASE job")?;
    }
    Ok("COMMIT")
}

/// A full disk can make SQLite roll the whole transaction back by itself. What came after it
/// would be committed alone and be told that it does not stand.
fn still_open(connection: &Connection) -> rusqlite::Result<()> {
    if connection.is_autocommit() {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK),
            Some("the transaction was rolled back".into()),
        ));
    }
    Ok(())
}

/// Begins or ends a transaction.
fn control(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute([])?;
    Ok(())
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    // One process migrates, another that starts beside it waits here and then finds it done.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i64 =
        transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (found != 0 || tables != 0) {
        return Err(StoreError::NotOurs {
            path: path.to_owned(),
        });
    }
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    let done = usize::try_from(found).map_err(|_| StoreError::Corrupt {
        column: "user_version",
    })?;
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}
