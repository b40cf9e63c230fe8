"""`python -m tests.benchmarks.abstaining [--limit N]`: how well RAG's judge tells the demo's held-out questions that
its documents answer from those that they do not, with the ROC AUC and what each line would refuse.

Nothing is generated: what counts is the probability of the best sentence, or two, that the judge finds. `--limit`: at
most so many facts of each class; all take some twenty minutes on two cores.
"""

import argparse
from pathlib import Path

from rich.progress import track

from arena.evaluation import questions
from arena.facts import load_facts
from arena.workspace import open_workspace
from rag.measure import roc_auc
from rag.retrieve import search
from wiring import Parts

DEMO = Path("demo")
LINES = (0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.8, 0.9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=0)
    workspace = open_workspace(DEMO)
    asked = questions(load_facts(workspace.questions), parser.parse_args().limit or None)
    parts = Parts(workspace).start()
    judge, index = parts.contestant("rag").judge, parts.index.value()
    told: dict[str, list[float]] = {}
    for item in track(asked, "judging"):
        if item.split != "trained wording":
            told.setdefault(item.split, []).append(search(index, item.text, judge).best)
    unknown = told.pop("unanswerable")
    answerable = [best for scores in told.values() for best in scores]
    print(f"ROC AUC of the best sentence's probability, {len(unknown)} questions without an answer against")
    for split, scores in {**told, "all held-out": answerable}.items():
        print(f"  {len(scores)} {split}: {roc_auc(scores, unknown):.3f}")
    print("line: answerable ones that pass, others that are refused")
    for line in LINES:
        passed, refused = (sum(best >= line for best in answerable), sum(best < line for best in unknown))
        print(f"  {line:.2f}: {passed / len(answerable):.1%}, {refused / len(unknown):.1%}")


if __name__ == "__main__":
    main()
