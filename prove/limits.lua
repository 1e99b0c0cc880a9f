-- 2,000 creates against the sandbox's real limits (50 a second, 1,000 a minute), with windows that are fixed and that
-- slide: alone, and beside two other clients, processes of their own that don't give way, which take half of it.
--
-- Alone there is no 429, and it takes at most 2 % longer than the limits allow; beside the others less than 1 % are
-- refused. What the server has in the end is what the clients were told: nothing lost, nothing twice.
--
--   lua5.4 prove/limits.lua [creates]
local support = require "prove.support"

local SECOND, MINUTE = 50, 1000

-- Each client process: prints its results in words, then the ids that it was given.
local roles = {}

-- Ours: as fast as the limits allow.
function roles.main(url, token, user_id, count)
  local client = assert(require "awork".client { base_url = url, token = token, concurrency = 16 })
  local now = require "awork.core".now
  local made, ids = 0, {}
  local start, last = now(), 0
  assert(client.contact_infos:create_many(function()
    if made < count then
      made = made + 1
      return { user_id = user_id, info = { type = "phone", subType = "work", value = "main " .. made } }
    end
  end, {
    concurrency = 16,
    on_result = function(_, _, info, err)
      if info then
        ids[#ids + 1], last = info.id, now() - start
      else
        io.stderr:write(tostring(err), "\n")
      end
    end,
  }))
  local stats = client:stats()
  print("result", last, stats.attempts, stats.rate_limited, stats.adopted)
  for _, id in ipairs(ids) do
    print("id", id)
  end
  client:close()
end

-- One of the others: `burst` creates every `every` seconds, whatever the server's headers say, until told to stop
-- by the end of a file that the parent removes.
function roles.other(url, token, user_id, burst, every, flag)
  local client = assert(require "awork".client { base_url = url, token = token, rate = false, timeout = 10 })
  local now = require "awork.core".now
  local sent, ids, refused, next_at = 0, {}, 0, now()
  while true do
    local file = io.open(flag)
    if not file then
      break
    end
    file:close()
    for _ = 1, burst do
      sent = sent + 1
      client:spawn(function(n)
        local info, err = client.contact_infos:create(user_id,
          { type = "phone", subType = "work", value = ("other %d %d"):format(burst, n) }, { retry = false })
        if info then
          ids[#ids + 1] = info.id
        elseif err.kind == "rate_limit" then
          refused = refused + 1
        else
          io.stderr:write(tostring(err), "\n")
        end
      end, sent)
    end
    next_at = next_at + every
    repeat
      client:wait(math.max(0, math.min(0.05, next_at - now())))
    until now() >= next_at
  end
  client:loop()
  print("result", 0, sent, refused, 0)
  for _, id in ipairs(ids) do
    print("id", id)
  end
  client:close()
end

if roles[arg[1]] then
  local rest = {}
  for i = 2, #arg do
    rest[i - 1] = tonumber(arg[i]) or arg[i]
  end
  return roles[arg[1]](table.unpack(rest))
end

local sandbox = require "awork.sandbox"
local count = math.tointeger(tonumber(arg[1]) or 2000)

-- The least time in which so many requests can be counted without more than a limit in any window of its length.
local function allowed(n)
  local at = {}
  for i = 1, n do
    at[i] = math.max(i > SECOND and at[i - SECOND] + 1 or 0, i > MINUTE and at[i - MINUTE] + 60 or 0)
  end
  return at[n]
end

local function read(pipe, name)
  local out = { ids = {} }
  for line in pipe:lines() do
    local kind, rest = line:match "^(%S+)\t(.*)$"
    if kind == "id" then
      support.check(not out.ids[rest], "%s: the same id twice", name)
      out.ids[rest] = true
      out[#out + 1] = rest
    elseif kind == "result" then
      out.seconds, out.attempts, out.refused = rest:match "^(%S+)\t(%S+)\t(%S+)"
      out.seconds, out.attempts, out.refused = tonumber(out.seconds), tonumber(out.attempts), tonumber(out.refused)
    end
  end
  support.check(pipe:close() and out.attempts, "%s: a client failed", name)
  return out
end

-- Starts what a window and a company need.
local function start(window, company)
  local server = assert(sandbox.start { rate_limit = { window = window }, log = false })
  local run = { name = ("%s windows, %s"):format(window, company), server = server, others = {} }
  if company ~= "alone" then
    run.flag = os.tmpname()
    -- 250 a minute each: one evenly, one in bursts.
    for i, pace in ipairs { { "1", "0.24" }, { "21", "5.04" } } do
      run.others[i] = support.process(arg[0], "other", server.url, server.token, server.user_ids[2], pace[1], pace[2],
        run.flag)
    end
  end
  run.main = support.process(arg[0], "main", server.url, server.token, server.user_ids[1], tostring(count))
  return run
end

local creates = 0

-- Waits for a run's end and looks at what came of it.
local function finish(run)
  local name, server = run.name, run.server
  local ours = read(run.main, name)
  local all, refused_others, others = {}, 0, 0
  if run.flag then
    os.remove(run.flag)
    for _, pipe in ipairs(run.others) do
      local other = read(pipe, name)
      refused_others, others = refused_others + other.refused, others + other.attempts
      for id in pairs(other.ids) do
        all[id] = true
      end
    end
  end
  for id in pairs(ours.ids) do
    all[id] = true
  end
  local lost, unknown = 0, 0
  for _, user in ipairs(server.state().users) do
    for _, info in ipairs(user.userContactInfos or {}) do
      unknown = unknown + (all[info.id] and 0 or 1)
      all[info.id] = nil
    end
  end
  for _ in pairs(all) do
    lost = lost + 1
  end
  support.check(lost == 0, "%s: %d lost", name, lost)
  support.check(unknown == 0, "%s: %d that no one was told of", name, unknown)
  support.check(#ours == count, "%s: %d of %d created", name, #ours, count)
  creates = creates + count + others
  if run.flag then
    support.check(ours.refused < 0.01 * ours.attempts, "%s: %d of %d refused", name, ours.refused, ours.attempts)
    print(("%s: %d creates in %.1f s, %d of %d refused (%.2f %%); the others: %d, %d refused")
      :format(name, #ours, ours.seconds, ours.refused, ours.attempts, 100 * ours.refused / ours.attempts, others,
        refused_others))
  else
    local least = allowed(count)
    support.check(ours.refused == 0, "%s: %d refused", name, ours.refused)
    support.check(ours.seconds <= 1.02 * least, "%s: %.2f s, the limits allow %.2f", name, ours.seconds, least)
    print(("%s: %d creates in %.2f s, the limits allow %.2f s (%+.2f %%), %d refused")
      :format(name, #ours, ours.seconds, least, 100 * (ours.seconds / least - 1), ours.refused))
  end
  server.stop()
end

-- Two at a time: they wait most of it.
for _, company in ipairs { "alone", "beside two others" } do
  local runs = { start("fixed", company), start("sliding", company) }
  for _, run in ipairs(runs) do
    finish(run)
  end
end
support.stage("limits", creates, "creates within the rate limits, alone and beside others")
support.finish()
