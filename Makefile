# Two commands matter: `make sandbox` runs the whole thing on this machine, `make test` proves it.
PYTHON ?= python3
UV := .uv/bin/uv
RUN := .venv/bin/python
# Where the environment says that Python shall not keep what it compiled, every start of the bot would compile it anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help sandbox test tour pictures test-kill test-replicas test-slow test-mongo test-cluster bench check lint docs lock clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

sandbox: .venv/ready sandbox/node_modules/ready ## a pretend NovaPulse with a real Slack page; Ctrl-C ends it
	@sandbox/packages.sh redis-server
	@exec $(RUN) -m sandbox up

test: .venv/ready sandbox/node_modules/ready ## everything that must pass: lint, types, contracts, tests
	@sandbox/packages.sh redis-server chromium postgresql
	@# Without a Docker Engine the tests of Docker Compose are skipped, and say so.
	@sandbox/packages.sh docker.io docker-compose busybox-static || true
	$(MAKE) lint
	@# Three workers for two cores: tests wait for what they started as often as they compute.
	@# What failed beside a thousand others is tried once more, alone and in sight: a failure that stays is one.
	$(RUN) -m pytest -n 3 --dist loadfile -q || \
		{ echo "Once more, alone, what failed:"; $(RUN) -m pytest -q --last-failed --last-failed-no-failures none; }

test-kill: .venv/ready sandbox/node_modules/ready ## kill the bot at every moment of a scale run; write docs/durability.md
	@sandbox/packages.sh redis-server
	KEEP_TABLE=yes $(RUN) -m pytest -m "slow or not slow" tests/faults/test_kill_serve.py \
		tests/faults/test_kill_points.py tests/faults/test_kill_alerts.py tests/faults/test_kill_receivers.py

test-replicas: .venv/ready sandbox/node_modules/ready ## two and three replicas on one PostgreSQL, one of them killed
	@sandbox/packages.sh redis-server postgresql
	$(RUN) -m pytest -m "slow or not slow" tests/faults/test_replicas.py tests/faults/test_replicas_say_the_same.py

# Everything of the clients that touches a database, and of the stand-in that the default run trusts.
MONGO_TESTS := tests/clients/test_mongo_contract.py tests/clients/test_mongo.py tests/sandbox/mongo \
	tests/commands/database_maintenance tests/commands/database_outage
test-mongo: .venv/ready ## what the clients rely on, on the MongoDB that MONGO_TEST_URL names; the rest on the stand-in
	$(RUN) -m pytest -q -rs $(MONGO_TESTS)

# A test that takes too long fails by a signal, which still removes its namespace.
CLUSTER_TESTS := tests/clients/test_cluster_contract.py tests/clients/test_cluster_changes.py tests/clients/test_cluster_lately.py
test-cluster: .venv/ready ## the cluster tests on KUBECONFIG's cluster; each makes a namespace novapulse-test-* and removes it
	@test -n "$(KUBECONFIG)" || { echo "Say which cluster: make test-cluster KUBECONFIG=path"; exit 2; }
	KUBECONFIG="$(KUBECONFIG)" TEST_CLUSTER=yes $(RUN) -m pytest -q -rs --timeout 600 --timeout-method signal $(CLUSTER_TESTS)

test-slow: .venv/ready sandbox/node_modules/ready ## every test that is too long for every run
	@sandbox/packages.sh redis-server postgresql chromium
	$(RUN) -m pytest -m slow -n 3 --dist loadfile

tour: .venv/ready sandbox/node_modules/ready ## the closed loop, played by itself; exits 0 or 1
	@sandbox/packages.sh redis-server
	$(RUN) -m sandbox.tour

pictures: .venv/ready sandbox/node_modules/ready ## take the README's pictures anew
	@sandbox/packages.sh redis-server chromium fonts-noto-color-emoji
	KEEP_PICTURES=docs/pictures $(RUN) -m pytest -m "slow or not slow" tests/page

bench: .venv/ready sandbox/node_modules/ready ## timings, as ratios in one run
	@sandbox/packages.sh redis-server
	$(RUN) -m benchmarks

lint: .venv/ready ## ruff, mypy --strict, import contracts
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

docs: .venv/ready ## write what is generated: the reference, the manifest
	$(RUN) -m bot docs

lock: $(UV) ## resolve the dependencies anew
	$(UV) pip compile pyproject.toml --group dev --universal --generate-hashes --no-annotate --no-header \
		--upgrade -q -o requirements.lock

clean: ## remove what was made here
	rm -rf .venv .uv .sandbox state sandbox/node_modules .mypy_cache .ruff_cache .pytest_cache

$(UV):
	@sandbox/packages.sh python3-venv
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install -q --disable-pip-version-check uv==0.13.9

.venv/ready: requirements.lock | $(UV)
	$(UV) venv -q --allow-existing --python $(PYTHON) .venv
	$(UV) pip sync -q --python .venv/bin/python --require-hashes requirements.lock
	@touch $@

sandbox/node_modules/ready: sandbox/package-lock.json
	cd sandbox && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
