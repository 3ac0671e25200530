"""Options, command line, state."""

from types import SimpleNamespace


class OptionInfo:
    def __init__(self, default=None, label="", component=None, section=None):
        self.default, self.label, self.section = default, label, section


class Options:
    """Values by name as attributes; AttributeError for what nobody has registered."""

    def __init__(self):
        self.data = {}
        self.data_labels = {}

    def add_option(self, name, info):
        self.data_labels[name] = info
        self.data.setdefault(name, info.default)

    def __getattr__(self, name):
        if name in self.__dict__.get("data", {}):
            return self.data[name]
        raise AttributeError(name)


opts = Options()
for _name, _value in {
    "use_old_scheduling": False,
    "batch_cond_uncond": True,
    "skip_early_cond": 0.0,
    "extra_networks_default_multiplier": 1.0,
    "hires_fix_use_firstpass_conds": False,
}.items():
    opts.add_option(_name, OptionInfo(_value))
cmd_opts = SimpleNamespace(lora_dir=".", no_hashing=False, api_auth=None)
state = SimpleNamespace(job="", textinfo="", interrupted=False)
