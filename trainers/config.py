"""What decides a run, and nothing else.

    config = read_config(Path("my-run.toml"))          # or a recipe: read_recipe("shakespeare-char-cpu")
    config = config.with_changes("--set", learning_rate=3e-4)

The same file, data and seed give the same run. Saved as `config.json` in the run directory.
The one rule: no field is ever guessed later; "auto" is resolved before the first step and written to the log.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from engine.errors import UserError, said_with
from engine.records import Record, at_least, between, word
from trainers.familiar_names import as_typed, with_our_names

Method = Literal["pretraining", "fine_tuning"]
RECIPES_PATH = Path(__file__).parent / "recipes"
Optimizer = Literal["adamw", "muon"]
OnBadStep = Literal["pause", "skip", "stop"]
Schedule = Literal["cosine", "linear", "constant", "wsd"]
Backend = Literal["auto", "scratch", "hf", "trainer"]


class TrainingConfig(Record):
    """Everything that decides the outcome of a run. Build checked ones with `from_dict` or `with_changes`."""

    method: Annotated[Method, word("pretraining learns to continue text; fine_tuning learns to answer.")] = (
        "pretraining"
    )
    dataset: Annotated[str, word("The file or folder to learn from.")] = ""
    validation_dataset: Annotated[
        str, word("A file held out for validation; empty takes a share of dataset.")
    ] = ""
    validation_share: Annotated[float, between(0, 0.5, "Share of the data set held out for validation.")] = (
        0.1
    )
    test_share: Annotated[
        float, between(0, 0.5, "Share of the rows kept for testing: never learnt from, nor validated on.")
    ] = 0.0
    base_model: Annotated[str, word("The model to start from; empty starts from random weights.")] = ""

    backend: Annotated[
        Backend,
        word(
            "What computes: our GPT (scratch), transformers in our loop (hf), or its Trainer; auto = as the model."
        ),
    ] = "auto"

    # the model, when it starts from random weights
    num_layers: Annotated[int, between(1, 200, "Transformer blocks.")] = 6
    num_heads: Annotated[int, between(1, 200, "Attention heads per block; divides embedding_size.")] = 6
    embedding_size: Annotated[int, between(1, 16384, "Width of the model.")] = 384
    context_length: Annotated[int, between(2, 131072, "Tokens the model sees at once.")] = 256
    dropout: Annotated[float, between(0, 0.9, "Share of activations dropped while training.")] = 0.0
    bias: Annotated[bool, word("Biases in linear layers and layer norms.")] = True
    qkv_bias: Annotated[bool, word("Biases in the query, key and value projections (needs bias).")] = True
    tied_head: Annotated[bool, word("The output layer shares the token embedding's weights.")] = True

    initialization: Annotated[
        Literal["gpt2", "torch"],
        word(
            "Random weights: gpt2 (all of a standard deviation of 0.02), or torch's (of 1 for untied embeddings)."
        ),
    ] = "gpt2"

    # the tokenizer, when the model starts from random weights
    tokenizer: Annotated[
        str, word("char, bpe (trained on the data), gpt2, or a model whose tokenizer to take.")
    ] = "char"
    vocab_size: Annotated[int, between(257, 1_000_000, "Size of a vocabulary trained on the data (bpe).")] = (
        4096
    )
    chat_format: Annotated[str, word("How turns are marked: auto, chat, plain, alpaca, completion, ...")] = (
        "auto"
    )

    # fine-tuning
    packing: Annotated[bool, word("Put several conversations into one window; each is seen alone.")] = True
    prompt_loss: Annotated[
        float, between(0, 1, "What a token of the prompt counts in the loss, beside 1 for one of an answer.")
    ] = 0.0

    # optimisation
    optimizer: Annotated[
        Optimizer, word("adamw; muon moves hidden matrices by orthogonal steps: fewer steps, slower each.")
    ] = "adamw"
    max_steps: Annotated[int, at_least(1, "Optimizer steps, not micro-batches.")] = 2000
    num_train_epochs: Annotated[
        float, between(0, 10000, "Times the data is gone through, instead of max_steps; 0 = max_steps.")
    ] = 0.0
    batch_size: Annotated[int, between(1, 65536, "Sequences per optimizer step.")] = 32
    micro_batch_size: Annotated[int, between(0, 65536, "Sequences in memory at once; 0 = batch_size.")] = 0
    learning_rate: Annotated[float, between(1e-9, 10, "Highest learning rate.")] = 1e-3
    min_learning_rate: Annotated[float, between(0, 10, "Learning rate at the end of the schedule.")] = 1e-4
    schedule: Annotated[Schedule, word("How the learning rate falls after the warm-up.")] = "cosine"
    decay_share: Annotated[
        float, between(0, 1, "wsd: share of the steps, at the end, in which it falls.")
    ] = 0.2
    warmup_steps: Annotated[int, at_least(0, "Steps over which the learning rate rises.")] = 100
    beta1: Annotated[float, between(0, 0.9999)] = 0.9
    beta2: Annotated[float, between(0, 0.99999)] = 0.99
    muon_learning_rate: Annotated[
        float, between(1e-9, 10, "muon: highest rate of hidden matrices; follows the same schedule.")
    ] = 0.02
    muon_momentum: Annotated[float, between(0, 0.9999, "muon: share of the momentum kept each step.")] = 0.95
    weight_decay: Annotated[float, between(0, 10, "Decay of the weights, on matrices only.")] = 0.1
    gradient_clip: Annotated[float, between(0, 1000, "Largest gradient norm; 0 = no clipping.")] = 1.0
    label_smoothing: Annotated[
        float, between(0, 0.9, "Share of each target spread over the whole vocabulary.")
    ] = 0.0
    ema_decay: Annotated[
        float,
        between(0, 0.99999, "Average the weights over about 1/(1 - this) steps and keep that; 0 = no."),
    ] = 0.0
    gradient_checkpointing: Annotated[
        bool, word("Compute activations twice instead of keeping them: less memory, a third more time.")
    ] = False
    patience: Annotated[
        int, at_least(0, "Validations without a better loss after which training ends; 0 = never.")
    ] = 0

    # when something goes wrong
    on_bad_step: Annotated[
        OnBadStep, word("A loss that is not a number: pause and ask, skip that step, or stop the run.")
    ] = "pause"
    on_full_disk: Annotated[
        Literal["pause", "continue"],
        word("A disk too full for a checkpoint: pause, or continue without that checkpoint."),
    ] = "pause"

    # what is measured and kept along the way
    log_interval: Annotated[int, at_least(1, "Steps between logged training losses.")] = 10
    eval_interval: Annotated[int, at_least(1, "Steps between validations.")] = 250
    eval_windows: Annotated[int, at_least(0, "Validation sequences per validation; 0 = all of them.")] = 0
    checkpoint_interval: Annotated[int, at_least(1, "Steps between checkpoints.")] = 250
    keep_checkpoints: Annotated[int, between(1, 1000, "Best checkpoints to keep, beside the newest two.")] = 1
    keep_every: Annotated[
        int, at_least(0, "Keep the checkpoint of every so many steps, to step through later; 0 = none.")
    ] = 0
    sample_interval: Annotated[int, at_least(0, "Steps between samples; 0 = none.")] = 250
    sample_prompts: tuple[str, ...] = ()  # empty: the beginning of the validation text
    sample_tokens: Annotated[int, between(1, 2048, "Length of a sample in tokens.")] = 120

    seed: Annotated[int, between(0, 2**31 - 1, "Decides weights, data order and dropout.")] = 1337
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: Annotated[int, between(0, 1024, "CPU threads; 0 = as many as there are cores.")] = 0

    def __post_init__(self) -> None:
        """Refuse impossible combinations at once (msgspec turns ValueError into a validation error)."""
        if self.embedding_size % self.num_heads:
            raise ValueError(
                f"embedding_size {self.embedding_size} must be a multiple of num_heads {self.num_heads}"
            )
        if self.micro_batch_size and self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"batch_size {self.batch_size} must be a multiple of micro_batch_size {self.micro_batch_size}"
            )
        if self.prompt_loss and self.method == "pretraining":
            raise ValueError("prompt_loss is for fine_tuning; pretraining learns every token as it is")
        if self.backend == "trainer" and (self.optimizer != "adamw" or self.ema_decay):
            raise ValueError("backend trainer knows neither muon nor ema_decay; backend hf does")
        if self.min_learning_rate > self.learning_rate:
            raise ValueError(
                f"min_learning_rate {self.min_learning_rate:g} must not be above learning_rate {self.learning_rate:g}; "
                "set both"
            )


def read_config(path: Path) -> TrainingConfig:
    """A training configuration from a TOML file; paths stay as they are written.

    Raises:
        UserError: when the file cannot be read or a setting is wrong; names file, line or setting.
    """
    written = _read_toml(path.read_text, str(path))
    settings = with_our_names(written, TrainingConfig().batch_size, str(path))
    with said_with(as_typed(written), str(path)):
        return TrainingConfig.from_dict(settings, str(path))


def recipe_names() -> list[str]:
    """The names of the recipes that come with the program, sorted."""
    return sorted(path.stem for path in RECIPES_PATH.glob("*.toml"))


def recipe_text(name: str) -> str:
    """The TOML text of a recipe, with its comments.

    Raises:
        UserError: when there is no recipe of that name; lists those there are.
    """
    if name not in recipe_names():
        raise UserError(f"There is no recipe '{name}'. Recipes: {', '.join(recipe_names())}.")
    return (RECIPES_PATH / f"{name}.toml").read_text(encoding="utf-8")


def read_recipe(name: str) -> TrainingConfig:
    """A recipe by name.

    Raises:
        UserError: when there is no such recipe.
    """
    return TrainingConfig.from_dict(_read_toml(lambda encoding: recipe_text(name), name), f"recipe {name}")


def _read_toml(read_text: Any, source: str) -> dict[str, Any]:
    import tomli  # lazy: the app lists recipes without parsing one

    try:
        return tomli.loads(read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{source}: cannot be read ({error.strerror}).") from None
    except (tomli.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{source}: this is not valid TOML: {error}.") from None
