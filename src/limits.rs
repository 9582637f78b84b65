//! Every limit that is not a key of feeds.toml, in one place, with what happens there.

use std::ops::RangeInclusive;
use std::time::Duration;

// ---- configuration --------------------------------------------------------------------------------------------------

/// feeds.toml and all that it includes together: more is refused, for nobody writes it by hand, and the main thread parses it.
pub const CONFIG_BYTES_MAX: u64 = 64 << 20;

/// Files that `include` adds; with one more the configuration is refused.
pub const CONFIG_FILES_MAX: usize = 10_000;

/// In a larger file only the first syntax mistake is reported: text that is not TOML at all has one in every line.
pub const CONFIG_RECOVER_BYTES_MAX: usize = 2 << 20;

/// Further mistakes of one run are counted, not shown.
pub const MISTAKES_MAX: usize = 10_000;

/// `interval`, `interval_min` and `interval_max`. Outside it the configuration is refused, as with every bound below.
pub const INTERVAL_BOUNDS: RangeInclusive<Duration> = secs(1)..=secs(31 * 86_400);

/// The least of the same three for a feed that is not on one's own network (`allow_private`): publishers block what asks more often.
pub const INTERVAL_PUBLIC_LEAST: Duration = secs(60);

/// `connect_timeout`.
pub const CONNECT_TIMEOUT_BOUNDS: RangeInclusive<Duration> = Duration::from_millis(50)..=secs(60);

/// `read_timeout`.
pub const READ_TIMEOUT_BOUNDS: RangeInclusive<Duration> = Duration::from_millis(50)..=secs(300);

/// `total_timeout`.
pub const TOTAL_TIMEOUT_BOUNDS: RangeInclusive<Duration> = Duration::from_millis(100)..=secs(600);

/// `retention`.
pub const RETENTION_BOUNDS: RangeInclusive<Duration> = secs(3_600)..=secs(36_500 * 86_400);

/// `body_bytes_max`.
pub const BODY_BYTES_MAX_BOUNDS: RangeInclusive<u64> = (1 << 10)..=(128 << 20);

/// `articles_max`.
pub const ARTICLES_MAX_BOUNDS: RangeInclusive<u64> = 1..=100_000;

/// `articles_initial_max`. With 0 a feed begins with what comes after its first poll.
pub const ARTICLES_INITIAL_MAX_BOUNDS: RangeInclusive<u64> = 0..=100_000;

/// A feed's name: it is a path segment, a metric's label and a column of tables.
pub const FEED_NAME_BYTES_MAX: usize = 128;

/// A feed's URL: the request line has to fit into a fetch's output buffer.
pub const FEED_URL_BYTES_MAX: usize = 2048;

/// Labels of one feed.
pub const LABELS_MAX: usize = 32;

/// A label's key, and its value.
pub const LABEL_BYTES_MAX: usize = 256;

/// Headers of one feed.
pub const HEADERS_MAX: usize = 16;

/// A header's name, and its value: one line has to fit into a fetch's output buffer.
pub const HEADER_BYTES_MAX: usize = 2048;

/// `contact`, which goes into every request.
pub const CONTACT_BYTES_MAX: usize = 200;

/// `username`.
pub const USERNAME_BYTES_MAX: usize = 256;

/// Entries of `hosts`.
pub const HOSTS_MAX: usize = 64;

/// `streams_max`.
pub const STREAMS_MAX_BOUNDS: RangeInclusive<u64> = 1..=100_000;

/// Entries of `dns`.
pub const DNS_SERVERS_MAX: usize = 8;

/// The highest CPU number in `cores`, and the most cores: what an affinity mask of glibc can name.
pub const CPU_MAX: usize = 1023;

/// A file that `token_file`, `password_file` or `bearer_file` names; a larger one is refused.
pub const SECRET_FILE_BYTES_MAX: u64 = 16 << 10;

/// A file that `ca_file` names; a larger one is refused.
pub const CA_FILE_BYTES_MAX: u64 = 4 << 20;

/// An OPML file; a larger one is refused.
pub const OPML_BYTES_MAX: u64 = 32 << 20;

/// Feeds that `rssd import` takes over from one file; the rest is counted.
pub const FEEDS_IMPORTED_MAX: usize = 100_000;

/// Outlines inside each other whose names become part of a label; deeper ones are read, and their names are not.
pub const OUTLINE_DEPTH_MAX: usize = 32;

/// Outlines of a file that are open at once; one more is taken for closed, as it is in a file that closes none.
pub const OUTLINES_OPEN_MAX: usize = 1_024;

// ---- a core ---------------------------------------------------------------------------------------------------------

/// Polls in flight, all cores together, whatever RLIMIT_NOFILE allows: each maps a stack and its guard page, and the
/// kernel's vm.max_map_count is 65,530 by default. Due polls beyond it wait their turn.
pub const IN_FLIGHT_MAX: usize = 24_000;

/// Polls in flight on a core where RLIMIT_NOFILE is very low; fewer would not be a daemon.
pub const IN_FLIGHT_MIN: usize = 2;

/// Descriptors left to what is neither a fetch nor a client: database, listener, rings, logs. Where RLIMIT_NOFILE is low
/// half of it, or what is surely needed.
pub const DESCRIPTORS_RESERVED: u64 = 512;

/// What is surely needed: standard streams, signals, listener, database, and two files of each reader, ...
pub const DESCRIPTORS_OWN: u64 = 30;

/// ... with so many for each executor's rings; ...
pub const DESCRIPTORS_OF_EXECUTOR: u64 = 5;

/// ... and the start fails where RLIMIT_NOFILE leaves no more than so many to fetches and clients.
pub const DESCRIPTORS_SPARE_MIN: u64 = 16;

/// An allocation of so many bytes is mapped for itself, and given back to the kernel when it is freed: a large body, or what was
/// parsed of it.
pub const ALLOCATION_MAPPED_BYTES_MIN: i32 = 256 << 10;

/// What is free at the end of a thread's heap is given back above so many bytes: with less, a core gave the same pages back and
/// took them again with each document.
pub const ALLOCATION_KEPT_BYTES_MAX: i32 = 1 << 20;

/// Where RLIMIT_AS leaves less the start fails: running short of memory later would end the process.
pub const MEMORY_BYTES_MIN: u64 = 128 << 20;

/// Where it leaves more, so much of it is thought to go into one poll: its stack, buffers, a small document.
pub const MEMORY_BYTES_A_POLL: u64 = 512 << 10;

/// A poll for which there was no descriptor, or no memory for a stack, is tried again after so long; and after each such time without
/// a shortage twice as many polls may be in flight again.
pub const SHORTAGE_WAIT: Duration = secs(1);

/// A single round that has lacked them for so long, with no poll that ended meanwhile, leaves out what is left of it.
pub const ROUND_SHORTAGE_MAX: Duration = secs(20);

/// `/health` says `degraded` for so long after the last such poll.
pub const SHORTAGE_SHOWN: Duration = secs(5);

/// That descriptors or memory are short is told no more often than this, by each core.
pub const SHORTAGE_TOLD_EVERY: Duration = secs(60);

/// Bodies that one core holds, received or being received: above it polls do not start, and bodies do not grow until
/// others are read or given up.
pub const BODIES_BYTES_MAX: u64 = 256 << 20;

/// A body that waits for room looks so often whether there is.
pub const BODY_ROOM_LOOK_MS: u64 = 20;

/// Answers of one core that wait for the writer; at this many its polls stop starting, so the writer's queue never fills.
pub const UNCOMMITTED_MAX: usize = 256;

/// A body among them that is larger counts as so many bytes.
pub const UNCOMMITTED_BYTES_OF_ONE_MAX: u64 = SHALLOW.uncommitted_bytes_max / 2;

/// Between two looks of a core whose polls wait for room.
pub const ROOM_LOOK: Duration = Duration::from_millis(5);

/// A poll that panicked says nothing about when to come back: after this long.
pub const POLL_PANIC_WAIT: Duration = Duration::from_secs(3_600);

/// Feeds that a core takes over in a row; then others have their turn.
pub const FEEDS_IN_A_ROW_MAX: usize = 500;

/// Void deadlines that a core keeps beyond its feeds; then it sweeps them out.
pub const DEADLINES_VOID_MAX: usize = 1_024;

/// Hosts without feeds whose core is remembered, beyond as many as there are feeds; then they are forgotten.
pub const HOSTS_EMPTY_MAX: usize = 1_024;

/// Polls in flight that a core logs when it is asked, the oldest first; the rest is only counted.
pub const IN_FLIGHT_LOGGED_MAX: usize = 100;

/// Lines that wait for standard error; while nobody reads it further ones are dropped and counted.
pub const LOG_LINES_WAITING_MAX: usize = 4_096;

/// What an ending process gives standard error to take the last lines.
pub const LOG_FLUSH: Duration = Duration::from_millis(200);

/// Reloads and drains that may wait for a core.
pub const COMMANDS_WAITING_MAX: usize = 16;

/// Feeds that a reload logs one by one; the rest is counted.
pub const RELOAD_LINES_MAX: usize = 200;

/// A core looks up at least this often, so that its heartbeat stays young.
pub const HEARTBEAT_MS: u64 = 250;

/// Memory that io_uring registers for a core. glommio's default of 10 MiB is above the usual RLIMIT_MEMLOCK.
pub const IO_MEMORY_BYTES: usize = 64 << 10;

/// RLIMIT_MEMLOCK below this fails the start: glommio makes no executor then.
pub const MEMLOCK_BYTES_MIN: u64 = 512 << 10;

/// How long a busy executor goes on before it looks for news from elsewhere, naps aside. Long, since glommio can sleep over
/// ready tasks when this expires at the wrong moment (`executor`).
pub const PREEMPT_MS: u64 = 50;

/// An executor that does not run after this long is left behind, and another one started in its place.
pub const EXECUTOR_START_TIMEOUT: Duration = Duration::from_secs(2);

/// Tries to start one executor; then the start fails.
pub const EXECUTOR_STARTS_MAX: u32 = 3;

/// The main thread looks for signals this often.
pub const SIGNAL_LOOK_MS: u64 = 50;

/// News that may wait for the main thread; what does not fit is dropped, since it is ending already then.
pub const EVENTS_WAITING_MAX: usize = 64;

/// An orderly stop takes no longer: in-flight fetches are cancelled, what is parsed is committed.
pub const DRAIN: Duration = Duration::from_millis(4_500);

// ---- a fetch --------------------------------------------------------------------------------------------------------

/// Redirects followed in one poll; one more fails it with `redirect`.
pub const REDIRECTS_MAX: usize = 5;

/// Cookies kept within one chain of redirects; further ones are not taken.
pub const COOKIES_MAX: usize = 16;

/// A cookie with its attributes; a longer one is not taken.
pub const COOKIE_BYTES_MAX: usize = 1 << 10;

/// Polls in a row that permanent redirects must lead to the same place before a feed's `effective_url` moves there; ...
pub const MOVED_POLLS_MIN: u32 = 3;

/// ... and the time that they must span.
pub const MOVED_MS_MIN: i64 = 86_400_000;

/// Polls in a row that `effective_url` fails before the configured URL is asked again.
pub const MOVED_FAILURES_MAX: u32 = 3;

/// Titles of a document that are remembered, to know it again behind a redirect; of a longer one a fair sample.
pub const LIKENESS_TITLES_MAX: usize = 64;

/// A feed that used to change and has answered 304 for at least so long is asked once without validators; ...
pub const FROZEN_MS_MIN: i64 = 14 * 86_400_000;

/// ... and for at least so many times as long as it usually takes to change.
pub const FROZEN_GAPS: i64 = 4;

/// Between two such requests of a feed, at least.
pub const DOUBT_INTERVAL_MS: i64 = 7 * 86_400_000;

/// Bytes of a refusal's body that are looked at for whose it is; the rest is not read.
pub const CHALLENGE_BYTES_MAX: usize = 32 << 10;

/// A request waits so long for others to the same host that are in flight on its core, then it goes on beside them.
pub const TURN_WAIT_MAX: Duration = secs(10);

/// Hosts that asked to be left alone, as far as a core's redirects heed them: for one more the one is forgotten that is over
/// first.
pub const HELD_HOSTS_MAX: usize = 1_024;

/// Connections that a core keeps open for the next request to the same host; for one more the oldest is closed.
pub const KEPT_CONNECTIONS_MAX: usize = 64;

/// A kept connection that is not used for so long is closed.
pub const KEPT_FOR: Duration = secs(5);

/// Address space of a fiber's stack; only touched pages are resident, and the page below it is a guard.
pub const FIBER_STACK_BYTES: usize = 256 << 10;

/// Finished stacks that a core keeps for the next fetch; more are given back to the kernel.
pub const FIBER_STACKS_KEPT_MAX: usize = 64;

/// Of so many stacks that a fetch has returned one is looked at for how deep it was used: a system call each.
pub const FIBER_STACKS_MEASURED_EVERY: u32 = 16;

/// The head of an answer: one that is larger fails the poll with `header`. Also the size of the input buffer.
pub const ANSWER_HEAD_BYTES_MAX: usize = 16 << 10;

/// Bytes of all heads of one request, interim (1xx) answers included; more fails the poll with `header`.
pub const ANSWER_HEADS_BYTES_MAX: u64 = 64 << 10;

/// Interim answers (1xx) before an answer; one more fails the poll with `header`.
pub const INTERIM_ANSWERS_MAX: usize = 20;

/// The output buffer of a request, unless one of its lines is longer.
pub const REQUEST_BYTES_MIN: usize = 4 << 10;

/// A URL to fetch, configured or from a redirect: a longer one fails the poll with `redirect`. One in an article is left
/// out, as half a URL leads elsewhere.
pub const URL_BYTES_MAX: usize = 8 << 10;

/// A body that comes slower than this, averaged over at least `read_timeout`, fails the poll with `timeout(body)`.
pub const BODY_BYTES_PER_SECOND_MIN: u64 = 128;

/// Decoded bytes a byte received, judged once `RATIO_FREE_BYTES` were decoded; more is a bomb and fails with `too_large`.
pub const RATIO_MAX: u64 = 200;

/// Below this many decoded bytes no ratio is judged: a small document of blanks compresses well.
pub const RATIO_FREE_BYTES: u64 = 1 << 20;

/// Content codings stacked on one body; more fails the poll with `decode`.
pub const CODINGS_MAX: usize = 3;

/// Between two connection attempts to addresses of one name (RFC 8305, section 8, recommends 250 ms).
pub const CONNECT_STAGGER_MS: u64 = 250;

/// What a proxy may answer to CONNECT; more fails the poll with `connect`.
pub const PROXY_ANSWER_BYTES_MAX: usize = 8 << 10;

/// What is read from a TLS socket at once: a record and its header (RFC 8446, section 5.1).
pub const TLS_RECORD_BYTES: usize = (16 << 10) + 256;

/// What the resolver's background tasks get to end when a core does.
pub const RESOLVER_CLOSE: Duration = Duration::from_millis(200);

/// Reads of one answer between two naps of its fiber: a peer that is always ready would keep the core to itself.
pub const READS_IN_A_ROW_MAX: u32 = 16;

/// A fiber that has worked for so long lets the core turn, however few its reads were.
pub const STRETCH_MAX: Duration = Duration::from_millis(5);

/// What a small body may cost on the wire beside itself.
pub const WIRE_OVERHEAD_BYTES: u64 = 64 << 10;

/// TLS sessions that a core remembers for resumption; the oldest is forgotten.
pub const TLS_SESSIONS_KEPT_MAX: usize = 256;

/// Entity tags and dates that are kept; a longer one is treated as if the server had sent none.
pub const VALIDATOR_BYTES_MAX: usize = 1 << 10;
// ---- names ----------------------------------------------------------------------------------------------------------

/// The system's files about names are looked at so often for a change.
pub const NAMES_LOOK: Duration = Duration::from_secs(2);

/// Addresses of a name that are tried; the rest of a longer answer is left out.
pub const ADDRESSES_MAX: usize = 16;

/// Name servers of resolv.conf that are asked, as many as the C library asks; further ones are ignored.
pub const NAME_SERVERS_MAX: usize = 3;

/// UDP sockets that one core opens to one name server; more queries than that share them.
pub const DNS_SOCKETS_MAX: usize = 64;

/// Datagrams that wait for one query; further ones, which can only be forged, are dropped.
pub const DNS_ANSWERS_WAITING_MAX: usize = 8;

/// TCP connections of one core to all name servers; further lookups whose answer did not fit a datagram wait for one.
pub const DNS_TCP_MAX: u64 = 16;

/// Queries at once on one of them; further ones are tried again a little later, and then fail.
pub const DNS_TCP_QUERIES_MAX: usize = 256;

/// A connection to a name server on which nothing moved for so long is closed. Longer than an attempt, so that none is cut.
pub const DNS_TCP_IDLE: Duration = Duration::from_secs(8);

/// A name server that did not answer for so long is asked again, or another one is.
pub const DNS_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// After so many attempts a lookup fails, if its deadline did not come first.
pub const DNS_ATTEMPTS: usize = 3;

/// When one family of addresses is known, the other is waited for no longer than this.
pub const DNS_OTHER_FAMILY_WAIT: Duration = Duration::from_millis(500);

/// Names whose answer one core keeps; a further one pushes out the one that would be forgotten next.
pub const DNS_NAMES_KEPT_MAX: usize = 8_192;

/// An answer is kept for its time to live, but at least this long, so that one poll does not ask twice, ...
pub const DNS_TTL_MIN: Duration = Duration::from_secs(5);

/// ... and at most this long, so that a host that moved is found again.
pub const DNS_TTL_MAX: Duration = Duration::from_secs(3_600);

/// The same for the answer that a name does not exist or has no address (RFC 2308, section 5).
pub const DNS_NEGATIVE_TTL_MAX: Duration = Duration::from_secs(300);

/// A name whose servers fail is not asked for again so soon (RFC 9520, section 3.2).
pub const DNS_BROKEN_TTL: Duration = Duration::from_secs(5);

const _: () = assert!(DNS_TCP_IDLE.as_secs() > DNS_ATTEMPT_TIMEOUT.as_secs());

// ---- the schedule ---------------------------------------------------------------------------------------------------

/// Failures lengthen a feed's interval up to this, or to the interval where that is longer; there it stays, for ever.
pub const BACKOFF_MAX: Duration = Duration::from_secs(24 * 3_600);

/// A server that asks for more by `Retry-After` gets this.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(31 * 24 * 3_600);

/// A wait is moved by a tenth either way, but not by more than this.
pub const JITTER_MAX: Duration = Duration::from_secs(3_600);

/// `host_pause`, between two requests to one host.
pub const HOST_PAUSE_BOUNDS: RangeInclusive<Duration> = secs(0)..=secs(60);

/// What it is where nothing is written.
pub const HOST_PAUSE_DEFAULT: Duration = secs(1);

/// A single round that takes longer than this for the pauses of one host alone says so as it begins.
pub const ROUND_WORTH_TELLING: Duration = Duration::from_secs(10);

/// A single round waits for a host that asks to be left alone for no longer than this; feeds of others are left out of it.
pub const ROUND_HOLD_MAX: Duration = Duration::from_secs(10);

/// Hosts that tell whether our own network is out: those heard of last. One more pushes out the oldest.
pub const BREAKER_HOSTS: usize = 10;

/// From fewer of them nothing is concluded, unless a core has no more than that; ...
pub const BREAKER_HOSTS_MIN: usize = 8;

/// ... and from fewer than these never.
pub const BREAKER_HOSTS_FEW: usize = 4;

/// From this share of them on that cannot be reached, ...
pub const BREAKER_FAILING_PERCENT: usize = 80;

/// ... heard of within this time, ...
pub const BREAKER_WINDOW: Duration = Duration::from_secs(3_600);

/// ... and none reached for so long, polls pause.
pub const BREAKER_SILENCE_MIN: Duration = Duration::from_secs(5);

/// While they pause, one is tried so often.
pub const BREAKER_PROBE_WAIT: Duration = Duration::from_secs(3);

const _: () = assert!(BREAKER_HOSTS_FEW <= BREAKER_HOSTS_MIN && BREAKER_HOSTS_MIN <= BREAKER_HOSTS);

/// A poll that began so long ago, and still runs, waits for its publisher, and no longer keeps others from beginning.
pub const POLL_YOUNG: Duration = Duration::from_millis(30);

/// How much of a core's work is under way at once, while much is due.
#[derive(Clone, Copy, Debug)]
pub struct Depth {
    /// Polls younger than [`POLL_YOUNG`]; the others that are due wait, and memory with them.
    pub polls_young_max: usize,
    /// One more may be for each answer in a row that did not wait for the writer, up to so many: where publishers answer slowly
    /// nothing waits behind their polls.
    pub polls_young_prompt_max: usize,
    /// Of bodies whose articles are not committed yet.
    pub uncommitted_bytes_max: u64,
}

/// While the stream has no audience: what keeps a core busy while the disk syncs, and makes large batches. 2,000 feeds that were due
/// at the same moment took 326 MiB when all of them began at once, and no less time.
pub const DEEP: Depth = Depth { polls_young_max: 80, polls_young_prompt_max: 80, uncommitted_bytes_max: 2 << 20 };

/// While it has one: what is under way is what an article waits behind. Of 6,000 feeds that were due it was with a client 64 to
/// 89 ms (p99) after the last byte of its feed, and 340 ms with 128 young polls, 1 MiB and pages of 500 articles.
pub const SHALLOW: Depth = Depth { polls_young_max: 8, polls_young_prompt_max: 40, uncommitted_bytes_max: 256 << 10 };

const _: () = assert!(SHALLOW.polls_young_max <= SHALLOW.polls_young_prompt_max);
const _: () = assert!(SHALLOW.polls_young_prompt_max <= DEEP.polls_young_max);
const _: () = assert!(SHALLOW.uncommitted_bytes_max <= DEEP.uncommitted_bytes_max, "there is room for any one body");

/// Polls that a core begins in one turn. Before it begins more it looks how far behind it is.
pub const STARTS_IN_A_ROW_MAX: usize = 16;

/// A core that takes longer than this for all that is ready begins one.
pub const BEHIND_MAX: Duration = Duration::from_millis(20);

/// New articles that are read for the stream at once: the first of a page waits until the last is read, and what comes
/// behind it until all clients were woken.
pub const PAGE_PUBLISHED_ARTICLES_MAX: usize = 256;

const _: () = assert!(PAGE_PUBLISHED_ARTICLES_MAX <= PAGE_ARTICLES_MAX);

/// Articles that are committed and not in the stream yet; while there are so many, and an audience, cores begin no polls.
pub const UNPUBLISHED_MAX: i64 = PAGE_PUBLISHED_ARTICLES_MAX as i64;

/// For so long in a row, and then for the pause not any more: clients must not hold polls up.
pub const STREAM_WAIT_MAX: Duration = secs(1);

/// See [`STREAM_WAIT_MAX`].
pub const STREAM_WAIT_PAUSE: Duration = secs(1);

/// Between two looks of a core that waits for the stream.
pub const STREAM_LOOK: Duration = Duration::from_millis(2);

/// Feeds that are all due at a start are polled at this rate, over all cores, though each within its interval: name servers,
/// the network and the disk meet the first round as a stream and not as a wall.
pub const POLLS_PER_SECOND_AT_START: u64 = 50;

/// Answers of 410 in a row; with the last of them the feed is given up, until anything of it changes in feeds.toml.
pub const GONE_POLLS_MAX: u32 = 3;

/// Polls that skipped hours or days moved are spread over this time behind them.
pub const SKIP_SPREAD: Duration = Duration::from_secs(600);

/// What a feed publishes counts once it was watched for so long; before that it is polled at its interval.
pub const CADENCE_WATCHED_MIN: Duration = Duration::from_secs(24 * 3_600);

/// And once so many polls brought something new, the first one not counted, ...
pub const CADENCE_ARRIVALS_MIN: u32 = 3;

/// ... or none did for so long.
pub const CADENCE_SILENCE_MIN: Duration = Duration::from_secs(24 * 3_600);

/// Polls in the mean gap between two arrivals.
pub const CADENCE_POLLS_A_GAP: u32 = 4;

/// Polls in a silence as long as the present one.
pub const CADENCE_POLLS_A_SILENCE: u32 = 32;

const _: () = assert!(CADENCE_POLLS_A_SILENCE > CADENCE_POLLS_A_GAP);
// ---- the HTTP core ----------------------------------------------------------------------------------------------------

/// Connections at once beside the streams that there may be (`streams_max`), where RLIMIT_NOFILE allows; one more is
/// answered, if it asks how we are, else told so with 503, and closed.
pub const CONNECTIONS_BESIDE_STREAMS_MAX: usize = 2_000;

/// Connections at once where RLIMIT_NOFILE is very low.
pub const CONNECTIONS_MIN: usize = 8;

/// Connections that are being told that there are too many, or how we are; one more is closed without a word.
pub const TURNED_AWAY_MAX: usize = 256;

/// How long one of them has to ask and to take the answer in.
pub const TURN_AWAY_TIMEOUT: Duration = secs(1);

/// Connections that the kernel may hold ready for us.
pub const LISTEN_BACKLOG: i32 = 4_096;

/// An address that is in use at the start is tried for so long, as a daemon that was killed may still hold it; then
/// the start fails.
pub const LISTEN_RETRY: Duration = Duration::from_secs(1);

/// Between two of these tries.
pub const LISTEN_RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// Connections that are taken in a row; then those who are here have their turn.
pub const ACCEPTS_IN_A_ROW_MAX: u32 = 16;

/// Connections whose client had closed its side before they were taken, and no more than a sixteenth of those that are served;
/// they are answered when nobody else waits. One more is closed without a word.
pub const LEFT_WAITING_MAX: usize = 1_024;

/// So many of them are put aside in a row; then others have their turn.
pub const LEFT_IN_A_ROW_MAX: u32 = 64;

/// After a failed accept, mostly for want of descriptors, the next try waits so long.
pub const ACCEPT_RETRY_MS: u64 = 50;

/// A connection that is taken with the last descriptor has so long to ask and to take the answer in: those behind it wait,
/// and what it wants to say has mostly come with it.
pub const LAST_DESCRIPTOR_MS: u64 = 10;

/// The head of a request must be there within this, from the first look for it on and in total: however it drips, and
/// however long a connection idles between two requests. Then it is closed.
pub const HEAD_TIMEOUT: Duration = secs(10);

/// The head of a request; a larger one is answered with 431 and the connection closed.
pub const REQUEST_HEAD_BYTES_MAX: usize = 16 << 10;

/// The address asked for; a longer one is answered with 414.
pub const REQUEST_URI_BYTES_MAX: usize = 8 << 10;

/// Parameters of a request; more are answered with 400.
pub const PARAMETERS_MAX: usize = 128;

/// Articles in an answer, where `limit` says nothing.
pub const ARTICLES_ASKED_DEFAULT: usize = 100;

/// Articles in an answer; a greater `limit` is answered with 400.
pub const ARTICLES_ASKED_MAX: usize = 500;

/// `q=`; a longer one is answered with 400.
pub const SEARCH_BYTES_MAX: usize = 1 << 10;

/// How long a long poll waits where `wait` says nothing.
pub const WAIT_DEFAULT: Duration = secs(30);

/// How long a long poll waits at most; a greater `wait` is answered with 400.
pub const WAIT_MAX: Duration = secs(120);

/// What a client is told to wait when we are busy.
pub const RETRY_AFTER_BUSY_S: u32 = 2;

/// A reader's answer is waited for no longer, streams apart, and the client told 503: one that is stuck in the kernel, as
/// over a disk that hangs, does not keep its own deadline. With it `/` is there within 5 s.
pub const ANSWER_WAIT: Duration = secs(4);

const _: () = assert!(ANSWER_WAIT.as_millis() > QUERY_MS_MAX as u128);

/// Answers that wait for their clients to take them, together, streams and small ones apart; one more is answered with 503.
/// A little more than the largest answer there is, a list of [`FEEDS_LISTED_MAX`] feeds.
pub const ANSWERS_BYTES_MAX: usize = 128 << 20;

/// An answer below it counts as small.
pub const ANSWER_LARGE_BYTES: usize = 64 << 10;

/// What the cores get to say what they have in flight; one that is late is left out.
pub const FLIGHTS_WAIT: Duration = Duration::from_millis(200);

/// Flights that one core tells of.
pub const FLIGHTS_TOLD_MAX: usize = 1_000;

/// Finished polls that wait to be told to streams; more are left out.
pub const POLL_NEWS_WAITING_MAX: usize = 1_024;

/// After a question for the ring that had no answer, the next one waits so long.
pub const HUB_RETRY: Duration = Duration::from_millis(500);

/// The counters of the minute are looked at this often.
pub const HISTORY_LOOK: Duration = secs(5);

/// With so many feeds a reload leaves memory that is worth giving back to the kernel. It takes the allocator's locks, some
/// milliseconds each: fewer feeds are not worth that.
pub const FEEDS_MANY: usize = 10_000;

/// So many clients that leave, and half of all at least, leave memory that is worth giving back to the kernel.
pub const CROWD_MIN: usize = 500;

/// So often it is looked whether they have.
pub const CROWD_LOOK: Duration = secs(1);

/// Memory is given back this often at most: it takes the HTTP core a moment, and crowds can be made to come and go.
pub const CROWD_PAUSE: Duration = secs(60);

/// Feeds on a page of the list.
pub const FEEDS_ON_PAGE: usize = 200;

/// Feeds that a list reads at once: the most that a query gives.
pub const FEEDS_READ_AT_ONCE: usize = 1_000;

/// A feed is told to be late when its poll has been due for this long: a poll takes its time, and is stored when it is over.
pub const FEED_LATE_MS: i64 = 60_000;

/// Feeds that are looked at for a list; more are not listed.
pub const FEEDS_LISTED_MAX: usize = 100_000;

/// Feeds that are named where somebody asks for one that is not there; further ones are left out.
pub const SIMILAR_FEEDS_MAX: usize = 5;

/// Failing feeds that the overview names.
pub const FAILING_SHOWN: usize = 20;

/// Articles that the overview shows.
pub const NEWEST_SHOWN: usize = 20;

/// Between two comments on a stream that is quiet.
pub const HEARTBEAT_COMMENT: Duration = secs(15);

/// A connection whose client is waited for, and takes neither [`WRITE_BYTES_MIN`] nor all there is within this, is closed,
/// be it a stream or not.
pub const WRITE_DEADLINE: Duration = secs(30);

/// What a client that is waited for has to take: some 500 bytes a second.
pub const WRITE_BYTES_MIN: usize = 16 << 10;

/// A client of which nothing was heard for so long is asked whether it is still there, ...
pub const PEER_PROBE_AFTER: Duration = secs(15);

/// ... and again after each of these.
pub const PEER_PROBE_INTERVAL: Duration = secs(5);

/// One that answers no probe, acknowledges nothing or opens no window for so long has vanished, and its connection is
/// ended. A second less than [`WRITE_DEADLINE`]: a client of events that vanishes right after a comment is gone 45 s later.
pub const PEER_SILENCE_MAX: Duration = secs(29);

/// The same while a client is waited for: [`WRITE_DEADLINE`] comes first then, and ends the connection by a reset. At the
/// kernel's end nothing is sent, and a client that is there would go on waiting.
pub const PEER_SILENCE_WAITED_MAX: Duration = secs(60);

const _: () = assert!(PEER_SILENCE_MAX.as_secs() < WRITE_DEADLINE.as_secs());
const _: () = assert!(PEER_SILENCE_WAITED_MAX.as_secs() > WRITE_DEADLINE.as_secs() + PEER_SILENCE_MAX.as_secs());
const _: () = assert!(HEARTBEAT_COMMENT.as_secs() + PEER_SILENCE_MAX.as_secs() < 45);

/// Streams that are woken in a row for what is new; then others have their turn. Each takes some 40 µs.
pub const WAKES_IN_A_ROW_MAX: usize = 32;

/// Pieces of several frames that are kept for who else is at the same place; one more takes the oldest one's place, and who is
/// still there has it put together once more.
pub const CHUNKS_KEPT: usize = 16;

/// Frames are put together up to this.
pub const SSE_CHUNK_BYTES_MAX: usize = 16 << 10;

/// What clients wait at least before they reconnect.
pub const SSE_RETRY_MS: u64 = 1_000;

/// And what is added, spread over them.
pub const SSE_RETRY_SPREAD_MS: u64 = 4_000;

/// Requests on one connection; then it is closed, so that none is for ever.
pub const REQUESTS_MAX: u32 = 1_000;

/// The kernel's buffer for a client: one that never reads absorbs no more.
pub const CLIENT_SEND_BUFFER_BYTES: usize = 32 << 10;

/// What is read from a client's socket at once.
pub const HTTP_READ_BYTES: usize = 8 << 10;

/// Failing feeds on the page at `/`; the rest is counted, with a link to all of them.
pub const PAGE_FAILING_MAX: usize = 8;

/// Polls in flight on the page at `/`, the oldest; the rest is counted.
pub const PAGE_FLIGHTS_MAX: usize = 12;

/// Articles on the page at `/` as it is served; older ones are a link away. live.js lets the list grow to 50.
pub const PAGE_NEWEST_MAX: usize = 20;

/// Characters of a summary in a list of articles; the rest is cut off.
pub const PAGE_EXCERPT_CHARS_MAX: usize = 240;

/// From this age of its heartbeat on a core is late, and `/health` says `degraded`.
pub const HEARTBEAT_LATE_MS: u64 = 1_000;

/// From this age of its heartbeat on a core has stopped, and `/health` says `failing`, with status 503.
pub const HEARTBEAT_FAILING_MS: u64 = 5_000;

// ---- the watchdog -----------------------------------------------------------------------------------------------------

/// A gap between two looks of the main thread that is longer than this is an absence, perhaps of the whole process: it
/// counts as nobody's silence.
pub const WATCHDOG_GAP_MS_MAX: u64 = 500;

/// A longer one is told.
pub const WATCHDOG_GAP_TOLD_MS: u64 = 2_000;

/// From so long a silence of any thread on systemd's watchdog is not fed any more.
pub const WATCHDOG_STARVING_MS: u64 = 10_000;

/// A thread that waits for the disk fails `/health` from here on, and not before: slow it may be, and a restart mends none.
pub const DISK_FAILING_MS: u64 = 30_000;

/// A reader that is at one question for so long is late: its own deadline ([`QUERY_MS_MAX`]) should have ended it.
pub const READER_LATE_MS: u64 = 1_650;

const _: () = assert!(READER_LATE_MS > QUERY_MS_MAX && READER_LATE_MS < HEARTBEAT_FAILING_MS);

/// A poll that is in flight is shown to `rssd doctor` if there is room: for so many, all cores together.
pub const FLIGHTS_SHOWN_MAX: usize = 1_024;

/// A daemon's memory that is larger than this is none.
pub const BOARD_BYTES_MAX: u64 = 16 << 20;

/// Bytes of the stack recorded last that `rssd doctor` can show; the rest is cut off.
pub const STACK_SHOWN_BYTES_MAX: usize = 16 << 10;

/// Wishes for stacks that wait; one more is not fulfilled.
pub const STACKS_WAITING_MAX: usize = 8;

/// Stacks of one thread that are recorded in a row, where it is late and goes on again and again; ...
pub const STACKS_IN_A_ROW_MAX: u32 = 3;

/// ... and then one in so long. What has stopped is recorded always.
pub const STACK_PAUSE_MS: u64 = 20_000;

/// `/debug/stacks` waits so long for them, then says 503: names are looked for in hundreds of megabytes at first.
pub const STACKS_WAIT: Duration = secs(30);

/// What was read of the program's debugging information is given back when no stack was wished for so long.
pub const STACKS_IDLE: Duration = secs(2);

/// The line of how we are that systemd shows changes no more often than this.
pub const STATUS_INTERVAL: Duration = secs(5);

/// Frames of a stack that are kept; the outermost ones of a deeper one are left out.
pub const STACK_FRAMES_MAX: usize = 96;

/// A thread that is asked for its stack and takes no signal within this is told as deaf.
pub const STACK_ANSWER: Duration = Duration::from_millis(200);

/// A thread stands still for no longer than this while its stack is read; then it goes on, whatever was read.
pub const STACK_HOLD: Duration = Duration::from_millis(50);

/// The stack of a signal's handler: the kernel's frame of all registers, 11 KiB on some machines, and a few calls.
pub const STACK_SIGNAL_BYTES: usize = 64 << 10;

// ---- the stream -------------------------------------------------------------------------------------------------------

/// Streams at once where `streams_max` says nothing, long polls that wait included; one more is answered with 503 and
/// Retry-After.
pub const STREAMS_MAX: usize = 10_000;

/// Articles that stay serialised for clients at the tip; for one more the oldest leaves, and who has not had it asks the database.
pub const RING_ARTICLES_MAX: usize = 4_096;

/// Bytes of them together; beyond it the oldest leave.
pub const RING_BYTES_MAX: usize = 16 << 20;

/// Nobody has followed the stream for so long: the ring is not filled any more, and whoever comes reads from the database.
pub const AUDIENCE_GONE_AFTER: Duration = secs(60);

/// Articles of the ring that a client's filter looks at in one turn; it comes back for the rest.
pub const RING_SCAN_MAX: usize = 512;

/// `event: poll` frames kept for clients with `feeds=1`; one that is further behind skips to the oldest kept. Each tells
/// the whole progress, so nothing is wrong afterwards.
pub const POLL_FRAMES_MAX: usize = 256;

/// Values of `feed=` and of `label=` in one request, each; one more is answered with 400.
pub const FILTER_VALUES_MAX: usize = 64;

// ---- commands that ask a daemon ---------------------------------------------------------------------------------------

/// A daemon that says nothing for so long is given up by `status` and `explain`.
pub const ASK_SILENCE: Duration = secs(10);

/// An answer to `status` or `explain`; a larger one is no daemon's, and the command fails.
pub const ASK_BODY_BYTES_MAX: u64 = 16 << 20;

/// The body of a refusal; of a larger one only the status is told.
pub const ASK_REFUSAL_BYTES_MAX: u64 = 64 << 10;

/// Feeds of each state that `status` lists; further ones are counted.
pub const STATUS_FEEDS_SHOWN: usize = 50;

/// Polls that `explain` lists, the newest.
pub const EXPLAIN_POLLS_SHOWN: usize = 10;

/// `tail` leaves a connection on which nothing came for so long, and comes back. Heartbeats come every 15 s.
pub const TAIL_SILENCE: Duration = secs(40);

/// Articles that `tail` begins with, where it is not told after which.
pub const TAIL_NEWEST: usize = 10;

/// A line, and the data of an event, that `tail` takes; a longer one ends the connection, since no article is so long.
pub const TAIL_LINE_BYTES_MAX: usize = 64 << 20;

/// `tail` waits so long before it comes back, where the daemon has said nothing else by `retry:`, and ...
pub const TAIL_RETRY: Duration = secs(1);

/// ... never less than this, and ...
pub const TAIL_RETRY_MIN: Duration = Duration::from_millis(100);

/// ... after failures twice as long each time, up to this, or to `retry:` where that is longer.
pub const TAIL_BACKOFF_MAX: Duration = secs(30);

/// A daemon or proxy that asks `tail` for a longer pause, by `Retry-After` or `retry:`, gets this.
pub const TAIL_PAUSE_MAX: Duration = secs(600);

/// `doctor` gives a daemon that says nothing up after so long.
pub const DOCTOR_SILENCE: Duration = secs(2);

/// And name servers that say nothing, all of them together.
pub const DOCTOR_NAMES_WAIT: Duration = secs(1);

/// A watchdog that did not look for so long is taken for gone by `doctor`.
pub const WATCHDOG_GONE_MS: u64 = 2_000;

/// Polls in flight that `doctor` lists, the oldest.
pub const DOCTOR_FLIGHTS_SHOWN: usize = 20;

/// Below so many open files `doctor` warns.
pub const NOFILE_USUAL: u64 = 4_096;

/// With less room for the database `doctor` calls the host unfit, ...
pub const DISK_FREE_BYTES_MIN: u64 = 32 << 20;

/// ... and below this it warns.
pub const DISK_FREE_BYTES_USUAL: u64 = 1 << 30;

const _: () = assert!(TAIL_SILENCE.as_secs() > 2 * HEARTBEAT_COMMENT.as_secs());

// ---- HTML that is served ----------------------------------------------------------------------------------------------

/// Elements of one text that are kept; of what follows only the words are. The cost of a tree grows with its square.
pub const SANITISE_ELEMENTS_MAX: usize = 10_000;

/// Elements inside each other; deeper ones are left out and their content kept.
pub const SANITISE_DEPTH_MAX: usize = 64;

/// Attributes of one tag that are looked at; the rest is left out.
pub const SANITISE_ATTRIBUTES_MAX: usize = 24;

/// An attribute's value, links apart (`URL_BYTES_MAX`); a longer one is left out.
pub const SANITISE_ATTRIBUTE_BYTES_MAX: usize = 2 << 10;

/// Text between two tags goes through in pieces of this size: the cost of writing one grows with its square.
pub const SANITISE_TEXT_BYTES_MAX: usize = 1 << 10;

/// Bytes that one text may become before it is sanitised; the rest is cut off. More than a text as published can have,
/// less than what relative links and a long base could make of it.
pub const SANITISE_BYTES_MAX: usize = 4 << 20;

// ---- a document -----------------------------------------------------------------------------------------------------

/// Elements inside each other; a document that nests deeper fails with `too_deep`.
pub const NESTING_MAX: usize = 256;

/// Objects and arrays inside each other in JSON; a document that nests deeper fails with `too_deep`. Below the 128
/// at which serde_json gives up with an error of its own.
pub const JSON_NESTING_MAX: usize = 100;

/// Elements with the names that feed-rs recurses on (`group`, `content`, `category`) inside each other; one
/// more fails the document with `too_deep`. Each costs up to 10 KiB of the executor's stack.
pub const RECURSION_MAX: usize = 16;

/// Attributes of one tag; one more fails the document with `too_complex`: finding duplicates is quadratic.
pub const ATTRIBUTES_MAX: usize = 128;

/// Namespace declarations in force at once; one more fails the document with `too_complex`: each is compared with
/// each element.
pub const NAMESPACES_OPEN_MAX: usize = 128;

/// Elements inside one entry, markup of its content included; one more fails the document with `too_complex`. In a
/// document that is repaired, the pieces of text and markup of one field; the rest of the field is left out.
pub const ENTRY_ELEMENTS_MAX: usize = 50_000;

/// Elements of an XML document, or values of a JSON one; one more fails it with `too_complex`: each may become a value of a few hundred bytes.
pub const ELEMENTS_MAX: usize = 1_000_000;

/// Groups of media times what each inherits from its entry (thumbnails, credits, texts); more fails the document
/// with `too_complex`, as feed-rs copies each into each.
pub const MEDIA_PRODUCT_MAX: usize = 10_000;

/// Bytes of `xml:base` times the elements they apply to; more fails the document with `too_complex`, as feed-rs
/// copies the base to each element.
pub const BASE_BYTES_MAX: usize = 64 << 20;

/// Bytes of a document type's internal subset; a longer one fails the document with `too_complex`.
pub const DOCTYPE_BYTES_MAX: usize = 64 << 10;

/// Bytes of a title, an author's name or a category; the rest is cut off.
pub const TITLE_BYTES_MAX: usize = 4 << 10;

/// Bytes of a title, an author's name or a category as HTML that are read; the rest is cut off. More than what is kept,
/// because references shrink and tags go.
pub const TITLE_HTML_BYTES_MAX: usize = 4 * TITLE_BYTES_MAX;

/// Bytes of a guid; a longer one is cut, its key is made of the whole.
pub const GUID_BYTES_MAX: usize = 2 << 10;

/// Bytes of a summary; the rest is cut off.
pub const SUMMARY_BYTES_MAX: usize = 256 << 10;

/// Bytes of an article's content; the rest is cut off.
pub const CONTENT_BYTES_MAX: usize = 2 << 20;

/// Authors, categories and enclosures of one article, each; the rest is left out.
pub const LIST_MAX: usize = 64;

/// A guid or link longer than this many bytes is stored as a hash in the article's key.
pub const KEY_BYTES_MAX: usize = 256;

/// A date that lies further ahead of the clock is taken for a mistake and left out. A year, because calendars and
/// release lists announce what is to come.
pub const DATE_AHEAD_MS_MAX: i64 = 366 * 24 * 3600 * 1000;

/// Bytes that a document's own entities may add; further references to them stay as they are written.
pub const ENTITY_EXPANSION_BYTES_MAX: usize = 1 << 20;

/// Bytes that the repair reads a second time in a document, to find what follows fields without an end; further such
/// fields swallow what follows them in their entry. Twice a document of the usual limit.
pub const REWIND_BYTES_MAX: usize = 16 << 20;

/// Feed URLs named in the error for a page that is no feed; the rest is left out.
pub const ALTERNATES_MAX: usize = 5;

/// How far into a page the links to its feeds are looked for.
pub const PAGE_LINKS_BYTES_MAX: usize = 512 << 10;

/// Links of a page to its feeds; further ones are left out.
pub const PAGE_LINKS_MAX: usize = 50;

// ---- the store ------------------------------------------------------------------------------------------------------

/// A transaction closes when it holds this many articles.
pub const BATCH_ARTICLES_MAX: usize = 1_024;
/// A transaction takes no further poll once it holds this many: those that found nothing new cost two pages each.
pub const BATCH_POLLS_MAX: usize = 512;
/// A transaction takes no further poll once it has been open for so long; the rest goes into the next one.
pub const BATCH_MS_MAX: u64 = 50;
/// Finished polls that may wait for the writer. One more is handed back to its core, so cores hold credits for fewer.
pub const WRITER_QUEUE_MAX: usize = 1024;
/// Questions to the writer, such as a reload, that may wait. What cores ask takes half of them at most, and is dropped beyond.
pub const WRITER_REQUESTS_MAX: usize = 64;
/// A caller on the main thread gives up on an answer of the writer after so long.
pub const WRITER_ANSWER_MS_MAX: u64 = 30_000;
/// While it waits, the caller looks so often whether it has to stop.
pub const WRITER_LOOK_MS: u64 = 50;
/// The writer tries again this long after a full disk or a foreign lock, then after twice as long, and so on.
pub const WRITER_RETRY_MS_MIN: u64 = 50;
/// The longest wait between two tries: how long after the disk has space again the polls go on.
pub const WRITER_RETRY_MS_MAX: u64 = 2_000;
/// The writer waits inside SQLite for another program's lock for so long, deaf to a stop, before it waits outside.
pub const WRITER_BUSY_MS_MAX: u64 = 250;
/// An idle writer looks so often whether its file is still there.
pub const WRITER_IDLE_MS: u64 = 5_000;
/// A stop without a deadline of its own, because the daemon's main part is gone, takes so long at most.
pub const WRITER_STOP_MS_MAX: u64 = 2_000;
/// After so many pages in the -wal the writer copies them into the database; a reader may let it grow beyond.
pub const WAL_CHECKPOINT_PAGES: i32 = 1_000;
/// At so many pages the writer waits for the readers of the moment, so that the -wal can begin anew: 16 MiB.
pub const WAL_PAGES_MAX: i32 = 4_096;
/// It waits for them this long, deaf to a stop and to polls, so less than what makes it late; it does without if one has no
/// end, and tries again after [`WAL_CHECKPOINT_PAGES`] more, then after twice as many, and so on.
pub const WAL_RESTART_MS_MAX: u64 = 750;
/// Between two looks whether they are gone.
pub const WAL_RESTART_LOOK_MS: u64 = 5;
/// The most pages between two such tries: 256 MiB.
pub const WAL_RESTART_PAGES_MAX: i32 = 65_536;
/// A -wal that had to grow beyond this is cut back to it.
pub const WAL_BYTES_KEPT_MAX: i64 = 16 << 20;
/// Pages of the database that the writer keeps in memory.
pub const STORE_CACHE_KIB: i64 = 8 << 10;
/// Statements that the writer keeps prepared, more than it has; for one more the one that was not used for longest goes.
pub const STORE_STATEMENTS_KEPT: usize = 64;
/// At a start another program's lock on the database is waited for so long, then the start fails.
pub const STORE_OPEN_WAIT_MS_MAX: u64 = 30_000;
/// The search for damage at a start ends after so long, and what was not read is checked when it is used.
pub const STORE_CHECK_MS_MAX: u64 = 3_000;
/// A short question on a connection of its own waits so long for a lock, then fails.
pub const STORE_READ_WAIT_MS_MAX: u64 = 5_000;
/// Polls of each feed that `fetch_log` remembers; the next one overwrites the oldest.
pub const FETCH_LOG_POLLS: i64 = 50;

/// Revisions of an article that are taken; then it stays as it is, whatever its document says.
pub const REVISIONS_MAX: i64 = 24;
/// Earlier versions that an article is known by; an older one counts as never seen.
pub const FORMER_VERSIONS: usize = 4;
/// An earlier version is taken again once documents have shown nothing but earlier ones for so long.
pub const CHANGE_BACK_MS: i64 = DAY_MS;
/// Where most guids of a document are new, so many of its feed's newest articles are looked at, or four times as many as
/// it holds; older ones are not found under another guid.
pub const SUSPECT_ROWS_MIN: usize = 200;
/// The newest articles of a feed that move with it from guids to links; older ones keep their guids.
pub const REKEYED_MAX: usize = 5_000;
/// Articles that retention removes in one transaction; the rest waits for the next, and polls go first.
pub const RETENTION_STEP_ROWS: i64 = 200;
/// A poll that comes while retention removes articles waits for no more than this and one article.
pub const RETENTION_STEP_MS: u64 = 20;
/// Between two of its transactions, while there is more to remove.
pub const RETENTION_PAUSE_MS: u64 = 50;
/// Once there is not, it looks so often whether something has become old.
pub const RETENTION_LOOK_MS: u64 = 5_000;
/// A tombstone goes when a document is read so long after the last one that listed the article.
pub const TOMBSTONE_MS: i64 = 30 * DAY_MS;
/// That a document lists the article is noted so often at most.
pub const TOMBSTONE_LISTED_MS: i64 = DAY_MS;
/// Tombstones that are looked at in one transaction.
pub const TOMBSTONE_STEP_ROWS: i64 = 500;
/// So often all tombstones are looked at.
pub const TOMBSTONE_SWEEP_MS: u64 = 3_600_000;
/// So long after the start an idle writer looks for the first time how the tables are filled, ...
pub const STATISTICS_FIRST_MS: u64 = 300_000;
/// ... then so often, ...
pub const STATISTICS_INTERVAL_MS: u64 = 6 * 3_600_000;
/// ... with so long between two tables.
pub const STATISTICS_PAUSE_MS: u64 = 250;
/// Rows of an index that are read for it; the rest is taken to be alike.
pub const STATISTICS_ROWS_MAX: i64 = 400;
/// Free pages of the database that stay in the file, for what comes next; more are given back.
pub const FREE_PAGES_KEPT: i64 = 4_096;
/// Pages that are given back at once.
pub const FREE_PAGES_STEP: i64 = 256;

/// The most reader threads; more are not started, since beside the cores they would only take turns.
pub const READERS_MAX: usize = 4;
/// Reader threads that a daemon starts.
pub const READERS: usize = 2;
/// Questions that wait for a reader; one more is answered with `Busy` at once, and HTTP says 503.
pub const READER_QUEUE_MAX: usize = 256;
/// A question is given up when it was asked so long ago, waiting included, and HTTP says 503.
pub const QUERY_MS_MAX: u64 = 1_500;

const _: () = assert!(WAL_RESTART_MS_MAX < HEARTBEAT_LATE_MS);

/// Steps of SQLite's machine between two looks at a question's deadline: well under a millisecond.
pub const QUERY_LOOK_STEPS: i32 = 1_000;
/// A reader waits inside SQLite for another program's lock for so long, then the question fails.
pub const READER_BUSY_MS_MAX: u64 = 100;
/// Pages of the database that each reader keeps in memory.
pub const READER_CACHE_KIB: i64 = 4 << 10;
/// Articles of one page; who asks for more gets this many and pages on.
pub const PAGE_ARTICLES_MAX: usize = 500;
/// A page closes once its articles hold so many bytes of text; the rest is on the next one.
pub const PAGE_BYTES_MAX: usize = 8 << 20;
/// A page of filtered articles closes once so many were looked at, however few of them matched.
pub const PAGE_ROWS_MAX: usize = 20_000;
/// Feeds of one page of feeds or subscriptions; who asks for more gets this many and pages on.
pub const PAGE_FEEDS_MAX: usize = 1_000;
/// A filter that means no more feeds than this is answered from each feed's own index; one that means more, by looking
/// at every article in turn.
pub const FILTER_FEEDS_INDEXED_MAX: usize = 64;

/// A poll that comes while the writer indexes for search waits for no more than this and one article.
pub const SEARCH_CHUNK_MS_MAX: u64 = 20;
/// Articles that are indexed in one transaction; the rest waits for the next, and polls go first.
pub const SEARCH_CHUNK_ARTICLES_MAX: i64 = 200;
/// So long after the last commit its articles are indexed, if no poll waits then: several small commits make one chunk.
pub const SEARCH_DELAY_MS: u64 = 250;
/// Commits that go on put it off no longer than this.
pub const SEARCH_DELAY_MS_MAX: u64 = 5_000;
/// Bytes of text, tags not counted, by which an article's summary and its content are found, each; the rest is not indexed.
pub const SEARCH_ARTICLE_BYTES_MAX: usize = 128 << 10;
/// Bytes of what somebody searches for; the rest is ignored.
pub const SEARCH_INPUT_BYTES_MAX: usize = 1 << 10;
/// Words of what somebody searches for; the rest is ignored.
pub const SEARCH_WORDS_MAX: usize = 32;

const DAY_MS: i64 = 24 * 3600 * 1000;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

// ---- the tarpit -----------------------------------------------------------------------------------------------------

/// Connections that the tarpit holds; one more is closed as soon as it is accepted.
pub const TARPIT_CONNECTIONS_MAX: u64 = 100_000;

/// A request head that grows past this gets a 431 and its connection is closed.
pub const TARPIT_HEAD_BYTES_MAX: usize = 256 << 10;

/// Requests that the tarpit remembers; the oldest is forgotten for one more, and still counted.
pub const TARPIT_REQUESTS_MAX: usize = 20_000;

/// Paths of whose requests the tarpit keeps count, for feeds that change with each; at one more all counts start again.
pub const TARPIT_COUNTERS_MAX: usize = 100_000;

/// Host names for which the tarpit keeps a certificate; at one more all are issued again.
pub const TARPIT_CERTIFICATES_MAX: usize = 10_000;

/// Generated documents that the tarpit keeps; at one more all are generated again.
pub const TARPIT_DOCUMENTS_MAX: usize = 64;

/// Bytes, elements and articles that a query may ask of the tarpit; more is read as this.
pub const TARPIT_SCALE_MAX: u64 = 1_000_000;

/// All files of `--dir` together are held in memory; a directory with more is refused.
pub const TARPIT_FILES_BYTES_MAX: u64 = 1 << 30;
