"""What trials of the program found, and the test that holds each to being mended.

The numbers are those of the trials' notes: F files and arithmetic, W and w the webui, T and t the
app.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
MENDED = {
    "F1 OFT of OneTrainer is turned the wrong way": "test_trainers.py::test_onetrainer",
    "F1 OFT of a writer unknown, silently": (
        "test_trainers.py::test_oft_of_a_writer_unknown_says_which_rotation_was_taken"
    ),
    "F1 PEFT without its configuration, silently": (
        "test_peers.py::test_peft_without_its_configuration_is_right_or_says_what_was_taken"
    ),
    "F2 kernels in OneTrainer's LoHa": "test_trainers.py::test_onetrainer",
    "F3 unknown tensors beside a known pair": (
        "network/test_network.py::test_what_is_invalid_costs_its_module_with_a_reason"
    ),
    "F3 AdaLoRA": "test_peers.py::test_adalora_keeps_its_scale_when_its_rank_was_cut",
    "F4 adapters for a base model that was changed": (
        "network/test_adapter_config.py::test_what_is_for_a_changed_base_model_is_refused"
    ),
    "F4 PiSSA and OLoRA of PEFT": (
        "test_refused_peers.py::test_peft_on_a_base_model_that_it_changed"
    ),
    "F5 inspect and the run disagree": (
        "inspection/test_judgement.py::test_inspect_and_a_run_say_the_same"
    ),
    "F5 usable, and fits no base model": (
        "inspection/test_judgement.py::test_a_file_that_fits_no_base_model_is_not_called_usable"
    ),
    "F9 tables of embeddings": (
        "network/test_network.py::test_what_is_invalid_costs_its_module_with_a_reason"
    ),
    "F9 PEFT's other tuners": (
        "test_refused_peers.py::test_pefts_other_tuners_are_refused_by_name"
    ),
    "F9 adapters by other algorithms": (
        "network/test_not_a_lora.py::test_adapters_by_algorithms_not_read_here_are_named"
    ),
    "F9 other models by other layers": (
        "network/test_not_a_lora.py::test_models_have_several_kinds_of_layers"
    ),
    "F9 a video model's LoRA, and text encoders of another model": (
        "network/test_not_a_lora.py::test_refused_by_what_it_is"
    ),
    "F12 header bombs": (
        "network/test_not_a_lora.py::test_a_file_of_too_many_tensors_is_refused_unseen"
    ),
    "F10 output embeddings": (
        "network/test_embeddings.py::test_output_embeddings_are_called_what_they_are"
    ),
    "F10 modules_to_save": (
        "network/test_network.py::test_what_is_invalid_costs_its_module_with_a_reason"
    ),
    "F11 the second encoder by its MLP": (
        "network/test_network.py::test_one_word_for_all_encoders_is_the_second_where_its_width_is"
    ),
    "F11 wrappers": "formats/test_dialects.py::test_one_layer_under_all_its_names",
    "F13 DoRA on GLoRA and OFT": (
        "network/test_network.py::test_what_is_invalid_costs_its_module_with_a_reason"
    ),
    "F7 a pickle that is there, but not read": (
        "library/test_catalog.py::test_a_pickle_of_that_name_is_said_where_pickles_are_off"
    ),
    "F6 a fused layer is left out without a word": (
        "hosts/test_fused_pipeline.py::test_a_layer_that_is_never_called_is_a_problem"
    ),
    "F6 strict mode, after the run": (
        "hosts/test_fused_pipeline.py::test_strict_raises_after_the_run_and_keeps_its_output"
    ),
    "F6 a model that was compiled before": (
        "hosts/test_compiled_pipeline.py::test_a_model_that_was_compiled_before_is_said"
    ),
    "F8 prompt_embeds have no way in": (
        "hosts/test_diffusers.py::test_embeddings_of_the_callers_are_used_as_they_are"
    ),
    "W1 Regional Prompter's regions are lost": (
        "hosts/test_webui_regions.py::test_a_tag_acts_in_its_region"
    ),
    "W2 rows go to the wrong pictures where a batch is reordered": (
        "hosts/test_webui_rows.py::test_a_batch_in_another_order"
    ),
    "W3 only=, negative tags and batches are lost in tiles": (
        "hosts/test_webui_rows.py::test_the_batch_in_tiles"
    ),
    "W4 an error of ours ends the generation": (
        "session/test_refusals.py::test_an_error_nobody_foresaw_is_its_tags_refusal"
    ),
    "W5 DoRA beside the builtin's: ours is what the file was trained for": (
        "test_peers.py::test_lycoris"
    ),
    "w1 the report is of a generation before": (
        "hosts/test_webui_report.py::test_the_report_is_the_last_generations_with_or_without_loras"
    ),
    "w5 row notes that nobody understands": (
        "hosts/test_webui_rows.py::test_lines_that_nobody_can_tell"
    ),
    "w3 two places called LoRA and Lora": (
        "hosts/test_webui_builtin_page.py::test_ours_stands_in_both_prompts_pages"
    ),
    "w6 beside lora-block-weight its weights count once": (
        "webui/neighbours/test_prompts.py::test_the_builtins_picture_with_block_weights"
    ),
    "w8 the refiner, 3 of 255: the builtin loses its LoRAs there": (
        "webui/test_pictures.py::"
        "test_the_builtin_loses_its_loras_to_a_refiner_with_modules_of_its_own"
    ),
    "w8 a tag in the negative prompt, without effect": (
        "hosts/webui_rules.py::Rules::test_a_tag_in_the_negative_prompt_acts_on_uncond"
    ),
    "w4 no look-up at Civitai": "browser/test_tools.py::test_lookup_and_download",
    "w4 no delete, rename and move": (
        "browser/test_tools.py::test_the_shown_files_are_tagged_renamed_and_deleted"
    ),
    "w7 one wrong argument drops the LoRA": (
        "prompt/test_fixes.py::test_what_was_plainly_meant_is_done_unless_it_is_a_weight"
    ),
    "t3 the first example of a curve warns": (
        "prompt/test_diagnostics.py::test_curves_for_both_parts_need_no_warning"
    ),
    "w2 cards write tags that cannot work": (
        "browser/test_library_and_prompt.py::test_a_name_that_would_be_cut_is_written_with_its_hash"
    ),
    "w4 no details of a file": "browser/test_library.py::test_what_the_user_says_is_saved",
    "t12 search finds only what is spelled right": (
        "browser/test_library.py::test_the_keyboard_goes_from_the_search_into_the_results"
    ),
    "t13 contrast, and names that differ from what is shown": (
        "browser/test_axe.py::test_the_library"
    ),
    "looks: unusable files can be put into a prompt": (
        "browser/test_library.py::test_what_cannot_be_used_cannot_be_put_into_a_prompt"
    ),
    "looks: what differs in a name is cut off": (
        "browser/test_library.py::test_the_ends_of_long_names_are_seen"
    ),
    "T4 pages on other ports and hosts write, draw and stop": (
        "browser/test_app_guard.py::test_other_pages_can_do_nothing"
    ),
    "T1 typing becomes slow with a large library": (
        "browser/test_modules.py::test_modules_under_node"  # nearest.test.mjs
    ),
    "T2 48 ms a file, and each read twice": (
        "library/test_background.py::test_it_is_the_one_reader_and_reads_each_file_once"
    ),
    "T2 every answer is the whole index": (
        "browser/test_routes.py::test_only_what_changed_is_sent"
    ),
    "T3 changes inside a file are never noticed": (
        "browser/test_routes.py::test_only_what_changed_is_sent"
    ),
    "T4 in a webui: our routes, its CORS options, proxies": (
        "hosts/test_webui_other_sites.py::test_who_may_ask"
    ),
    "T4 the guard, case by case": "app/test_guard.py::test_who_may_ask",
    "T5 previews fill the disk": "browser/test_app.py::test_previews_leave_nothing_on_the_disk",
    "T5 a full disk costs the picture": (
        "app/test_pictures.py::test_what_cannot_be_kept_is_shown_all_the_same"
    ),
    "T6 thumbnails take all memory": (
        "library/test_preview.py::test_pictures_are_decoded_one_at_a_time"
    ),
    "T9 the marked place cannot be read in the dark": (
        "browser/test_app.py::test_the_marked_place_can_be_read"
    ),
    "W6 a tag that is left out looks like any other": (
        "browser/test_rows.py::test_a_mistake_is_mended_at_a_click"
    ),
    "T7 a sweep draws one picture": (
        "browser/test_app.py::test_a_sweep_draws_a_picture_for_each_value"
    ),
    "t4 the whole prompt, once a mistake": (
        "app/test_page.py::test_a_long_prompt_is_cut_around_the_place"
    ),
    "w errors and results look alike under the picture": (
        "browser/test_rows.py::test_under_a_webuis_picture_what_was_lost_stands_apart"
    ),
    "T8 rows hide everything but the weight": (
        "browser/test_rows.py::test_every_argument_has_a_chip_in_words"
    ),
    "T8 a tag that cannot be read has no row": (
        "browser/test_rows.py::test_what_has_no_name_has_a_row"
    ),
    "w rows push the page down": (
        "browser/test_rows.py::test_many_rows_are_folded_and_scaled_together"
    ),
    "T10 Stop is global": "browser/test_app.py::test_stop_is_for_ones_own_drawing",
    "T10 a reload loses picture and prompt": (
        "browser/test_app.py::test_a_reload_keeps_the_form_and_the_pictures"
    ),
    "t1 a pipe beside a LoRA hangs the list": (
        "library/test_sidecar.py::TestDoors::test_a_pipe_does_not_hang"
    ),
    "t1 links lead out of the library": (
        "library/test_sidecar.py::TestDoors::test_links_are_followed_inside_the_library_only"
    ),
    "t2 the example names a LoRA that is not there": (
        "app/test_generator.py::test_the_example_names_no_lora_that_is_not_there"
    ),
    "t5 included LoRAs contradict themselves": (
        "inspection/test_inspect.py::test_hashes_are_computed_and_the_file_s_own_are_claims"
    ),
    "t6 hundreds of lines for one wrong model": (
        "app/test_checkpoint.py::test_an_error_of_many_lines_is_cut_to_its_first"
    ),
    "t7 the small model has two precisions": (
        "app/test_checkpoint.py::test_the_small_model_is_one_precision_in_any_program"
    ),
    "t8 a damaged row is an error at every start": (
        "library/test_store.py::test_a_row_that_cannot_be_read_is_learned_again"
    ),
    "t9 a seed that is too large": ("app/test_generator.py::test_a_seed_that_no_generator_takes"),
    "t11 the page can be framed": "browser/test_app_guard.py::test_the_page_cannot_be_framed",
}


@pytest.mark.parametrize("found", MENDED)
def test_what_was_mended_has_a_test(found: str) -> None:
    file, *names = MENDED[found].split("::")
    body = ast.parse((TESTS / file).read_text(encoding="utf-8")).body
    for name in names:
        kinds = (ast.FunctionDef, ast.ClassDef)
        (node,) = (one for one in body if isinstance(one, kinds) and one.name == name)
        body = node.body
