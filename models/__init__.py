"""Language models: where weights come from, and the local engine behind LangChain's `BaseChatModel`.

Covers: finding and preparing the base model, adapters and their identity, generation with streaming and stop.
Does not cover: training (finetune/) and prompts (arena/prompts.py). Remote endpoints are not built yet.
"""
