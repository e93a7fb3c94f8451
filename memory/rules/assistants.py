"""A question in, whether it asks for what the assistant said out."""

import re

#: Found in questions that ask for what the assistant said, suggested, wrote.
OF_THE_ASSISTANT = re.compile(
    r"\b(?:did|have|had|were|are) you\b|\byou(?:'ve| have| had)? (?:just |once |already )?(?:recommend|suggest|propos|"
    r"sa(?:y|id)|tell|told|mention|g[ai]ve|advis|explain|writ|wrote|nam|call|list|recited?)\w*|"
    r"\byour (?:advice|suggestion|recommendation|answer|proposal|list|poem|joke|story)\b",
    re.IGNORECASE,
)
