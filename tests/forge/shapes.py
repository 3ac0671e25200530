"""Names and shapes of a whole SD 1.5 checkpoint, with a UNet whose levels are all 320 wide.

Forge and its forks tell models apart by names, by the UNet's widths and by its depths of attention:
the widths below the first level are free. The rest is of full size, which their loaders demand.
"""

from __future__ import annotations

from collections.abc import Iterator

Named = tuple[str, tuple[int, ...]]
WIDTH, TIME, CONTEXT = 320, 1280, 768
VAE_WIDTHS = (128, 256, 512, 512)
LAYERS, POSITIONS, VOCABULARY = 12, 77, 49408


def checkpoint() -> Iterator[Named]:
    """Every tensor's name and shape."""
    for prefix, part in (
        ("model.diffusion_model", unet()),
        ("first_stage_model", vae()),
        ("cond_stage_model.transformer.text_model", clip()),
    ):
        yield from ((f"{prefix}.{name}", shape) for name, shape in part)


def unet() -> Iterator[Named]:
    """LDM's UNetModel, channel_mult (1, 1, 1, 1)."""
    yield from layer("time_embed.0", TIME, WIDTH)
    yield from layer("time_embed.2", TIME, TIME)
    yield from layer("input_blocks.0.0", WIDTH, 4, 3, 3)
    for number in range(1, 12):
        if number % 3 == 0:
            yield from layer(f"input_blocks.{number}.0.op", WIDTH, WIDTH, 3, 3)
        else:
            yield from block(f"input_blocks.{number}", WIDTH, attention=number < 9)
    yield from residual("middle_block.0", WIDTH)
    yield from transformer("middle_block.1")
    yield from residual("middle_block.2", WIDTH)
    for number in range(12):
        yield from block(f"output_blocks.{number}", 2 * WIDTH, attention=number > 2)
        if number in {2, 5, 8}:
            last = 1 if number == 2 else 2
            yield from layer(f"output_blocks.{number}.{last}.conv", WIDTH, WIDTH, 3, 3)
    yield from norm("out.0", WIDTH)
    yield from layer("out.2", 4, WIDTH, 3, 3)


def block(path: str, inputs: int, *, attention: bool) -> Iterator[Named]:
    """What stands at one place of the UNet."""
    yield from residual(f"{path}.0", inputs)
    if attention:
        yield from transformer(f"{path}.1")


def residual(path: str, inputs: int) -> Iterator[Named]:
    """LDM's ResBlock."""
    yield from norm(f"{path}.in_layers.0", inputs)
    yield from layer(f"{path}.in_layers.2", WIDTH, inputs, 3, 3)
    yield from layer(f"{path}.emb_layers.1", WIDTH, TIME)
    yield from norm(f"{path}.out_layers.0", WIDTH)
    yield from layer(f"{path}.out_layers.3", WIDTH, WIDTH, 3, 3)
    if inputs != WIDTH:
        yield from layer(f"{path}.skip_connection", WIDTH, inputs, 1, 1)


def transformer(
    path: str, *, depth: int = 1, context: int = CONTEXT, linear: bool = False
) -> Iterator[Named]:
    """LDM's SpatialTransformer; what stands around it is linear in SD 2 and SDXL."""
    around = () if linear else (1, 1)
    yield from norm(f"{path}.norm", WIDTH)
    yield from layer(f"{path}.proj_in", WIDTH, WIDTH, *around)
    for number in range(depth):
        yield from transformer_block(f"{path}.transformer_blocks.{number}", context)
    yield from layer(f"{path}.proj_out", WIDTH, WIDTH, *around)


def transformer_block(path: str, context: int) -> Iterator[Named]:
    """LDM's BasicTransformerBlock."""
    for name, inputs in (("attn1", WIDTH), ("attn2", context)):
        yield f"{path}.{name}.to_q.weight", (WIDTH, WIDTH)
        yield f"{path}.{name}.to_k.weight", (WIDTH, inputs)
        yield f"{path}.{name}.to_v.weight", (WIDTH, inputs)
        yield from layer(f"{path}.{name}.to_out.0", WIDTH, WIDTH)
    yield from layer(f"{path}.ff.net.0.proj", 8 * WIDTH, WIDTH)
    yield from layer(f"{path}.ff.net.2", WIDTH, 4 * WIDTH)
    for number in (1, 2, 3):
        yield from norm(f"{path}.norm{number}", WIDTH)


def vae() -> Iterator[Named]:
    """AutoencoderKL of SD."""
    yield from layer("encoder.conv_in", VAE_WIDTHS[0], 3, 3, 3)
    before = VAE_WIDTHS[0]
    for level, width in enumerate(VAE_WIDTHS):
        for number in range(2):
            yield from vae_block(f"encoder.down.{level}.block.{number}", before, width)
            before = width
        if level < 3:
            yield from layer(f"encoder.down.{level}.downsample.conv", width, width, 3, 3)
    yield from vae_middle("encoder")
    yield from norm("encoder.norm_out", before)
    yield from layer("encoder.conv_out", 8, before, 3, 3)
    yield from layer("quant_conv", 8, 8, 1, 1)
    yield from layer("post_quant_conv", 4, 4, 1, 1)
    yield from layer("decoder.conv_in", before, 4, 3, 3)
    yield from vae_middle("decoder")
    for level, width in reversed(list(enumerate(VAE_WIDTHS))):
        for number in range(3):
            yield from vae_block(f"decoder.up.{level}.block.{number}", before, width)
            before = width
        if level:
            yield from layer(f"decoder.up.{level}.upsample.conv", width, width, 3, 3)
    yield from norm("decoder.norm_out", before)
    yield from layer("decoder.conv_out", 3, before, 3, 3)


def vae_block(path: str, inputs: int, width: int) -> Iterator[Named]:
    """Its ResnetBlock."""
    for number, wide in ((1, inputs), (2, width)):
        yield from norm(f"{path}.norm{number}", wide)
        yield from layer(f"{path}.conv{number}", width, wide, 3, 3)
    if inputs != width:
        yield from layer(f"{path}.nin_shortcut", width, inputs, 1, 1)


def vae_middle(side: str) -> Iterator[Named]:
    """Two blocks around one attention."""
    width = VAE_WIDTHS[-1]
    yield from vae_block(f"{side}.mid.block_1", width, width)
    yield from norm(f"{side}.mid.attn_1.norm", width)
    for name in ("q", "k", "v", "proj_out"):
        yield from layer(f"{side}.mid.attn_1.{name}", width, width, 1, 1)
    yield from vae_block(f"{side}.mid.block_2", width, width)


def clip() -> Iterator[Named]:
    """CLIP-L's text model."""
    yield "embeddings.token_embedding.weight", (VOCABULARY, CONTEXT)
    yield "embeddings.position_embedding.weight", (POSITIONS, CONTEXT)
    for number in range(LAYERS):
        path = f"encoder.layers.{number}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from layer(f"{path}.self_attn.{name}", CONTEXT, CONTEXT)
        yield from layer(f"{path}.mlp.fc1", 4 * CONTEXT, CONTEXT)
        yield from layer(f"{path}.mlp.fc2", CONTEXT, 4 * CONTEXT)
        yield from norm(f"{path}.layer_norm1", CONTEXT)
        yield from norm(f"{path}.layer_norm2", CONTEXT)
    yield from norm("final_layer_norm", CONTEXT)


def layer(path: str, *shape: int) -> Iterator[Named]:
    """A linear layer or a convolution with its bias."""
    yield f"{path}.weight", shape
    yield f"{path}.bias", shape[:1]


def norm(path: str, width: int) -> Iterator[Named]:
    """A norm with weight and bias."""
    yield from layer(path, width)
