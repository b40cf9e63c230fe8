"""Shares with their 95 % intervals, and whether one half could be the truth."""

from scipy.stats import binomtest, norm
from scipy.stats import t as students_t
from statsmodels.stats.proportion import proportion_confint

from arena.clustered import Mean
from arena.sequential import odds
from arena.standings import Rate

CONFIDENCE = 0.95


def wilson(successes: int, votes: int) -> Rate | None:
    """Wilson (1927), for independent votes: right for a count, too narrow where votes share prompts or people."""
    if not votes:
        return None
    low, high = proportion_confint(successes, votes, alpha=1 - CONFIDENCE, method="wilson")
    return Rate(successes / votes, float(low), float(high), votes)


def quantile(freedom: float) -> float:
    """Of Student's t, two-sided."""
    return float(students_t.ppf((1 + CONFIDENCE) / 2, freedom))


def clustered_rate(mean: Mean) -> Rate:
    """Wilson's interval on the independent votes that would be as sure, with t for the normal quantile (Dean and Pagano
    2015, "Evaluating confidence interval methods for binomial proportions in clustered surveys",
    doi:10.1093/jssam/smv024)."""
    alpha = 2 * norm.sf(quantile(mean.freedom))
    low, high = proportion_confint(mean.share * mean.effective, mean.effective, alpha=alpha, method="wilson")
    return Rate(mean.share, float(low), float(high), mean.votes)


def as_sure(mean: Mean) -> float:
    """Independent votes with an interval as wide as the clustered one, few people's uncertain spread included."""
    return float(mean.effective * (norm.ppf((1 + CONFIDENCE) / 2) / quantile(mean.freedom)) ** 2)


def sign_test(wins: int, losses: int) -> float | None:
    """The exact two-sided p that one half is the truth, votes being independent."""
    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else None


def logistic_rate(estimate: float, error: float, freedom: float, votes: int) -> Rate:
    """A log-odds with its standard error as a share."""
    reach = quantile(freedom) * error
    return Rate(odds(estimate), odds(estimate - reach), odds(estimate + reach), votes)
