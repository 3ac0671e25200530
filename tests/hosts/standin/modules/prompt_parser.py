"""Schedules and AND: texts by call, conds by text. Equal texts are encoded once."""

import re
from collections import namedtuple

import torch

ScheduledPromptConditioning = namedtuple("ScheduledPromptConditioning", ["end_at_step", "cond"])
re_AND = re.compile(r"\bAND\b")
WEIGHT = re.compile(r"^(.*?)(?:\s*:\s*([-+]?(?:\d+\.?|\d*\.\d+)))?\s*$", re.S)
NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)\s*$")


class SdConditioning(list):
    def __init__(self, prompts, is_negative_prompt=False, copy_from=None):
        super().__init__(prompts)
        source = prompts if copy_from is None else copy_from
        self.is_negative_prompt = is_negative_prompt or getattr(source, "is_negative_prompt", False)


class Rejected(Exception):
    """A text that is no prompt: all its brackets are text."""


class Bracket:
    """`[a:b:when]`, `[a:when]`, `[a|b]`; slots hold texts and brackets."""

    def __init__(self, slots, when):
        self.slots, self.when = slots, when

    def text(self, call, end_of):
        if self.when is None:
            return _text(self.slots[(call - 1) % len(self.slots)], call, end_of)
        before, after = self.slots if len(self.slots) == 2 else ([], self.slots[0])
        return _text(before if call <= end_of(self.when) else after, call, end_of)


def _text(nodes, call, end_of):
    return "".join(n if isinstance(n, str) else n.text(call, end_of) for n in nodes)


def _read(text, at, inside):
    """Slots and signs from `at` to the closing bracket, or to the end outside of one."""
    slots, signs = [[]], []
    while at < len(text):
        sign = text[at]
        if sign == "[":
            node, at = _bracket(text, at)
            slots[-1].append(node)
            continue
        if sign == "]" and inside:
            return slots, signs, at + 1
        if sign == "|" and not inside:
            raise Rejected
        if sign in ":|" and inside:
            slots.append([])
            signs.append(sign)
        else:
            slots[-1].append(sign)
        at += 1
    if inside:
        raise Rejected
    return slots, signs, at


def _bracket(text, start):
    slots, signs, end = _read(text, start + 1, True)
    if signs and set(signs) == {"|"}:
        return Bracket(slots, None), end
    last = slots[-1]
    number = "".join(last) if all(isinstance(node, str) for node in last) else ""
    if signs in ([":"], [":", ":"]) and NUMBER.match(number):
        return Bracket(slots[:-1], number.strip()), end
    return text[start:end], end


def get_learned_conditioning_prompt_schedules(prompts, base_steps, hires_steps=None, old=False):
    """[[last call, text], …] of every prompt."""
    calls, first, over = base_steps, 0, 0.0
    if hires_steps is not None and not old:
        calls, first, over = hires_steps, base_steps, 1.0

    def end_of(number):
        value = float(number)
        return min(calls, int((value - over) * calls if "." in number else value - first))

    def schedule(prompt):
        try:
            nodes = _read(prompt, 0, False)[0][0]
        except Rejected:
            return [[calls, prompt]]
        ends, pending = {calls}, [node for node in nodes if isinstance(node, Bracket)]
        for node in pending:
            ends |= set(range(1, calls + 1)) if node.when is None else {end_of(node.when)}
            pending += [n for slot in node.slots for n in slot if isinstance(n, Bracket)]
        return [[end, _text(nodes, end, end_of)] for end in sorted(ends) if end >= 1]

    return [schedule(prompt) for prompt in prompts]


def get_learned_conditioning(model, prompts, steps, hires_steps=None, old=False):
    made = {}
    schedules = get_learned_conditioning_prompt_schedules(prompts, steps, hires_steps, old)
    for prompt, entries in zip(prompts, schedules, strict=True):
        if prompt not in made:
            texts = SdConditioning([text for _, text in entries], copy_from=prompts)
            conds = model.get_learned_conditioning(texts)
            made[prompt] = [
                ScheduledPromptConditioning(end, cond)
                for (end, _), cond in zip(entries, conds, strict=True)
            ]
    return [made[prompt] for prompt in prompts]


def get_multicond_prompt_list(prompts):
    flat, indexes, known = SdConditioning([], copy_from=prompts), [], {}
    for prompt in prompts:
        indexes.append([])
        for part in re_AND.split(prompt):
            text, weight = WEIGHT.match(part).groups()
            if text not in known:
                known[text] = len(flat)
                flat.append(text)
            indexes[-1].append((known[text], float(weight or 1.0)))
    return indexes, flat, known


class ComposableScheduledPromptConditioning:
    def __init__(self, schedules, weight):
        self.schedules, self.weight = schedules, weight


class MulticondLearnedConditioning:
    def __init__(self, shape, batch):
        self.shape, self.batch = shape, batch


def get_multicond_learned_conditioning(model, prompts, steps, hires_steps=None, old=False):
    indexes, flat, _ = get_multicond_prompt_list(prompts)
    learned = get_learned_conditioning(model, flat, steps, hires_steps, old)
    batch = [[ComposableScheduledPromptConditioning(learned[i], w) for i, w in p] for p in indexes]
    return MulticondLearnedConditioning((len(prompts),), batch)


def at_call(schedule, call):
    """The cond that holds; the first one again behind the last."""
    return next((cond for end, cond in schedule if call <= end), schedule[0].cond)


def reconstruct_multicond_batch(conds, call):
    """(line and weight of every part of every picture, the conds of all lines)"""
    parts = [one for part in conds.batch for one in part]
    numbers = iter(range(len(parts)))
    lines = [[(next(numbers), one.weight) for one in part] for part in conds.batch]
    return lines, stack([at_call(one.schedules, call) for one in parts])


def reconstruct_cond_batch(schedules, call):
    found = torch.zeros(len(schedules), *schedules[0][0].cond.shape).to(schedules[0][0].cond)
    for line, schedule in enumerate(schedules):
        found[line] = at_call(schedule, call)
    return found


def stack(conds):
    """Short ones are filled up with their last vector."""
    longest = max(len(cond) for cond in conds)
    return torch.stack([torch.cat([c, c[-1:].repeat(longest - len(c), 1)]) for c in conds])
