"""What a training of the causal model minimises: TRL's trainer with our loss in the place of its own.

Covers: the loss of learnt tokens, of samples that are compared, and of what is replayed, all per step. Does not cover:
how a run is set up and goes on (train.py).
"""

from typing import Any

import torch
from trl import SFTTrainer  # type: ignore[attr-defined]

from finetune.branches import IGNORED
from finetune.callbacks import ANSWER_ACCURACY, REPLAY_LOSS, EvaluationLeft

COMPARISON_WEIGHT = 0.5
"""What telling the samples of a question apart counts, the mean cost of a learnt token counting 1."""


class AnswerLossTrainer(SFTTrainer):
    """TRL's trainer with logits computed for learnt tokens only, and samples compared with each other.

    The head is a fifth of a 135M model and most tokens are prompt. TRL skips them on Triton devices only; on a CPU
    it scores every position. Same loss: mean negative log-likelihood per learnt token, weighted as the rows say. To it
    comes, where a step holds them, the listwise loss of samples whose heard end is the same (`comparison`), and with
    `replay` as its weight how far the adapter departs from the base where that wrote the text (`departure`).
    """

    replay = 0.0

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        base = self._base_logits(model, inputs) if len(inputs["base_ids"]) else None
        labels = inputs["labels"][:, 1:]
        counted = labels != IGNORED
        logits = self._logits(model, inputs, counted)
        targets = labels[counted]
        weights = inputs["weights"][:, 1:][counted]
        costs = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        loss = (costs * weights).sum() / weights.sum()
        if len(inputs["ends"]):
            heard = inputs["heard"][:, 1:][counted]
            loss = loss + COMPARISON_WEIGHT * comparison(costs, heard, inputs["ends"], inputs["taught"])
        mode = "train" if model.training else "eval"
        departed = torch.zeros_like(loss)
        if base is not None:
            departed = self.replay * departure(logits[inputs["replayed"][:, 1:][counted]], base)
            loss = loss + departed
        if self.replay and model.training:
            # Of every step, of which only the last ones replay; and by every process, of which some may not yet.
            self._metrics[mode][REPLAY_LOSS].append(self.accelerator.gather(departed.detach()).mean().item())
        right = logits.detach().argmax(-1) == targets
        self._metrics[mode]["mean_token_accuracy"].append(right[weights == 1].float().mean().item())
        known = answered(right, inputs["answers"][:, 1:][counted])
        if known is not None:
            self._metrics[mode][ANSWER_ACCURACY].append(known)
        return (loss, {"logits": logits}) if return_outputs else loss

    def _logits(self, model: Any, inputs: dict[str, Any], counted: torch.Tensor) -> torch.Tensor:
        """[learnt tokens, vocabulary], in the order of `counted`."""
        given = {name: inputs[name] for name in ("input_ids", "attention_mask", "position_ids")}
        if isinstance(model, torch.nn.parallel.DistributedDataParallel):
            # Its own `forward` must be called, or gradients are not shared between the processes.
            kept = counted.any(0).nonzero()[:, 0]
            shared: torch.Tensor = model(**given, use_cache=False, logits_to_keep=kept).logits
            return shared[counted[:, kept]].float()
        causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        # Accelerate wraps the model's own `forward` alone, which is not called here.
        with self.accelerator.autocast():
            hidden = causal.model(**given, use_cache=False).last_hidden_state[:, :-1]
            logits: torch.Tensor = causal.lm_head(hidden[counted]).float()
        return logits

    def _base_logits(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """[replayed tokens, vocabulary] of the model without its adapter, in the order of `replayed`."""
        adapted = model.module if isinstance(model, torch.nn.parallel.DistributedDataParallel) else model
        causal = adapted.get_base_model()
        with torch.no_grad(), adapted.disable_adapter(), self.accelerator.autocast():
            hidden = causal.model(inputs["base_ids"], use_cache=False).last_hidden_state[:, :-1]
            logits: torch.Tensor = causal.lm_head(hidden[inputs["base_replayed"][:, 1:]]).float()
        return logits

    def prediction_step(
        self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> Any:
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            return self.compute_loss(model, inputs).detach(), None, None

    def evaluate(self, *arguments: Any, **named: Any) -> dict[str, float]:
        try:
            found: dict[str, float] = super().evaluate(*arguments, **named)
        except EvaluationLeft:
            self.control.should_training_stop = self.control.should_save = True
            return {}
        return found


def comparison(costs: torch.Tensor, heard: torch.Tensor, ends: torch.Tensor, taught: torch.Tensor) -> torch.Tensor:
    """How badly the likelihood of a heard end tells the sample it belongs to from the others: softmax cross-entropy
    over the samples that share it, in nats, the mean over the ends that have one such sample (listwise, RankT5, Zhuang
    et al. 2023). `costs` and `heard`: of each learnt token its negative log-likelihood and its sample's number or -1;
    `ends` and `taught`: of each sample."""
    belongs = heard >= 0
    likelihoods = costs.new_zeros(len(ends)).index_add(0, heard[belongs], -costs[belongs])
    found = []
    for end in range(int(ends.max()) + 1):
        rivals = ends == end
        if taught[rivals].sum() == 1:
            found.append(torch.logsumexp(likelihoods[rivals], 0) - likelihoods[rivals & taught][0])
    return torch.stack(found).mean() if found else costs.new_zeros(())


def answered(right: torch.Tensor, answers: torch.Tensor) -> float | None:
    """The share of answers that the model gives word for word: of which every token, after the right ones before it, is
    the likeliest, so that greedy decoding writes all of it. `right` and `answers`: of each learnt token whether it is,
    and the number of its answer or -1. None where there is no answer."""
    belongs = answers >= 0
    asked, missed = set(answers[belongs].tolist()), set(answers[belongs & ~right].tolist())
    return 1 - len(missed) / len(asked) if asked else None


def departure(adapted: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
    """How far logits [tokens, vocabulary] depart from the base's: the mean Kullback-Leibler divergence, in nats."""
    own, its = (torch.nn.functional.log_softmax(logits, dim=-1) for logits in (adapted, base))
    return torch.nn.functional.kl_div(own, its, reduction="batchmean", log_target=True)
