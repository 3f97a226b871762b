# syntax=docker/dockerfile:1

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/haihe
# With `--build-arg SPARK=-spark` the image can also compute on Apache Spark.
ARG SPARK=
COPY requirements${SPARK}.txt .
# Every file that is installed must be the one that was locked. Spark alone comes as a source archive.
RUN /opt/haihe/bin/pip install --require-hashes --only-binary :all: --no-binary pyspark \
    --requirement requirements${SPARK}.txt

FROM python:3.11-slim
ENV PATH=/opt/haihe/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FLASK_APP=wsgi \
    HAIHE_BIND=0.0.0.0 \
    HAIHE_PORT=8000
ARG SPARK=
RUN if [ -n "$SPARK" ]; then apt-get update && apt-get install --yes --no-install-recommends default-jre-headless \
    && rm -rf /var/lib/apt/lists/*; fi
# A number, so that an orchestrator can check that it is not root. It owns nothing that it runs.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin haihe
# Where a worker may put large files that it only needs meanwhile: a volume belongs to whom the directory belongs to.
RUN install --directory --owner=10001 --mode=0700 /scratch
COPY --from=build /opt/haihe /opt/haihe
WORKDIR /srv/haihe
COPY . .
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['HAIHE_PORT'] + '/healthz', timeout=2)"]
CMD ["gunicorn", "--config", "gunicorn.conf.py", "wsgi:app"]
