--- The fault sweep over creates, for retry_spec.lua and prove/once.lua: what the creates say must be what the server
-- has, whatever breaks and when.
local help = require "client_help"
local now = require "awork.core".now

local sweep = {}

--- A client that does not really wait while nothing is under way: its clock jumps.
function sweep.hasty(server, options)
  local jumped = 0
  local merged = {
    clock = function() return now() + jumped end,
    sleep = function(seconds) jumped = jumped + seconds end,
    random = function() return 0.5 end,
  }
  for name, value in pairs(options or {}) do
    merged[name] = value
  end
  return help.client(server, merged)
end

--- Runs `width` identical creates at once under faults of their POSTs. Raises if one is lost, there twice, or given to
-- two creates.
---@return integer without how many ended without a contact info
---@return integer fired how many of the faults came to pass
function sweep.check(server, client, id, faults, width, where)
  local phone = help.phone()
  for _, fault in ipairs(faults) do
    fault.method = "POST"
    server.fault(fault)
  end
  local ids, created, doubtful, failed = {}, 0, 0, 0
  local function create()
    local info, err = client.contact_infos:create(id, phone)
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
  if width == 1 then
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
