rockspec_format = "3.0"
package = "awork-sandbox"
version = "scm-1"
source = { url = "git+https://github.com/awork-lua/awork.git" }
description = {
  summary = "An awork-like server inside the process, for tests",
  detailed = [[
    awork.sandbox.start runs a server that behaves like the awork API on a thread of its own, over real HTTP or
    TLS, with rate limits, faults by script and a log of the requests it got.
  ]],
  homepage = "https://github.com/awork-lua/awork",
  license = "MIT",
  labels = { "awork", "http", "server", "test" },
}
dependencies = { "lua >= 5.4, < 5.6", "lua-cjson >= 2.1.0" }
-- The libraries alone are looked for; their headers are the compiler's to find (see awork-scm-1.rockspec).
external_dependencies = { MICROHTTPD = { library = "microhttpd" }, GNUTLS = { library = "gnutls" } }
test_dependencies = { "busted >= 2.1" }
test = { type = "busted" }
build = {
  type = "builtin",
  modules = {
    ["awork.sandbox"] = "lua/awork/sandbox/init.lua",
    ["awork.sandbox.answers"] = "lua/awork/sandbox/answers.lua",
    ["awork.sandbox.ascii"] = "lua/awork/sandbox/ascii.lua",
    ["awork.sandbox.clock"] = "lua/awork/sandbox/clock.lua",
    ["awork.sandbox.commands"] = "lua/awork/sandbox/commands.lua",
    ["awork.sandbox.faults"] = "lua/awork/sandbox/faults.lua",
    ["awork.sandbox.forms"] = "lua/awork/sandbox/forms.lua",
    ["awork.sandbox.limits"] = "lua/awork/sandbox/limits.lua",
    ["awork.sandbox.log"] = "lua/awork/sandbox/log.lua",
    ["awork.sandbox.model"] = "lua/awork/sandbox/model.lua",
    ["awork.sandbox.oauth"] = "lua/awork/sandbox/oauth.lua",
    ["awork.sandbox.query"] = "lua/awork/sandbox/query.lua",
    ["awork.sandbox.routes"] = "lua/awork/sandbox/routes.lua",
    ["awork.sandbox.server"] = "lua/awork/sandbox/server.lua",
    ["awork.sandbox.core"] = {
      sources = {
        "src/sandbox/answer.c",
        "src/sandbox/core.c",
        "src/sandbox/http.c",
        "src/sandbox/script.c",
        "src/sandbox/server.c",
        "src/sandbox/tls.c",
      },
      defines = { "_POSIX_C_SOURCE=200809L", "_DEFAULT_SOURCE" },
      incdirs = { "$(GNUTLS_INCDIR)", "$(MICROHTTPD_INCDIR)" },
      libdirs = { "$(GNUTLS_LIBDIR)", "$(MICROHTTPD_LIBDIR)" },
      libraries = { "microhttpd", "gnutls", "m", "pthread" },
    },
  },
  copy_directories = { "docs" },
}
