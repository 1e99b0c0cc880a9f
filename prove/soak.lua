-- A soak against the sandbox with random faults: see spec/soak_run.lua.
--
--   lua5.4 prove/soak.lua [seconds]
local soak = require "soak_run"
local support = require "prove.support"

local t = soak.run(tonumber(arg[1]) or 600, support.check)
print(("%.0f s, %d rounds, %d calls, %d faults: %d created (%d of them adopted), %d deleted, %d in doubt, %d failed")
  :format(t.seconds, t.rounds, t.calls, t.faults, t.created, t.adopted, t.deleted, t.doubtful, t.failed))
print(("resident memory %.1f MiB, then %.1f; descriptors %d, then %d; at most %d open connections"):format(t.rss_begin,
  t.rss_end, t.fds_begin, t.fds_end, t.open))
support.stage("soak", t.calls, ("calls in %.0f s of random faults, ledger balanced, nothing grows"):format(t.seconds))
support.finish()
