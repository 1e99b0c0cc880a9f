-- Never twice, never lost: creates whose connection breaks at every byte of the request and of the response, reset and
-- closed, before the effect and after it, alone and beside identical creates, once and twice in a row. Then creates
-- whose answers are lost, of servers whose lists lag behind and whose clocks differ.
--
--   lua5.4 prove/once.lua [share]     a share of 0.1 takes every tenth byte, and every tenth server
local help = require "client_help"
local support = require "prove.support"
local sweep = require "create_sweep"

local step = math.max(1, math.floor(1 / (tonumber(arg[1]) or 1) + 0.5))
local server <close> = help.server { users = 1, max_contact_infos = 12, log = 10 }
local id = server.user_ids[1]

-- A client's quota of retries is meant to end in a storm like this one: each has a few cases.
local client, cases = nil, 0
local total = { read_backs = 0, adopted = 0, reposts = 0 }
local function renew()
  if client then
    local stats = client:stats()
    for name, n in pairs(total) do
      total[name] = n + stats[name]
    end
    client:close()
  end
  client = sweep.hasty(server, { timeout = 300, retries = 3, list_lag = 0 })
end
renew()

-- How long the two are: the server says how much it would have answered, and what it was sent.
server.fault { kind = "cut_response", bytes = 0, method = "POST" }
assert(client.contact_infos:create(id, help.phone()))
local response = server.faults()[1].length
local request = 0
for _, one in ipairs(server.requests()) do
  if one.method == "POST" then
    local head = one.method .. " " .. one.target .. " HTTP/1.1\r\n\r\n"
    for name, value in pairs(one.headers) do
      head = head .. name .. ": " .. value .. "\r\n"
    end
    request = #head + #one.body
  end
end
server.set { log = false }

-- The whole of request and response, and a few bytes beyond: a fault there breaks what is complete. Where the head of
-- a success comes though there was no effect the server lies: the create must end in doubt, and not go again.
local moments = {
  { kind = "cut_request", last = request + 8 },
  { kind = "cut_response", last = response + 8, effect = true },
  { kind = "cut_response", last = response + 8, effect = false },
}
local runs, broken, without = 0, 0, 0
local function run(faults, width, where)
  cases = cases + 1
  if cases % 16 == 0 then
    renew()
  end
  local ok, result, fired = pcall(sweep.check, server, client, id, faults, width, where)
  runs = runs + width
  if not support.check(ok, "%s", tostring(result)) then
    server.clear_faults()
    return
  end
  broken = broken + fired
  without = without + result
  support.check(result == 0 or faults[1].effect == false, "%s: %d ended in an error", where, result)
end

for _, moment in ipairs(moments) do
  for byte = 0, moment.last, step do
    for _, how in ipairs { "reset", "close" } do
      for width = 1, 3 do
        for _, second in ipairs { "none", "reset_before", "reset_after" } do
          local faults = { { kind = moment.kind, bytes = byte, how = how, effect = moment.effect,
            skip = width > 1 and byte % width or 0 } }
          if second ~= "none" then
            faults[2] = { kind = second, how = how }
          end
          run(faults, width, ("%s (effect %s, %s) at byte %d, then %s, %d at once")
            :format(moment.kind, tostring(moment.effect), how, byte, second, width))
        end
      end
    end
  end
end
support.check(step > 1 or runs >= 10000, "only %d creates", runs)
renew()
print(("%d creates, %d broken connections, requests of %d bytes, responses of %d; %d read back, %d adopted, %d posted "
  .. "again, %d ended in doubt"):format(runs, broken, request, response, total.read_backs, total.adopted,
  total.reposts, without))

-- Lists that lag, mixed with lists that don't, times that are wrong, and too little time to be sure. That a create
-- succeeds is asserted where it must: its times are right, its timeout is long enough, and lists show what was done
-- within the 20 seconds that a client waits.
local LAGS = { 0, 0.5, 1, 2, 3, 5, 10, 19.9 }
local CREATED = { 0, -1, 1, -3, -10, 10, -60, 60, -3600, 3600, -43200, "", "0001-01-01T00:00:00" }
local DATES = { 0, -10, 10, -3600, 3600, false, "soon" }
local BREAKS = {
  { kind = "reset_after" }, { kind = "reset_before" }, { kind = "garbage" }, { kind = "status", status = 500 },
  { kind = "status", status = 500, effect = true }, { kind = "status", status = 504, effect = true },
}
local wrong, doubts, number = 0, 0, 0
for _, lag in ipairs(LAGS) do
  for _, created in ipairs(CREATED) do
    for _, date in ipairs(DATES) do
      for _, breaks in ipairs(BREAKS) do
        for width = 1, 3 do
          number = number + 1
          if number % step == 0 then
            local timeout = number % 5 == 0 and 10 or number % 7 == 0 and 25 or 90
            local share = number % 3 == 0 and 0.5 or 1
            local options = number % 2 == 0 and { on_request = function() end } or {}
            options.timeout, options.retries = timeout, 2
            local one <close> = sweep.hasty(server, options)
            local where = ("lag %s of %s, createdOn %s, Date %s, %s %s, timeout %d, %d at once")
              :format(lag, share, created, tostring(date), breaks.kind, breaks.status or "", timeout, width)
            local faults = sweep.wrong { lag = lag, created = created, date = date, breaks = breaks, share = share,
              times = number % 4 == 0 and 2 or 1 }
            local ok, result = pcall(sweep.check, server, one, id, faults, width, where, number % 11 == 0)
            wrong = wrong + width
            if support.check(ok, "%s", tostring(result)) then
              doubts = doubts + result
              local must = created == 0 and date == 0 and timeout == 90 and width == 1
              support.check(result == 0 or not must, "%s: %d ended in an error", where, result)
            else
              server.clear_faults()
            end
          end
        end
      end
    end
  end
end
runs = runs + wrong
print(("%d creates of servers whose lists lag or whose clocks differ: none twice, %d in doubt")
  :format(wrong, doubts))
support.stage("once", runs, ("creates under %d broken connections, %d of them of servers that lag or tell wrong times, "
  .. "none lost, none twice"):format(broken, wrong))
support.finish()
