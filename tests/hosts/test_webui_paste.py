"""An infotext is pasted: its tags name the files that made the picture."""

from __future__ import annotations

import hashlib

import pytest
from live_lora.hosts import webui
from live_lora.hosts.webui import paste
from standin_host import StandIn


class TestPaste:
    """`hashes` are of the files that made the picture."""

    @pytest.fixture
    def hashes(self, host: StandIn) -> dict[str, str]:
        entries = webui.LIVE.catalog().entries
        return {entry.stem: entry.shorthash for entry in entries}

    def test_a_hash_of_the_whole_file_is_understood(
        self, host: StandIn, hashes: dict[str, str]
    ) -> None:
        """Forge's and Forge Neo's own."""
        assert hashes
        whole = hashlib.sha256((host.library / "b.safetensors").read_bytes()).hexdigest()[:12]
        assert self.pasted("<lora:gone:1>", f"gone: {whole}") == "<lora:b:1>"
        assert self.pasted("<lora:b:1>", f"b: {whole}") == "<lora:b:1>"

    def pasted(self, prompt: str, hashes: str, builtin: str | None = None) -> str:
        infotext = f'{prompt}\nSteps: 3, Seed: 1, Lora hashes: "{hashes}"'
        params = {"Prompt": builtin or prompt, "Lora hashes": hashes}
        paste.pasted(infotext, params)
        return params["Prompt"]

    def test_a_renamed_file(self, hashes: dict[str, str]) -> None:
        found = self.pasted("x <lora:old name:0.5:stop=0.5> y", f"old name: {hashes['b']}")
        assert found == "x <lora:b:0.5:stop=0.5> y"

    def test_another_file_of_that_name(self, hashes: dict[str, str]) -> None:
        assert self.pasted("<lora:a:1>", f"a: {hashes['b']}") == "<lora:b:1>"

    def test_the_same_file_stays_as_written(self, hashes: dict[str, str]) -> None:
        assert self.pasted("<lora:A:1.0>", f"A: {hashes['a']}") == "<lora:A:1.0>"

    def test_the_last_word_over_the_builtin(self, hashes: dict[str, str]) -> None:
        """It took another file for this one by a claimed hash."""
        found = self.pasted("<lora:a:1>", f"a: {hashes['a']}", builtin="<lora:c:1> and more")
        assert found == "<lora:a:1> and more"

    def test_a_missing_file_is_warned_of(
        self, hashes: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.pasted("<lora:a:1>", "a: 0123456789ab") == "<lora:a:1>"
        assert "another file" in capsys.readouterr().out

    def test_additional_networks(self, host: StandIn) -> None:
        fields = {
            "AddNet Module 1": "LoRA",
            "AddNet Model 1": "a(01234567)",
            "AddNet Weight A 1": "0.7",
            "AddNet Weight B 1": "0.4",
        }
        params = {"Prompt": "x\n<lora:a:0.7>", **fields}
        paste.pasted("x\nSteps: 3", params)
        assert params["Prompt"] == "x\n<lora:a:0.4:0.7>"

    def test_tags_of_other_programs_replace_the_first_of_their_name(self) -> None:
        prompt = "<lora:a:1> x <lora:a:0.5>"
        added = ["<lora:a:1:0.5>", "<lora:n:1>"]
        assert paste.with_tags(prompt, added) == "<lora:a:1:0.5> x <lora:a:0.5><lora:n:1>"
        assert paste.with_tags("x", added[1:]) == "x\n<lora:n:1>"
