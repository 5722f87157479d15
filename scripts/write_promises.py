"""Writes docs/promises.md: the plug-in's promises, with the tests that hold them.

A promise names its tests; their files are looked up.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "promises.md"

HEAD = """# Promises and their tests

Made by `python scripts/write_promises.py`. A test proves that each test named here exists and that
the page is current.
"""

Promise = tuple[str, *tuple[str, ...]]

PROMISES: Mapping[str, Sequence[Promise]] = {
    "Using it": [
        ("Models are found in the pipeline; one that the user names wins.",
         "a_model_that_the_user_names_wins_over_the_one_in_the_pipeline"),
        ("The call's id is the user's, else the pipeline's, else a new one.",
         "the_pipelines_call_id_is_taken_from_the_start_frame",
         "after_a_stop_the_processor_starts_a_second_call_of_its_own"),
        ("Every point of a call carries its tags.", "every_point_of_a_call_carries_its_tags"),
        ("Attributes are checked at construction.", "attributes_are_checked_at_construction"),
        ("An unknown keyword is an error.", "an_unknown_keyword_is_an_error"),
        ("The first service name counts for the process; another one is reported in a warning.",
         "the_first_service_name_counts_and_another_one_is_logged"),
        ("A bot's own numbers carry the tags of its call.",
         "own_numbers_are_tagged_like_the_rest", "concurrent_calls_never_mix"),
        ("A number that cannot be recorded is refused and counted, never raised.",
         "what_cannot_be_recorded_is_refused_and_nothing_is_raised"),
        ("A bot can be measured without a change to its code.", "a_bot_is_measured_without_a_change_to_its_code",
         "the_setup_file_exists_where_it_is_said_to_be"),
        ("The observer has the processor's parameters and promises.",
         "it_has_the_processors_parameters", "a_fault_costs_one_measurement_and_not_the_observer",
         "one_call_gives_identical_integers_in_all_places_and_to_the_observer"),
        ("`GrafanaMetricsExporter`, the name that existing bots use, is the same class.",
         "the_exporter_that_bots_know_by_name_is_the_same_processor"),
        ("Everything public is typed, strictly, from a user's side.",
         "a_bot_that_uses_everything_passes_a_strict_type_checker",
         "each_misuse_is_found_where_it_is_and_nothing_else"),
        ("The wheel holds the package and nothing else, and works with the oldest and newest dependencies.",
         "the_wheel_holds_the_package_and_nothing_else", "a_call_is_measured_summed_up_and_kept"),
        ("Importing the package loads nothing heavy and warns of nothing.",
         "importing_the_package_loads_nothing_else_and_warns_of_nothing",
         "the_processor_loads_neither_price_libraries_nor_page_nor_demo"),
    ],
    "Series": [
        ("Each series has the name that dashboards rely on, and its unit.",
         "every_series_has_the_name_that_dashboards_rely_on",
         "every_series_has_the_unit_that_its_numbers_are_read_in"),
        ("Latencies have boundaries that are chosen for voice.",
         "latencies_have_boundaries_that_are_chosen_for_voice"),
        ("Points carry exactly the attributes of the table.", "points_carry_exactly_the_attributes_of_the_table"),
        ("All series are cumulative and begin at zero.", "every_series_is_cumulative_and_begins_at_zero"),
        ("Series by OpenTelemetry's conventions are made beside ours, and can be switched off.",
         "the_language_model_also_makes_the_conventions_series",
         "series_of_the_conventions_are_made_unless_they_are_switched_off"),
        ("Exponential histograms work.", "exponential_histograms_arrive"),
        ("Names lose the number that Pipecat gives them.", "seconds_become_milliseconds_and_numbers_leave_the_names"),
        ("Texts of errors are never attributes.", "an_error_is_its_processor_and_category_and_never_its_text"),
    ],
    "Meanings": [
        ("Seconds become milliseconds once.", "seconds_become_milliseconds_and_numbers_leave_the_names",
         "a_fact_becomes_its_points"),
        ("The zeros of the first frame are no measurements.", "the_zeros_at_the_start_are_no_measurements"),
        ("Latencies that cannot be true are refused and counted.",
         "a_latency_that_cannot_be_true_is_refused", "refused_values_are_counted_and_the_rest_goes_on"),
        ("A frame that comes twice counts once, and what is remembered of frames is bounded.",
         "a_frame_that_is_delivered_twice_counts_once", "an_interruption_that_is_delivered_again_later_cuts_nothing",
         "the_oldest_ids_are_forgotten_so_that_memory_stays_bounded"),
        ("An interrupted request is marked and left out of the figures.",
         "an_interruption_on_its_heels_marks_it", "latency_figures_are_milliseconds_by_leg_without_the_interrupted"),
        ("Prompt tokens include cached ones with every provider.",
         "prompt_tokens_are_gross_of_caches_whatever_the_provider_reports"),
        ("An unknown kind of metrics is counted, and raises nothing.",
         "an_unknown_kind_is_counted_and_not_raised"),
        ("A turn is not doubled by the two directions of a frame.",
         "the_two_directions_of_a_broadcast_are_one_frame", "bot_turns"),
        ("An interruption is one only while the bot speaks.",
         "bot_turns", "an_interruption_before_the_bot_speaks_does_not_cut_its_turn"),
        ("Response times are right with and without voice activity detection.",
         "response_times", "response_times_are_the_callers_waits"),
        ("The parts of a response add up to it.",
         "parts_add_up_and_are_never_negative", "the_parts_of_the_responses_add_up_to_them"),
        ("Every number is the same in each of the three places of the pipeline.",
         "every_number_is_true_in_every_place", "one_call_gives_identical_integers_in_all_places_and_to_the_observer"),
        ("Parallel and bridged pipelines neither hide nor double.",
         "branches_neither_hide_nor_double", "a_model_in_a_bridged_worker_is_measured_with_the_callers_line"),
    ],
    "A call's life": [
        ("A flag of Pipecat that is off is named once at the start.", "a_missing_flag_is_named_once_at_the_start"),
        ("However a call ends, it is reported once, with its true reason.",
         "each_ending_is_announced_once", "two_end_frames_are_one_end",
         "a_service_that_cannot_connect_is_an_error_of_the_call",
         "a_stopped_call_is_concluded_although_its_loop_ends_at_once",
         "clean_up_without_an_end_is_an_end_of_unknown_reason"),
        ("After a stop the processor starts a second call.",
         "after_a_stop_the_processor_starts_a_second_call_of_its_own"),
        ("The summary is complete when the pipeline has finished.",
         "the_summary_is_complete_when_the_pipeline_has_finished"),
        ("Nothing of one call leaks into another.",
         "calls_at_the_same_time_have_their_own_numbers", "calls_one_after_another_have_their_own_numbers"),
        ("All frames pass, in order, and none waits for us.", "all_frames_pass_in_order",
         "observing_a_frame_never_waits"),
        ("A fault costs one measurement, never the call.", "a_fault_costs_one_measurement_not_the_call",
         "whatever_comes_the_pipeline_does_what_it_does_without_us"),
        ("Nothing waits for a server, neither a call nor its end nor the process's.",
         "clean_up_waits_for_no_server_longer_than_it_may",
         "ending_a_call_and_shutting_down_do_not_wait_for_a_server_that_hangs",
         "exit_is_not_held_up_and_the_next_start_delivers",
         "exit_is_not_held_up_by_a_server_and_a_ledger_together"),
    ],
    "Export": [
        ("Series arrive while the call runs, and the last values before it is over.",
         "a_call_is_exported_while_it_runs_and_at_once_when_it_ends",
         "all_that_the_call_can_tell_arrives_before_it_is_over"),
        ("Memory is flat in ended calls.", "memory_is_flat_in_ended_calls",
         "an_answer_that_was_lost_costs_no_value",
         "nothing_is_left_of_a_call_that_ended"),
        ("No call ends in an overflow series.", "2500_short_calls_arrive_whole_and_leave_nothing"),
        ("Without call ids the calls of a process share series.",
         "without_call_ids_the_calls_of_a_process_add_up",
         "without_call_ids_calls_share_series_and_their_durations_come_and_go"),
        ("Beyond the budget of series, calls go on without their id.",
         "beyond_the_budget_calls_go_on_without_their_id"),
        ("Only what a server accepted in full is acknowledged, and each kind of fault is reported once.",
         "a_fault_is_logged_once_and_costs_only_time", "an_unreachable_server_is_logged_once"),
        ("What was not acknowledged is sent at the next start or by hand, with its original timestamps.",
         "what_an_earlier_process_owed_is_sent_once_with_its_own_times",
         "what_is_pending_is_sent_once_and_its_calls_are_delivered"),
        ("No secret reaches a log, an exception, the ledger or a page.",
         "a_malformed_header_variable_is_not_repeated",
         "a_server_that_repeats_the_secret_does_not_bring_it_into_the_log",
         "a_password_in_an_endpoint_is_not_shown", "a_refused_point_is_exit_status_1_and_shows_no_secret",
         "the_ledger_of_what_a_server_refused_holds_no_secret"),
        ("The configured header wins over a netrc file.",
         "the_configured_header_wins_over_netrc_and_a_password_in_the_address"),
        ("A forked child exports its own calls.", "a_forked_child_exports_its_own_calls_and_only_those"),
        ("A container that is stopped ends its calls.",
         "what_was_recorded_arrives_however_the_program_ends", "the_containers_bot_ends_its_call_on_sigterm"),
        ("Prometheus, the console and several at once are served.",
         "prometheus_and_otlp_stand_side_by_side", "an_ended_call_is_shown_for_five_more_minutes",
         "the_console_beside_otlp_changes_no_acknowledgement"),
        ("An application's meter provider is only recorded into.", "an_application_s_provider_is_only_recorded_into"),
        ("Without an endpoint nothing is started, and that is said once.",
         "without_anywhere_to_go_nothing_is_started"),
        ("Headers and endpoints are understood as they are pasted, and mistakes are explained.",
         "a_header_is_understood_and_a_misspelling_explained",
         "an_endpoint_is_understood_and_a_misspelling_explained",
         "credentials_that_grafana_cloud_cannot_take_are_explained_before_the_first_call"),
        ("A mistake in a variable costs no call: it is one warning, and the default holds.",
         "a_value_that_cannot_be_understood_is_advice_and_the_default",
         "a_mistake_in_opentelemetry_s_falls_back_with_advice"),
    ],
    "Cost": [
        ("A usage costs what its provider has published, to the last digit.",
         "a_usage_costs_what_the_published_rate_makes_it",
         "the_parts_of_a_call_add_up_to_the_last_digit_in_any_order"),
        ("The user's price comes first.", "the_users_price_comes_before_every_other"),
        ("A price file that cannot be used is refused with its line.",
         "a_file_that_cannot_be_used_is_refused_with_line_and_reason"),
        ("What has no price is named and counted, and never 0.",
         "what_has_no_price_is_said_to_have_none", "a_price_of_nothing_is_believed_from_the_user_only",
         "cost_adds_up_to_the_last_digit_and_names_what_has_no_price"),
        ("Caches, reasoning and audio cost what the provider asks for them.",
         "reading_a_cache_never_costs_more_than_not_reading_it",
         "reasoning_costs_its_own_rate_or_that_of_the_completion",
         "audio_output_without_a_price_of_its_own_has_none"),
        ("A price says where it comes from and how old it is.",
         "a_price_says_where_it_comes_from_and_when_it_was_checked"),
        ("Prices are there from the first request on: no library is loaded, no thread or process started.",
         "pricing_loads_no_library_starts_no_thread_and_no_process", "a_price_is_there_at_the_first_look_up"),
        ("The package's price lists say what genai-prices and voice-prices say.",
         "every_name_is_the_same_model_as_in_the_library", "every_language_model_costs_what_the_library_calculates",
         "every_voice_and_recogniser_costs_what_the_library_calculates", "speech_is_billed_by_the_librarys_rate",
         "the_packages_lists_are_those_of_the_installed_libraries"),
        ("What has another rate and is not reported makes a usage unpriced, not cheap.",
         "what_has_no_price_is_said_to_have_none", "video_is_possible_unless_the_service_rules_it_out"),
        ("A price file that is damaged while bots run leaves its last good prices.",
         "a_file_that_becomes_unusable_leaves_its_last_prices_and_one_warning"),
    ],
    "Ledger, page and commands": [
        ("Each call is a row with its state.", "a_call_is_live_until_it_ends",
         "the_ledger_has_the_numbers_of_the_script"),
        ("Measuring never waits for the disk.", "handing_over_a_row_never_waits_for_the_disk"),
        ("A disk that is full, locked or damaged costs a warning.",
         "a_full_disk_keeps_rows_in_memory_until_there_is_room", "a_lock_held_by_another_program_is_waited_for",
         "a_damaged_file_is_set_aside_whole_and_costs_a_warning"),
        ("The doctor succeeds only when a point was accepted.",
         "an_accepted_point_is_exit_status_0", "a_refused_point_is_exit_status_1_and_shows_no_secret",
         "without_an_endpoint_nothing_is_sent_and_it_says_what_to_set"),
        ("Calls are listed, and one is shown in full.",
         "calls_in_a_pipe_are_whole_and_without_colour", "one_call_in_full", "json_and_csv_have_the_same_values"),
        ("The page is on this machine only, and updates by itself.",
         "it_listens_on_loopback_only", "a_call_appears_runs_and_ends_without_a_reload"),
        ("Dashboard and alert rules are those that are committed, and every query answers the truth.",
         "the_committed_dashboard_is_current", "the_committed_alerts_are_current", "each_query_answers_the_truth",
         "each_alert_fires_when_it_should_and_only_then"),
    ],
    "The summary": [
        ("A whole call is summed up exactly, and the summary announced once.", "a_whole_call_is_measured_exactly",
         "the_summary_is_announced_once_and_complete"),
        ("It has the documented keys and is JSON.", "the_dictionary_is_json_with_the_documented_keys"),
        ("What was not reported is null and not zero.", "what_was_not_reported_is_null_and_not_zero"),
        ("It claims no export that did not happen.",
         "the_text_claims_no_export_that_did_not_happen", "an_unacknowledged_export_is_not_claimed"),
        ("One line at the start names the call, its models and where series go.",
         "one_line_at_the_start_names_call_models_and_where_series_go"),
        ("Each measurement is one line of the debug log.", "each_measurement_is_one_line_of_the_debug_log"),
    ],
}  # fmt: skip


def homes() -> dict[str, list[str]]:
    """Return the files of every test, by the test's name without `test_`."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found.setdefault(node.name.removeprefix("test_"), []).append(path.relative_to(ROOT).as_posix())
    return found


def row(promise: Promise, files: Mapping[str, Sequence[str]]) -> str:
    """Return one line of a table; `files` has the files of every test by name."""
    words, *tests = promise
    shown = (f"[`{test}`](../{files.get(test, ['no such test'])[0]})" for test in tests)
    return f"| {words} | {'<br>'.join(shown)} |\n"


def page(files: Mapping[str, Sequence[str]]) -> str:
    """Return the whole page; `files` has the files of every test by name."""
    tables = (
        f"\n## {title}\n\n| promise | tests |\n|---|---|\n" + "".join(row(promise, files) for promise in promises)
        for title, promises in PROMISES.items()
    )
    return HEAD + "".join(tables)


if __name__ == "__main__":
    PAGE.write_text(page(homes()), "utf-8")
