-- Never twice, never lost: creates whose connection breaks at every byte of the request and of the response, reset and
-- closed, before the effect and after it, alone and beside identical creates, once and twice in a row.
--
--   lua5.4 prove/once.lua [share]     a share of 0.1 takes every tenth byte
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
  client = sweep.hasty(server, { timeout = 300, retries = 3 })
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
support.stage("once", runs, ("creates under %d broken connections, none lost, none twice"):format(broken))
support.finish()
