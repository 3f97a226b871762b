# 海河分。`make` 或 `make help` 列出可用的命令。

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
SERVERS := $(PY) -m haihe.local --with-parent servers
# 传给所调用命令的附加参数，例如 make test ARGS="tests/domain -x"
ARGS ?=

.PHONY: help run test test-spark lint format bench bench-city openapi requirements clean browser wrk

help: ## 显示本说明
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(READY) ## 启动整个系统（HAIHE_PORT 换端口，Ctrl-C 停止）
	@exec $(PY) -m haihe.local --with-parent run

test: $(READY) browser ## 运行全部测试，可与 make run 同时进行（ARGS="tests/domain -x"）
	@exec $(SERVERS) -- $(PY) -m pytest $(if $(ARGS),$(ARGS),--numprocesses=2 --dist=loadfile --quiet)

test-spark: $(READY) ## 在本机 Spark 上核对全市计算（需要 Java 17；首次安装 pyspark，约 450 MB）
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-spark.txt
	@exec $(SERVERS) -- $(PY) -m pytest tests/city/test_spark.py tests/city/test_engine.py $(ARGS)

lint: $(READY) ## 检查代码：ruff，以及 haihe/domain 的 mypy strict
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

format: $(READY) ## 按统一格式改写代码
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .

bench: $(READY) wrk ## 测量速度，每一行与同一次运行中的标尺并列
	@exec $(SERVERS) --durable -- $(PY) -m tests.bench $(ARGS)

# 测量的中间文件在 TMPDIR 下，用完即删：一千四百万人约需 10 GB，E2E=14000000 时另需约 60 GB。
bench-city: $(READY) ## 测量全市计算（RESIDENTS=500000 约两分钟；E2E=2000000；PARTS=compute,trial,warm,e2e,spark）
	@exec $(SERVERS) --durable -- $(PY) -m tests.bench.city

openapi: $(READY) ## 由代码重新生成 openapi.yaml
	@$(SERVERS) -- $(PY) -m flask --app wsgi openapi print --format=json | $(PY) -c \
	    'import json, sys, yaml; yaml.safe_dump(json.load(sys.stdin), sys.stdout, allow_unicode=True, sort_keys=False, width=110)' \
	    > openapi.yaml

requirements: $(READY) ## 重新锁定依赖（ARGS=--upgrade 升级到最新版本）
	@$(PY) -m pip install --quiet --disable-pip-version-check uv
	@for name in requirements requirements-dev requirements-spark; do \
	    $(PY) -m uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	        --no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements" \
	        $(ARGS) $$name.in --output-file $$name.txt || exit 1; \
	done

clean: ## 删除演示数据与缓存（虚拟环境保留）
	@if [ -e var/lock ] && command -v flock >/dev/null && ! flock --nonblock var/lock true; then \
	    echo "make run 正在使用 var/，请先停掉它。"; exit 1; \
	fi
	@rm -rf var .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# 虚拟环境。依赖文件不变时不做任何事；解释器换了或目录搬了则整个重建。
$(READY): requirements.txt requirements-dev.txt
	@for name in python3.11 python3; do \
	    if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "需要 Python 3.11 或更新的版本，没有找到。" >&2; exit 1; fi; \
	if ! $(PY) -m pip --version >/dev/null 2>&1; then \
	    $$python -m venv --clear $(VENV) || { echo "没能建立虚拟环境；Debian 与 Ubuntu 请先安装 python3-venv。" >&2; exit 1; }; \
	fi
	@echo "安装依赖（第一次约半分钟）……"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# 柜台一问的每秒次数由 Debian 的 wrk 测量。能装则装；装不成，那一行如实写“未测”。
wrk:
	@if ! command -v wrk >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "安装 wrk，供测量速度使用……"; \
	    { timeout 60 apt-get update -qq && timeout 60 apt-get install -y -qq --no-install-recommends wrk; } \
	        </dev/null >/dev/null 2>&1 || true; \
	fi

# 浏览器测试要用 Chromium 与中文字体。能装则装，装不成不算失败，一天之内也不再试。
TRIED := $(VENV)/.browser-tried
browser: $(READY)
	@if [ -x /usr/bin/chromium ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && [ -z "$$(find $(TRIED) -mtime -1 2>/dev/null)" ]; then \
	    touch $(TRIED); \
	    echo "安装 Chromium 与中文字体，供浏览器测试使用……"; \
	    export DEBIAN_FRONTEND=noninteractive; \
	    net="-o Acquire::Retries=0 -o Acquire::http::Timeout=10 -o Acquire::https::Timeout=10"; \
	    get="apt-get install -y -qq --no-install-recommends $$net chromium fonts-noto-cjk"; \
	    { timeout 60 apt-get update -qq $$net && timeout 180 $$get --download-only && $$get; } \
	        </dev/null >$(VENV)/browser.log 2>&1 || true; \
	fi; \
	if [ ! -x /usr/bin/chromium ]; then \
	    echo "没有 Chromium（/usr/bin/chromium）：浏览器测试将计为跳过，其余照常。"; \
	fi
