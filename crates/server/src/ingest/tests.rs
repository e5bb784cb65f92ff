//! The receiving side on a disk that fails: no false answer, nothing lost, nothing twice.

use std::path::Path;
use std::sync::atomic::AtomicU32;

use super::wal::disk::{Real, SegmentFile};
use super::*;
use crate::config::Config;
use store::embedded::{Engine, Options as StoreOptions};

/// A disk of which the next syncs or appends fail.
#[derive(Debug, Default)]
struct Faults {
    syncs: AtomicU32,
    appends: AtomicU32,
}

#[derive(Debug)]
struct FaultyDisk(Arc<Faults>);

#[derive(Debug)]
struct FaultyFile(Arc<dyn SegmentFile>, Arc<Faults>);

fn strike(left: &AtomicU32, kind: io::ErrorKind) -> io::Result<()> {
    let struck = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    if struck.is_ok() { Err(io::Error::from(kind)) } else { Ok(()) }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(Arc::new(FaultyFile(Real.create(path)?, Arc::clone(&self.0))))
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        Real.sync_dir(dir)
    }
}

impl SegmentFile for FaultyFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        strike(&self.1.appends, io::ErrorKind::StorageFull)?;
        self.0.append(bytes)
    }
    fn sync(&self) -> io::Result<()> {
        strike(&self.1.syncs, io::ErrorKind::Other)?;
        self.0.sync()
    }
    fn cut(&self, len: u64) -> io::Result<()> {
        self.0.cut(len)
    }
}

fn open(dir: &Path, faults: &Arc<Faults>) -> Ingest {
    let store = Arc::new(Engine::open(&dir.join("store"), StoreOptions::default()).unwrap());
    let config = Config::default();
    let options = Options {
        dir: dir.join("wal"),
        node: AgentId::from_bytes([9; 6]),
        ingest: config.ingest,
        wal: config.wal,
        disk: Arc::new(FaultyDisk(Arc::clone(faults))),
    };
    Ingest::open(options, store).unwrap()
}

fn send(ingest: &Ingest, counters: std::ops::Range<u64>) -> Result<String, String> {
    let mut bytes = Vec::new();
    for counter in counters {
        let id = schema::EventId::new(AgentId::from_bytes([1; 6]), 1, Lane::Normal, counter).to_string();
        elastic::bulk::write_create(&mut bytes, "x", &id, format!("{{\"process\":{{\"pid\":{counter}}}}}").as_bytes());
    }
    let body = Received {
        bytes: &bytes,
        encoding: Encoding::Identity,
        caller: "test",
        sender: None,
        origin: None,
        received: Timestamp::from_millis(1_795_507_200_000),
    };
    let submitted = ingest.receive(&body).map_err(|error| error.to_string())?;
    let durable = submitted.durable.blocking_recv().map_err(|error| error.to_string())?;
    durable.map_err(|error| error.to_string())?;
    String::from_utf8(submitted.response).map_err(|error| error.to_string())
}

fn total(ingest: &Ingest) -> u64 {
    ingest.store.commit().unwrap();
    let all = schema::search::Search { size: 0, track_total: u64::MAX, ..Default::default() };
    let context = store::Context::until(Instant::now() + Duration::from_secs(10));
    ingest.store.search(&all, &context).unwrap().total.value
}

fn settled(ingest: &Ingest) -> u64 {
    testkit::eventually("all is indexed", Duration::from_secs(10), || {
        (ingest.standing(Timestamp::default()).lag_events == 0).then_some(())
    });
    total(ingest)
}

fn stop(ingest: &Ingest) {
    assert!(ingest.stop(Instant::now() + Duration::from_secs(10)));
}

#[test]
fn a_failed_fsync_is_no_acceptance() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Arc::new(Faults::default());
    let ingest = open(dir.path(), &faults);
    send(&ingest, 0..10).unwrap();
    faults.syncs.store(1, Ordering::SeqCst);
    assert!(send(&ingest, 10..20).unwrap_err().contains("durable"));
    assert_eq!(settled(&ingest), 10, "what was refused is not indexed");
    // The agent sends again, and it is new again.
    assert_eq!(send(&ingest, 5..20).unwrap().matches("\"status\":201").count(), 10);
    assert_eq!(settled(&ingest), 20);
    stop(&ingest);
    drop(ingest);
    let ingest = open(dir.path(), &faults);
    assert_eq!(settled(&ingest), 20);
    assert_eq!(send(&ingest, 0..20).unwrap().matches("\"status\":409").count(), 20);
    stop(&ingest);
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Arc::new(Faults::default());
    let ingest = open(dir.path(), &faults);
    send(&ingest, 0..10).unwrap();
    faults.appends.store(3, Ordering::SeqCst);
    for _ in 0..3 {
        assert!(send(&ingest, 10..20).unwrap_err().contains("full"));
    }
    assert_eq!(send(&ingest, 10..20).unwrap().matches("\"status\":201").count(), 10);
    assert_eq!(settled(&ingest), 20);
    stop(&ingest);
}

#[test]
fn a_lost_snapshot_asks_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Arc::new(Faults::default());
    let ingest = open(dir.path(), &faults);
    send(&ingest, 0..10).unwrap();
    assert_eq!(settled(&ingest), 10);
    stop(&ingest);
    drop(ingest);
    std::fs::remove_dir_all(dir.path().join("wal")).unwrap();
    let ingest = open(dir.path(), &faults);
    let answer = send(&ingest, 5..15).unwrap();
    assert_eq!((answer.matches("\"status\":409").count(), answer.matches("\"status\":201").count()), (5, 5));
    assert_eq!(settled(&ingest), 15);
    stop(&ingest);
}

/// The process ends between the fsync and everything that follows it.
#[test]
fn what_is_durable_is_indexed_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Arc::new(Faults::default());
    let ingest = open(dir.path(), &faults);
    send(&ingest, 0..10).unwrap();
    stop(&ingest);
    drop(ingest);
    // The store and the snapshots are as if nothing had happened yet.
    std::fs::remove_dir_all(dir.path().join("store")).unwrap();
    for name in ["dedupe", "dedupe.old"] {
        drop(std::fs::remove_file(dir.path().join("wal").join(name)));
    }
    let ingest = open(dir.path(), &faults);
    assert_eq!(settled(&ingest), 10);
    assert_eq!(send(&ingest, 0..11).unwrap().matches("\"status\":201").count(), 1);
    stop(&ingest);
}
