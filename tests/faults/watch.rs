//! F, in part. What looks into a daemon that does not turn, and what is not mistaken for it: hangs, panics, a clock that
//! steps, a process that is stopped.

mod clocks;
mod hangs;
mod manager;
mod panics;

use super::Row;

pub(super) const ROWS: &[Row] = &[
    Row {
        number: 71,
        fault: "the clock steps a day back or forward; the process is stopped",
        tests: &["row_71_a_day_forward_and_back_changes_nothing", "row_71_a_process_that_was_stopped_has_not_hung"],
    },
    Row {
        number: 75,
        fault: "a core, the HTTP core, the writer, a reader hang",
        tests: &[
            "row_75_what_spins_is_named_with_its_stack_while_it_does",
            "row_75_what_sleeps_is_named_with_its_stack_while_it_does",
            "row_75_after_five_seconds_health_fails_and_after_ten_the_watchdog_starves",
            "row_75_a_hung_http_core_is_seen_from_the_outside",
            "row_75_a_stream_that_hangs_holds_up_no_polls",
            "row_75_two_hundred_stacks_read_under_load_harm_nothing",
        ],
    },
    Row {
        number: 77,
        fault: "a panic in a core's task, in the writer",
        tests: &["row_77_a_panic_in_a_poll_fails_that_poll", "row_77_a_panic_in_the_writer_ends_the_process_in_order"],
    },
];
