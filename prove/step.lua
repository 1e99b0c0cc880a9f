-- How long a step holds a host's loop with 100 requests in flight, in CPU time of a process that has nothing else to
-- do: the sandbox is in another one. Beside it a loop of constant work, as long as a step on average: what the machine
-- itself adds to a measurement.
--
--   lua5.4 prove/step.lua [creates]
local support = require "prove.support"

local LIMIT = 0.002

local function measure(url, token, user_id, count)
  local awork = require "awork"
  local client = assert(awork.client {
    base_url = url, token = token, rate = false, concurrency = 100, max_connections = 100,
  })
  local made = 0
  local task = client:spawn(function()
    return client.contact_infos:create_many(function()
      if made < count then
        made = made + 1
        return { user_id = user_id, info = { type = "phone", subType = "work", value = "+49 30 23125 001" } }
      end
    end, { concurrency = 100 })
  end)
  local clock, times, sum = os.clock, {}, 0
  while not task:done() do
    local start = clock()
    client:wait(0.05)
    local took = clock() - start
    times[#times + 1], sum = took, sum + took
  end
  local report = assert(task:wait())
  client:close()
  local function spin(n)
    local x = 0
    for i = 1, n do
      x = x + i
    end
    return x
  end
  local start = clock()
  spin(10000000)
  local turns = math.floor(sum / #times / ((clock() - start) / 10000000))
  local control = {}
  for i = 1, #times do
    start = clock()
    spin(turns)
    control[i] = clock() - start
  end
  local function line(name, list)
    table.sort(list)
    local over = 0
    for i = #list, 1, -1 do
      if list[i] <= LIMIT then
        break
      end
      over = over + 1
    end
    print(name, #list, over, list[#list // 2 + 1] * 1000, list[math.ceil(#list * 0.99)] * 1000, list[#list] * 1000)
  end
  print("created", report.created)
  line("steps", times)
  line("control", control)
end

if arg[1] == "client" then
  return measure(arg[2], arg[3], arg[4], tonumber(arg[5]))
end

local sandbox = require "awork.sandbox"
local count = math.tointeger(tonumber(arg[1]) or 20000)
local server <close> = assert(sandbox.start { rate_limit = false, log = false, max_contact_infos = 100 })
local pipe = support.process(arg[0], "client", server.url, server.token, server.user_ids[1], tostring(count))
local rows = {}
for line in pipe:lines() do
  local words = {}
  for word in line:gmatch "%S+" do
    words[#words + 1] = tonumber(word) or word
  end
  rows[words[1]] = words
  if words[1] ~= "created" then
    print(("%-8s %6d, median %.2f ms, 99 %% within %.2f ms, longest %.2f ms, %d beyond 2 ms")
      :format(words[1], words[2], words[4], words[5], words[6], words[3]))
  end
end
support.check(pipe:close() and rows.control, "the client failed")
support.check(rows.created[2] == count, "%d of %d created", rows.created[2], count)
local steps, control = rows.steps, rows.control
support.check(steps[5] <= LIMIT * 1000, "a hundredth of the steps takes more than %.2f ms", steps[5])
-- A budget that does not hold shows in many steps; a busy machine adds its own milliseconds to any of them.
support.check(steps[3] <= 10 + steps[2] // 100 + 2 * control[3], "%d of %d steps beyond 2 ms", steps[3], steps[2])
support.stage("step", steps[2], ("steps with 100 requests in flight, 99 %% within %.2f ms of CPU"):format(steps[5]))
support.finish()
