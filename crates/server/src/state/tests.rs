use std::time::{Duration, Instant};

use super::*;
use schema::{AgentId, Timestamp};

fn open() -> (tempfile::TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(&dir.path().join("state.db")).unwrap();
    (dir, state)
}

fn reopen(dir: &tempfile::TempDir, state: &State) -> State {
    state.close();
    State::open(&dir.path().join("state.db")).unwrap()
}

const LATER: Timestamp = Timestamp::from_millis(4_000_000_000_000);

#[tokio::test]
async fn tokens_live_and_end() {
    let (dir, state) = open();
    let token = state.add_token("shipper", Role::Ingest, None, "ada").await.unwrap();
    let short = state.add_token("short", Role::Viewer, Some(Timestamp::from_millis(5)), "ada").await.unwrap();
    let inner = state.internal_token("agent", Role::Ingest).unwrap();
    let secret = token.secret.rsplit_once('_').unwrap().1;
    let find = |state: &State, id, secret: &str| state.token(id, secret, LATER).map(|token| token.name);
    assert_eq!(find(&state, None, &token.secret).as_deref(), Some("shipper"));
    assert_eq!(find(&state, None, &short.secret), None);
    assert_eq!(find(&state, None, &inner.secret).as_deref(), Some("agent"));
    assert_eq!(find(&state, None, &format!("{}x", token.secret)), None);
    assert_eq!(find(&state, None, "ang_"), None);
    let whole = token.secret.strip_prefix(&format!("ang_{}_", token.id)).unwrap();
    assert_eq!(find(&state, Some(&token.id), whole).as_deref(), Some("shipper"), "{secret}");

    let state = reopen(&dir, &state);
    assert_eq!(find(&state, None, &token.secret).as_deref(), Some("shipper"));
    assert_eq!(find(&state, None, &inner.secret), None);
    assert!(state.remove_token(&token.id).await.unwrap().is_some());
    assert_eq!(find(&state, None, &token.secret), None);
    assert!(state.remove_token(&token.id).await.unwrap().is_none());
    let state = reopen(&dir, &state);
    assert_eq!(find(&state, None, &token.secret), None);
}

#[tokio::test]
async fn a_link_lets_in_once_and_not_for_long() {
    let (_dir, state) = open();
    let now = Instant::now();
    let link = state.add_link(now).unwrap();
    assert_eq!(link.len(), 27);
    assert!(state.use_link("wrong", now).await.unwrap().is_none());
    assert_eq!(state.use_link(&link, now).await.unwrap().unwrap().role, Role::Admin);
    assert!(state.use_link(&link, now).await.unwrap().is_none());
    let link = state.add_link(now).unwrap();
    assert!(state.use_link(&link, now + Duration::from_secs(15 * 60)).await.unwrap().is_none());
    assert!(!state.has_admin(), "a link alone is no way to come back");
}

#[tokio::test]
async fn sessions_end() {
    let (dir, state) = open();
    state.add_user("ada", Role::Analyst, "long enough").await.unwrap();
    let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(86_400));
    let (cookie, session) = state.begin_session("ada", "127.0.0.1").await.unwrap();
    let at = |ms: i64| Timestamp::from_millis(session.created.millis() + ms);
    assert_eq!(state.session(&cookie, at(3_000_000), hour, day).unwrap().1.role, Role::Analyst);
    let state = reopen(&dir, &state);
    assert!(state.session(&cookie, at(3_000_000), hour, day).is_some());
    assert!(state.session(&cookie, at(7_000_000), hour, day).is_none(), "idle");
    let (cookie, _) = state.begin_session("ada", "127.0.0.1").await.unwrap();
    let (other, kept) = state.begin_session("ada", "127.0.0.2").await.unwrap();
    state.set_password("ada", "another one", &kept.id).await.unwrap();
    assert!(state.session(&cookie, at(0), hour, day).is_none(), "the password was changed");
    assert!(state.session(&other, at(0), hour, day).is_some());
    assert!(state.session(&other, at(100_000_000), day * 9, day).is_none(), "too old");
}

#[tokio::test]
async fn users_and_passwords() {
    let (_dir, state) = open();
    state.add_user("ada", Role::Admin, "long enough").await.unwrap();
    assert!(matches!(state.add_user("ada", Role::Viewer, "x").await, Err(UserError::Exists(_))));
    assert_eq!(state.check_password("ada", "long enough").unwrap().unwrap().name, "ada");
    assert!(state.check_password("ada", "wrong").unwrap().is_none());
    assert!(state.check_password("nobody", "long enough").unwrap().is_none());
    assert!(matches!(state.remove_user("ada").await, Err(UserError::LastAdmin(_))));
    state.add_user("bob", Role::Admin, "long enough").await.unwrap();
    state.remove_user("ada").await.unwrap();
    assert!(state.check_password("ada", "long enough").unwrap().is_none());
}

#[tokio::test]
async fn journal_saved_searches_and_agents_are_kept() {
    let (dir, state) = open();
    let entry = |what: &str| Entry { who: "ada".to_owned(), what: what.to_owned(), ..Entry::default() };
    state.note(entry("first")).await.unwrap();
    state.note(entry("second")).await.unwrap();
    let saved = Saved {
        name: "n".to_owned(),
        query: "q".to_owned(),
        columns: vec!["a".to_owned(), "b".to_owned()],
        from: "now-1h".to_owned(),
        to: "now".to_owned(),
        owner: "ada".to_owned(),
    };
    state.save(saved.clone()).await.unwrap();
    let agent = AgentId::from_bytes([1; 6]);
    state.keep_agents(vec![(agent, LATER, "{}".to_owned())]).await.unwrap();
    let state = reopen(&dir, &state);
    let whats: Vec<String> = state.journal(10).await.unwrap().into_iter().map(|entry| entry.what).collect();
    assert_eq!(whats, ["second", "first"]);
    assert_eq!(state.saved().await.unwrap(), [saved]);
    assert!(state.remove_saved("n").await.unwrap());
    assert!(!state.remove_saved("n").await.unwrap());
    assert_eq!(state.agents().await.unwrap(), [(agent, LATER, "{}".to_owned())]);
}

#[tokio::test]
async fn a_damaged_database_is_replaced_by_its_copy() {
    let (dir, state) = open();
    state.add_user("ada", Role::Admin, "long enough").await.unwrap();
    state.back_up().await.unwrap();
    state.close();
    std::fs::write(dir.path().join("state.db"), [7; 9000]).unwrap();
    let state = State::open(&dir.path().join("state.db")).unwrap();
    assert!(state.user("ada").is_some());
    let aside = std::fs::read_dir(dir.path()).unwrap().filter_map(Result::ok);
    assert!(aside.into_iter().any(|entry| entry.file_name().to_string_lossy().contains("damaged")));
}

#[test]
fn the_file_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let (dir, _state) = open();
    let mode = std::fs::metadata(dir.path().join("state.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
