"""One file per feature of the prompt language; importing the folder finds them all."""

from __future__ import annotations

from ...discovery import import_all
from .base import FEATURES as FEATURES
from .base import Draft as Draft
from .base import Feature as Feature
from .base import Remark as Remark
from .base import WrittenArgument as WrittenArgument
from .base import argument_names as argument_names
from .base import in_order as in_order
from .base import in_words as in_words

import_all(__name__, __path__)
