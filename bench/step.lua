-- How long a step holds a host's loop with 100 requests in flight: a histogram.
-- Usage: with_sandbox.py -- lua5.4 bench/step.lua [requests]
local awork = require "awork"

local count = tonumber(arg[1]) or 20000
local url, token, user_id = os.getenv "BENCH_URL", os.getenv "BENCH_TOKEN", os.getenv "BENCH_USER"
local client = assert(awork.client {
  base_url = url, token = token, rate = false, concurrency = 100, max_connections = 100,
})
local task = client:spawn(function()
  local made = 0
  return client.contact_infos:create_many(function()
    if made < count then
      made = made + 1
      return { user_id = user_id, info = { type = "phone", subType = "work", value = "+49 30 23125 001" } }
    end
  end, { concurrency = 100 })
end)

local borders = { 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, math.huge }
local counts, longest, steps = {}, 0, 0
while not task:done() do
  -- CPU time: neither the wait for the sockets nor what other processes take from us is the step's.
  local start = os.clock()
  client:wait(0.05)
  local took = os.clock() - start
  steps, longest = steps + 1, math.max(longest, took)
  for i, border in ipairs(borders) do
    if took <= border then
      counts[i] = (counts[i] or 0) + 1
      break
    end
  end
end
local report = assert(task:wait())
print(("%d creates, %d steps, longest step %.2f ms of CPU"):format(report.created, steps, longest * 1000))
for i, border in ipairs(borders) do
  local n = counts[i] or 0
  print(("  <= %5s ms %7d  %s"):format(border == math.huge and "more" or ("%.1f"):format(border * 1000), n,
    ("#"):rep(math.ceil(60 * n / steps))))
end
client:close()
