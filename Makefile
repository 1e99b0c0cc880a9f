# awork: build, demo, test, install. `make help` lists the targets.
LUAVER  ?= 5.4
LUA     ?= lua$(LUAVER)
CC      ?= cc
AR      ?= ar
BUILD   ?= build
PKG     ?= pkg-config

WARN    = -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror
CFLAGS  ?= -O2 -g
DEFS    = -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE
LUA_CFLAGS  = $(shell $(PKG) --cflags lua$(LUAVER))
CURL_CFLAGS = $(shell $(PKG) --cflags libcurl)
CURL_LIBS   = $(shell $(PKG) --libs libcurl)
MHD_CFLAGS  = $(shell $(PKG) --cflags libmicrohttpd gnutls)
MHD_LIBS    = $(shell $(PKG) --libs libmicrohttpd gnutls)
ALL_CFLAGS  = $(WARN) $(DEFS) $(CFLAGS) -fPIC -fvisibility=hidden

CORE_SRC    = $(sort $(wildcard src/core/*.c))
LUA_SRC     = $(sort $(wildcard src/lua/*.c))
SANDBOX_SRC = $(sort $(wildcard src/sandbox/*.c))
CORE_OBJ    = $(CORE_SRC:%.c=$(BUILD)/obj/%.o)
LUA_OBJ     = $(LUA_SRC:%.c=$(BUILD)/obj/%.o)
SANDBOX_OBJ = $(SANDBOX_SRC:%.c=$(BUILD)/obj/%.o)

all: $(BUILD)/awork/core.so $(BUILD)/libawork.a $(if $(SANDBOX_SRC),$(BUILD)/awork/sandbox/core.so)

$(BUILD)/awork/core.so: $(CORE_OBJ) $(LUA_OBJ)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -shared -o $@ $^ $(LDFLAGS) $(CURL_LIBS) -lpthread

$(BUILD)/libawork.a: $(CORE_OBJ) $(LUA_OBJ)
	@mkdir -p $(@D)
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/awork/sandbox/core.so: $(SANDBOX_OBJ)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -shared -o $@ $^ $(LDFLAGS) $(MHD_LIBS) -lpthread

$(BUILD)/obj/src/core/%.o: src/core/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(CURL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/src/lua/%.o: src/lua/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LUA_CFLAGS) $(CURL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/src/sandbox/%.o: src/sandbox/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LUA_CFLAGS) $(MHD_CFLAGS) -MMD -MP -c -o $@ $<

clean:
	rm -rf $(BUILD) build-*

-include $(CORE_OBJ:.o=.d) $(LUA_OBJ:.o=.d) $(SANDBOX_OBJ:.o=.d)

.PHONY: all clean
