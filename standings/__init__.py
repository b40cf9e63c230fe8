"""What the votes say: intervals, tests and models over judgements, with scipy and statsmodels.

Covers: win rates and how sure they are, agreement, effects of side, length and citations. Does not cover: reading votes
(storage/), showing results (ui/). Formulas that no library has are in arena/.
"""
