"""What must hold in every webui: the tests of `tests/webui`, over the fixtures of this folder."""

from __future__ import annotations

from webui.test_bad_input import (  # noqa: F401  collected here
    test_a_file_removed_between_scan_and_use,
    test_bad_input_costs_only_itself,
    test_strict_mode_stops_instead,
    test_the_console_shows_the_place,
)
from webui.test_infotext import (  # noqa: F401
    test_a_claimed_hash_is_not_believed,
    test_a_pasted_picture_comes_out_the_same,
    test_add_network_to_prompt,
    test_additional_networks_fields_are_understood,
    test_comments_tell_what_ran,
    test_hires_adds_its_hashes,
    test_info_is_json,
    test_no_hashes_where_the_option_says_so,
)
from webui.test_page import (  # noqa: F401
    page,
    site,
    test_a_card_its_slider_and_the_report,
    test_a_pasted_infotext_makes_the_same_picture,
    test_once_through_the_library,
    test_the_library_stands_in_the_place_of_the_programs_cards,
    test_the_programs_own_cards_come_back_by_a_setting,
)
from webui.test_pictures import (  # noqa: F401
    test_a_changed_te_weight_is_not_hidden_by_the_cond_cache,
    test_after_20_generations_a_run_without_tags_changes_no_bit,
    test_another_file_under_the_same_name_is_not_hidden_by_the_cond_cache,
    test_batches,
    test_hires_fix,
    test_img2img,
    test_nothing_is_left_by_a_generation_that_stops,
    test_ours_is_in_charge,
    test_reload_ui,
    test_the_builtins_picture,
    test_weight_0_changes_no_bit,
    test_without_a_tag_it_is_the_webuis_own_picture,
)
from webui.test_rules import TestRules, host  # noqa: F401
from webui.test_scripts import (  # noqa: F401
    test_axes_of_the_plot,
    test_prompt_matrix_gives_every_picture_its_own,
)
