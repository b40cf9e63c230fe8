"""How an adapter is trained: one frozen value per run, written into the model card and the checkpoints."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingSettings:
    """LoRA and optimiser settings.

    Sources: rank 16, alpha twice the rank and all linear layers from "LoRA Without Regret"
    (Thinking Machines, 2025); a learning rate of 1e-3 for a 135M model, ten times that of full fine-tuning,
    from the same and from the LoRA packing paper (2502.14502); epochs and warm-up tuned on the demo.
    """

    epochs: float = 1.2
    learning_rate: float = 1e-3
    warmup_share: float = 0.03
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    seed: int = 42
    checkpoint_steps: int = 50
