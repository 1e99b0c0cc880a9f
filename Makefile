# awork: build, demo, test, install. `make help` lists the targets.
LUAVER  ?= 5.4
LUA     ?= lua$(LUAVER)
PREFIX  ?= /usr/local
DESTDIR ?=
CC      ?= cc
AR      ?= ar
PKG     ?= pkg-config
BUILD   ?= build
INSTALL ?= install

CFLAGS  ?= -O2 -g
WARN    = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
WERROR  ?= -Werror
DEFS    = -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE

# Asked once, and only when a recipe needs the answer: `make test` may install the packages first.
once        = $(eval $(1) := $$(shell $(2)))$($(1))
LUA_CFLAGS  = $(call once,LUA_CFLAGS,$(PKG) --cflags lua$(LUAVER))
LUA_LIBS    = $(call once,LUA_LIBS,$(PKG) --libs lua$(LUAVER))
CURL_CFLAGS = $(call once,CURL_CFLAGS,$(PKG) --cflags libcurl)
CURL_LIBS   = $(call once,CURL_LIBS,$(PKG) --libs libcurl)
MHD_CFLAGS  = $(call once,MHD_CFLAGS,$(PKG) --cflags libmicrohttpd gnutls)
MHD_LIBS    = $(call once,MHD_LIBS,$(PKG) --libs libmicrohttpd gnutls)
ALL_CFLAGS  = -std=c11 $(WARN) $(WERROR) $(DEFS) $(CFLAGS) -fPIC -pthread

CORE_SRC    = $(sort $(wildcard src/contact/*.c src/http/*.c))
LUA_SRC     = $(sort $(wildcard src/lua/*.c))
POSIX_SRC   = $(sort $(wildcard src/posix/*.c))
SANDBOX_SRC = $(sort $(wildcard src/sandbox/*.c))
CTEST_SRC   = $(sort $(wildcard test/c/test_*.c))
CORE_OBJ    = $(CORE_SRC:%.c=$(BUILD)/obj/%.o)
LUA_OBJ     = $(LUA_SRC:%.c=$(BUILD)/obj/%.o)
POSIX_OBJ   = $(POSIX_SRC:%.c=$(BUILD)/obj/%.o)
SANDBOX_OBJ = $(SANDBOX_SRC:%.c=$(BUILD)/obj/%.o)
# What of it knows no Lua.
POSIX_CORE  = $(filter-out $(addprefix $(BUILD)/obj/src/posix/,files.o locks.o terminals.o module.o),$(POSIX_OBJ))
CTEST_OBJ   = $(CTEST_SRC:%.c=$(BUILD)/obj/%.o)
CTEST       = $(CTEST_SRC:test/c/%.c=$(BUILD)/test/%)
FLAGS       = $(BUILD)/obj/flags

# What runs in place finds the tree, and this build directory, first.
ENV = LUA_PATH="$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;;" LUA_CPATH="$(abspath $(BUILD))/?.so;;"

# Proofs find each other and the specs' helpers too.
PROVE_ENV = LUA_PATH="$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;$(CURDIR)/spec/?.lua;$(CURDIR)/?.lua;;" \
            LUA_CPATH="$(abspath $(BUILD))/?.so;;"
PROVE_LUA = limits once others step wire tls secrets soak
# SHARE=0.05: a twentieth of every sweep, of all counts and times, but for secrets and limits, which are whole always.
share     = $(shell awk 'BEGIN { n = int($(1) * $(or $(SHARE),1)); print(n > 1 ? n : 1) }')
ARGS_once = $(SHARE)
ARGS_others = $(SHARE)
ARGS_wire = $(SHARE)
ARGS_tls  = $(SHARE)
ARGS_step = $(call share,20000)
ARGS_soak = $(call share,600)

SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SUB      = +@$(MAKE) -s --no-print-directory

all: $(BUILD)/awork/core.so $(BUILD)/awork/posix.so $(BUILD)/libawork.a $(if $(SANDBOX_SRC),$(BUILD)/awork/sandbox/core.so) ## build in place, into build/

demo: ## install what is missing, build, and show contact infos over real HTTP
	@tools/deps.sh demo
	$(SUB) all
	@$(ENV) $(LUA) examples/demo.lua

test: ## install what is missing, build, and run every check; logs in build/log
	@tools/deps.sh test
	@tools/test.sh

check: ## the quick part of that, for while you work: build, C tests, specs but for the long ones, luacheck
	@tools/deps.sh test
	@tools/test.sh check

lint: all ## luacheck, clang-format, warnings of gcc and clang, cppcheck, clang-tidy, rockspecs
	@tools/lint.sh

asan: asan-build ## the C tests and the specs under ASan and UBSan
	@tools/c-tests.sh build-asan
	@tools/specs.sh asan build-asan $(SPEC)

tsan: tsan-build ## the C tests, with the threads of a C host, under TSan
	@tools/c-tests.sh build-tsan

valgrind: all ## specs under valgrind (SPEC=file for one of them)
	@tools/specs.sh valgrind $(BUILD) $(SPEC)

coverage: cov-build ## which lines of C and Lua the tests reach
	@tools/coverage.sh build-cov

prove: ## the long proofs, and a table of what they counted (STAGES="step once": these; SHARE=0.05: a part of each)
	@tools/deps.sh prove
	$(SUB) all
	@tools/prove.sh $(STAGES)

soak: all ## ten minutes against the sandbox with random faults
	@$(PROVE_ENV) $(LUA) prove/soak.lua 600

prove-memory: all $(BUILD)/prove/memory ## every allocation of every public call fails (SHARE=0.02: a fiftieth)
	@$(BUILD)/prove/memory $(BUILD) $(SHARE)

prove-threads: all $(BUILD)/prove/threads prove-tsan ## threads, forks, signals, states closed with all in flight
	@$(BUILD)/prove/threads $(BUILD) $(SHARE)

# The specs with the collector at each of its extremes, of which tools/specs.sh knows (HOW=cycles: at that one).
prove-collector: all
	@mkdir -p $(BUILD)/log; for how in $(or $(HOW),generational $(if $(SHARE),,incremental cycles)); do \
	    tools/specs.sh $$how $(BUILD) $(SPEC) >$(BUILD)/log/collector-$$how.log || \
	    { tail -n 60 $(BUILD)/log/collector-$$how.log; exit 1; }; \
	    echo "prove: collector, $$how: $$(tail -n 1 $(BUILD)/log/collector-$$how.log | sed 's/ passed.*//') specs, 0 findings"; done

prove-fuzz: fuzz-build
	@tools/fuzz.sh $(or $(T),$(call share,60)) $(TARGETS)

prove-tsan:
	$(SUB) BUILD=build-tsan CFLAGS="-O1 -g -fsanitize=thread" all build-tsan/prove/threads
	@TSAN_OPTIONS="exitcode=66:suppressions=$(CURDIR)/tools/tsan.supp" build-tsan/prove/threads build-tsan \
	    $(or $(SHARE),1) "threads, TSan"

# 100,000 random contact infos judged by the core, and by ajv against a JSON Schema of the contract.
prove-differential: all prove/node_modules/.ready
	@$(PROVE_ENV) $(LUA) prove/differential.lua $(or $(COUNT),$(call share,100000)) $(SEED) | \
	    node prove/differential.mjs $(or $(COUNT),$(call share,100000))

# awork's own OpenAPI description judges the client and the sandbox; the file is awork's, and is not in the repository.
OPENAPI ?= ../shared/awork-openapi.json
prove-openapi: all $(if $(wildcard $(OPENAPI)),prove/node_modules/.ready) ## by awork's OpenAPI description (OPENAPI=its file, from awork's documentation)
	@if [ -f "$(OPENAPI)" ]; then $(PROVE_ENV) node prove/openapi.mjs "$(OPENAPI)" $(LUA) $(or $(COUNT),$(call share,4000)); \
	else echo "prove: openapi: 0 exchanges: skipped, as $(OPENAPI) is not there (OPENAPI=file), 0 findings"; fi

prove/node_modules/.ready: prove/package-lock.json
	@cd prove && npm ci --silent --no-audit --no-fund --ignore-scripts && touch node_modules/.ready

$(PROVE_LUA:%=prove-%): prove-%: all
	@$(PROVE_ENV) $(LUA) prove/$*.lua $(or $(ARGS),$(ARGS_$*))

bench: ## install what is missing, and compare with others: tables, JSON and PNG in build/bench
	@tools/deps.sh bench
	$(SUB) all
	@$(ENV) LUA="$(LUA)" CC="$(CC)" bench/run.sh

asan-build:
	$(SUB) BUILD=build-asan CFLAGS="-O1 -g $(SANITIZE)" all c-tests

fuzz: fuzz-build ## libFuzzer on what reads others' bytes, T seconds each (TARGETS="csv plan" for some)
	@tools/fuzz.sh $(or $(T),60) $(TARGETS)

fuzz-build:
	$(SUB) BUILD=build-fuzz CC=clang CFLAGS="-O2 -g -fsanitize=fuzzer-no-link,address,undefined \
	    -fno-sanitize-coverage=trace-cmp -fno-sanitize-recover=undefined -fno-omit-frame-pointer" \
	    $(FUZZ:%=build-fuzz/fuzz/%)

tsan-build:
	$(SUB) BUILD=build-tsan CFLAGS="-O1 -g -fsanitize=thread" all c-tests

cov-build:
	$(SUB) BUILD=build-cov CFLAGS="-O0 -g --coverage -fprofile-update=atomic" all c-tests

# Only for their warnings.
gcc-build:
	$(SUB) BUILD=build-gcc CC=gcc CFLAGS="-O2" objects

clang-build:
	$(SUB) BUILD=build-clang CC=clang CFLAGS="-O1" objects

c-tests: $(CTEST)

objects: $(CORE_OBJ) $(LUA_OBJ) $(POSIX_OBJ) $(SANDBOX_OBJ) $(CTEST_OBJ)

$(BUILD)/awork/core.so: $(CORE_OBJ) $(LUA_OBJ)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -shared -o $@ $^ $(LDFLAGS) $(CURL_LIBS) -lm -pthread

$(BUILD)/awork/posix.so: $(POSIX_OBJ)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -shared -o $@ $^ $(LDFLAGS) -pthread

$(BUILD)/libawork.a: $(CORE_OBJ) $(LUA_OBJ)
	@mkdir -p $(@D)
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/awork/sandbox/core.so: $(SANDBOX_OBJ)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -shared -o $@ $^ $(LDFLAGS) $(MHD_LIBS) -lm -pthread

$(CORE_OBJ): $(BUILD)/obj/%.o: %.c $(FLAGS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(CURL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/src/posix/%.o: src/posix/%.c $(FLAGS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LUA_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/src/lua/%.o: src/lua/%.c $(FLAGS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LUA_CFLAGS) $(CURL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/src/sandbox/%.o: src/sandbox/%.c $(FLAGS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LUA_CFLAGS) $(MHD_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/test/c/%.o: test/c/%.c $(FLAGS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LUA_CFLAGS) $(CURL_CFLAGS) -Isrc -MMD -MP -c -o $@ $<

$(BUILD)/obj/prove/%.o: prove/%.c $(FLAGS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LUA_CFLAGS) $(CURL_CFLAGS) -Isrc -MMD -MP -c -o $@ $<

# A C test links the core alone, without Lua; test_host.c is the C host that links libawork.a.
$(BUILD)/test/test_host: $(BUILD)/obj/test/c/test_host.o $(BUILD)/libawork.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $^ $(LDFLAGS) $(LUA_LIBS) $(CURL_LIBS) -lm -pthread

# -rdynamic: a malloc of its own is that of the libraries, too.
$(BUILD)/prove/%: $(BUILD)/obj/prove/%.o $(BUILD)/libawork.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -rdynamic -o $@ $^ $(LDFLAGS) $(LUA_LIBS) $(CURL_LIBS) -ldl -lm -pthread

$(BUILD)/test/%: $(BUILD)/obj/test/c/%.o $(CORE_OBJ) $(POSIX_CORE)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $^ $(LDFLAGS) $(CURL_LIBS) -lm -pthread

# A fuzz target is a C file in fuzz/, or lua.c with a function of targets.lua.
FUZZ_C   = validate ratelimit
FUZZ_LUA = validation response csv vcard scim json codec filter plan journal
FUZZ_JSON = response scim json codec plan journal # of these, what reads JSON
FUZZ     = $(FUZZ_C) $(FUZZ_LUA)
# Lua itself within the program, where there is such a library: it runs faster.
FUZZ_LIB  = $(or $(wildcard $(shell $(PKG) --variable=libdir lua$(LUAVER))/liblua$(LUAVER).a),$(LUA_LIBS))
$(FUZZ_JSON:%=$(BUILD)/obj/fuzz/%.o): FUZZ_FLAGS = -DJSON
$(FUZZ_LUA:%=$(BUILD)/obj/fuzz/%.o): $(BUILD)/obj/fuzz/%.o: fuzz/lua.c $(FLAGS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LUA_CFLAGS) $(CURL_CFLAGS) -Isrc -DTARGET='"$*"' $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<

$(FUZZ_C:%=$(BUILD)/obj/fuzz/%.o): $(BUILD)/obj/fuzz/%.o: fuzz/%.c $(FLAGS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LUA_CFLAGS) $(CURL_CFLAGS) -Isrc -MMD -MP -c -o $@ $<

$(BUILD)/obj/fuzz/mutate.o: fuzz/mutate.c $(FLAGS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(FUZZ_LUA:%=$(BUILD)/fuzz/%): $(BUILD)/obj/fuzz/mutate.o
$(FUZZ_LUA:%=$(BUILD)/fuzz/%): $(POSIX_OBJ)
$(FUZZ:%=$(BUILD)/fuzz/%): $(BUILD)/fuzz/%: $(BUILD)/obj/fuzz/%.o $(BUILD)/libawork.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDFLAGS) $(FUZZ_LIB) $(CURL_LIBS) -lm -ldl -pthread

# Changed flags rebuild what was built with other ones.
$(FLAGS): FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS)' > $@


completions: all ## generate completions/ from the command line's grammar
	@mkdir -p completions
	@$(ENV) bin/awork-contacts completion bash > completions/awork-contacts.bash
	@$(ENV) bin/awork-contacts completion zsh > completions/_awork-contacts
	@$(ENV) bin/awork-contacts completion fish > completions/awork-contacts.fish

install: all ## install into PREFIX (/usr/local), for Lua LUAVER (5.4), below DESTDIR
	@LUA="$(LUA)" tools/install.sh install "$(DESTDIR)" "$(PREFIX)" "$(LUAVER)" "$(BUILD)"

uninstall: ## remove what `make install` put there
	@tools/install.sh uninstall "$(DESTDIR)" "$(PREFIX)" "$(LUAVER)" "$(BUILD)"

clean: ## remove everything that was built
	rm -rf build build-*

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12

FORCE:

-include $(CORE_OBJ:.o=.d) $(LUA_OBJ:.o=.d) $(POSIX_OBJ:.o=.d) $(SANDBOX_OBJ:.o=.d) $(CTEST_OBJ:.o=.d)

.SECONDARY: $(CTEST_OBJ)
.PHONY: all demo test check bench lint asan tsan valgrind coverage c-tests objects asan-build tsan-build cov-build gcc-build clang-build \
        prove soak $(PROVE_LUA:%=prove-%) prove-memory prove-threads prove-tsan prove-collector prove-differential prove-openapi prove-fuzz fuzz \
        fuzz-build completions install uninstall clean help FORCE
