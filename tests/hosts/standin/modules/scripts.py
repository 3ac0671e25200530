"""Scripts that see every generation."""

from types import SimpleNamespace

AlwaysVisible = object()
scripts_data = []
warnings = []
gr = SimpleNamespace(
    Textbox=lambda **settings: SimpleNamespace(**settings), Warning=warnings.append
)


class Script:
    def before_process(self, p, *args):
        pass

    def process(self, p, *args):
        pass

    def before_process_batch(self, p, *args, **kwargs):
        pass

    def after_extra_networks_activate(self, p, *args, **kwargs):
        pass

    def process_before_every_sampling(self, p, *args, **kwargs):
        pass

    def postprocess(self, p, processed, *args):
        pass


class Runner:
    """Calls a method of all its scripts; `args` are the first script's."""

    def __init__(self, *scripts, args=()):
        self.scripts, self.args = scripts, args
        self.alwayson_scripts = scripts

    def run(self, method, p, **kwargs):
        for script in self.scripts:
            if method == "postprocess":
                script.postprocess(p, kwargs["processed"], *self.args)
            else:
                getattr(script, method)(p, *self.args, **kwargs)
