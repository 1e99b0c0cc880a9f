-- awork in a program whose loop is libuv's (Debian: lua-luv; the loop of Neovim and luvit).
--
--   AWORK_TOKEN=... lua5.4 examples/loop_luv.lua USER_ID
--
-- The host's own timer goes on ticking while 20 contact infos are created.
local awork = require "awork"
local uv = require "luv"

--- Lets a client make progress in libuv's loop. Call the function that it returns after spawning something.
local function attach(client)
  local watchers = {} -- fd -> uv_poll_t
  local timer = uv.new_timer()
  local advance

  -- Watches what the client waits for now.
  local function watch()
    for _, socket in ipairs(client:sockets()) do
      local watcher = watchers[socket.fd]
      if not watcher then
        watcher = uv.new_poll(socket.fd)
        watchers[socket.fd] = watcher
      end
      watcher:start((socket.read and "r" or "") .. (socket.write and "w" or ""), advance)
    end
    local seconds = client:timeout()
    if seconds then timer:start(math.ceil(seconds * 1000), 0, advance) end
  end

  -- A step may close sockets and open others of the same number, so nothing is watched meanwhile.
  function advance()
    for _, watcher in pairs(watchers) do watcher:stop() end
    timer:stop()
    if client:step() > 0 then watch() end
  end
  return advance
end

local user_id = assert(arg[1], "usage: loop_luv.lua USER_ID")
local client = assert(awork.client { token = os.getenv "AWORK_TOKEN", base_url = os.getenv "AWORK_BASE_URL" })
local advance = attach(client)

local ticks = 0
local clock = uv.new_timer()
clock:start(0, 1, function()
  ticks = ticks + 1
end)

local created = 0
for i = 1, 20 do
  client:spawn(function()
    local number = ("+49 30 1000%02d"):format(i)
    assert(client.contact_infos:create(user_id, { type = "phone", subType = "other", value = number }))
    created = created + 1
    if created == 20 then clock:close() end
  end)
end
advance()

uv.run()
print(("created %d contact infos while the loop ran: %s"):format(created, ticks > 0))
client:close()
