//! Baselines of files as agents tell of them: each generation once, in the order in which they were told, with what the
//! server makes of it.
//!
//! A host can forget or rewrite its own baseline; it cannot change what stands here. So a number that goes back, another
//! root under the same number, or another key is noticed.
//!
//! Bounds: the newest [`MOST`] rows of an agent are kept.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use schema::{AgentId, Timestamp};

use super::{State, StateError};

/// Rows kept for one agent; a generation an hour for more than a year.
pub(super) const MOST: i64 = 10_000;
/// How far events were followed, in `marks`.
const MARK: &str = "baselines";

/// What the server makes of a generation that it is told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The first, or it follows the one before.
    Ok,
    /// Generations between were never told of; nobody can say whether it follows.
    Gap,
    /// A lower number than before.
    RolledBack,
    /// Another root under the same number, or one that does not follow the root before.
    Forked,
    /// Signed with another key.
    KeyChanged,
    /// A person looked at one of those and took it as it is.
    Accepted,
}

impl Standing {
    const ALL: [Self; 6] = [Self::Ok, Self::Gap, Self::RolledBack, Self::Forked, Self::KeyChanged, Self::Accepted];

    /// The word, outside and in `state.db`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Gap => "gap",
            Self::RolledBack => "rolled-back",
            Self::Forked => "forked",
            Self::KeyChanged => "key-changed",
            Self::Accepted => "accepted",
        }
    }

    /// Somebody must look.
    #[must_use]
    pub const fn is_alert(self) -> bool {
        matches!(self, Self::RolledBack | Self::Forked | Self::KeyChanged)
    }
}

/// A generation as an agent told of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Generation {
    /// Whose.
    pub agent: AgentId,
    /// Ingest sequence of the event.
    pub seq: u64,
    /// Its number.
    pub generation: i64,
    /// Root hash in hex.
    pub root: String,
    /// Root hash of the one before.
    pub previous: String,
    /// Public key in hex.
    pub key: String,
    /// Signature in hex.
    pub signature: String,
    /// Digest of the policies.
    pub policies: String,
    /// Why it was approved.
    pub reason: String,
    /// The host's name.
    pub host: String,
    /// The event's id.
    pub event: String,
    /// When the agent says it was made.
    pub time: Timestamp,
    /// When it was told of last.
    pub seen: Timestamp,
    /// What the server makes of it.
    pub standing: Standing,
}

/// What came of following events.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Followed {
    /// Generations about which nobody was alerted yet.
    pub alerts: Vec<Generation>,
}

/// What `told` stands as, after `last` was told, `head` being the last one that was in order.
pub(crate) fn standing(head: Option<&Generation>, told: &Generation) -> Standing {
    let Some(head) = head else { return Standing::Ok };
    if told.key != head.key {
        return Standing::KeyChanged;
    }
    match told.generation - head.generation {
        ..0 => Standing::RolledBack,
        0 if told.root == head.root => Standing::Ok,
        1 if told.previous == head.root => Standing::Ok,
        0 | 1 => Standing::Forked,
        _ => Standing::Gap,
    }
}

impl State {
    /// Takes generations as they were told, in this order, and notes that events were followed through `mark`. One
    /// transaction: after a crash it goes on where it was.
    ///
    /// # Errors
    /// The state failed; nothing was taken.
    pub async fn follow_baselines(&self, told: Vec<Generation>, mark: u64) -> Result<Followed, StateError> {
        self.run(move |connection| {
            let change = connection.transaction()?;
            for generation in told {
                take(&change, generation)?;
            }
            change.execute(
                "INSERT INTO marks (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = MAX(value, excluded.value)",
                params![MARK, i64::try_from(mark).unwrap_or(i64::MAX)],
            )?;
            let alerts = rows(&change, "WHERE told = 0 ORDER BY seq LIMIT 1000", [])?;
            change.commit()?;
            Ok(Followed { alerts })
        })
        .await
    }

    /// The alerts about these are stored.
    ///
    /// # Errors
    /// The state failed.
    pub async fn told_of_baselines(&self, alerts: Vec<Generation>) -> Result<(), StateError> {
        self.run(move |connection| {
            let change = connection.transaction()?;
            for alert in alerts {
                let seq = i64::try_from(alert.seq).unwrap_or(i64::MAX);
                let key = params![alert.agent.to_string(), seq];
                change.execute("UPDATE baselines SET told = 1 WHERE agent = ?1 AND seq = ?2", key)?;
            }
            Ok(change.commit()?)
        })
        .await
    }

    /// Through which ingest sequence events were followed.
    ///
    /// # Errors
    /// The state failed.
    pub async fn baselines_mark(&self) -> Result<u64, StateError> {
        self.run(|connection| {
            let query = "SELECT value FROM marks WHERE name = ?1";
            let mark: Option<i64> = connection.query_row(query, [MARK], |row| row.get(0)).optional()?;
            Ok(mark.and_then(|mark| u64::try_from(mark).ok()).unwrap_or(0))
        })
        .await
    }

    /// The newest row of each agent, in the order of their ids.
    ///
    /// # Errors
    /// The state failed.
    pub async fn baselines(&self) -> Result<Vec<Generation>, StateError> {
        let newest =
            "WHERE seq = (SELECT MAX(seq) FROM baselines newer WHERE newer.agent = baselines.agent) ORDER BY agent";
        self.run(move |connection| rows(connection, newest, [])).await
    }

    /// What an agent told, newest first.
    ///
    /// # Errors
    /// The state failed.
    pub async fn baseline_chain(&self, agent: AgentId, size: usize) -> Result<Vec<Generation>, StateError> {
        self.run(move |connection| {
            let size = i64::try_from(size).unwrap_or(MOST);
            rows(connection, "WHERE agent = ?1 ORDER BY seq DESC LIMIT ?2", params![agent.to_string(), size])
        })
        .await
    }

    /// A person takes an agent's newest generation as it is. `None`: there is none; else what it stood as before.
    ///
    /// # Errors
    /// The state failed.
    pub async fn accept_baseline(&self, agent: AgentId) -> Result<Option<Generation>, StateError> {
        self.run(move |connection| {
            let id = agent.to_string();
            let newest = rows(connection, "WHERE agent = ?1 ORDER BY seq DESC LIMIT 1", params![id])?.pop();
            if let Some(newest) = newest.as_ref().filter(|newest| newest.standing.is_alert()) {
                let seq = i64::try_from(newest.seq).unwrap_or(i64::MAX);
                let query = "UPDATE baselines SET standing = 'accepted' WHERE agent = ?1 AND seq = ?2";
                connection.execute(query, params![id, seq])?;
            }
            Ok(newest)
        })
        .await
    }
}

fn take(connection: &Connection, mut told: Generation) -> Result<(), StateError> {
    let agent = told.agent.to_string();
    let seq = i64::try_from(told.seq).unwrap_or(i64::MAX);
    let last = rows(connection, "WHERE agent = ?1 ORDER BY seq DESC LIMIT 1", params![agent])?.pop();
    if let Some(last) = last {
        if told.seq <= last.seq {
            return Ok(());
        }
        let same = (last.generation, &last.root, &last.key) == (told.generation, &told.root, &told.key);
        if same {
            // Told again, as agents do when they start.
            let query = "UPDATE baselines SET seen = ?3, host = ?4 WHERE agent = ?1 AND seq = ?2";
            let old = i64::try_from(last.seq).unwrap_or(i64::MAX);
            connection.execute(query, params![agent, old, told.seen.millis(), told.host])?;
            return Ok(());
        }
    }
    let in_order = "WHERE agent = ?1 AND standing IN ('ok', 'gap', 'accepted') ORDER BY seq DESC LIMIT 1";
    let head = rows(connection, in_order, params![agent])?.pop();
    told.standing = standing(head.as_ref(), &told);
    connection.execute(
        "INSERT INTO baselines (agent, seq, generation, root, previous, key, signature, policies, reason, host, event, time,
             seen, standing, told) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        params![
            agent, seq, told.generation, told.root, told.previous, told.key, told.signature, told.policies, told.reason,
            told.host, told.event, told.time.millis(), told.seen.millis(), told.standing.name(),
            !told.standing.is_alert(),
        ],
    )?;
    let oldest = "DELETE FROM baselines WHERE agent = ?1 AND seq <= (SELECT seq FROM baselines WHERE agent = ?1
        ORDER BY seq DESC LIMIT 1 OFFSET ?2)";
    connection.execute(oldest, params![agent, MOST])?;
    Ok(())
}

fn rows(connection: &Connection, which: &str, given: impl rusqlite::Params) -> Result<Vec<Generation>, StateError> {
    let query = format!(
        "SELECT agent, seq, generation, root, previous, key, signature, policies, reason, host, event, time, seen, standing
         FROM baselines {which}"
    );
    let mut statement = connection.prepare(&query)?;
    let found = statement.query_map(given, read)?;
    let mut rows = Vec::new();
    for row in found {
        rows.extend(row?);
    }
    Ok(rows)
}

/// A row; `None` where its agent cannot be read, which nobody but us can have written.
fn read(row: &Row<'_>) -> rusqlite::Result<Option<Generation>> {
    let (agent, seq, standing): (String, i64, String) = (row.get(0)?, row.get(1)?, row.get(13)?);
    let Ok(agent) = agent.parse() else { return Ok(None) };
    Ok(Some(Generation {
        agent,
        seq: u64::try_from(seq).unwrap_or(0),
        generation: row.get(2)?,
        root: row.get(3)?,
        previous: row.get(4)?,
        key: row.get(5)?,
        signature: row.get(6)?,
        policies: row.get(7)?,
        reason: row.get(8)?,
        host: row.get(9)?,
        event: row.get(10)?,
        time: Timestamp::from_millis(row.get(11)?),
        seen: Timestamp::from_millis(row.get(12)?),
        standing: Standing::ALL.into_iter().find(|known| known.name() == standing).unwrap_or(Standing::Ok),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: AgentId = AgentId::from_bytes([1; 6]);

    fn told(seq: u64, generation: i64, root: &str, previous: &str) -> Generation {
        let text = str::to_owned;
        Generation {
            agent: AGENT,
            seq,
            generation,
            root: text(root),
            previous: text(previous),
            key: text("k1"),
            signature: text("s"),
            policies: text("p"),
            reason: text("r"),
            host: text("web"),
            event: format!("e{seq}"),
            time: Timestamp::from_millis(5),
            seen: Timestamp::from_millis(i64::try_from(seq).unwrap()),
            standing: Standing::Ok,
        }
    }

    async fn follow(state: &State, list: Vec<Generation>) -> Vec<(u64, Standing)> {
        let mark = list.last().map_or(0, |last| last.seq);
        let followed = state.follow_baselines(list, mark).await.unwrap();
        state.told_of_baselines(followed.alerts.clone()).await.unwrap();
        followed.alerts.into_iter().map(|alert| (alert.seq, alert.standing)).collect()
    }

    fn open() -> (tempfile::TempDir, State) {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(&dir.path().join("state.db")).unwrap();
        (dir, state)
    }

    #[tokio::test]
    async fn f22_generations_follow_each_other_or_raise_an_alert() {
        let (dir, state) = open();
        let good = vec![told(1, 1, "a", ""), told(2, 2, "b", "a"), told(3, 2, "b", "a"), told(4, 3, "c", "b")];
        assert_eq!(follow(&state, good).await, [], "told again is no new one");
        assert_eq!(follow(&state, vec![told(5, 2, "b", "a")]).await, [(5, Standing::RolledBack)]);
        assert_eq!(follow(&state, vec![told(6, 2, "b", "a")]).await, [], "said once");
        assert_eq!(follow(&state, vec![told(7, 3, "c", "b")]).await, [], "back in order");
        assert_eq!(follow(&state, vec![told(8, 3, "x", "b")]).await, [(8, Standing::Forked)]);
        assert_eq!(follow(&state, vec![told(9, 4, "y", "x")]).await, [(9, Standing::Forked)], "follows the fork");
        assert_eq!(follow(&state, vec![told(10, 9, "z", "w")]).await, [], "a gap is no alert");
        let newest = state.baselines().await.unwrap();
        assert_eq!((newest.len(), newest[0].standing, newest[0].generation), (1, Standing::Gap, 9));
        state.close();
        let state = State::open(&dir.path().join("state.db")).unwrap();
        assert_eq!(state.baselines_mark().await.unwrap(), 10);
        assert_eq!(
            follow(&state, vec![told(4, 3, "c", "b")]).await,
            [],
            "what was followed once is not followed again"
        );
        let other = Generation { key: "k2".to_owned(), ..told(11, 1, "n", "") };
        assert_eq!(follow(&state, vec![other]).await, [(11, Standing::KeyChanged)]);
        assert_eq!(state.accept_baseline(AGENT).await.unwrap().unwrap().standing, Standing::KeyChanged);
        let next = Generation { key: "k2".to_owned(), ..told(12, 2, "m", "n") };
        assert_eq!(follow(&state, vec![next]).await, [], "the new key was accepted");
        let chain = state.baseline_chain(AGENT, 3).await.unwrap();
        assert_eq!(chain.iter().map(|row| row.seq).collect::<Vec<_>>(), [12, 11, 10]);
    }

    #[tokio::test]
    async fn an_alert_that_was_not_stored_is_given_again() {
        let (_dir, state) = open();
        state.follow_baselines(vec![told(1, 2, "b", "a"), told(2, 1, "a", "")], 2).await.unwrap();
        let again = state.follow_baselines(Vec::new(), 2).await.unwrap();
        assert_eq!(again.alerts.len(), 1, "nobody said that it is stored");
    }
}
