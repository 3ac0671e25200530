"""An infotext's fields."""

import re

FIELD = re.compile(r'\s*([\w ]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


def parse_generation_parameters(text, skip_fields=None):
    *lines, last = text.split("\n")
    fields = {key: value.strip('"') for key, value in FIELD.findall(last)}
    prompt = "\n".join(line for line in lines if not line.startswith("Negative prompt:"))
    negative = "".join(line[16:].strip() for line in lines if line.startswith("Negative prompt:"))
    return {"Prompt": prompt, "Negative prompt": negative, **fields}
