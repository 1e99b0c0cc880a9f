-- awork in a program whose loop is that of cqueues (Debian: lua-cqueues; the loop of lua-http).
--
--   AWORK_TOKEN=... lua5.4 examples/loop_cqueues.lua USER_ID
--
-- Another coroutine of the loop goes on while 20 contact infos are created.
local awork = require "awork"
local cqueues = require "cqueues"

--- Drives a client's tasks to their end, inside a coroutine of cqueues.
local function drive(client)
  while client:step() > 0 do
    local waits = {}
    for _, socket in ipairs(client:sockets()) do
      waits[#waits + 1] = { pollfd = socket.fd, events = (socket.read and "r" or "") .. (socket.write and "w" or "") }
    end
    local sockets = #waits
    waits[sockets + 1] = client:timeout()
    cqueues.poll(table.unpack(waits))
    -- A step may close sockets and open others of the same number, so nothing is watched meanwhile.
    for i = 1, sockets do cqueues.cancel(waits[i].pollfd) end
  end
end

local user_id = assert(arg[1], "usage: loop_cqueues.lua USER_ID")
local client = assert(awork.client { token = os.getenv "AWORK_TOKEN", base_url = os.getenv "AWORK_BASE_URL" })

local created, ticks = 0, 0
for i = 1, 20 do
  client:spawn(function()
    local number = ("+49 30 1000%02d"):format(i)
    assert(client.contact_infos:create(user_id, { type = "phone", subType = "other", value = number }))
    created = created + 1
  end)
end

local loop = cqueues.new()
loop:wrap(function()
  drive(client)
end)
loop:wrap(function()
  while created < 20 do
    ticks = ticks + 1
    cqueues.sleep(0.001)
  end
end)
assert(loop:loop())
print(("created %d contact infos while the loop ran: %s"):format(created, ticks > 0))
client:close()
