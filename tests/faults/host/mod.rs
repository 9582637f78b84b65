//! F. Process and host.

mod cpus;
mod feeds_file;
mod little;
mod log;
mod network;
mod reload;
mod roots;
mod stop;
mod two;
mod unfit;

use super::Row;

pub(super) const ROWS: &[Row] = &[
    Row {
        number: 68,
        fault: "SIGTERM with all hung; 100 of them",
        tests: &[
            "row_68_sigterm_ends_it_in_time_with_everything_hung",
            "row_68_sigint_ends_it_in_time_with_everything_hung",
            "row_68_a_hundred_sigterms_are_as_one",
            "row_68_a_second_signal_leaves_at_once",
        ],
    },
    Row {
        number: 69,
        fault: "SIGHUP with a broken file; 100 SIGHUPs",
        tests: &[
            "row_69_a_broken_file_changes_nothing_and_is_told_once",
            "row_69_a_hundred_hangups_disturb_nobody_and_are_told_in_a_line_each",
        ],
    },
    Row {
        number: 70,
        fault: "standard error closed, or a pipe nobody reads",
        tests: &[
            "row_70_a_log_that_nobody_reads_blocks_nothing",
            "row_70_a_log_that_nobody_can_read_any_more_blocks_nothing",
            "row_70_a_single_round_needs_no_standard_error",
        ],
    },
    Row {
        number: 72,
        fault: "few descriptors, little memory, no threads left",
        tests: &[
            "row_72_few_descriptors_mean_fewer_polls_at_once_and_no_failure",
            "row_72_descriptors_that_are_gone_put_polls_off_and_fail_nobody",
            "row_72_too_few_descriptors_to_run_are_told_at_the_start",
            "row_72_little_memory_means_fewer_polls_at_once_and_no_failure",
            "row_72_no_threads_left_is_told_at_the_start",
        ],
    },
    Row {
        number: 73,
        fault: "memlock 256 KiB; io_uring refused by seccomp or sysctl",
        tests: &[
            "row_73_too_little_memlock_is_78_and_says_how_much",
            "row_73_io_uring_refused_by_seccomp_is_78_and_says_by_what",
            "row_73_io_uring_disabled_by_sysctl_is_78_and_says_so_as_root",
        ],
    },
    Row {
        number: 74,
        fault: "affinity mask of one CPU, of CPUs 2 and 5, changed while running",
        tests: &["row_74_it_starts_on_the_cpus_there_are", "row_74_a_mask_that_changes_while_it_runs_stops_nothing"],
    },
    Row { number: 76, fault: "two instances", tests: &["row_76_a_second_instance_leaves_and_names_the_first"] },
    Row {
        number: 78,
        fault: "no network at start",
        tests: &[
            "row_78_names_that_nobody_answers_at_the_start_are_tried_again",
            "row_78_without_a_network_it_starts_and_finds_one_that_comes",
        ],
    },
    Row {
        number: 79,
        fault: "no CA certificates",
        tests: &[
            "row_79_without_roots_https_feeds_say_so_and_http_feeds_work",
            "row_79_roots_that_are_installed_later_are_taken_up_by_a_reload",
        ],
    },
    Row {
        number: 80,
        fault: "feeds.toml of 100,000 feeds, of 100 MB, binary, deleted while running",
        tests: &[
            "row_80_a_hundred_thousand_feeds_are_fine",
            "row_80_a_file_that_is_too_large_or_no_text_is_refused_with_a_reason",
            "row_80_a_file_that_is_gone_or_spoilt_while_it_runs_leaves_the_old_one_in_force",
        ],
    },
];
