//! rssd turns thousands of RSS, Atom and JSON feeds into one durable, ordered stream of articles, and no
//! source, client or disk can hang it.
//!
//! This is the map of the house. It names things to search for, and no details that change: those stand where the things are.
//! Each file begins with what it is for and what it never does. Paths are those below `src/`.
//!
//! # The way of an article
//!
//! In, on one core; [`poll::poll`] is all of it in one function:
//!
//! | stage | where | search for |
//! |---|---|---|
//! | due | `core/agenda.rs` | [`collect_due`](crate::core::Agenda::collect_due) |
//! | admission: places, hosts, memory, and whether the core and the stream keep up | the same, [`hosts`], [`breaker`] | [`next_start`](crate::core::Agenda::next_start) |
//! | conditional request | `fetch/validators.rs`, [`fetch::frozen`] | [`Validators`](fetch::Validators) |
//! | address guard | `fetch/guard.rs` | `check` |
//! | fetch, redirect by redirect | `fetch/hop.rs`, `fetch/exchange.rs`, `fetch/fiber.rs` | `exchange` |
//! | classify the answer | `fetch/refusal.rs` | `of_status` |
//! | decode | `fetch/decode.rs`, `parse/charset.rs` | `to_utf8` |
//! | gate, repair | `parse/gate.rs`, `parse/repair/` | `Verdict` |
//! | parse | `parse/document.rs`, `parse/json.rs` | [`parse::parse`] |
//! | normalise and key | `parse/normalise.rs`, [`parse::identity`] | [`assign`](parse::identity::assign) |
//! | schedule the next poll | [`schedule`] | [`schedule::next`] |
//! | batch | `store/writer_loop.rs` | [`submit`](store::WriterHandle::submit) |
//! | commit | `store/commit.rs`, `store/articles.rs` | `commit` |
//!
//! Out, on the HTTP core:
//!
//! | stage | where | search for |
//! |---|---|---|
//! | a commit wakes it | `http/hub.rs` | `follow_commits` |
//! | read, sanitise, serialise, once | `store/queries/`, [`sanitise`], [`wire`] | [`entry`](wire::entry) |
//! | keep it for those at the tip | [`stream`] | [`Ring`](stream::Ring) |
//! | what does a client get next | [`stream`] | [`Subscription::next`](stream::Subscription::next) |
//! | serve it | `http/stream.rs`, `http/routes.rs` | `serve` |
//!
//! # Threads
//!
//! | thread | owns | never |
//! |---|---|---|
//! | `core-N`, one a CPU | its feeds, timers, fetches in flight, parsing: [`core`] | blocks, touches SQLite, takes a lock that another core holds |
//! | `http` | listener, connections, streams, the ring: [`http`] | blocks, touches SQLite, parses a feed |
//! | `writer` | the one connection that writes: `store/writer_loop.rs` | waits for a core or a client |
//! | `reader-N` | a connection that reads, a question at a time, each with a deadline: `store/reader.rs` | writes |
//! | main | start, stop, signals, watchdog: [`daemon`], `cli/run.rs`, `watch/watchdog.rs` | does work |
//! | `log`, `stacks`, `names` | standard error; symbols of stacks; the system's files about names | are waited for |
//!
//! Cores hand [`PollRecord`](store::PollRecord)s to the writer by one bounded channel, hold room for each, and hear by a
//! one-shot. A commit tells the HTTP core to look again, and nothing more. What a full channel does stands with its size in
//! [`limits`]. [`daemon`] alone knows all parts.
//!
//! # What there is not
//!
//! Each with the test that finds it.
//!
//! | there is no | shown by |
//! |---|---|
//! | blocking call on an executor | `nothing_blocks_an_executor` |
//! | second source of time | `time_has_one_source` |
//! | SQL outside of [`store`] | `sql_stands_in_the_store` |
//! | unsafe code without its invariants beside it | `unsafe_code_stands_where_its_invariants_are_written_down` |
//! | program that is run | `nothing_runs_a_program` |
//! | text of a stranger that is not escaped for where it goes | `each_place_has_one_function_that_escapes_for_it`, `row_39_escapes_reach_nobody_unescaped` |
//! | article that is seen before its commit, lost after it, or there twice | `row_64_killed_at_any_moment_nothing_is_lost_and_nothing_is_double`, `row_65_a_power_cut_takes_nothing_back_that_anybody_has_seen` |
//! | validator without the articles that came with it | `validators_are_stored_only_with_the_articles_that_came_with_them` |
//! | document that ends the process | `row_29_what_nests_is_too_deep_at_once` |
//! | address dialled that the guard did not see | `row_03_names_that_lead_inside_are_refused` |
//! | secret that is shown | `secrets_are_sent_and_shown_nowhere` |
//! | source or client that keeps `/` or `/health` from answering | `page_and_health_answer_while_every_source_and_client_hangs` |
//! | client that others wait for | `row_46_who_does_not_read_is_dropped_and_resumes_by_its_cursor` |
//! | disk that holds up more than polls | `row_66_a_slow_sync_holds_up_polls_and_nothing_else` |
//! | thread that hangs without a word | `row_75_what_spins_is_named_with_its_stack_while_it_does` |
//! | stop that takes longer than 5 s | `row_68_sigterm_ends_it_in_time_with_everything_hung` |
//! | request earlier than a publisher allowed | `ten_days_before_publishers_of_every_temper` |
//! | name in the documents that the program does not have | `every_metric_is_shown_and_every_class_of_failure_has_its_remedy` and those beside it |
//!
//! # Where is ...
//!
//! | question | answer |
//! |---|---|
//! | a limit, and what happens there | [`limits`]; a key's bounds too, its meaning in [`config::reference`] |
//! | a mistake in feeds.toml | `config/mistakes.rs`; all of them are gathered, none ends the reading |
//! | why a poll failed | [`failure::Class`], made where it happens |
//! | when a feed comes back, and why | `schedule/rules.rs`; told by `cli/explain.rs` |
//! | what makes two articles one | [`parse::identity`], then `store/articles.rs` and `store/guids.rs` |
//! | the schema | `migrations/`, applied by `store/migrate.rs` |
//! | a route, and what it answers | `http/routes.rs`; described in `wire/openapi.json` |
//! | a metric | [`wire::metrics`], counted in [`gauges`] |
//! | a reason of `/health` | `http/health.rs`, from `watch/sight.rs` and [`store::Degraded`] |
//! | an exit code | [`cli::exit`]; which error has which stands beside the error |
//! | the fault server of the tests | [`tarpit`]; the catalogue of faults is `tests/faults/` |
//! | everything at once, in simulated time | `simulation/`, for those parts that are pure |
//!
//! Pure parts have no socket, no clock and no SQL; time is handed to them. [`schedule`], [`hosts`], [`breaker`], [`roster`],
//! [`placement`], `core/agenda.rs`, `fetch/guard.rs`, [`parse`], [`stream`] and [`wire`] are such.

// What is asked of us, and the one file that knows all parts.
pub mod cli;
pub mod config;
pub mod daemon;

// The way in: on the cores, then through the writer.
mod placement;
mod roster;
mod core;
mod hosts;
mod breaker;
mod poll;
pub mod fetch;
pub mod parse;
pub mod article;
pub mod store;
mod schedule;

// The way out: `http` serves, `stream` decides what a client gets next, `wire` gives it its shape. The last two are pure.
pub mod http;
mod stream;
mod wire;
mod sanitise;
mod escape;

// What looks into a daemon that does not turn.
mod watch;

// Words, bounds and the machine, used everywhere.
pub mod failure;
pub mod gauges;
pub mod clock;
pub mod limits;
mod machine;
mod systemd;
mod activation;
mod descriptor;
mod executor;
pub mod logging;

// The pure paths, each alone, for the benches.
#[doc(hidden)]
pub mod hot_paths;

// What holds for every input, asked with any: by cargo-fuzz, and by a test with the inputs that are kept.
#[cfg(any(test, fuzzing))]
pub mod fuzzing;

// The hostile feed server: a command, and the fault server of the tests.
pub mod tarpit;

// The parts above that are pure, all of them together, in simulated time.
#[cfg(test)]
mod simulation;
