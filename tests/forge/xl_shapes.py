"""Names and shapes of a whole SDXL checkpoint, with a UNet whose levels are all 320 wide.

What the loaders tell the model by stays: three levels, depths of attention 2 and 10, widths of the
text and of the vector beside it. Both text encoders and the VAE are of full size: 2.4 GB in
16 bits.
"""

from __future__ import annotations

from collections.abc import Iterator

from .shapes import TIME, WIDTH, Named, clip, layer, norm, residual, transformer, vae

CONTEXT, VECTOR = 2048, 2816
OPEN_CLIP_WIDTH, OPEN_CLIP_LAYERS = 1280, 32
VOCABULARY, POSITIONS = 49408, 77


def checkpoint() -> Iterator[Named]:
    """Every tensor's name and shape."""
    for prefix, part in (
        ("model.diffusion_model", unet()),
        ("first_stage_model", vae()),
        ("conditioner.embedders.0.transformer.text_model", clip()),
        ("conditioner.embedders.1.model", open_clip()),
    ):
        yield from ((f"{prefix}.{name}", shape) for name, shape in part)


def unet() -> Iterator[Named]:
    """sgm's UNetModel, channel_mult (1, 1, 1)."""
    for name, inputs in (("time_embed", WIDTH), ("label_emb.0", VECTOR)):
        yield from layer(f"{name}.0", TIME, inputs)
        yield from layer(f"{name}.2", TIME, TIME)
    yield from layer("input_blocks.0.0", WIDTH, 4, 3, 3)
    for number, depth in enumerate((0, 0, None, 2, 2, None, 10, 10), start=1):
        if depth is None:
            yield from layer(f"input_blocks.{number}.0.op", WIDTH, WIDTH, 3, 3)
        else:
            yield from block(f"input_blocks.{number}", WIDTH, depth)
    yield from residual("middle_block.0", WIDTH)
    yield from attention("middle_block.1", 10)
    yield from residual("middle_block.2", WIDTH)
    for number, depth in enumerate((10, 10, 10, 2, 2, 2, 0, 0, 0)):
        yield from block(f"output_blocks.{number}", 2 * WIDTH, depth)
        if number in {2, 5}:
            yield from layer(f"output_blocks.{number}.2.conv", WIDTH, WIDTH, 3, 3)
    yield from norm("out.0", WIDTH)
    yield from layer("out.2", 4, WIDTH, 3, 3)


def block(path: str, inputs: int, depth: int) -> Iterator[Named]:
    """What stands at one place of the UNet."""
    yield from residual(f"{path}.0", inputs)
    if depth:
        yield from attention(f"{path}.1", depth)


def attention(path: str, depth: int) -> Iterator[Named]:
    """SpatialTransformer with linear layers around it."""
    yield from transformer(path, depth=depth, context=CONTEXT, linear=True)


def open_clip() -> Iterator[Named]:
    """CLIP-G's text model."""
    width = OPEN_CLIP_WIDTH
    yield "positional_embedding", (POSITIONS, width)
    yield "text_projection", (width, width)
    yield "logit_scale", ()
    yield "token_embedding.weight", (VOCABULARY, width)
    for number in range(OPEN_CLIP_LAYERS):
        path = f"transformer.resblocks.{number}"
        yield f"{path}.attn.in_proj_weight", (3 * width, width)
        yield f"{path}.attn.in_proj_bias", (3 * width,)
        yield from layer(f"{path}.attn.out_proj", width, width)
        yield from layer(f"{path}.mlp.c_fc", 4 * width, width)
        yield from layer(f"{path}.mlp.c_proj", width, 4 * width)
        yield from norm(f"{path}.ln_1", width)
        yield from norm(f"{path}.ln_2", width)
    yield from norm("ln_final", width)
