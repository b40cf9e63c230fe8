"""The core of the comparison, pure: what a question, an answer, a comparison and a vote are, and how they meet.

Covers: the contestant protocol and its events, the runner, votes, standings, scoring, errors.
Does not cover: models, retrieval, databases, pages. It imports the standard library only, so that every
other room can import it without importing its neighbours.
"""
