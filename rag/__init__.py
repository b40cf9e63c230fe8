"""The open-book side: documents in, an index, retrieval, a LangChain chain, and the contestant that runs it.

Reading order: settings, blocks, sniff, parse_*, documents, sections, embedder, index, lexical, retrieve, chain,
contestant; measure and __main__ for development. Does not cover language models: one is handed in. Nothing
is imported here, because its modules bring torch and LangChain, which the page must not wait for.
"""
