"""Signs of manipulated ratings, for people to check (method 2.9).

A flag never changes a score. Every frame that names a rater, or a pair of a unit and a department, stays
inside the scoring process; what leaves is ``tables.ANOMALY``.
"""

from __future__ import annotations

from scoring.anomalies.answer_patterns import AnswerPatterns, answer_patterns
from scoring.anomalies.influence import counted_ballots, huber_cells, scores_without
from scoring.anomalies.parameters import AnomalyParameters
from scoring.anomalies.report import AnomalyResults, anomaly_results

__all__ = [
    "AnomalyParameters",
    "AnomalyResults",
    "AnswerPatterns",
    "anomaly_results",
    "answer_patterns",
    "counted_ballots",
    "huber_cells",
    "scores_without",
]
