# mqttsn-gateway -- one file, not recursive. Everything built lands in build/; `make help` lists the targets,
# V=1 shows the commands.
#
# A fresh Debian has neither compiler nor pkg-config, so what the goals need is installed first and the rest runs in a
# second make: nothing here may ask pkg-config before a recipe does.
SHELL := /bin/bash
.DEFAULT_GOAL := all
CC := gcc
CLANG := clang
SAN ?=
comma := ,
BUILD ?= build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
FUZZ_SECONDS ?= 60
TORTURE_KILLS ?= 1000
TORTURE_SEED ?= 1
Q := $(if $(V),,@)
say = $(if $(V),,@echo '$(1)')
again = +@$(MAKE) --no-print-directory

PROGRAMS := mqttsn-gateway mqttsn-pub mqttsn-sub mqttsn-sniff mqttsn-bench $(if $(wildcard tools/radio-sim.c),radio-sim)

# ---- what is compiled, by folder ------------------------------------------------------------------------------------
PURE_RADIO := slip coordinator neighbours lineup xbee% znp% ash% ezsp% deconz% line_frame
PURE := $(wildcard mqtt/*.c mqttsn/*.c gateway/core/*.c) \
        $(filter $(PURE_RADIO:%=radio/%.c),$(wildcard radio/*.c))
SHELL_SRC := $(filter-out gateway/main.c $(PURE),$(wildcard gateway/*.c radio/*.c config/*.c))
TOOL_SRC := $(filter-out tools/mqttsn-%.c tools/radio-sim.c,$(wildcard tools/*.c))
UNIT_TESTS := $(filter-out tests/system/%,$(wildcard tests/*/*_test.c tests/*/*/*_test.c))
SYSTEM_TESTS := $(wildcard tests/system/*_test.c)
SCRIPT_TESTS := $(wildcard tests/*_test.sh tests/*/*_test.sh tests/*/*_test.py)
FUZZERS := $(wildcard tests/fuzz/fuzz_*.c)
BENCH_SRC := $(filter-out tests/bench/slow_disk.c,$(wildcard tests/bench/*.c))
CRASH_SRC := gateway/gateway.c gateway/link_io.c gateway/store.c gateway/store_write.c # those with crash points
ALL_SRC := $(wildcard $(addsuffix /*.c,mqtt mqttsn gateway gateway/core radio config tools tests/* tests/*/*))
MAN_PAGES := $(wildcard gateway/*.[1-8] tools/*.[1-8])

# ---- how ------------------------------------------------------------------------------------------------------------
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror \
            -Wno-missing-field-initializers
PACKAGES := libevent libevent_openssl openssl yaml-0.1 jansson libserialport sqlite3
CFLAGS ?= -O2 -g
# Asked once, and only when a recipe needs the answer.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES)))$(PKG_CFLAGS)
LIBS = $(eval LIBS := $(shell pkg-config --libs $(PACKAGES)))$(LIBS)
TEST_LIBS = $(eval TEST_LIBS := $(shell pkg-config --libs cmocka libmosquitto) -lm)$(TEST_LIBS)
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -I. $(WARNINGS) $(CFLAGS) $(PKG_CFLAGS) \
             $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
LINK = $(CC) $(filter -O% -g% --coverage -fprofile%,$(CFLAGS)) $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS) -o $@

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
PURE_LIB := $(BUILD)/libpure.a
SHELL_LIB := $(BUILD)/libshell.a
TOOL_LIB := $(BUILD)/libtool.a
SESSIONS_LIB := $(BUILD)/libsessions.a
SYSTEM_LIB := $(BUILD)/libsystem.a
STAGE_LIB := $(BUILD)/libstage.a
DESK_LIB := $(BUILD)/libdesk.a
TEST_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(UNIT_TESTS) $(SYSTEM_TESTS))
CRASH_GATEWAY := $(BUILD)/crash/mqttsn-gateway
REPLAYS := $(patsubst tests/fuzz/%.c,$(BUILD)/replay/%,$(FUZZERS))
FUZZ_PROGRAMS := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(FUZZERS))
BENCH_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(BENCH_SRC)) $(BUILD)/tests/bench/slow_disk.so

# ---- build ----------------------------------------------------------------------------------------------------------
all: $(PROGRAMS:%=$(BUILD)/%) ## the programs, in build/

# Another compiler or other flags: everything again, never a mixture.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || printf '%s\n' '$(CC) $(ALL_CFLAGS)' >$@
# A source file that came or went: the libraries again.
$(BUILD)/sources: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(ALL_SRC)' | cmp -s - $@ || printf '%s\n' '$(ALL_SRC)' >$@

$(BUILD)/obj/%.o: %.c $(BUILD)/flags Makefile
	@mkdir -p $(@D)
	$(call say,cc $<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(PURE_LIB): $(call objects,$(PURE))
$(SHELL_LIB): $(call objects,$(SHELL_SRC))
$(TOOL_LIB): $(call objects,$(TOOL_SRC))
$(SESSIONS_LIB): $(call objects,$(wildcard tests/fuzz/sessions/*.c tests/gateway/core/stored*.c))
$(SYSTEM_LIB): $(call objects,$(filter-out $(SYSTEM_TESTS),$(wildcard tests/system/*.c)))
$(DESK_LIB): $(call objects,$(filter-out $(UNIT_TESTS),$(wildcard tests/gateway/*.c)))
$(STAGE_LIB): $(call objects,$(filter-out $(UNIT_TESTS),$(wildcard tests/gateway/core/*.c)))
$(BUILD)/%.a: $(BUILD)/sources
	@rm -f $@; ar rcs $@ $(filter %.o,$^)

$(BUILD)/mqttsn-gateway: $(call objects,gateway/main.c) $(SHELL_LIB) $(PURE_LIB)
	$(call say,link $@)
	$(Q)$(LINK) $^ $(LIBS)
# The gateway that can end at each crash point: the files that have one are compiled again, with another gateway/crash.h.
$(BUILD)/obj/crash/%.o: %.c $(BUILD)/flags Makefile
	@mkdir -p $(@D)
	$(call say,cc $< with crash points)
	$(Q)$(CC) -Itests/crash $(ALL_CFLAGS) -MMD -MP -c $< -o $@
$(CRASH_GATEWAY): $(CRASH_SRC:%.c=$(BUILD)/obj/crash/%.o) $(call objects,gateway/main.c tests/crash/crash.c) \
                  $(SHELL_LIB) $(PURE_LIB)
	@mkdir -p $(@D)
	$(call say,link $@)
	$(Q)$(LINK) $^ $(LIBS)
$(BUILD)/mqttsn-%: $(BUILD)/obj/tools/mqttsn-%.o $(TOOL_LIB) $(PURE_LIB)
	$(call say,link $@)
	$(Q)$(LINK) $^ $(LIBS) $(OWN_LIBS) -lm
$(BUILD)/mqttsn-sniff: OWN_LIBS := -lpcap
$(BUILD)/radio-sim: $(BUILD)/obj/tools/radio-sim.o $(TOOL_LIB) $(PURE_LIB)
	$(call say,link $@)
	$(Q)$(LINK) $^ $(LIBS) -lm
$(BUILD)/%_test: $(BUILD)/obj/%_test.o $(SHELL_LIB) $(TOOL_LIB) $(PURE_LIB)
	@mkdir -p $(@D)
	$(call say,link $@)
	$(Q)$(LINK) $^ $(LIBS) $(TEST_LIBS)
$(BUILD)/tests/system/%_test: $(BUILD)/obj/tests/system/%_test.o $(SYSTEM_LIB) $(STAGE_LIB) $(PURE_LIB)
	@mkdir -p $(@D)
	$(call say,link $@)
	$(Q)$(LINK) $^ $(LIBS) $(TEST_LIBS)
$(BUILD)/tests/gateway/%_test: $(BUILD)/obj/tests/gateway/%_test.o $(DESK_LIB) $(SHELL_LIB) $(PURE_LIB)
	@mkdir -p $(@D)
	$(call say,link $@)
	$(Q)$(LINK) $^ $(LIBS) $(TEST_LIBS)
$(BUILD)/tests/gateway/core/%_test: $(BUILD)/obj/tests/gateway/core/%_test.o $(STAGE_LIB) $(PURE_LIB)
	@mkdir -p $(@D)
	$(call say,link $@)
	$(Q)$(LINK) $^ $(LIBS) $(TEST_LIBS)
# The tests in which memory ends: there the pure library takes it from the test (tests/scarce.h).
$(BUILD)/libscarce.a: $(PURE_LIB)
	$(Q)objcopy $(foreach name,malloc calloc realloc strdup,--redefine-sym $(name)=scarce_$(name)) $< $@
$(filter %/memory_test,$(TEST_PROGRAMS)): $(BUILD)/%: $(BUILD)/obj/%.o $(STAGE_LIB) $(BUILD)/libscarce.a
	@mkdir -p $(@D)
	$(call say,link $@)
	$(Q)$(LINK) $^ $(TEST_LIBS)
$(BUILD)/tests/fuzz/%_test: $(BUILD)/obj/tests/fuzz/%_test.o $(SESSIONS_LIB) $(PURE_LIB)
	@mkdir -p $(@D)
	$(call say,link $@)
	$(Q)$(LINK) $^ $(LIBS) $(TEST_LIBS)
$(BUILD)/tests/bench/%: $(BUILD)/obj/tests/bench/%.o $(TOOL_LIB) $(PURE_LIB)
	@mkdir -p $(@D)
	$(call say,link $@)
	$(Q)$(LINK) $(filter %.o,$^) $(filter %.a,$^) $(LIBS) -lm
$(BUILD)/tests/bench/broker_stub: $(call objects,$(wildcard tests/bench/stub/*.c))
$(BUILD)/tests/bench/%.so: tests/bench/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,link $@)
	$(Q)$(CC) $(ALL_CFLAGS) -fPIC -shared -o $@ $<
$(BUILD)/replay/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/replay.o $(SESSIONS_LIB) $(SHELL_LIB) $(TOOL_LIB) \
                   $(PURE_LIB)
	@mkdir -p $(@D)
	$(call say,link $@)
	$(Q)$(LINK) $^ $(LIBS)
$(BUILD)/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(SESSIONS_LIB) $(SHELL_LIB) $(TOOL_LIB) $(PURE_LIB)
	$(call say,link $@)
	$(Q)$(LINK) -fsanitize=fuzzer $^ $(LIBS)

# ---- what must be installed -----------------------------------------------------------------------------------------
BUILD_DEPS := pkg-config libc6-dev libevent-dev libssl-dev libyaml-dev libjansson-dev libpcap-dev uthash-dev libserialport-dev libsqlite3-dev \
              $(if $(findstring clang,$(CC)),clang llvm libclang-rt-dev,gcc)
DEMO_DEPS := mosquitto mosquitto-clients
TEST_DEPS := $(DEMO_DEPS) libcmocka-dev libmosquitto-dev openssl tshark $(if $(VALGRIND),valgrind libc6-dbg)
LINT_DEPS := $(TEST_DEPS) clang clang-format clang-tidy cppcheck llvm libclang-rt-dev
BENCH_DEPS := $(TEST_DEPS) strace
ALL_DEPS := gcc $(BENCH_DEPS) $(LINT_DEPS) valgrind libc6-dbg
ROOT := $(if $(filter-out 0,$(shell id -u)),sudo)
APT = $(ROOT) env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300
INSTALL_MISSING = missing=; for p in $(sort $(BUILD_DEPS) $(1)); do \
    dpkg-query -W -f '$${db:Status-Status}\n' $$p 2>/dev/null | grep -qx installed || missing+=" $$p"; done; \
  test -z "$$missing" && exit 0; echo "installing:$$missing"; \
  $(APT) install --no-install-recommends $$missing </dev/null >/dev/null 2>&1 || { $(APT) update </dev/null && \
  $(APT) install --no-install-recommends $$missing </dev/null >/dev/null; }

deps: ## what all targets need, from Debian's packages (each target installs its own part by itself)
	@$(call INSTALL_MISSING,$(ALL_DEPS))
deps-%:
	@$(call INSTALL_MISSING,$($(*)_DEPS))

# ---- run ------------------------------------------------------------------------------------------------------------
export ASAN_OPTIONS ?= detect_leaks=1:halt_on_error=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS ?= print_stacktrace=1:halt_on_error=1

demo: deps-DEMO ## a broker, the gateway and eight nodes, for DEMO_SECONDS or until Ctrl-C
	$(again) all
	@BUILD=$(BUILD) tests/demo/run

test: deps-TEST ## everything that can pass or fail; SAN=address,undefined or VALGRIND=1 to look closer
	$(again) test-programs
	@BUILD=$(BUILD) tests/run $(TEST_PROGRAMS) $(REPLAYS) $(SCRIPT_TESTS)
test-programs: all $(TEST_PROGRAMS) $(REPLAYS) $(CRASH_GATEWAY)

lint: deps-LINT ## layout, layers, purity, sizes, warnings of gcc, clang, clang-tidy and cppcheck
	@BUILD=$(BUILD) MAKE='$(MAKE)' tests/lint/run
pure: ## the sources that must stay pure
	@echo $(PURE)
everything: all $(TEST_PROGRAMS) $(REPLAYS) $(BENCH_PROGRAMS) $(call objects,$(ALL_SRC))

$(BUILD)/tidy/%: %.c $(BUILD)/obj/%.o .clang-tidy
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(filter-out -Werror,$(ALL_CFLAGS)) >$@.new 2>/dev/null; mv $@.new $@
tidy: $(ALL_SRC:%.c=$(BUILD)/tidy/%)

torture: deps-TEST ## gateway and broker killed TORTURE_KILLS times (1000) while nodes talk, and at each crash point
	$(again) all $(BUILD)/tests/system/kill_test $(BUILD)/tests/system/crash_test $(CRASH_GATEWAY)
	@GATEWAY=$(BUILD)/mqttsn-gateway TORTURE_KILLS=$(TORTURE_KILLS) TORTURE_SEED=$(TORTURE_SEED) \
	  $(BUILD)/tests/system/kill_test
	@BUILD=$(BUILD) CRASH_EACH=1 $(BUILD)/tests/system/crash_test

fuzz: deps-LINT ## each decoder for FUZZ_SECONDS against libFuzzer
	$(again) fuzz-programs CC=$(CLANG) SAN=fuzzer-no-link,address,undefined BUILD=$(BUILD)/fuzz
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZERS))
fuzz-programs: $(FUZZ_PROGRAMS)

bench: deps-BENCH ## speed and memory against a bare relay; writes tests/bench/RESULTS.md
	$(again) all $(BENCH_PROGRAMS)
	@BUILD=$(BUILD) tests/bench/run

coverage: FUZZ_SECONDS := 5
coverage: deps-LINT ## branches that the tests reach in the pure parts, and all other figures; writes tests/RESULTS.md
	$(again) fuzz FUZZ_SECONDS=$(FUZZ_SECONDS)
	$(again) test-programs CC=$(CLANG) BUILD=$(BUILD)/coverage \
	  CFLAGS='-O0 -g -fprofile-instr-generate -fcoverage-mapping'
	@BUILD=$(BUILD)/coverage FUZZ_FIGURES=$(BUILD)/fuzz/figures.tsv \
	  tests/coverage $(patsubst $(BUILD)/%,$(BUILD)/coverage/%,$(TEST_PROGRAMS) $(REPLAYS)) $(SCRIPT_TESTS)

generated: all ## the sample settings and the manual's SETTINGS, from the option table
	@BUILD=$(BUILD) tests/lint/generated --update

# An operator's settings are never overwritten: only a missing gateway.yaml is put there.
install: all ## programs, manual pages, sample settings and unit, under PREFIX and DESTDIR
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/doc/mqttsn-gateway \
	  $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(SYSCONFDIR)/mqttsn-gateway
	install $(PROGRAMS:%=$(BUILD)/%) $(DESTDIR)$(PREFIX)/bin
	$(foreach page,$(MAN_PAGES),install -D -m 644 $(page) \
	  $(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(page)))/$(notdir $(page)) &&) true
	install -m 644 README.md CHANGELOG.md LICENSE $(wildcard config/*.yaml config/*.csv) \
	  $(DESTDIR)$(PREFIX)/share/doc/mqttsn-gateway
	test -e $(DESTDIR)$(SYSCONFDIR)/mqttsn-gateway/gateway.yaml || \
	  install -m 644 config/gateway.yaml $(DESTDIR)$(SYSCONFDIR)/mqttsn-gateway
	sed 's|/usr/bin/mqttsn-gateway|$(PREFIX)/bin/mqttsn-gateway|' config/gateway.service \
	  >$(DESTDIR)$(PREFIX)/lib/systemd/system/mqttsn-gateway.service

clean: ## remove build/
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12

# Several goals in one command follow each other; each still compiles in parallel in its own make.
ifneq ($(word 2,$(MAKECMDGOALS)),)
ifneq ($(filter deps demo test torture lint fuzz bench coverage clean,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif
endif
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
FORCE:
.PHONY: FORCE all deps demo test torture test-programs lint pure everything tidy fuzz fuzz-programs bench coverage \
        generated install clean help
.SECONDARY:
