//! One connection from accept to close: reads requests, finds what to play, plays it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::answer::Answer;
use super::link::{Link, Peer};
use super::request::{Head, Recorded, end_of_head};
use super::server::World;
use super::step::Step;
use super::tls;
use crate::clock::Clock;
use crate::limits::TARPIT_HEAD_BYTES_MAX;

/// What a connection meets, by the listener it came to.
#[derive(Clone, Debug)]
pub(crate) enum Role {
    /// HTTP, answered by routes and scenarios.
    Http,
    /// The same behind TLS.
    Https,
    /// These steps from the first byte on, then the end.
    Scripted(Arc<[Step]>),
}

/// Where the connection came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) peer: SocketAddr,
    pub(crate) number: u64,
    pub(crate) tls: bool,
}

struct Connection<'w> {
    link: Link,
    /// Received and not yet understood.
    inbox: Vec<u8>,
    origin: Origin,
    world: &'w World,
}

/// Whether the connection goes on behind a step.
enum Flow {
    On,
    Ended,
    Reset,
}

/// Serves a connection until it ends. An error is the peer's: it went while we spoke.
pub(crate) async fn serve(link: Link, origin: Origin, role: Role, world: &World) -> io::Result<()> {
    let link = match role {
        Role::Https => {
            let Some(link) = tls::accept(link, &world.authority, |name| world.tls(name)).await? else { return Ok(()) };
            link
        }
        _ => link,
    };
    let mut connection = Connection { link, inbox: Vec::new(), origin, world };
    let flow = match role {
        Role::Scripted(steps) => connection.play(&steps, None).await?,
        Role::Http | Role::Https => connection.serve_http().await?,
    };
    if let Flow::Reset = flow {
        return connection.link.reset();
    }
    connection.link.half_close().await
}

impl Connection<'_> {
    async fn serve_http(&mut self) -> io::Result<Flow> {
        while let Some(head) = self.read_request().await? {
            let steps = self.world.steps(&head, self.origin.tls);
            match self.play(&steps, Some(head)).await? {
                Flow::On => {}
                end => return Ok(end),
            }
        }
        Ok(Flow::Ended)
    }

    /// The next request, recorded. `None`: the peer has closed, or what it sent is no request.
    async fn read_request(&mut self) -> io::Result<Option<Head>> {
        let mut searched = 0;
        let end = loop {
            if let Some(end) = end_of_head(&self.inbox, searched) {
                break end;
            }
            searched = self.inbox.len();
            if searched > TARPIT_HEAD_BYTES_MAX {
                return self.refuse(431).await;
            }
            if self.link.read(&mut self.inbox).await? == 0 {
                return Ok(None);
            }
        };
        let Some(head) = Head::read(&self.inbox[..end]) else { return self.refuse(400).await };
        self.inbox.drain(..end);
        // A connection may stand for hours behind this request: it keeps no more than what it has to.
        self.inbox.shrink_to_fit();
        self.world.board.record(Recorded {
            at: Clock::monotonic(),
            at_ms: self.world.clock.now_ms(),
            peer: self.origin.peer,
            connection: self.origin.number,
            tls: self.origin.tls,
            head: head.clone(),
        });
        Ok(Some(head))
    }

    async fn refuse(&mut self, status: u16) -> io::Result<Option<Head>> {
        self.answer(&Answer::status(status).close().steps(None)).await.map(|_| None)
    }

    async fn play(&mut self, steps: &[Step], mut request: Option<Head>) -> io::Result<Flow> {
        for step in steps {
            let flow = match step {
                Step::ReadRequest => {
                    request = self.read_request().await?;
                    if request.is_some() { Flow::On } else { Flow::Ended }
                }
                Step::Answer(answer) => self.answer(&answer.steps(request.as_ref())).await?,
                step => self.perform(step).await?,
            };
            if !matches!(flow, Flow::On) {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    async fn answer(&mut self, steps: &[Step]) -> io::Result<Flow> {
        for step in steps {
            let flow = self.perform(step).await?;
            if !matches!(flow, Flow::On) {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    /// A step that needs no request.
    async fn perform(&mut self, step: &Step) -> io::Result<Flow> {
        let peer = match step {
            Step::ReadRequest | Step::Answer(_) => unreachable!("play takes these itself"),
            Step::Send(bytes) => {
                self.link.write(bytes).await?;
                Peer::Here
            }
            Step::Repeat { chunk, times } => {
                for _ in 0..*times {
                    self.link.write(chunk).await?;
                }
                Peer::Here
            }
            // There is nothing to send for ever, and a loop without a wait would keep the executor.
            Step::SendForever(bytes) | Step::DripForever { bytes, .. } if bytes.is_empty() => {
                self.link.until_gone(&mut self.inbox, 0).await?
            }
            Step::SendForever(chunk) => loop {
                self.link.write(chunk).await?;
            },
            Step::Drip { bytes, every } => self.drip(bytes, *every).await?,
            Step::DripForever { bytes, every } => loop {
                if self.drip(bytes, *every).await? == Peer::Gone {
                    break Peer::Gone;
                }
            },
            Step::Wait(time) => self.link.wait(*time, &mut self.inbox, TARPIT_HEAD_BYTES_MAX).await?,
            Step::WaitFor(gate) => self.link.wait_for(gate.passed(), &mut self.inbox, TARPIT_HEAD_BYTES_MAX).await?,
            Step::Stall => self.link.until_gone(&mut self.inbox, 0).await?,
            Step::StallUnread => self.link.until_gone_unread().await,
            Step::HalfClose => {
                self.link.half_close().await?;
                self.link.until_gone(&mut self.inbox, 0).await?
            }
            Step::Close => return Ok(Flow::Ended),
            Step::Reset => return Ok(Flow::Reset),
        };
        Ok(if peer == Peer::Here { Flow::On } else { Flow::Ended })
    }

    async fn drip(&mut self, bytes: &[u8], every: std::time::Duration) -> io::Result<Peer> {
        for byte in bytes {
            self.link.write(std::slice::from_ref(byte)).await?;
            if self.link.wait(every, &mut self.inbox, TARPIT_HEAD_BYTES_MAX).await? == Peer::Gone {
                return Ok(Peer::Gone);
            }
        }
        Ok(Peer::Here)
    }
}
