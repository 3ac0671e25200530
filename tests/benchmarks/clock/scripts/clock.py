"""An extension of the benchmark: CPU time of the process in Live LoRA's script and callbacks.

Its folder's name comes before ours, so that it is loaded first.
"""

import functools
import json
import time
from pathlib import Path

from modules import paths, script_callbacks, script_loading

OURS = "live-lora"
SPENT = {}


def counted(name, function):
    """The same function, whose CPU time, its threads' with it, is added up and written down."""

    @functools.wraps(function)
    def timed(*args, **kwargs):
        start = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            SPENT[name] = SPENT.get(name, 0.0) + time.process_time() - start
            Path(paths.data_path, "clock.json").write_text(json.dumps(SPENT))

    timed.clock = True
    return timed


def load_module(path):
    if OURS not in str(path):
        return load(path)
    module = counted("script", load)(path)
    for name, callbacks in script_callbacks.callback_map.items():
        for one in callbacks:
            if OURS in str(one.script) and not hasattr(one.callback, "clock"):
                one.callback = counted(name.removeprefix("callbacks_"), one.callback)
    return module


load, script_loading.load_module = script_loading.load_module, load_module
