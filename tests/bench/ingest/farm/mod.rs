//! The farm: publishers of thousands of feeds in a process of their own, each feed on an address of its own.
//!
//! The process is this benchmark again, with `farm` as its first argument. It is cheap, so that what is measured is who asks:
//! one thread, documents made beforehand, an answer in one write. Its CPU time is told apart from everybody else's.

mod answer;
mod server;

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};

use crate::documents::Shape;

/// Addresses of the farm; where there are more feeds, several of them share one.
pub(crate) const ADDRESSES_MAX: usize = 10_000;

/// What a publisher does, which its path says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Temper {
    Healthy,
    #[allow(dead_code, reason = "for feeds that bring something each time")]
    /// One article more each time.
    Growing,
    /// Takes the connection and the request, and says nothing.
    Hung,
    /// A byte a second.
    Dripping,
}

impl Temper {
    fn path(self) -> &'static str {
        match self {
            Temper::Healthy => "feed",
            Temper::Growing => "grow",
            Temper::Hung => "hang",
            Temper::Dripping => "drip",
        }
    }
}

pub(crate) struct Farm {
    child: Child,
    port: u16,
    addresses: usize,
}

impl Farm {
    /// On so many addresses, at most as many as there may be.
    pub(crate) fn start(feeds: usize, shape: Shape) -> Farm {
        let addresses = feeds.min(ADDRESSES_MAX);
        let mut command = Command::new(std::env::current_exe().expect("the kernel knows what runs"));
        command.arg("farm").args([addresses, shape.articles, shape.bytes].map(|number| number.to_string()));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it is running already");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it is a pipe");
        let port = line.trim().parse().unwrap_or_else(|_| panic!("the farm says no port but {line:?}"));
        Farm { child, port, addresses }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address of feed `number`.
    pub(crate) fn url(&self, number: usize, temper: Temper) -> String {
        let address = address(number % self.addresses);
        format!("http://{address}:{}/{}/{number}", self.port, temper.path())
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process itself, by the arguments after `farm`.
pub(crate) fn run(arguments: &[String]) {
    let numbers: Vec<usize> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let &[addresses, articles, bytes] = &numbers[..] else { panic!("not the arguments of a farm: {arguments:?}") };
    server::serve(addresses, Shape { articles, bytes });
}

/// 127.64.0.1 and on.
fn address(index: usize) -> Ipv4Addr {
    let octet = |number: usize| u8::try_from(number).expect("there are fewer addresses");
    Ipv4Addr::new(127, octet(64 + index / 62_500), octet(index / 250 % 250), octet(1 + index % 250))
}
