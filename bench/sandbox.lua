-- A sandbox for the benchmark:
-- keeps the last 1,000 contact infos, prints port, token and a user's id, and ends with its standard input.
-- Usage: sandbox.lua [limits=on]
local sandbox = require "awork.sandbox"

local sb <close> = assert(sandbox.start {
  rate_limit = arg[1] == "limits=on" and { second = 50, minute = 1000 } or false, log = false, max_contact_infos = 1000,
})
print(sb.port, sb.token, sb.user_ids[1])
io.stdout:flush()
io.read "a"
