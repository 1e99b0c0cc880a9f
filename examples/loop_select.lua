-- awork in a program with a plain select loop of its own (Debian: lua-socket; copas is built on the same).
--
--   AWORK_TOKEN=... lua5.4 examples/loop_select.lua USER_ID
--
-- The host counts its own rounds while 20 contact infos are created.
local awork = require "awork"
local socket = require "socket"

--- The client's sockets as LuaSocket's select takes them: things with a getfd method.
local function watched(client)
  local read, write = {}, {}
  for _, each in ipairs(client:sockets()) do
    local thing = { getfd = function() return each.fd end }
    if each.read then read[#read + 1] = thing end
    if each.write then write[#write + 1] = thing end
  end
  return read, write
end

local user_id = assert(arg[1], "usage: loop_select.lua USER_ID")
local client = assert(awork.client { token = os.getenv "AWORK_TOKEN", base_url = os.getenv "AWORK_BASE_URL" })

local created, rounds = 0, 0
for i = 1, 20 do
  client:spawn(function()
    local number = ("+49 30 1000%02d"):format(i)
    assert(client.contact_infos:create(user_id, { type = "phone", subType = "other", value = number }))
    created = created + 1
  end)
end

while client:step() > 0 do
  rounds = rounds + 1
  local read, write = watched(client)
  -- The host's own sockets go into the same lists, its own next timer into the minimum.
  socket.select(read, write, math.min(client:timeout() or 1, 1))
end
print(("created %d contact infos while the loop ran: %s"):format(created, rounds > 0))
client:close()
