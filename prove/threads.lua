--- What the states of threads.c do. Each function gets the sandbox as { url =, token =, user_id = } and a count, and
-- returns how often it did what it does.
local M = {}

local PHONE = { type = "phone", subType = "work", value = "+49 30 1234567" }

local function client_of(world, more)
  local options = { token = world.token, base_url = world.url, rate = false, timeout = 30 }
  for name, value in pairs(more or {}) do options[name] = value end
  return assert(require "awork".client(options))
end

--- The sandbox; kept by the state. Its limits are off, its records stay small.
function M.serve()
  M.server = assert(require "awork.sandbox".start {
    users = 2, rate_limit = false, max_contact_infos = 10, log = false,
  })
  return ("return { url = %q, token = %q, user_id = %q }"):format(M.server.url, M.server.token, M.server.user_ids[1])
end

function M.stop() M.server:stop() end

--- Calls of all kinds: blocking, in tasks, validation.
function M.calls(world, count)
  local awork = require "awork"
  local client <close> = client_of(world)
  local infos, done = client.contact_infos, 0
  local made
  local calls = {
    function() return infos:create(world.user_id, PHONE) end,
    function() return infos:list(world.user_id) end,
    function() return client.users:me() end,
    function() return infos:get(world.user_id, made.id) end,
    function() return client.users:list { pageSize = 2 } end,
    function() return infos:ensure(world.user_id, PHONE) end,
    function() return awork.validate(PHONE) end,
    function() return client:request("GET", "/users", { query = { pageSize = 1 } }) end,
  }
  while done < count do
    made = assert(calls[1]())
    for i = 2, #calls do
      local ok, err = calls[i]()
      -- The oldest of ten records goes when another thread creates one: it may be gone already.
      if not ok and err.status ~= 404 then error(tostring(err)) end
    end
    done = done + #calls
    for i = 1, 4 do client:spawn(calls[i + 1]) end
    client:loop()
    done = done + 4
  end
  return done
end

--- Loads everything and makes a client, once; the state is then closed.
function M.life()
  local awork = require "awork"
  assert(awork.validate(PHONE))
  local client = assert(awork.client { token = "t", base_url = "http://127.0.0.1:1" })
  client:close()
  return 1
end

--- The same modules loaded again and again in one state; a client of the load before goes on.
function M.reload(world, count)
  local client = client_of(world)
  for _ = 1, count do
    for name in pairs(package.loaded) do
      if name:find "^awork" then package.loaded[name] = nil end
    end
    local awork = require "awork"
    assert(awork.validate(PHONE))
    local ok, err = awork.validate { type = "phone", subType = "mobil" }
    assert(not ok and awork.is_error(err))
    assert(client.users:me())
    client:close()
    client = client_of(world)
  end
  client:close()
  return count
end

--- Leaves everything under way: tasks that wait for requests, for time, for each other; results not yet read. The state
-- is then closed as it is.
function M.in_flight(world)
  local client = client_of(world, { on_request = function() end, log = function() end, log_level = "debug" })
  for i = 1, 6 do
    local task = client:spawn(function()
      local _ <close> = setmetatable({}, { __close = function() end })
      return client.contact_infos:create(world.user_id, PHONE)
    end)
    client:spawn(function() return task:wait() end)
    client:spawn(function() return client:sleep(60 + i) end)
  end
  client:spawn(function()
    client.contact_infos:create_many({ { user_id = world.user_id, info = PHONE } }, { concurrency = 1 })
  end)
  client:step()
  client:step()
  left_open = client -- luacheck: globals left_open
  return 1
end

--- With signals arriving all the time: calls go through, or fail as the network can; SIGPIPE does not end the process.
function M.under_signals(world, count)
  local server <close> = assert(require "awork.sandbox".start { users = 1, rate_limit = false })
  local client <close> = client_of(world)
  local other <close> = client_of { url = server.url, token = server.token }
  for i = 1, count do
    assert(client.contact_infos:create(world.user_id, PHONE))
    if i % 10 == 0 then
      server:fault { kind = "reset_before", times = 1 }
      other.users:me()
    end
  end
  return count
end

--- In a child of fork: the parent's client says so, closes, and one of our own works.
function M.after_fork(world, parents)
  local ok, message = pcall(parents.users.me, parents.users)
  assert(not ok and tostring(message):find("fork", 1, true), tostring(message))
  parents:close()
  local own <close> = client_of(world)
  assert(own.users:me())
  return 1
end

--- Before the fork: a client with a connection, and a request on its way.
function M.before_fork(world)
  local client = client_of(world)
  assert(client.users:me())
  client:spawn(function() return client.contact_infos:create(world.user_id, PHONE) end)
  client:step()
  return client
end

--- After it, in the parent: its client goes on.
function M.go_on(_, client)
  assert(client:loop())
  assert(client.users:me())
  client:close()
  return 1
end

return M
