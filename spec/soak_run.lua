--- A soak against a sandbox with random faults: for prove/soak.lua and soak_spec.lua.
--
-- Creates, reads, changes and deletions at once, each on a contact info with a value of its own; after each round what
-- the server has is compared with what the client said. Memory, descriptors and connections must not grow.
local core = require "awork.core"
local help = require "client_help"

local soak = {}

local MIB = 1024 * 1024

local function rss()
  local file <close> = assert(io.open "/proc/self/statm")
  local _, pages = file:read("n", "n")
  return pages * 4096
end

local function descriptors()
  local stat <close> = assert(io.open "/proc/self/stat")
  local pipe = assert(io.popen(("ls /proc/%d/fd"):format(stat:read "n")))
  local n = 0
  for _ in pipe:lines() do
    n = n + 1
  end
  pipe:close()
  return n
end

-- How often, of 1, a request goes wrong, and how.
local FAULTS = {
  { kind = "reset_before", probability = 0.01 }, { kind = "reset_after", probability = 0.01 },
  { kind = "cut", probability = 0.005, bytes = 20 }, { kind = "cut_response", probability = 0.005, bytes = 100 },
  { kind = "cut_request", probability = 0.005, bytes = 300 },
  { kind = "status", status = 500, probability = 0.005 },
  { kind = "status", status = 500, probability = 0.003, effect = true },
  { kind = "status", status = 502, probability = 0.005 },
  { kind = "status", status = 503, probability = 0.005, effect = true },
  { kind = "status", status = 408, probability = 0.002 },
  { kind = "garbage", probability = 0.003 }, { kind = "redirect", probability = 0.002 },
  { kind = "delay", probability = 0.01, seconds = 0.02 }, { kind = "trickle", probability = 0.005, bytes = 64,
    seconds = 0.001 },
}

--- Runs for so many seconds.
---@param seconds number
---@param check fun(ok, ...)
---@return table totals
function soak.run(seconds, check)
  local server <close> = help.server { users = 8, log = false }
  local client <close> = help.client(server, {
    retries = 3, timeout = 20, random = function() return math.random() * 0.05 end, concurrency = 16,
    list_lag = 0,
  })
  local totals = { rounds = 0, calls = 0, created = 0, adopted = 0, doubtful = 0, failed = 0, deleted = 0, faults = 0 }
  local serial = 0

  -- value -> "one", "none" or "any" of them
  local ledger

  local function work(user_id, turns)
    for _ = 1, turns do
      serial = serial + 1
      local value = "soak " .. serial
      local info, err, adopted =
        client.contact_infos:create(user_id, { type = "phone", subType = "work", value = value })
      totals.calls = totals.calls + 1
      if info then
        ledger[value] = "one"
        totals.created = totals.created + 1
        totals.adopted = totals.adopted + (adopted and 1 or 0)
        check(info.value == value, "%s came back as %s", value, info.value)
      else
        ledger[value] = err.ambiguous and "any" or "none"
        totals[err.ambiguous and "doubtful" or "failed"] = totals[err.ambiguous and "doubtful" or "failed"] + 1
      end
      if info and serial % 3 == 0 then
        local got = client.contact_infos:get(user_id, info.id)
        check(not got or got.value == value, "another contact info than %s", value)
        totals.calls = totals.calls + 1
      elseif info and serial % 5 == 0 then
        client.contact_infos:patch(user_id, info.id, { subType = "home" })
        totals.calls = totals.calls + 1
      elseif info and serial % 2 == 0 then
        local ok, why = client.contact_infos:delete(user_id, info.id)
        totals.calls = totals.calls + 1
        -- Deleting what is gone is what was asked for, too.
        ledger[value] = ok and "none" or why.status == 404 and "none" or "any"
        totals.deleted = totals.deleted + (ok and 1 or 0)
      elseif serial % 7 == 0 then
        client.users:list()
        totals.calls = totals.calls + 1
      end
    end
  end

  local begun = core.now()
  local ends = begun + seconds
  local samples = {}
  repeat
    ledger = {}
    for i, fault in ipairs(FAULTS) do
      local copy = { times = math.huge, seed = totals.rounds * 100 + i }
      for name, v in pairs(fault) do
        copy[name] = v
      end
      server.fault(copy)
    end
    for i = 1, 16 do
      client:spawn(work, server.user_ids[i % 8 + 1], 12)
    end
    local ok, err = client:loop()
    check(ok, "a task failed: %s", err and (err.traceback or tostring(err)))
    for _, fault in ipairs(server.faults()) do
      totals.faults = totals.faults + fault.fired
    end
    server.clear_faults()
    local counts = {}
    for _, user in ipairs(server.state().users) do
      for _, info in ipairs(user.userContactInfos or {}) do
        counts[info.value] = (counts[info.value] or 0) + 1
      end
    end
    for value, want in pairs(ledger) do
      local n = counts[value] or 0
      check(want == "any" and n <= 1 or want == "one" and n == 1 or want == "none" and n == 0,
        "%s is there %d times, should be %s", value, n, want)
      counts[value] = nil
    end
    check(next(counts) == nil, "%s is there, and no one created it", tostring(next(counts)))
    totals.rounds = totals.rounds + 1
    local open = server.stats().open_connections
    check(open <= 20, "%d open connections", open)
    -- Not reset: that would hand out the ids of this round again, which the client remembers as its own.
    server.set { users = 8 }
    collectgarbage()
    samples[#samples + 1] = { rss = rss(), open = open, fds = totals.rounds % 10 == 1 and descriptors() or nil }
  until core.now() >= ends
  -- After a warm-up of a fifth, the second fifth and the last one.
  local function most(from, to, name)
    local n = 0
    for i = math.max(1, math.floor(#samples * from) + 1), math.max(1, math.floor(#samples * to)) do
      n = math.max(n, samples[i] and samples[i][name] or 0)
    end
    return n
  end
  totals.seconds = core.now() - begun
  totals.rss_begin, totals.rss_end = most(0.2, 0.4, "rss") / MIB, most(0.8, 1, "rss") / MIB
  totals.fds_begin, totals.fds_end = most(0, 0.5, "fds"), most(0.5, 1, "fds")
  totals.open = most(0, 1, "open")
  check(totals.rss_end <= totals.rss_begin + 8, "memory grows from %.1f to %.1f MiB", totals.rss_begin, totals.rss_end)
  check(totals.fds_end <= totals.fds_begin + 16, "descriptors grow from %d to %d", totals.fds_begin, totals.fds_end)
  check(totals.faults > totals.rounds, "only %d faults", totals.faults)
  return totals
end

return soak
