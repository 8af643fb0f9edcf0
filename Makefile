# make demo   watch a tuning job run and the tuned model answer
# make test   all checks and tests; what CI runs
# Every target makes its own environment first (.venv, from requirements.lock); a second call finds it ready.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The trainer and the tests share small machines: one thread each is fastest for models of this size.
export OMP_NUM_THREADS ?= 1
export PYTHONUTF8 = 1

.DEFAULT_GOAL := help
.PHONY: help environment demo test browser pictures quick check format docs lock parity clients record base-model model-eval image-test node-package audit sbom bench campaign newer-clients clean

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

environment: ## the virtual environment that everything runs in
	@command -v $(PYTHON) >/dev/null || { echo "set-up: $(PYTHON) not found; install Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) scripts/environment.py

demo: environment ## a tuning job on each API, from request to answer; MODEL=smollm2: what a language model learns; RUNNER=ray
	@$(BIN)/python -m examples.demo $(if $(MODEL),--model $(MODEL)) $(if $(RUNNER),--runner $(RUNNER))

test: check browser ## check, then every test, on all cores
	$(BIN)/python -m pytest --numprocesses=logical --dist=loadfile --no-loadscope-reorder

browser: environment ## Chromium for the browser tests, from Debian where it is missing and we may
	@$(BIN)/python -m scripts.browser

pictures: environment ## docs/images: the page as the documents show it, made anew by its tests
	$(BIN)/python -m pytest --quiet emulator/tests/page/test_real_job.py --keep-pictures

quick: environment ## the tests that need no process and no patience
	$(BIN)/python -m pytest --quiet -m "not (process or slow or cuda)" emulator/tests trainer/tests tests contract_tests

check: environment ## style, strict types, layers, workflows
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet action.yml examples/ci_quality/workflow.yaml

format: environment ## rewrite the code in the house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: environment ## rewrite tables and pictures of the documents from the code
	$(BIN)/python -m scripts.readme

lock: environment ## renew requirements.lock
	$(BIN)/python -m scripts.lock

base-model: environment ## the embedded base model from nothing; FOR=100m stops after a while, the next call goes on
	$(BIN)/python -m base_model_build.build build/base-model $(if $(FOR),--for $(FOR)) $(if $(DEVICE),--device $(DEVICE)) --install

model-eval: environment ## the embedded base model beside its gates
	$(BIN)/python -m base_model_build.evaluate

parity: environment ## recorded answers beside the emulator's, declared messages beside the official descriptors
	$(BIN)/python -m contract_tests

clients: environment ## every official client against the emulator, each in its own environment; MODEL=smollm2: the tuning ones
	$(BIN)/python -m pytest client_tests $(if $(MODEL),--tuned-model $(MODEL),--record-clients)

newer-clients: environment ## which clients of the matrix are out in a newer version; asks the package indexes
	$(BIN)/python -m scripts.newer_clients

record: environment ## ask the real services again (needs credentials) and write their answers down without secrets
	$(BIN)/python -m contract_tests.record

image-test: environment ## the Dockerfile's steps in a Debian of its own (root; debootstrap and a registry are asked)
	@command -v debootstrap >/dev/null || apt-get install -y -qq --no-install-recommends debootstrap
	$(BIN)/python -m tests.image_steps server --debian build/debian

node-package: environment ## dist/: the npm package of clients/node, compiled and packed
	@$(BIN)/python -m scripts.node_package

audit: environment ## what is known against the versions of requirements.lock, and how old they are (asks a database)
	@$(BIN)/python -m scripts.audit

sbom: environment ## build/sbom.json: what the wheel, the lock and the base model consist of (CycloneDX)
	@$(BIN)/python -m scripts.sbom

bench: environment ## the server beside its peers
	$(BIN)/python -m benchmarks.server

campaign: environment ## kills, load, faults and fuzz for an hour, every answer checked; FOR=10m shortens it
	$(BIN)/python -m campaigns $(if $(FOR),--for $(FOR)) $(if $(SEED),--seed $(SEED))

clean: ## remove the environment and everything built
	rm -rf $(VENV) .venv.lock build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
