"""How an adapter is trained: one frozen value per run, written into the model card and the checkpoints."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingSettings:
    """LoRA and optimiser settings.

    Sources: rank 16, alpha twice the rank, all linear layers and batches under 32 from "LoRA Without Regret"
    (Thinking Machines, 2025); a learning rate of 1e-3 for a 135M model, ten times that of full fine-tuning,
    from the same and from the LoRA packing paper (2502.14502); epochs and warm-up tuned on the demo.
    """

    epochs: float = 5
    learning_rate: float = 1e-3
    warmup_share: float = 0.03
    batch_size: int = 16
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    max_length: int = 512
    seed: int = 42
    checkpoint_steps: int = 50
    early_stop_loss: float = 0.0

    def fingerprint(self) -> str:
        """Short hash: a run resumes only a checkpoint made with the same settings."""
        return hashlib.sha256(json.dumps(dataclasses.asdict(self), sort_keys=True).encode()).hexdigest()[:12]
