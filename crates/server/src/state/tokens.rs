//! Tokens for programs: `ang_<id>_<secret>`, stored as a hash, with one role and perhaps an end.

use std::collections::HashMap;
use std::sync::PoisonError;

use rusqlite::{Connection, params};
use schema::Timestamp;

use super::{Role, State, StateError, secret};
use crate::clock;

/// What is known of a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// Its public part.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made; `None`: by this process for itself, and gone with it.
    pub created: Option<Timestamp>,
    /// When it ends.
    pub expires: Option<Timestamp>,
    hash: [u8; 32],
}

/// A token that was just made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewToken {
    /// Its public part.
    pub id: String,
    /// The whole token. Shown once.
    pub secret: String,
}

#[derive(Debug, Default)]
pub(super) struct Tokens(HashMap<String, Token>);

impl Tokens {
    pub(super) fn load(connection: &Connection) -> Result<Self, StateError> {
        let mut statement = connection.prepare("SELECT id, name, role, hash, created, expires FROM tokens")?;
        let mut rows = statement.query([])?;
        let mut tokens = HashMap::new();
        while let Some(row) = rows.next()? {
            let role: String = row.get(2)?;
            // A role of a newer version gives no right here.
            let Some(role) = Role::named(&role) else { continue };
            let token = Token {
                id: row.get(0)?,
                name: row.get(1)?,
                role,
                hash: row.get(3)?,
                created: Some(Timestamp::from_millis(row.get(4)?)),
                expires: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_millis),
            };
            tokens.insert(token.id.clone(), token);
        }
        Ok(Self(tokens))
    }
}

/// Characters of the 32 random bytes of a secret.
const SECRET_LEN: usize = 43;

/// Splits `ang_<id>_<secret>`.
fn split(token: &str) -> Option<(&str, &str)> {
    token.strip_prefix("ang_")?.split_once('_')
}

impl State {
    /// The token that this text is: `ang_<id>_<secret>`, or id and secret apart as shippers send them.
    #[must_use]
    pub fn token(&self, id: Option<&str>, secret: &str, now: Timestamp) -> Option<Token> {
        let (id, secret) = split(secret).or_else(|| Some((id?, secret)))?;
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let token = tokens.0.get(id)?;
        let valid = secret::same(&token.hash, &secret::hash(secret)) && token.expires.is_none_or(|end| now < end);
        valid.then(|| token.clone())
    }

    /// Makes a token that lives as long as this process.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn internal_token(&self, name: &str, role: Role) -> Result<NewToken, StateError> {
        let (token, new) = make(name, role, None, None)?;
        self.tokens.write().unwrap_or_else(PoisonError::into_inner).0.insert(token.id.clone(), token);
        Ok(new)
    }

    /// Takes on a token that an earlier process of this server made ([`Self::internal_token`]), so that who holds it can go
    /// on after a restart. `None`: the text is no token of ours.
    #[must_use]
    pub fn adopt_token(&self, name: &str, role: Role, text: &str) -> Option<NewToken> {
        let (id, secret) = split(text).filter(|(_, secret)| secret.len() >= SECRET_LEN)?;
        let (id, hash) = (id.to_owned(), secret::hash(secret));
        let token = Token { id: id.clone(), name: name.to_owned(), role, created: None, expires: None, hash };
        self.tokens.write().unwrap_or_else(PoisonError::into_inner).0.insert(id.clone(), token);
        Some(NewToken { secret: text.to_owned(), id })
    }

    /// Makes a token.
    ///
    /// # Errors
    /// It cannot be stored.
    pub async fn add_token(
        &self,
        name: &str,
        role: Role,
        expires: Option<Timestamp>,
        by: &str,
    ) -> Result<NewToken, StateError> {
        let now = clock::now();
        let (token, new) = make(name, role, Some(now), expires)?;
        let (row, by) = (token.clone(), by.to_owned());
        self.run(move |connection| {
            let expires = row.expires.map(Timestamp::millis);
            connection.execute(
                "INSERT INTO tokens (id, name, role, hash, created, created_by, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![row.id, row.name, row.role.name(), row.hash, now.millis(), by, expires],
            )?;
            Ok(())
        })
        .await?;
        self.tokens.write().unwrap_or_else(PoisonError::into_inner).0.insert(token.id.clone(), token);
        Ok(new)
    }

    /// Ends a token. `None`: there is none with this id.
    ///
    /// # Errors
    /// It cannot be deleted; it is refused from now on all the same.
    pub async fn remove_token(&self, id: &str) -> Result<Option<Token>, StateError> {
        let gone = {
            let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
            let kept = tokens.0.get(id).is_some_and(|token| token.created.is_some());
            if kept { tokens.0.remove(id) } else { None }
        };
        let id = id.to_owned();
        self.run(move |connection| Ok(connection.execute("DELETE FROM tokens WHERE id = ?1", [id])?)).await?;
        Ok(gone)
    }

    /// All tokens that are stored, by name.
    #[must_use]
    pub fn tokens(&self) -> Vec<Token> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let mut list: Vec<Token> = tokens.0.values().filter(|token| token.created.is_some()).cloned().collect();
        list.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        list
    }
}

fn make(
    name: &str,
    role: Role,
    created: Option<Timestamp>,
    expires: Option<Timestamp>,
) -> Result<(Token, NewToken), StateError> {
    let id = secret::name::<6>()?;
    let secret = secret::text::<32>()?;
    let token = Token { id: id.clone(), name: name.to_owned(), role, created, expires, hash: secret::hash(&secret) };
    Ok((token, NewToken { secret: format!("ang_{id}_{secret}"), id }))
}
