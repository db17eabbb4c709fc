"""Models opened through transformers: whole ones work like a full forward pass, doubtful ones are refused."""

from __future__ import annotations

import json
import shutil
import socket
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, MambaConfig, Qwen2Config

from engine.errors import UserError
from engine.models import hugging_face
from engine.models.hugging_face import HuggingFaceModel, load_hugging_face

SHAPES = {
    "gpt2": GPT2Config(
        vocab_size=97, n_positions=40, n_embd=32, n_layer=2, n_head=4, bos_token_id=96, eos_token_id=96
    ),
    "llama": LlamaConfig(
        vocab_size=97,
        max_position_embeddings=40,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        eos_token_id=[95, 96],
    ),
    "qwen2": Qwen2Config(
        vocab_size=97,
        max_position_embeddings=40,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        use_sliding_window=True,
        sliding_window=8,
        max_window_layers=0,
        layer_types=["full_attention", "sliding_attention"],
        tie_word_embeddings=True,
    ),
}


@pytest.fixture(scope="session")
def made_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A directory with random weights for each architecture."""
    directories = {}
    for name, config in SHAPES.items():
        torch.manual_seed(1)
        directories[name] = tmp_path_factory.mktemp(name)
        model: Any = AutoModelForCausalLM.from_config(config)
        model.save_pretrained(directories[name])
    return directories


@pytest.fixture
def gpt2(made_models: dict[str, Path], tmp_path: Path) -> Path:
    """A GPT-2 directory that a test may damage."""
    return Path(shutil.copytree(made_models["gpt2"], tmp_path / "gpt2"))


def change_config(directory: Path, **changes: object) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def change_weights(directory: Path, **changes: torch.Tensor | None) -> None:
    weights = load_file(directory / "model.safetensors")
    changed = {**weights, **{name.replace("__", "."): tensor for name, tensor in changes.items()}}
    kept = {name: tensor for name, tensor in changed.items() if tensor is not None}
    save_file(kept, directory / "model.safetensors", metadata={"format": "pt"})


@torch.inference_mode()
def logits_of_a_full_forward(directory: Path, ids: torch.Tensor) -> torch.Tensor:
    model: Any = AutoModelForCausalLM.from_pretrained(directory, local_files_only=True, dtype=torch.float32)
    logits: torch.Tensor = model.eval()(input_ids=ids[None]).logits[0]
    return logits


def logits_token_by_token(model: HuggingFaceModel, ids: torch.Tensor, prompt_length: int) -> torch.Tensor:
    """Logits at the end of the prompt and at every token after it."""
    cache = model.new_cache(len(ids))
    logits = [model.forward(ids[:prompt_length], cache)]
    logits += [model.forward(ids[at : at + 1], cache) for at in range(prompt_length, len(ids))]
    assert cache.length == len(ids)
    return torch.stack(logits)


@pytest.mark.parametrize("name", SHAPES)
def test_prompt_then_one_token_at_a_time_gives_the_logits_of_a_full_forward(
    made_models: dict[str, Path], name: str
) -> None:
    ids = torch.randint(97, (40,), generator=torch.Generator().manual_seed(2))
    expected = logits_of_a_full_forward(made_models[name], ids)
    stepwise = logits_token_by_token(load_hugging_face(made_models[name]), ids, prompt_length=11)
    assert stepwise.dtype == torch.float32
    torch.testing.assert_close(stepwise, expected[10:], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", SHAPES)
def test_a_model_says_what_it_is(made_models: dict[str, Path], name: str) -> None:
    model = load_hugging_face(made_models[name], dtype=torch.bfloat16)
    assert (model.architecture, model.context_length, model.vocab_size) == (name, 40, 97)
    assert (model.precision, model.device) == ("bfloat16", torch.device("cpu"))
    assert model.forward(torch.tensor([1, 2]), model.new_cache(2)).dtype == torch.float32


def test_parameters_are_counted_once_when_the_head_is_tied(made_models: dict[str, Path]) -> None:
    block = 2 * 64 + (32 * 96 + 96) + (32 * 32 + 32) + (32 * 128 + 128) + (128 * 32 + 32)
    assert load_hugging_face(made_models["gpt2"]).num_parameters == 97 * 32 + 40 * 32 + 2 * block + 64


def test_all_tokens_that_end_a_reply_are_known(made_models: dict[str, Path]) -> None:
    assert load_hugging_face(made_models["gpt2"]).end_of_text_ids == (96,)
    assert load_hugging_face(made_models["llama"]).end_of_text_ids == (95, 96)


def test_a_cache_takes_no_more_than_it_was_made_for(made_models: dict[str, Path]) -> None:
    model = load_hugging_face(made_models["gpt2"])
    cache = model.new_cache(1000)
    assert cache.max_length == model.context_length
    model.forward(torch.zeros(40, dtype=torch.long), cache)
    with pytest.raises(ValueError, match=r"40 \+ 1 tokens do not fit"):
        model.forward(torch.zeros(1, dtype=torch.long), cache)


def test_loading_asks_for_no_network_and_prints_nothing(
    gpt2: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    load_hugging_face(gpt2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("key", ["transformer.h.0.attn.c_attn.weight", "transformer.ln_f.bias"])
def test_a_missing_weight_is_refused(gpt2: Path, key: str) -> None:
    change_weights(gpt2, **{key: None, "extra": torch.zeros(4000)})
    with pytest.raises(UserError, match=f"'{key}' is missing"):
        load_hugging_face(gpt2)


def test_weights_that_are_far_too_few_are_refused_before_memory_is_taken(gpt2: Path) -> None:
    change_config(gpt2, n_layer=5)
    with pytest.raises(UserError, match=r"describes [\d,]+ parameters, but only [\d,]+ are stored"):
        load_hugging_face(gpt2)


@pytest.mark.parametrize("key", ["n_layer", "num_experts"])
def test_a_billion_layers_are_refused_at_once(gpt2: Path, key: str) -> None:
    change_config(gpt2, **{key: 10**9})
    with pytest.raises(UserError, match=f"'{key}' is 1000000000"):
        load_hugging_face(gpt2)


def test_an_unexpected_weight_is_refused(gpt2: Path) -> None:
    change_weights(gpt2, transformer__h__0__backdoor=torch.zeros(2))
    with pytest.raises(UserError, match=r"h.0.backdoor' does not belong"):
        load_hugging_face(gpt2)


def test_a_weight_of_another_shape_is_refused(gpt2: Path) -> None:
    change_weights(gpt2, transformer__ln_f__weight=torch.zeros(99))
    with pytest.raises(UserError, match=r"ln_f.weight' has another shape"):
        load_hugging_face(gpt2)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_not_finite_are_refused(gpt2: Path, value: float) -> None:
    weight = torch.ones(32)
    weight[7] = value
    change_weights(gpt2, transformer__h__1__ln_2__weight=weight)
    with pytest.raises(UserError, match=r"h.1.ln_2.weight' holds NaN or infinity"):
        load_hugging_face(gpt2)


CANARY_CODE = """
from pathlib import Path
from transformers import GPT2Config, GPT2LMHeadModel
Path(__file__).with_name("canary").write_text("the code ran")
Path({canary!r}).write_text("the code ran")
class Config(GPT2Config):
    model_type = "canary"
class Model(GPT2LMHeadModel):
    config_class = Config
"""


def make_model_with_code(directory: Path, canary: Path) -> None:
    (directory / "modeling_canary.py").write_text(CANARY_CODE.format(canary=str(canary)))
    classes = {"AutoConfig": "modeling_canary.Config", "AutoModelForCausalLM": "modeling_canary.Model"}
    change_config(directory, model_type="canary", auto_map=classes)


def test_code_that_comes_with_a_model_does_not_run(gpt2: Path, tmp_path: Path) -> None:
    make_model_with_code(gpt2, tmp_path / "canary")
    with pytest.raises(UserError, match=r"'auto_map'.*--trust-remote-code"):
        load_hugging_face(gpt2)
    assert not (tmp_path / "canary").exists()


def test_code_that_comes_with_a_model_runs_when_it_is_trusted(
    gpt2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    make_model_with_code(gpt2, tmp_path / "canary")
    assert load_hugging_face(gpt2, trust_remote_code=True).architecture == "canary"
    assert (tmp_path / "canary").exists()


@pytest.mark.parametrize("key", ["_attn_implementation", "attn_implementation", "_experts_implementation"])
@pytest.mark.parametrize("value", ["someone/kernel", "flash_attention_2", {"": "someone/kernel"}])
def test_kernels_from_elsewhere_are_refused(gpt2: Path, key: str, value: object) -> None:
    change_config(gpt2, text_config={"nested": [{key: value}]})
    with pytest.raises(UserError, match=f"'{key}' may load compiled code"):
        load_hugging_face(gpt2)


def test_the_attention_that_is_part_of_torch_may_be_named(gpt2: Path) -> None:
    change_config(gpt2, _attn_implementation="sdpa")
    assert load_hugging_face(gpt2).architecture == "gpt2"


def test_an_adapter_that_points_elsewhere_is_refused_without_following_it(gpt2: Path) -> None:
    (gpt2 / "adapter_config.json").write_text('{"base_model_name_or_path": "/etc/passwd"}')
    with pytest.raises(UserError, match=r"adapter_config\.json: .*another place"):
        load_hugging_face(gpt2)


def test_pickled_weights_are_refused_with_how_to_convert_them(gpt2: Path) -> None:
    (gpt2 / "model.safetensors").rename(gpt2 / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"pickle files.*weights_only=True.*save_file"):
        load_hugging_face(gpt2)


def test_weights_that_are_not_there_are_refused(gpt2: Path) -> None:
    (gpt2 / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"model.safetensors is missing"):
        load_hugging_face(gpt2)


def test_quantized_weights_are_refused(gpt2: Path) -> None:
    change_config(gpt2, quantization_config={"quant_method": "mxfp4"})
    with pytest.raises(UserError, match="not quantized"):
        load_hugging_face(gpt2)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "nobody_made_this"}, "cannot be opened"),
        ({"n_head": 5}, "cannot be opened"),
        ({"vocab_size": "many"}, "cannot be opened"),
        ({"vocab_size": -1}, "cannot be opened"),
    ],
)
def test_a_configuration_that_makes_no_model_is_refused(
    gpt2: Path, changes: dict[str, object], reason: str
) -> None:
    change_config(gpt2, **changes)
    with pytest.raises(UserError, match=reason):
        load_hugging_face(gpt2)


def test_a_configuration_nested_without_end_is_refused(gpt2: Path) -> None:
    (gpt2 / "config.json").write_text('{"a":' * 500 + "1" + "}" * 500)
    with pytest.raises(UserError, match="nested too deeply"):
        load_hugging_face(gpt2)


def test_sharded_weights_open_and_a_lost_shard_is_named(made_models: dict[str, Path], tmp_path: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(made_models["gpt2"], local_files_only=True)
    model.save_pretrained(tmp_path, max_shard_size="20kB")
    ids = torch.arange(9)
    logits = load_hugging_face(tmp_path).forward(ids, load_hugging_face(tmp_path).new_cache(9))
    torch.testing.assert_close(logits, logits_of_a_full_forward(made_models["gpt2"], ids)[-1])
    (lost := sorted(tmp_path.glob("*.safetensors"))[1]).unlink()
    with pytest.raises(UserError, match=rf"{lost.name}: this weight file is missing"):
        load_hugging_face(tmp_path)


@pytest.mark.parametrize("length", [0, 4, 8, 300, 20_000])
def test_a_weight_file_that_is_cut_off_is_refused(gpt2: Path, length: int) -> None:
    path = gpt2 / "model.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match=r"model.safetensors: .*get the model again"):
        load_hugging_face(gpt2)


@pytest.mark.parametrize(
    "header",
    [
        {"w": {"dtype": "F32", "shape": [10**9, 10], "data_offsets": [0, 4 * 10**10]}},
        {"w": {"dtype": "F32", "shape": [-4], "data_offsets": [0, 0]}},
        {"w": {"dtype": "F32", "shape": [4]}},
        {"w": "hello"},
        ["w"],
    ],
)
def test_a_weight_file_that_claims_what_it_does_not_hold_is_refused(gpt2: Path, header: object) -> None:
    text = json.dumps(header).encode()
    (gpt2 / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    with pytest.raises(UserError, match="get the model again"):
        load_hugging_face(gpt2)


def test_a_model_larger_than_the_memory_is_refused_with_the_numbers(
    gpt2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hugging_face, "_free_memory", lambda _: 1000)
    with pytest.raises(UserError, match=r"need 119 kB of memory and 1 kB are free"):
        load_hugging_face(gpt2)


def test_an_architecture_without_a_key_value_cache_is_refused(tmp_path: Path) -> None:
    config = MambaConfig(vocab_size=97, hidden_size=32, num_hidden_layers=1, state_size=4)
    model: Any = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"'mamba'.*Choose a transformer"):
        load_hugging_face(tmp_path)
