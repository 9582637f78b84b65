//! W1 over TLS, each feed with a full handshake.

use super::first_round::{W1_FEEDS, W1_SHAPE};
use crate::farm::tls::{Identity, handshakes};
use crate::farm::{Farm, Temper};
use crate::ours::Ours;
use crate::process::Cpu;
use crate::run::Run;
use crate::support::Home;
use crate::{plot, table};

/// Of the CPU seconds of W1 and of the handshakes alone.
const CPU_TIMES_MAX: f64 = 1.3;

pub(crate) fn w5() {
    let home = Home::new();
    let identity = Identity::new().expect("a certificate can be made of what is written here");
    let identity_path = home.write("farm.pem", &identity.server_pem);
    let authority_path = home.write("ca.pem", &identity.authority_pem);
    let handshakes = handshakes(&identity_path, &identity.authority_pem, W1_FEEDS);
    table::print_cpu(format_args!("{W1_FEEDS} handshakes alone, the client's side"), handshakes);

    let plain = run("rssd, W1", &Farm::start(W1_FEEDS, W1_SHAPE), "");
    let ca_file = format!("ca_file = {:?}", authority_path.display().to_string());
    let over_tls = run("rssd, TLS", &Farm::start_tls(W1_SHAPE, &identity_path), &ca_file);
    let runs = [over_tls, plain];
    table::print(&runs);
    plot::draw("W5", "W5: articles committed by when, over TLS and without", &runs);
    let [over_tls, plain] = &runs;
    let least = plain.cpu.total() + handshakes.total();
    let times = over_tls.cpu.total() / least;
    table::bar(
        times <= CPU_TIMES_MAX,
        format_args!(
            "CPU: {:.2} s, {times:.2} times the {least:.2} s of W1 and the handshakes (at most {CPU_TIMES_MAX})",
            over_tls.cpu.total()
        ),
    );
}

fn run(who: &str, farm: &Farm, defaults: &str) -> Run {
    let urls = (0..W1_FEEDS).map(|number| farm.url(number, Temper::Healthy));
    let ours = Ours::with(urls, &format!("interval = \"1h\"\n{defaults}"));
    let before = Cpu::of(farm.pid());
    let run = ours.run((W1_FEEDS * W1_SHAPE.articles) as u64);
    println!("the farm used {:.2} CPU s", Cpu::of(farm.pid()).since(before).total());
    table::print_busy(&run);
    Run { who: who.to_owned(), ..run }
}
