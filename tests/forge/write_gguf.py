"""Runs in the program's interpreter: a checkpoint's UNet as .gguf, by the program's own writer.

python write_gguf.py FOLDER_OF_GGUF CHECKPOINT FILE: matrices in Q8_0, convolutions in 16 bits, the
rest in 32.
"""

import sys

sys.path.insert(0, sys.argv[1])

import gguf
from gguf.quants import quantize
from safetensors import safe_open

PREFIX = "model.diffusion_model."
KINDS = {
    2: gguf.GGMLQuantizationType.Q8_0,
    4: gguf.GGMLQuantizationType.F16,
}


def main(checkpoint, target):
    writer = gguf.GGUFWriter(target, "sd1")
    with safe_open(checkpoint, "pt") as file:
        for key in [key for key in file.keys() if key.startswith(PREFIX)]:  # noqa: SIM118
            tensor = file.get_tensor(key).float().numpy()
            kind = KINDS.get(tensor.ndim, gguf.GGMLQuantizationType.F32)
            writer.add_tensor(key.removeprefix(PREFIX), quantize(tensor, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main(*sys.argv[2:])
