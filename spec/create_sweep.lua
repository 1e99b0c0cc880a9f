--- The fault sweep over creates, for retry_spec.lua and prove/once.lua: what the creates say must be what the server
-- has, whatever breaks and when.
local help = require "client_help"
local now = require "awork.core".now

local sweep = {}

--- A client that does not really wait while nothing is under way: its clock jumps, and the server's with it.
function sweep.hasty(server, options)
  local jumped = 0
  local merged = {
    clock = function() return now() + jumped end,
    sleep = function(seconds)
      jumped = jumped + seconds
      server.advance(seconds)
    end,
    random = function() return 0.5 end,
  }
  for name, value in pairs(options or {}) do
    merged[name] = value
  end
  return help.client(server, merged)
end

--- The faults of a server whose lists lag behind and whose clocks differ, while the answers to creates are lost.
--
-- `breaks` is the fault of the creates that break, at most `times` (1) of them: "reset_after" …, or a table of its
-- fields. `lag`: seconds; `created`, `date`: as a sandbox's fault has them. `share`: the lists that lag, of 1, and
-- whose Date is wrong (1): as if several machines answered in turn.
---@param options { breaks: string|table, times: integer?, lag: number?, created: any, date: any, share: number? }
---@return table[] faults for check
function sweep.wrong(options)
  local broken = { created = options.created, date = options.date, times = options.times }
  if type(options.breaks) == "table" then
    for name, value in pairs(options.breaks) do
      broken[name] = value
    end
  else
    broken.kind = options.breaks
  end
  local share = options.share ~= 1 and options.share or nil
  return {
    broken,
    { kind = "skew", method = "POST", created = options.created, date = options.date, times = math.huge },
    { kind = options.lag and "stale" or "skew", method = "GET", lag = options.lag, date = options.date,
      times = math.huge, probability = share },
  }
end

--- Runs `width` identical creates at once under faults, of their POSTs unless they say otherwise. Raises if one is
-- lost, there twice, or given to two creates.
---@param many? boolean as rows of create_many
---@return integer without how many ended without a contact info
---@return integer fired how many of the faults came to pass
function sweep.check(server, client, id, faults, width, where, many)
  local phone = help.phone()
  for _, fault in ipairs(faults) do
    fault.method = fault.method or "POST"
    server.fault(fault)
  end
  local ids, created, doubtful, failed = {}, 0, 0, 0
  local function note(info, err)
    if info then
      assert(not ids[info.id], where .. ": one contact info for two creates")
      ids[info.id] = true
      created = created + 1
    elseif err.ambiguous then
      doubtful = doubtful + 1
    else
      failed = failed + 1
    end
  end
  local function create()
    note(client.contact_infos:create(id, phone))
  end
  if many then
    local rows = {}
    for i = 1, width do
      rows[i] = { user_id = id, info = phone }
    end
    for _, result in ipairs(assert(client.contact_infos:create_many(rows, { concurrency = width })).results) do
      note(result.info, result.err)
    end
  elseif width == 1 then
    create()
  else
    for _ = 1, width do
      client:spawn(create)
    end
    local ok, err = client:loop()
    assert(ok, err and err.traceback)
  end
  local fired = 0
  for _, fault in ipairs(server.faults()) do
    fired = fired + fault.fired
  end
  server.clear_faults()
  local there = help.count(server, id, phone.value)
  if there < created or there > created + doubtful then
    error(("%s: %d created, %d in doubt, %d failed, but %d are there")
      :format(where, created, doubtful, failed, there))
  end
  return doubtful + failed, fired
end

return sweep
