"""The open-book side: documents in, an index, retrieval, a LangChain chain, and the contestant that runs it.

Reading order: settings, blocks, sniff, parse_*, documents, sections, embedder, index, lexical, filters, duplicates,
retrieve, reranker, passages, chain, contestant; for development measure, abstain, collection*, evaluate and __main__.
Does not cover language models: one is handed in. Nothing is imported here: its modules bring torch and LangChain, which
the page must not wait for.
"""
