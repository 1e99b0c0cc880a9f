-- What comes over the wire is broken in every way: see spec/wire_sweep.lua.
--
--   lua5.4 prove/wire.lua [share]
local support = require "prove.support"
local sweep = require "wire_sweep"

local share = tonumber(arg[1]) or 1
support.stage("wire", sweep.recorded(share, support.check),
  "recorded answers cut, changed, shortened, doubled and split at every byte")
support.stage("wire-hostile", sweep.hostile(share > 0.1 and 1 or share * 10, support.check),
  "answers with bombs, floods, wrong lengths, nonsense in chunks, heads and JSON")
support.stage("redirects", sweep.redirects(1, support.check), "redirects, none followed")
support.stage("proxies", sweep.proxies(1, support.check), "calls through proxies that lie, no token seen there")
support.finish()
