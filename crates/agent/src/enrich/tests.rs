use super::*;

fn exec_event() -> Event {
    let mut event = Event::new(Timestamp::from_millis(2000));
    event.push_str(field::EVENT_ACTION, "exec");
    event.push_str(field::EVENT_TYPE, "start");
    event.push_long(field::PROCESS_PID, i64::from(std::process::id()));
    event.push_long(field::PROCESS_PARENT_PID, i64::from(std::os::unix::process::parent_id()));
    event
}

fn context() -> Context {
    Context::new(Proc::default(), Clock::system(), &Config::default(), None, &Arc::default()).unwrap()
}

#[test]
fn this_process_gets_its_context() {
    let mut event = exec_event();
    event.remove(field::TIMESTAMP);
    event.push_date(field::TIMESTAMP, Clock::system().wall());
    context().apply(&mut event);
    assert!(event.str(field::PROCESS_ENTITY_ID).is_some_and(|id| id.len() == 22));
    assert!(event.str(field::PROCESS_PARENT_NAME).is_some());
    assert!(event.str(field::HOST_NAME).is_some());
    assert!(event.str(field::AUDITNG_CONTAINER_SCOPE).is_some());
}

#[test]
fn what_an_event_says_itself_stays() {
    let mut event = exec_event();
    event.push_str(field::PROCESS_ENTITY_ID, "theirs");
    event.push_str(field::PROCESS_PARENT_NAME, "theirs");
    event.push_str(field::CONTAINER_ID, "theirs");
    context().apply(&mut event);
    for field in [field::PROCESS_ENTITY_ID, field::PROCESS_PARENT_NAME, field::CONTAINER_ID] {
        assert_eq!(event.all(field).count(), 1, "{field:?}");
    }
}

#[test]
fn an_event_without_a_process_gets_the_host_only() {
    let mut event = Event::new(Timestamp::from_millis(2000));
    context().apply(&mut event);
    assert!(event.str(field::HOST_NAME).is_some());
    assert_eq!(event.get(field::PROCESS_ENTITY_ID), None);
}

#[test]
fn escaped_names_stay_marked_in_children() {
    let context = context();
    let mut event = Event::new(Timestamp::from_millis(2000));
    event.push_long(field::PROCESS_PID, 999_999_999);
    event.push_bytes(field::PROCESS_NAME, b"\xff\xfe");
    event.push_bytes(field::PROCESS_EXECUTABLE, b"/bin/\xff");
    context.apply(&mut event);
    let mut child = Event::new(Timestamp::from_millis(2001));
    child.push_long(field::PROCESS_PID, 999_999_998);
    child.push_long(field::PROCESS_PARENT_PID, 999_999_999);
    context.apply(&mut child);
    assert_eq!(child.str(field::PROCESS_PARENT_EXECUTABLE), Some("/bin/\\xff"));
    let marked: Vec<_> = child.all(field::AUDITNG_ESCAPED).collect();
    assert!(marked.contains(&Value::Text("process.parent.executable")), "{marked:?}");
}
