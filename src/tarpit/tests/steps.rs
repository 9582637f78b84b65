//! The steps, one by one.

use super::*;

#[test]
fn what_is_sent_arrives_as_it_was_written() {
    let tarpit = tarpit();
    tarpit.route(ANY, "/send", [Step::send("one "), Step::Repeat { chunk: b"two "[..].into(), times: 3 }, Step::Close]);
    tarpit.route(ANY, "/drip", [Step::drip("dripped", DRIP), Step::Close]);
    assert_eq!(all(ask(&tarpit, "/send", "")), b"one two two two ");
    assert_eq!(all(ask(&tarpit, "/drip", "")), b"dripped");
}

#[test]
fn a_gate_holds_everybody_until_it_is_opened() {
    let tarpit = tarpit();
    let gate = Gate::default();
    tarpit.route(ANY, "/", [Step::send("before"), Step::WaitFor(gate.clone()), Step::send("after"), Step::Close]);
    let mut held: Vec<TcpStream> = (0..3).map(|_| ask(&tarpit, "/", "")).collect();
    for stream in &mut held {
        exactly(stream, "before");
        stream.set_nonblocking(true).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        stream.set_nonblocking(false).unwrap();
    }
    // One goes, and nobody waits for it.
    drop(held.pop());
    assert!(tarpit.wait(GUARD, |counts| counts.open == 2), "it is still held");
    gate.open();
    for stream in held {
        assert_eq!(all(stream), b"after");
    }
    assert_eq!(all(ask(&tarpit, "/", "")), b"beforeafter", "it stays open");
}

#[test]
fn the_endless_ends_with_the_client() {
    let tarpit = tarpit();
    tarpit.route(ANY, "/forever", Step::SendForever(b"again "[..].into()));
    tarpit.route(ANY, "/drips", Step::DripForever { bytes: b"ab"[..].into(), every: DRIP });
    for (path, expected) in [("/forever", "again ".repeat(20_000)), ("/drips", "ababab".to_string())] {
        let mut stream = ask(&tarpit, path, "");
        exactly(&mut stream, &expected);
        drop(stream);
        assert!(tarpit.wait(GUARD, |counts| counts.open == 0), "{path} is still held");
    }
}

#[test]
fn a_stall_says_nothing_and_ends_with_the_client() {
    let mut tarpit_and_client = Vec::new();
    for step in [Step::Stall, Step::StallUnread, Step::Wait(Duration::from_secs(3600))] {
        let tarpit = tarpit();
        tarpit.route(ANY, "/", [Step::send("before"), step, Step::send("after")]);
        let mut stream = ask(&tarpit, "/", "");
        exactly(&mut stream, "before");
        stream.set_nonblocking(true).unwrap();
        tarpit_and_client.push((tarpit, stream));
    }
    for (tarpit, mut stream) in tarpit_and_client {
        assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(tarpit.open_connections(), 1);
        drop(stream);
        assert!(tarpit.wait(GUARD, |counts| counts.open == 0));
    }
}

#[test]
fn a_reset_is_a_reset_and_a_close_is_not() {
    let tarpit = tarpit();
    tarpit.route(ANY, "/reset", Step::Reset);
    tarpit.route(ANY, "/close", Step::Close);
    let error = ask(&tarpit, "/reset", "").read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(ask(&tarpit, "/close", "").read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_half_closed_connection_still_listens() {
    let tarpit = tarpit();
    tarpit.route(ANY, "/", [Step::send("x"), Step::HalfClose]);
    let mut stream = ask(&tarpit, "/", "");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"x");
    stream.write_all(b"nobody answers, nobody resets").unwrap();
    assert_eq!(tarpit.open_connections(), 1);
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(tarpit.wait(GUARD, |counts| counts.open == 0));
}

#[test]
fn a_sequence_is_played_in_order_and_its_last_repeated() {
    let tarpit = tarpit();
    tarpit.route(ANY, "/", Script::from(Answer::status(500)).then(Answer::status(404)).then(Answer::status(200)));
    let statuses: Vec<String> = (0..4).map(|_| get(&tarpit, "/", "").0[9..12].to_string()).collect();
    assert_eq!(statuses, ["500", "404", "200", "200"]);
}

#[test]
fn a_script_of_its_own_port_begins_with_the_connection() {
    let tarpit = tarpit();
    let greeting = Script::from([Step::send("hello "), Step::ReadRequest, Step::Answer(Answer::status(204))])
        .then([Step::send("second")]);
    let port = tarpit.listen(greeting).unwrap();
    let mut first = connect(port);
    exactly(&mut first, "hello ");
    write!(first, "GET /greeted HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    assert!(all(first).starts_with(b"HTTP/1.1 204 "));
    assert_eq!(all(connect(port)), b"second");
    assert_eq!(tarpit.requests()[0].head.path, "/greeted");
}
