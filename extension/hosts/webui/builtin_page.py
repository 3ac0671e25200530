"""The library in the place of the program's own page of LoRA cards: same tab, same title.

That page is built anew for each of the two prompts at every start, with all of its cards. Ours is
one empty element, which the LoRA tab's script fills where it is looked at; the program's other
pages, and its routes, stay as they are. In all programs it is the same class, in a module of the
builtin extension; where that is off, there is no such page and nothing to replace.
"""

from __future__ import annotations

import sys
from typing import Any

from ...browser import tab
from . import options

MODULE, CLASS, METHOD = "ui_extra_networks_lora", "ExtraNetworksPageLora", "create_html"


class Place:
    """Puts ours there, and takes it back."""

    def __init__(self) -> None:
        self._page: Any = None  # the class that is changed now
        self._own: Any = None  # what it had of its own; it usually inherits

    def take(self) -> None:
        """After the scripts were loaded, before the page is built. The setting is read then."""
        page = getattr(sys.modules.get(MODULE), CLASS, None)
        if page is None or page is self._page or not hasattr(page, METHOD):
            return
        self.give_back()
        self._page, self._own = page, vars(page).get(METHOD)
        theirs = getattr(page, METHOD)

        def create_html(page: Any, *args: Any, **settings: Any) -> Any:
            if options.get("live_lora_page"):
                return tab.place(options.interface())
            return theirs(page, *args, **settings)

        setattr(page, METHOD, create_html)

    def give_back(self) -> None:
        """The class as it was."""
        page, self._page = self._page, None
        if page is None:
            return
        delattr(page, METHOD)
        if self._own is not None:
            setattr(page, METHOD, self._own)


PLACE = Place()
