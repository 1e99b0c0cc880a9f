rockspec_format = "3.0"
package = "awork"
version = "scm-1"
source = { url = "git+https://github.com/awork-lua/awork.git" }
description = {
  summary = "Create and validate awork.com contact infos",
  detailed = [[
    A client of the awork API for the contact infos of users and companies: validation that needs no network
    and reports every violation at once, and requests over libcurl with deadlines, limits and typed errors.
  ]],
  homepage = "https://github.com/awork-lua/awork",
  license = "MIT",
  labels = { "awork", "http", "client", "validation" },
}
dependencies = { "lua >= 5.4, < 5.5", "lua-cjson >= 2.1.0" }
-- The library alone is looked for: Debian keeps curl/curl.h where the compiler finds it and LuaRocks does not.
-- Elsewhere than in /usr and /usr/local: CURL_DIR=, or CURL_INCDIR= and CURL_LIBDIR=.
external_dependencies = { CURL = { library = "curl" } }
test_dependencies = { "busted >= 2.1" }
test = { type = "busted" }
build = {
  type = "builtin",
  modules = {
    ["awork"] = "lua/awork/init.lua",
    ["awork.client"] = "lua/awork/client.lua",
    ["awork.contact_infos"] = "lua/awork/contact_infos.lua",
    ["awork.desired"] = "lua/awork/desired/init.lua",
    ["awork.desired.apply"] = "lua/awork/desired/apply.lua",
    ["awork.desired.calling_codes"] = "lua/awork/desired/calling_codes.lua",
    ["awork.desired.check"] = "lua/awork/desired/check.lua",
    ["awork.desired.find"] = "lua/awork/desired/find.lua",
    ["awork.desired.journal"] = "lua/awork/desired/journal.lua",
    ["awork.desired.normalise"] = "lua/awork/desired/normalise.lua",
    ["awork.desired.options"] = "lua/awork/desired/options.lua",
    ["awork.desired.owners"] = "lua/awork/desired/owners.lua",
    ["awork.desired.plan"] = "lua/awork/desired/plan.lua",
    ["awork.desired.pool"] = "lua/awork/desired/pool.lua",
    ["awork.desired.reconcile"] = "lua/awork/desired/reconcile.lua",
    ["awork.desired.report"] = "lua/awork/desired/report.lua",
    ["awork.desired.show"] = "lua/awork/desired/show.lua",
    ["awork.desired.store"] = "lua/awork/desired/store.lua",
    ["awork.desired.undo"] = "lua/awork/desired/undo.lua",
    ["awork.error"] = "lua/awork/error.lua",
    ["awork.filter"] = "lua/awork/filter.lua",
    ["awork.format"] = "lua/awork/format/init.lua",
    ["awork.format.columns"] = "lua/awork/format/columns.lua",
    ["awork.format.csv"] = "lua/awork/format/csv.lua",
    ["awork.format.csv_cells"] = "lua/awork/format/csv_cells.lua",
    ["awork.format.csv_plan"] = "lua/awork/format/csv_plan.lua",
    ["awork.format.csv_rows"] = "lua/awork/format/csv_rows.lua",
    ["awork.format.csv_write"] = "lua/awork/format/csv_write.lua",
    ["awork.format.json"] = "lua/awork/format/json.lua",
    ["awork.format.json_items"] = "lua/awork/format/json_items.lua",
    ["awork.format.labels"] = "lua/awork/format/labels.lua",
    ["awork.format.person"] = "lua/awork/format/person.lua",
    ["awork.format.scim"] = "lua/awork/format/scim.lua",
    ["awork.format.stream"] = "lua/awork/format/stream.lua",
    ["awork.format.text"] = "lua/awork/format/text.lua",
    ["awork.format.vcard"] = "lua/awork/format/vcard.lua",
    ["awork.format.vcard_lines"] = "lua/awork/format/vcard_lines.lua",
    ["awork.hooks"] = "lua/awork/hooks.lua",
    ["awork.json"] = "lua/awork/json.lua",
    ["awork.many"] = "lua/awork/many.lua",
    ["awork.oauth"] = "lua/awork/oauth.lua",
    ["awork.options"] = "lua/awork/options.lua",
    ["awork.readback"] = "lua/awork/readback.lua",
    ["awork.resource"] = "lua/awork/resource.lua",
    ["awork.scheduler"] = "lua/awork/scheduler.lua",
    ["awork.session"] = "lua/awork/session.lua",
    ["awork.time"] = "lua/awork/time.lua",
    ["awork.users"] = "lua/awork/users.lua",
    ["awork.core"] = {
      sources = {
        "src/core/buffer.c",
        "src/core/contract.c",
        "src/core/engine.c",
        "src/core/events.c",
        "src/core/file.c",
        "src/core/global.c",
        "src/core/heap.c",
        "src/core/limiter.c",
        "src/core/message.c",
        "src/core/request.c",
        "src/core/retry.c",
        "src/core/sockets.c",
        "src/core/text.c",
        "src/core/transfer.c",
        "src/core/validate.c",
        "src/lua/contract.c",
        "src/lua/core.c",
        "src/lua/decode.c",
        "src/lua/engine.c",
        "src/lua/file.c",
        "src/lua/json.c",
        "src/lua/validate.c",
      },
      defines = { "_POSIX_C_SOURCE=200809L", "_DEFAULT_SOURCE" },
      incdirs = { "$(CURL_INCDIR)" },
      libdirs = { "$(CURL_LIBDIR)" },
      libraries = { "curl", "m", "pthread" },
    },
  },
  copy_directories = { "docs" },
}
