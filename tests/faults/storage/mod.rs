//! E. Storage.
//!
//! A disk that fails, or loses power, at any moment is in `src/store/tests`, where SQLite's files can be had in between.

mod crash;
mod ending;
mod follower;
mod found;
mod mount;
mod waiting;

use super::Row;

pub(super) const ROWS: &[Row] = &[
    Row {
        number: 57,
        fault: "disk full, and free again",
        tests: &[
            "row_57_a_full_disk_holds_up_polls_and_nothing_else",
            "row_57_a_full_disk_is_waited_for_and_loses_nothing",
            "row_57_a_full_file_system_is_waited_for_as_root",
            "row_57_polls_wait_for_space_and_then_go_on_with_nothing_lost",
        ],
    },
    Row {
        number: 58,
        fault: "fsync fails",
        tests: &[
            "row_58_after_a_failed_sync_nothing_is_published_and_the_writer_has_stopped_for_good",
            "row_58_a_failed_sync_ends_the_daemon_and_the_next_start_is_clean",
        ],
    },
    Row {
        number: 59,
        fault: "the k-th write fails, for every k",
        tests: &["row_59_whichever_change_fails_it_is_an_error_or_a_success_and_no_damage"],
    },
    Row {
        number: 60,
        fault: "read-only file system; wrong permissions",
        tests: &[
            "row_60_what_may_not_be_written_is_77",
            "row_60_a_file_system_that_is_read_only_at_the_start_is_77_as_root",
            "row_60_a_file_system_that_turns_read_only_holds_up_polls_and_nothing_else",
            "row_60_a_file_system_that_the_kernel_turns_read_only_degrades_as_root",
        ],
    },
    Row {
        number: 61,
        fault: "locked by another program for 10 s",
        tests: &[
            "row_61_another_programs_lock_holds_up_polls_and_nothing_else",
            "row_61_a_database_that_another_program_locks_is_waited_for",
        ],
    },
    Row {
        number: 62,
        fault: "a reader that holds a snapshot; WAL growing",
        tests: &[
            "row_62_another_programs_snapshot_holds_nobody_up",
            "row_62_a_question_is_given_up_at_its_deadline_and_the_reader_lives_on",
            "row_62_no_snapshot_outlives_its_question",
            "row_62_readers_that_overlap_without_end_do_not_let_the_wal_grow",
            "row_62_a_reader_in_the_place_of_another_does_not_let_the_wal_grow",
        ],
    },
    Row {
        number: 63,
        fault: "corrupt page, corrupt header, -wal or -shm deleted, newer schema, not a database",
        tests: &[
            "row_63_a_damaged_database_is_left_as_it_is",
            "row_63_a_database_of_the_future_or_of_somebody_else_is_refused",
            "row_63_a_database_that_lost_its_wal_is_refused_until_it_is_back",
            "row_63_a_shm_that_is_gone_is_made_anew",
        ],
    },
    Row {
        number: 64,
        fault: "kill -9 at any instant, 200 times",
        tests: &["row_64_killed_at_any_moment_nothing_is_lost_and_nothing_is_double"],
    },
    Row {
        number: 65,
        fault: "power cut (unsynced writes dropped)",
        tests: &[
            "row_65_a_power_cut_takes_nothing_back_that_anybody_has_seen",
            "row_65_with_synchronous_normal_it_does",
            "row_65_what_a_killed_instance_left_in_memory_is_on_disk_before_anybody_sees_it",
        ],
    },
    Row { number: 66, fault: "fsync takes 5 s", tests: &["row_66_a_slow_sync_holds_up_polls_and_nothing_else"] },
    Row {
        number: 67,
        fault: "the file is replaced or deleted while running",
        tests: &[
            "row_67_a_database_that_is_replaced_ends_the_daemon_and_streams_begin_anew",
            "row_67_a_database_that_is_deleted_ends_the_daemon_and_streams_begin_anew",
        ],
    },
];
