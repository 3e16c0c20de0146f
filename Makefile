# mqttsn-gateway -- one file, not recursive. Everything built lands in build/; `make help` lists the targets.
SHELL := /bin/bash
CC := gcc
CLANG := clang
SAN ?=
comma := ,
BUILD ?= build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))

PROGRAMS := mqttsn-gateway mqttsn-pub mqttsn-sub mqttsn-sniff mqttsn-bench
all: $(PROGRAMS:%=$(BUILD)/%)

# ---- what is compiled, by folder ------------------------------------------------------------------------------------
PURE := $(wildcard mqtt/*.c mqttsn/*.c gateway/core/*.c)
SHELL_SRC := $(filter-out gateway/main.c,$(wildcard gateway/*.c)) $(wildcard radio/*.c config/*.c)
TOOL_SRC := $(filter-out tools/mqttsn-%.c tools/radio-sim.c,$(wildcard tools/*.c))
UNIT_TESTS := $(filter-out tests/system/%,$(wildcard tests/*/*_test.c tests/*/*/*_test.c))
SYSTEM_TESTS := $(wildcard tests/system/*_test.c)
FUZZERS := $(wildcard tests/fuzz/fuzz_*.c)
BENCH_SRC := $(wildcard tests/bench/*.c)

# ---- how ------------------------------------------------------------------------------------------------------------
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror \
            -Wno-missing-field-initializers
PACKAGES := libevent libevent_openssl openssl yaml-0.1 jansson
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -I. $(WARNINGS) $(CFLAGS) $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null) \
             $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
LIBS = $(shell pkg-config --libs $(PACKAGES) 2>/dev/null)
TEST_LIBS = $(shell pkg-config --libs cmocka libmosquitto 2>/dev/null) -lm
LINK = $(CC) $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS) -o $@

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
PURE_LIB := $(BUILD)/libpure.a
SHELL_LIB := $(BUILD)/libshell.a
TOOL_LIB := $(BUILD)/libtool.a
SYSTEM_LIB := $(BUILD)/libsystem.a

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(PURE_LIB): $(call objects,$(PURE))
$(SHELL_LIB): $(call objects,$(SHELL_SRC))
$(TOOL_LIB): $(call objects,$(TOOL_SRC))
$(SYSTEM_LIB): $(call objects,$(filter-out $(SYSTEM_TESTS),$(wildcard tests/system/*.c)))
$(BUILD)/%.a:
	@rm -f $@; ar rcs $@ $^

$(BUILD)/mqttsn-gateway: $(call objects,gateway/main.c) $(SHELL_LIB) $(PURE_LIB)
	$(LINK) $^ $(LIBS)
$(BUILD)/mqttsn-%: $(BUILD)/obj/tools/mqttsn-%.o $(TOOL_LIB) $(PURE_LIB)
	$(LINK) $^ $(LIBS) -lm
$(BUILD)/%_test: $(BUILD)/obj/%_test.o $(SHELL_LIB) $(TOOL_LIB) $(PURE_LIB)
	@mkdir -p $(@D)
	$(LINK) $^ $(LIBS) $(TEST_LIBS)
$(BUILD)/tests/system/%_test: $(BUILD)/obj/tests/system/%_test.o $(SYSTEM_LIB) $(PURE_LIB)
	@mkdir -p $(@D)
	$(LINK) $^ $(LIBS) $(TEST_LIBS)
$(BUILD)/tests/bench/%: $(BUILD)/obj/tests/bench/%.o $(PURE_LIB)
	@mkdir -p $(@D)
	$(LINK) $^ $(LIBS)

clean:
	rm -rf build

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
.PHONY: all clean
.SECONDARY:
