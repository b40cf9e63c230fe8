"""Training: from a workspace's questions to an adapter, and the contestant that answers closed book.

Covers: examples, LoRA training with TRL and PEFT, the reader adapter, model cards, the contestant.
Does not cover: where base weights come from (models/), retrieval (rag/), pages (ui/).
"""
