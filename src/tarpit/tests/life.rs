//! Start and stop.

use super::*;

#[test]
fn a_second_one_on_the_same_port_is_refused() {
    let first = tarpit();
    let second = Tarpit::start(Options { listen: first.addr(), ..Options::default() });
    assert_eq!(second.err().map(|error| error.kind()), Some(ErrorKind::AddrInUse));
}

#[test]
fn a_thousand_held_connections_end_with_the_tarpit() {
    let tarpit = tarpit();
    let clients: Vec<TcpStream> = (0..1000)
        .map(|index| ask(&tarpit, ["/hung", "/dripping", "/endless", "/slow?seconds=3600"][index % 4], ""))
        .collect();
    assert!(tarpit.wait_for_requests(1000, GUARD));
    assert_eq!(tarpit.open_connections(), 1000);
    let (board, asked) = (Arc::clone(&tarpit.board), Clock::monotonic());
    tarpit.stop();
    assert!(Clock::elapsed_ms(asked) < STOP_TIMEOUT.as_millis() as u64, "the thread was left behind");
    assert_eq!(board.counts().open, 0);
    for mut client in clients {
        // An end or a reset, behind whatever had been sent.
        while client.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {}
    }
}

#[test]
fn clients_that_take_everything_at_once_keep_nobody() {
    let tarpit = tarpit();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = ask(&tarpit, "/endless", "");
            std::thread::spawn(move || while stream.read(&mut [0; 1 << 16]).is_ok_and(|read| read > 0) {})
        })
        .collect();
    tarpit.route(ANY, "/nothing-for-ever", Step::SendForever(Bytes::default()));
    let held = ask(&tarpit, "/nothing-for-ever", "");
    assert!(tarpit.wait_for_requests(5, GUARD));
    assert!(get(&tarpit, "/healthy/1", "").0.starts_with("HTTP/1.1 200 "));
    let board = Arc::clone(&tarpit.board);
    tarpit.stop();
    assert_eq!(board.counts().open, 0);
    for reader in readers {
        reader.join().unwrap();
    }
    drop(held);
}

#[test]
fn a_closed_port_refuses() {
    let tarpit = tarpit();
    let error = TcpStream::connect(tarpit.ports.closed).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_port_is_free_as_soon_as_its_tarpit_has_stopped() {
    for _ in 0..20 {
        let first = tarpit();
        let listen = first.addr();
        assert!(get(&first, "/healthy/1", "").0.starts_with("HTTP/1.1 200 "));
        first.stop();
        Tarpit::start(Options { listen, ..Options::default() }).unwrap().stop();
    }
}
