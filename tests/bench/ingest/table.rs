//! What was measured, as a table, and which of the bars it keeps.

use std::fmt::Display;

use crate::process::Cpu;
use crate::run::Run;

/// Prints the runs of a scenario, one a line.
pub(crate) fn print(runs: &[Run]) {
    println!(
        "{:<14}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>11}{:>9}{:>13}   /health p50, p99, max",
        "", "50 %, s", "95 %, s", "100 %, s", "user, s", "system, s", "CPU, s", "peak, MiB", "threads", "written, MiB"
    );
    for run in runs {
        let [half, most, all] = [0.5, 0.95, 1.0].map(|share| match run.until(share) {
            Some(seconds) => format!("{seconds:.2}"),
            None => "-".to_owned(),
        });
        let ms = |share| run.health.at(share).as_secs_f64() * 1_000.0;
        let health = match run.health.longer_than(std::time::Duration::ZERO) {
            0 => String::new(),
            _ => format!("{:.1} {:.1} {:.1} ms", ms(0.5), ms(0.99), ms(1.0)),
        };
        println!(
            "{:<14}{half:>9}{most:>9}{all:>9}{:>9.2}{:>9.2}{:>9.2}{:>11}{:>9}{:>13}   {health}",
            run.who,
            run.cpu.user,
            run.cpu.system,
            run.cpu.total(),
            told(run.peak_mib()),
            run.held.threads,
            told(run.held.written_bytes as f64 / f64::from(1 << 20)),
        );
    }
}

/// Nothing is what could not be looked at: of a program that is many processes, say.
fn told(number: f64) -> String {
    if number > 0.0 { format!("{number:.1}") } else { "-".to_owned() }
}

/// Prints which thread of a program did how much, and until when.
pub(crate) fn print_busy(run: &Run) {
    let mut busy: Vec<_> = run.busy.iter().filter(|busy| busy.seconds > 0.0).collect();
    busy.sort_by(|a, b| a.name.cmp(&b.name));
    let told: Vec<String> =
        busy.iter().map(|busy| format!("{} {:.2} s until {:.2}", busy.name, busy.seconds, busy.until)).collect();
    let (start, idle) = (run.cpu_of_start.total(), run.idle * 100.0);
    println!("{}: {start:.2} CPU s to start; the CPUs idle for {idle:.0} %; by thread {}", run.who, told.join(", "));
}

/// Prints what each thread has used between two looks, as far as it is anything.
pub(crate) fn print_threads(before: &[(String, Cpu)], after: &[(String, Cpu)]) {
    let used = after.iter().filter_map(|(name, cpu)| {
        let begun = before.iter().find(|(known, _)| known == name).map_or(Cpu::default(), |(_, cpu)| *cpu);
        let Cpu { user, system } = cpu.since(begun);
        (user + system > 0.0).then(|| format!("{name} {user:.2} s and {system:.2} s"))
    });
    println!("user and system by thread: {}", used.collect::<Vec<_>>().join(", "));
}

/// CPU seconds of something that is no program of its own.
pub(crate) fn print_cpu(what: impl Display, cpu: Cpu) {
    println!("{what:<46}{:>9.2}{:>9.2}{:>9.2}", cpu.user, cpu.system, cpu.total());
}

/// Says whether a bar is kept. Nothing else depends on it: a machine that is slow, or busy, is no mistake.
pub(crate) fn bar(is_kept: bool, what: impl Display) {
    println!("{} {what}", if is_kept { "kept " } else { "short" });
}
