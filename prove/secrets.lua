-- The token is nowhere: see spec/secrets_sweep.lua.
local support = require "prove.support"
local sweep = require "secrets_sweep"

if arg[1] == "child" then
  return sweep.child(arg[2], arg[3], arg[4])
end

support.stage("secrets", sweep.shown(support.check), "texts of errors, logs, hooks, tracebacks, plans and journals")
local seen = 0
for _, source in ipairs { "string", "function", "oauth" } do
  seen = seen + sweep.reached(source, support.check)
end
support.stage("secrets-reached", seen, "texts that went through functions which a script with a client had replaced")
support.stage("secrets-command", sweep.command({ 400, 401, 403, 500 }, support.check), "runs of awork-contacts")
local looks, counts = sweep.memory(function(...) return support.process(arg[0], "child", ...) end, support.check)
for _, phase in ipairs { "open", "closed" } do
  local n = counts[phase]
  print(("client %s: %d copies of the header in the engine, %d in libcurl's buffers, the token %d times in all")
    :format(phase, n.engine, n.libcurl, n.any))
end
support.stage("secrets-memory", looks, "looks at a process: memory, arguments and environment, before close and after")
support.finish()
