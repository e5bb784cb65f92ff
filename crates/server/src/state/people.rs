//! Users, their sessions, and the one-time link of the first admin.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, params};
use schema::Timestamp;

use super::{Role, State, StateError, secret};
use crate::clock;

/// A person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// The name to log in with.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// Whether there is a password; without one only a link lets in.
    pub has_password: bool,
}

/// A change of users that is refused.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The state failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The name is taken.
    #[error("there is a user {0} already")]
    Exists(String),
    /// There is none.
    #[error("there is no user {0}")]
    Unknown(String),
    /// Somebody must be able to undo it.
    #[error("{0} is the last admin")]
    LastAdmin(String),
}

/// A browser that is logged in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Its public name.
    pub id: String,
    /// Who.
    pub user: String,
    /// The value that changes must carry.
    pub csrf: String,
    /// Since when.
    pub created: Timestamp,
    /// Used last.
    pub last_seen: Timestamp,
    /// From where.
    pub address: String,
}

#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_hash: HashMap<[u8; 32], Session>,
    users: HashMap<String, User>,
}

impl Sessions {
    pub(super) fn load(connection: &Connection) -> Result<Self, StateError> {
        let mut sessions = Self::default();
        let mut statement =
            connection.prepare("SELECT hash, id, user, csrf, created, last_seen, address FROM sessions")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let session = Session {
                id: row.get(1)?,
                user: row.get(2)?,
                csrf: row.get(3)?,
                created: Timestamp::from_millis(row.get(4)?),
                last_seen: Timestamp::from_millis(row.get(5)?),
                address: row.get(6)?,
            };
            sessions.by_hash.insert(row.get(0)?, session);
        }
        let mut statement = connection.prepare("SELECT name, role, password IS NOT NULL FROM users")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let role: String = row.get(1)?;
            let Some(role) = Role::named(&role) else { continue };
            let user = User { name: row.get(0)?, role, has_password: row.get(2)? };
            sessions.users.insert(user.name.clone(), user);
        }
        Ok(sessions)
    }
}

/// A secret that lets one person in once.
#[derive(Debug)]
pub(super) struct Link {
    hash: [u8; 32],
    until: Instant,
}

/// How long a link lets in.
pub(crate) const LINK_LIFE: Duration = Duration::from_secs(15 * 60);
/// The user that a link logs in.
pub(crate) const LINK_USER: &str = "admin";
/// Sessions of one user; the oldest ends when one more begins.
const MAX_SESSIONS: usize = 50;

impl State {
    /// Makes a one-time link's secret.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn add_link(&self, now: Instant) -> Result<String, StateError> {
        let secret = secret::text::<20>()?;
        let link = Link { hash: secret::hash(&secret), until: now + LINK_LIFE };
        self.links.lock().unwrap_or_else(PoisonError::into_inner).push(link);
        Ok(secret)
    }

    /// Uses a link up. True: it was good. Makes the admin if there is none yet.
    ///
    /// # Errors
    /// The state failed; the link is used up all the same.
    pub async fn use_link(&self, secret: &str, now: Instant) -> Result<Option<User>, StateError> {
        let hash = secret::hash(secret);
        let found = {
            let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
            links.retain(|link| now < link.until);
            let at = links.iter().position(|link| secret::same(&link.hash, &hash));
            at.map(|at| links.swap_remove(at))
        };
        if found.is_none() {
            return Ok(None);
        }
        if let Some(user) = self.user(LINK_USER).filter(|user| user.role == Role::Admin) {
            return Ok(Some(user));
        }
        let user = User { name: LINK_USER.to_owned(), role: Role::Admin, has_password: false };
        self.put_user(user.clone(), None).await?;
        Ok(Some(user))
    }

    /// Whether some admin can log in by password.
    #[must_use]
    pub fn has_admin(&self) -> bool {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.users.values().any(|user| user.role == Role::Admin && user.has_password)
    }

    /// A user by name.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<User> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).users.get(name).cloned()
    }

    /// All users by name.
    #[must_use]
    pub fn users(&self) -> Vec<User> {
        let mut users: Vec<User> =
            self.sessions.lock().unwrap_or_else(PoisonError::into_inner).users.values().cloned().collect();
        users.sort_by(|a, b| a.name.cmp(&b.name));
        users
    }

    /// Whether name and password are right; takes as long for a name that does not exist. Blocks for tens of milliseconds:
    /// call it on a pool.
    ///
    /// # Errors
    /// The state failed.
    pub fn check_password(&self, name: &str, password: &str) -> Result<Option<User>, StateError> {
        let name = name.to_owned();
        let query = name.clone();
        let (send, receive) = std::sync::mpsc::sync_channel(1);
        let job = move |connection: &mut Connection| {
            let stored = connection
                .query_row("SELECT password FROM users WHERE name = ?1", [query], |row| row.get::<_, Option<String>>(0))
                .optional();
            drop(send.send(stored));
        };
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(StateError::Closed)?;
        jobs.send(Box::new(job)).map_err(|_| StateError::Closed)?;
        let stored = receive.recv().map_err(|_| StateError::Closed)??.flatten();
        Ok(if secret::is_password(password, stored.as_deref()) { self.user(&name) } else { None })
    }

    /// Adds a user. The password is hashed here: tens of milliseconds.
    ///
    /// # Errors
    /// See [`UserError`].
    pub async fn add_user(&self, name: &str, role: Role, password: &str) -> Result<(), UserError> {
        if self.user(name).is_some() {
            return Err(UserError::Exists(name.to_owned()));
        }
        let stored = hashed(password).await?;
        Ok(self.put_user(User { name: name.to_owned(), role, has_password: true }, Some(stored)).await?)
    }

    /// Sets a password and ends all other sessions of the user.
    ///
    /// # Errors
    /// See [`UserError`].
    pub async fn set_password(&self, name: &str, password: &str, keep: &str) -> Result<(), UserError> {
        let user = self.user(name).ok_or_else(|| UserError::Unknown(name.to_owned()))?;
        let stored = hashed(password).await?;
        self.put_user(User { has_password: true, ..user }, Some(stored)).await?;
        Ok(self.end_sessions(|session| session.user == name && session.id != keep).await.map(drop)?)
    }

    async fn put_user(&self, user: User, password: Option<String>) -> Result<(), StateError> {
        let row = user.clone();
        let now = clock::now();
        self.run(move |connection| {
            connection.execute(
                "INSERT INTO users (name, role, password, created) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (name) DO UPDATE SET role = excluded.role, password = excluded.password",
                params![row.name, row.role.name(), password, now.millis()],
            )?;
            Ok(())
        })
        .await?;
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).users.insert(user.name.clone(), user);
        Ok(())
    }

    /// Deletes a user and ends its sessions.
    ///
    /// # Errors
    /// See [`UserError`].
    pub async fn remove_user(&self, name: &str) -> Result<User, UserError> {
        let user = self.user(name).ok_or_else(|| UserError::Unknown(name.to_owned()))?;
        let admins = self.users().iter().filter(|user| user.role == Role::Admin).count();
        if user.role == Role::Admin && admins == 1 {
            return Err(UserError::LastAdmin(name.to_owned()));
        }
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).users.remove(name);
        let row = name.to_owned();
        self.run(move |connection| Ok(connection.execute("DELETE FROM users WHERE name = ?1", [row])?)).await?;
        self.end_sessions(|session| session.user == name).await?;
        Ok(user)
    }

    /// Begins a session and gives the cookie's secret.
    ///
    /// # Errors
    /// The state failed.
    pub async fn begin_session(&self, user: &str, address: &str) -> Result<(String, Session), StateError> {
        let secret = secret::text::<32>()?;
        let now = clock::now();
        let session = Session {
            id: secret::name::<8>()?,
            user: user.to_owned(),
            csrf: secret::text::<16>()?,
            created: now,
            last_seen: now,
            address: address.to_owned(),
        };
        let hash = secret::hash(&secret);
        let row = session.clone();
        self.run(move |connection| {
            connection.execute(
                "INSERT INTO sessions (hash, id, user, csrf, created, last_seen, address)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![hash, row.id, row.user, row.csrf, now.millis(), now.millis(), row.address],
            )?;
            Ok(())
        })
        .await?;
        let oldest = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.by_hash.insert(hash, session.clone());
            let mine: Vec<&Session> = sessions.by_hash.values().filter(|session| session.user == user).collect();
            let oldest = mine.iter().min_by_key(|session| session.last_seen).map(|session| session.id.clone());
            oldest.filter(|_| mine.len() > MAX_SESSIONS)
        };
        if let Some(oldest) = oldest {
            self.end_sessions(|session| session.id == oldest).await?;
        }
        Ok((secret, session))
    }

    /// The session that a cookie names, and its user, if both still hold.
    #[must_use]
    pub fn session(&self, secret: &str, now: Timestamp, idle: Duration, max: Duration) -> Option<(Session, User)> {
        let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = secret::hash(secret);
        let session = sessions.by_hash.get_mut(&hash)?;
        let (quiet, age) = (now.millis() - session.last_seen.millis(), now.millis() - session.created.millis());
        if quiet > ms(idle) || age > ms(max) {
            sessions.by_hash.remove(&hash);
            return None;
        }
        session.last_seen = now;
        let session = session.clone();
        let user = sessions.users.get(&session.user)?.clone();
        Some((session, user))
    }

    /// A user's sessions, newest first.
    #[must_use]
    pub fn sessions_of(&self, user: &str) -> Vec<Session> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut mine: Vec<Session> =
            sessions.by_hash.values().filter(|session| session.user == user).cloned().collect();
        mine.sort_by_key(|session| std::cmp::Reverse(session.last_seen));
        mine
    }

    /// How many sessions there are.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).by_hash.len()
    }

    /// Ends sessions and says how many.
    ///
    /// # Errors
    /// They cannot be deleted; they are refused from now on all the same.
    pub async fn end_sessions(&self, ends: impl Fn(&Session) -> bool) -> Result<usize, StateError> {
        let mut gone = Vec::new();
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).by_hash.retain(|_, session| {
            let ends = ends(session);
            if ends {
                gone.push(session.id.clone());
            }
            !ends
        });
        let count = gone.len();
        if count > 0 {
            self.run(move |connection| {
                let mut statement = connection.prepare("DELETE FROM sessions WHERE id = ?1")?;
                gone.iter().try_for_each(|id| statement.execute([id]).map(drop))?;
                Ok(())
            })
            .await?;
        }
        Ok(count)
    }

    /// Writes down when sessions were used last, and deletes those that are over.
    ///
    /// # Errors
    /// The state failed; tried again next time.
    pub async fn tidy_sessions(&self, now: Timestamp, idle: Duration, max: Duration) -> Result<(), StateError> {
        let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let over = |session: &Session| {
            now.millis() - session.last_seen.millis() > ms(idle) || now.millis() - session.created.millis() > ms(max)
        };
        self.end_sessions(over).await?;
        let seen: Vec<(String, i64)> = {
            let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.by_hash.values().map(|session| (session.id.clone(), session.last_seen.millis())).collect()
        };
        self.run(move |connection| {
            let change = connection.transaction()?;
            for (id, at) in &seen {
                change
                    .execute("UPDATE sessions SET last_seen = ?2 WHERE id = ?1 AND last_seen < ?2", params![id, at])?;
            }
            Ok(change.commit()?)
        })
        .await
    }
}

async fn hashed(password: &str) -> Result<String, StateError> {
    let password = password.to_owned();
    tokio::task::spawn_blocking(move || secret::hash_password(&password)).await.map_err(|_| StateError::Closed)?
}
