"""A question and a hit with its signals in, the probability that the hit answers the question out.

Law: a logistic regression on what each hit has by itself, so that a probability means the same in every recall; scores
that rank inside one recall do not tell. The coefficients are of `benchmarks/sufficiency.py --fit`: generated
conversations of several users, asked what was told, what never was, and everyday requests that concern no memory.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from memory.ranking import FIRST_PERSON
from memory.rules.assistants import OF_THE_ASSISTANT
from memory.turn import Hit

#: What a document answers is seldom asked about oneself, so that this speaks less against it. Of 12 questions about
#: three documents all get their chunk instead of 10; of 80 everyday requests beside them one gets any instead of none.
_ABOUT_DOCUMENTS = 0.5
_TOPIC_AMOUNT = 2.5  # in z units, of a topic that is surely meant


@dataclass(frozen=True, slots=True)
class Regression:
    """Log odds of each signal; ``cosine`` 0 in the one for hits without a vector."""

    cosine: float
    mass: float  #: share of the question's idf mass that stands in it
    attribute: float
    topic: float
    advice: float
    day: float
    personal: float
    bias: float

    def odds(self, signals: Mapping[str, float], *, personal: float) -> float:
        """Return the log odds that such a memory answers."""
        return (
            self.bias
            + self.cosine * signals.get("dense", 0.0)
            + self.mass * signals.get("idf_coverage", signals.get("coverage", 0.0))
            + self.attribute * signals.get("attribute", 0.0)
            + self.topic * signals.get("topic", 0.0) / _TOPIC_AMOUNT
            + self.advice * ("advice" in signals)
            + self.day * ("day" in signals)
            + self.personal * personal
        )


DENSE = Regression(cosine=10.6, mass=1.3, attribute=3.4, topic=2.6, advice=4.1, day=5.6, personal=2.2, bias=-7.4)
#: Without vectors words tell little: it is almost never sure that nothing answers.
LEXICAL = Regression(cosine=0.0, mass=0.3, attribute=4.2, topic=0.0, advice=0.0, day=2.0, personal=1.5, bias=-0.4)


def is_personal(question: str) -> bool:
    """True for a question about the speaker, or about what the assistant said: memories are about these."""
    return bool(FIRST_PERSON.search(question) or OF_THE_ASSISTANT.search(question))


def probability_of(hit: Hit, *, personal: bool) -> float:
    """Return the probability in [0, 1) that a hit answers a question that is personal or not."""
    return probability(hit.signals, personal=max(float(personal), _ABOUT_DOCUMENTS * bool(hit.cube.source.document_id)))


def probability(signals: Mapping[str, float], *, personal: float) -> float:
    """Return the probability in [0, 1) that a hit with these signals answers; 0 where no search measured it.

    ``personal``: 1 for a question about its speaker, 0 for one about anything.
    """
    if "coverage" not in signals:
        return 0.0
    odds = (DENSE if "dense" in signals else LEXICAL).odds(signals, personal=personal)
    return 1 / (1 + math.exp(-odds))


def sufficiency(hits: Iterable[Hit]) -> float:
    """Return the probability that the likeliest of them answers; a question that was asked before answers nothing."""
    return max((hit.probability for hit in hits if "question" not in hit.cube.tags), default=0.0)
