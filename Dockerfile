# tuning-emulator: three images from one file.
#   docker build --target server -t tuning-emulator .        the scripted trainer, no torch
#   docker build --target full   -t tuning-emulator:full .   the lora trainer too
#   docker build --target smollm2 -t tuning-emulator:smollm2 .   and a language model that plays every base model
# The full image takes the torch that pip finds. For a CPU-only one, name an index that has it:
#   docker build --target full --build-arg PIP_EXTRA_INDEX_URL=... .

# A version with its digest, which holds for every platform. To renew both, look at github.com/docker-library/repo-info.
ARG PYTHON=3.11.15-slim-trixie@sha256:90744cff8f32887f075c47d747a173ff333e9e98801667af93c357fa9f5e28ff

FROM python:${PYTHON} AS wheel
WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY emulator/tuning_emulator ./emulator/tuning_emulator
COPY trainer/tuning_trainer ./trainer/tuning_trainer
RUN pip install --no-cache-dir -c requirements.lock hatchling \
    && pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

# What is imported last keeps the schemas it reads beside the bytecode, where the running server could not.
FROM python:${PYTHON} AS server-environment
COPY requirements.lock /requirements.lock
COPY --from=wheel /wheels /wheels
RUN python -m venv --without-pip /opt/emulator \
    && pip --python /opt/emulator/bin/python install --no-cache-dir -c /requirements.lock \
        "tuning-emulator[gcs,rewards] @ file://$(ls /wheels/tuning_emulator-*.whl)" \
    && /opt/emulator/bin/python -c "import tuning_emulator.app, tuning_emulator.storage.messages"

FROM server-environment AS full-environment
ARG PIP_EXTRA_INDEX_URL=
RUN pip --python /opt/emulator/bin/python install --no-cache-dir -c /requirements.lock \
        "tuning-emulator[gcs,gguf,huggingface,media] @ file://$(ls /wheels/tuning_emulator-*.whl)" \
    && /opt/emulator/bin/python -c "import tuning_emulator.app, tuning_emulator.storage.messages"

FROM python:${PYTHON} AS runtime
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin emulator \
    && install --directory --owner emulator --group emulator /data
# Everything that changes is below /data, so the rest may be read-only (give /tmp a tmpfs then).
ENV PATH=/opt/emulator/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    TUNING_EMULATOR_HOST=0.0.0.0 \
    TUNING_EMULATOR_DATA_DIR=/data
WORKDIR /data
VOLUME /data
EXPOSE 8790
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=5 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8790/emulator/v1/health', timeout=2)"]
ENTRYPOINT ["tuning-emulator"]
CMD ["serve"]

FROM runtime AS full
COPY --from=full-environment /opt/emulator /opt/emulator
USER emulator

FROM full-environment AS smollm2-model
RUN XDG_CACHE_HOME=/opt/models /opt/emulator/bin/tuning-emulator models add smollm2

FROM full AS smollm2
COPY --from=smollm2-model /opt/models /opt/models
ENV XDG_CACHE_HOME=/opt/models \
    TUNING_EMULATOR_BASE_MODELS=smollm2

FROM runtime AS server
COPY --from=server-environment /opt/emulator /opt/emulator
USER emulator
