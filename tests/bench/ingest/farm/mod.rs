//! The farm: publishers of thousands of feeds in a process of their own, each feed on an address of its own.
//!
//! The process is this benchmark again, with `farm` as its first argument. It is cheap, so that what is measured is who asks:
//! one thread, documents made beforehand, an answer in one write. Its CPU time is told apart from everybody else's.

mod answer;
mod server;
pub(crate) mod tls;
mod wire;

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::documents::Shape;

/// Addresses of the farm; where there are more feeds, several of them share one.
pub(crate) const ADDRESSES_MAX: usize = 10_000;

/// What a publisher does, which its path says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Temper {
    Healthy,
    /// One article more each time.
    Growing,
    /// One article that is new each time, and says when it was sent.
    Stamped,
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
            Temper::Stamped => "stamp",
            Temper::Hung => "hang",
            Temper::Dripping => "drip",
        }
    }
}

pub(crate) struct Farm {
    child: Child,
    port: u16,
    addresses: usize,
    is_tls: bool,
}

impl Farm {
    /// On so many addresses, at most as many as there may be.
    pub(crate) fn start(feeds: usize, shape: Shape) -> Farm {
        Farm::spawn(feeds.min(ADDRESSES_MAX), shape, None)
    }

    /// Over TLS alone, with the certificate and key of `identity`: on one address, each feed under a name of its own, because
    /// that is what certificates are for.
    pub(crate) fn start_tls(shape: Shape, identity: &Path) -> Farm {
        Farm::spawn(1, shape, Some(identity))
    }

    fn spawn(addresses: usize, shape: Shape, identity: Option<&Path>) -> Farm {
        let mut command = Command::new(std::env::current_exe().expect("the kernel knows what runs"));
        command.arg("farm").args([addresses, shape.articles, shape.bytes].map(|number| number.to_string()));
        command.args(identity);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it is running already");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it is a pipe");
        let port = line.trim().parse().unwrap_or_else(|_| panic!("the farm says no port but {line:?}"));
        Farm { child, port, addresses, is_tls: identity.is_some() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address of feed `number` among those that share one host with others.
    pub(crate) fn url_on(&self, host: usize, number: usize) -> String {
        format!("http://{}:{}/{}/{number}", address(host, self.addresses), self.port, Temper::Healthy.path())
    }

    /// The address of feed `number`.
    pub(crate) fn url(&self, number: usize, temper: Temper) -> String {
        if self.is_tls {
            return format!("https://f{number}.{}:{}/{}/{number}", tls::DOMAIN, self.port, temper.path());
        }
        let address = address(number % self.addresses, self.addresses);
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
    let number = |index: usize| arguments.get(index).and_then(|argument| argument.parse::<usize>().ok());
    let (Some(addresses), Some(articles), Some(bytes)) = (number(0), number(1), number(2)) else {
        panic!("not the arguments of a farm: {arguments:?}")
    };
    let tls = arguments.get(3).map(|identity| tls::server(Path::new(identity)));
    server::serve(addresses, Shape { articles, bytes }, tls);
}

/// 127.64.0.1 and on; names that end in `localhost` are 127.0.0.1, if there is but one.
fn address(index: usize, of: usize) -> Ipv4Addr {
    if of == 1 {
        return Ipv4Addr::LOCALHOST;
    }
    let octet = |number: usize| u8::try_from(number).expect("there are fewer addresses");
    Ipv4Addr::new(127, octet(64 + index / 62_500), octet(index / 250 % 250), octet(1 + index % 250))
}
