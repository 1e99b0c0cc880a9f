-- Beside others: people who edit by hand at every moment of an apply and of its undo, a second apply at every moment,
-- page shifts at every boundary, servers whose lists lag and whose clocks differ. Each run keeps a ledger of what must
-- be there.
--
--   lua5.4 prove/others.lua [share]     a share of 0.1 takes every tenth moment
local help = require "client_help"
local support = require "prove.support"
local sweep = require "others_sweep"

local step = math.max(1, math.floor(1 / (tonumber(arg[1]) or 1) + 0.5))
local server <close> = help.server { users = 4, log = false }
sweep.open()
local closing <close> = setmetatable({}, { __close = sweep.close }) -- luacheck: ignore

-- Runs one; the last result is what it says. A finding ends its series.
local function run(fn, ...)
  local ok, result = pcall(fn, ...)
  if not support.check(ok, "%s", tostring(result)) then
    return nil
  end
  return result
end

local runs = { edit = 0, two = 0, wrong = 0, shift = 0 }

for edit in pairs(sweep.EDITS) do
  for _, how in ipairs { "many", "list", "each" } do
    for _, undo in ipairs { false, true } do
      local moment = 1
      while run(sweep.edit, server, edit, moment, how, undo) do
        runs.edit, moment = runs.edit + 1, moment + step
      end
    end
  end
end
support.stage("others: by hand", runs.edit, "edits, at every moment of an apply and of its undo: none overwritten")

for _, undo in ipairs { false, true } do
  local moment = 1
  while run(sweep.two, server, moment, undo) do
    runs.two, moment = runs.two + 1, moment + step
  end
end
-- In processes of their own, all at once.
local plan_path = sweep.dir .. "/plan.json"
for _ = 1, math.max(1, 10 // step) do
  server.reset()
  local client <close> = help.client(server)
  local desired = {}
  for i = 1, 4 do
    desired[i] = { user = server.user_ids[i], contact_infos = {
      { type = "phone", subType = "work", value = "+49 60 1" .. i } } }
  end
  assert(assert(client:plan(desired)):save(plan_path))
  local pipes = {}
  for i = 1, 6 do
    pipes[i] = support.process("-e", ([[
      local awork = require "awork"
      local client <close> = assert(awork.client { base_url = %q, token = %q, rate = false })
      local file <close> = assert(io.open(%q))
      local report, err = client:apply(assert(awork.load_plan(file)), { journal = false, lock = %q })
      print(report and report.counts.create or err.code)]]):format(server.url, server.token, plan_path, sweep.dir))
  end
  local made = 0
  for i = 1, 6 do
    local said = pipes[i]:read "l"
    pipes[i]:close()
    made = made + (math.tointeger(tonumber(said)) or 0)
    support.check(tonumber(said) or said == "locked", "a process said %s", tostring(said))
    runs.two = runs.two + 1
  end
  support.check(made == 4, "%d contact infos were made, not 4", made)
end
support.stage("others: two at once", runs.two, "second applies, refused while another one was under way")

local breaks = { "reset_after", "reset_before" }
local wrongs = {}
for _, lag in ipairs { false, 0.5, 3, 19 } do
  for _, created in ipairs { false, -30, 30, 3600 } do
    for _, date in ipairs { "true", -30, 30 } do
      for _, broken in ipairs(breaks) do
        wrongs[#wrongs + 1] = { breaks = broken, times = 4, lag = lag or nil, created = created or nil,
          date = date ~= "true" and date or nil }
      end
    end
  end
end
for i = 1, #wrongs, step do
  runs.wrong = runs.wrong + (run(sweep.wrong, server, wrongs[i]) or 0)
end
server.clear_faults()
support.stage("others: wrong", runs.wrong,
  "applies and undos of lagging and skewed servers: nothing twice, nothing of others deleted")

local failed = 0
server.reset()
local at = 0
for count = 4, 13 do
  for size = 2, 5 do
    for boundary = 1, count // size + 1 do
      for _, kind in ipairs { "front", "middle", "back", "all" } do
        at = at + 1
        if at % step == 0 then
          local whole = run(sweep.shift, server, count, size, boundary, kind)
          runs.shift, failed = runs.shift + 1, failed + (whole == false and 1 or 0)
        end
      end
    end
  end
end
print(("%d of %d lists ended in an error, the others were whole"):format(failed, runs.shift))
support.stage("others: shifts", runs.shift, "page shifts, at every boundary: everyone once, or an error")
support.finish()
