//! The journal (who changed what), saved searches, and what agents said last.

use rusqlite::params;
use schema::{AgentId, Timestamp};

use super::{State, StateError};
use crate::clock;

/// One change.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entry {
    /// When.
    pub time: Timestamp,
    /// Who: user or token.
    pub who: String,
    /// From which address.
    pub from: String,
    /// What, in a few words.
    pub what: String,
    /// How it was.
    pub before: Option<String>,
    /// How it is.
    pub after: Option<String>,
}

/// A search that somebody keeps.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Saved {
    /// Its name.
    pub name: String,
    /// The query string.
    pub query: String,
    /// The columns shown.
    pub columns: Vec<String>,
    /// Time range, as typed.
    pub from: String,
    /// See above.
    pub to: String,
    /// Who saved it.
    pub owner: String,
}

impl State {
    /// Notes a change.
    ///
    /// # Errors
    /// The state failed.
    pub async fn note(&self, entry: Entry) -> Result<(), StateError> {
        tracing::info!(who = entry.who, from = entry.from, what = entry.what, "changed");
        self.run(move |connection| {
            connection.execute(
                "INSERT INTO journal (time, who, origin, what, before, after) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![clock::now().millis(), entry.who, entry.from, entry.what, entry.before, entry.after],
            )?;
            Ok(())
        })
        .await
    }

    /// The newest changes, newest first.
    ///
    /// # Errors
    /// The state failed.
    pub async fn journal(&self, size: u32) -> Result<Vec<Entry>, StateError> {
        self.run(move |connection| {
            let mut statement = connection
                .prepare("SELECT time, who, origin, what, before, after FROM journal ORDER BY seq DESC LIMIT ?1")?;
            let entries = statement.query_map([size], |row| {
                Ok(Entry {
                    time: Timestamp::from_millis(row.get(0)?),
                    who: row.get(1)?,
                    from: row.get(2)?,
                    what: row.get(3)?,
                    before: row.get(4)?,
                    after: row.get(5)?,
                })
            })?;
            Ok(entries.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// All saved searches by name.
    ///
    /// # Errors
    /// The state failed.
    pub async fn saved(&self) -> Result<Vec<Saved>, StateError> {
        self.run(|connection| {
            let mut statement = connection
                .prepare("SELECT name, query, columns, from_time, to_time, owner FROM saved ORDER BY name")?;
            let saved = statement.query_map([], |row| {
                let columns: String = row.get(2)?;
                Ok(Saved {
                    name: row.get(0)?,
                    query: row.get(1)?,
                    columns: columns.split('\n').filter(|column| !column.is_empty()).map(String::from).collect(),
                    from: row.get(3)?,
                    to: row.get(4)?,
                    owner: row.get(5)?,
                })
            })?;
            Ok(saved.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Saves a search under its name, in place of an older one.
    ///
    /// # Errors
    /// The state failed.
    pub async fn save(&self, saved: Saved) -> Result<(), StateError> {
        self.run(move |connection| {
            connection.execute(
                "INSERT INTO saved (name, owner, query, columns, from_time, to_time) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, query = excluded.query,
                     columns = excluded.columns, from_time = excluded.from_time, to_time = excluded.to_time",
                params![saved.name, saved.owner, saved.query, saved.columns.join("\n"), saved.from, saved.to],
            )?;
            Ok(())
        })
        .await
    }

    /// Deletes a saved search; false: there is none.
    ///
    /// # Errors
    /// The state failed.
    pub async fn remove_saved(&self, name: &str) -> Result<bool, StateError> {
        let name = name.to_owned();
        self.run(move |connection| Ok(connection.execute("DELETE FROM saved WHERE name = ?1", [name])? > 0)).await
    }

    /// Keeps what agents said last, so that they are known after a restart.
    ///
    /// # Errors
    /// The state failed.
    pub async fn keep_agents(&self, said: Vec<(AgentId, Timestamp, String)>) -> Result<(), StateError> {
        self.run(move |connection| {
            let change = connection.transaction()?;
            for (id, seen, said) in &said {
                change.execute(
                    "INSERT INTO agents (id, last_seen, said) VALUES (?1, ?2, ?3)
                     ON CONFLICT (id) DO UPDATE SET last_seen = excluded.last_seen, said = excluded.said",
                    params![id.to_string(), seen.millis(), said],
                )?;
            }
            Ok(change.commit()?)
        })
        .await
    }

    /// What agents said last.
    ///
    /// # Errors
    /// The state failed.
    pub async fn agents(&self) -> Result<Vec<(AgentId, Timestamp, String)>, StateError> {
        self.run(|connection| {
            let mut statement = connection.prepare("SELECT id, last_seen, said FROM agents")?;
            let rows = statement.query_map([], |row| {
                Ok((row.get::<_, String>(0)?, Timestamp::from_millis(row.get(1)?), row.get::<_, String>(2)?))
            })?;
            let mut agents = Vec::new();
            for row in rows {
                let (id, seen, said) = row?;
                agents.extend(id.parse().map(|id| (id, seen, said)));
            }
            Ok(agents)
        })
        .await
    }
}
