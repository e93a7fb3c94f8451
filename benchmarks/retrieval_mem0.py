"""Requests on standard input in, one line of JSON each out: mem0 without an LLM, as ``retrieval_baselines.py`` asks.

    python retrieval_mem0.py FOLDER DIMENSION

It runs in whichever Python has mem0ai (2.2), and needs nothing of this project: vectors come with the requests.
"""

import json
import sys

from mem0 import Memory

USER = "somebody"


class Given:
    """An embedder that hands out the vector which came with the request."""

    def __init__(self):
        self.vector = []

    def embed(self, _text, _memory_action=None, **_):
        return self.vector

    def embed_batch(self, texts, _memory_action=None, **_):
        return [self.vector for _ in texts]


def opened(folder, dimension):
    """Return mem0 with its default store; nothing is ever asked of the LLM or the embedder that it insists on."""
    store = {"path": f"{folder}/qdrant", "embedding_model_dims": dimension, "on_disk": True}
    openai = {"provider": "openai", "config": {"api_key": "unused"}}
    config = {
        "vector_store": {"provider": "qdrant", "config": store},
        "llm": openai,
        "embedder": openai,
        "history_db_path": f"{folder}/history.db",
    }
    memory = Memory.from_config(config)
    memory.embedding_model = Given()
    return memory


def answered(memory, request):
    """Return the results of a search; nothing for anything else."""
    if "vector" in request:
        memory.embedding_model.vector = request["vector"]
    if "forget" in request:
        memory.reset()
    elif "keep" in request:
        kept = request["keep"]
        message = {"role": kept["role"], "content": kept["text"]}
        memory.add([message], user_id=USER, infer=False, metadata={"handle": kept["id"], "place": kept["place"]})
    else:
        wanted = {"user_id": USER, "place": {"lt": request["among"]}}
        found = memory.search(request["search"], top_k=request["top_k"], filters=wanted, threshold=0.0)["results"]
        return [{"id": row["metadata"]["handle"], "text": row["memory"], "score": row["score"]} for row in found]
    return []


def main():
    memory = opened(sys.argv[1], int(sys.argv[2]))
    for line in sys.stdin:
        print(json.dumps(answered(memory, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
