local help = require "client_help"
local hasty = require "create_sweep".hasty

-- All strings in a value, keys too.
local function texts_of(value, out)
  out = out or {}
  if type(value) == "table" then
    for name, item in pairs(value) do
      texts_of(name, out)
      texts_of(item, out)
    end
  else
    out[#out + 1] = tostring(value)
  end
  return out
end

describe("hooks", function()
  local server, id

  setup(function()
    server = help.server()
    id = server.user_ids[1]
  end)

  teardown(function()
    server.stop()
  end)

  before_each(function()
    server.reset()
  end)

  it("see each request and response, with headers from a list, timings and attempts", function()
    local requests, responses = {}, {}
    local client <close> = help.client(server, {
      on_request = function(info) requests[#requests + 1] = info end,
      on_response = function(info) responses[#responses + 1] = info end,
      headers = { ["X-Secret"] = "hidden" },
    })
    assert(client.contact_infos:create(id, { type = "phone", subType = "work", value = "+49 30 1234567" }))
    assert(client.users:list { filterby = "firstName eq 'Ada'" })
    local request, response = requests[1], responses[1]
    assert.equal("POST", request.method)
    assert.equal("/users/" .. id .. "/contactinfo", request.path)
    assert.same({ type = "phone", subType = "work", value = "***" }, request.body)
    assert.is_true(request.bytes > 0)
    assert.same({ accept = "application/json", ["content-type"] = "application/json" }, request.headers)
    assert.equal(200, response.status)
    assert.equal(1, response.attempts)
    assert.is_number(response.timings.total)
    assert.is_nil(response.error)
    assert.equal("***", requests[2].query)
    assert.equal(2, #responses)
    assert.is_string(responses[2].headers["aw-totalitems"])
  end)

  it("show no token, no secret header and no contact value, unless told to show values", function()
    for _, show in ipairs { false, true } do
      local seen = {}
      local function keep(...)
        seen[#seen + 1] = { ... }
      end
      local client <close> = help.client(server, {
        on_request = keep, on_response = keep, on_retry = keep, log = keep, log_level = "debug", log_values = show,
        headers = { ["X-Secret"] = "hid-den" }, random = function() return 0 end,
      })
      server.fault { kind = "status", status = 503, path = "/users$" }
      client.contact_infos:create(id, { type = "email", subType = "work", value = "ada@example.com" })
      client.users:list { filterby = "lastName eq 'Lovelace'" }
      client.users:autofill "grace@example.com"
      client:request("POST", "/x", { body = "pass=word", headers = { ["Content-Type"] = "text/x" } })
      client.users:update(id, { firstName = "Margaret" })
      client.users:get(help.nobody)
      assert.is_true(#seen > 10)
      local all = table.concat(texts_of(seen), "\n")
      assert.is_nil(all:find(server.token, 1, true))
      assert.is_nil(all:find("hid-den", 1, true))
      assert.is_nil(all:find("pass=word", 1, true))
      for _, value in ipairs { "ada@example.com", "Lovelace", "grace%40example.com", "Margaret" } do
        assert.equal(show, all:find(value, 1, true) ~= nil, value)
      end
    end
  end)

  it("hear of retries, read-backs and repetitions", function()
    local retries = {}
    local client <close> = help.client(server, {
      on_retry = function(info) retries[#retries + 1] = info end, random = function() return 0 end, list_lag = 0,
    })
    server.fault { kind = "status", status = 503, method = "GET" }
    assert(client.users:me())
    assert.equal("GET", retries[1].method)
    assert.equal("/users/me", retries[1].path)
    assert.equal(503, retries[1].status)
    assert.is_number(retries[1].delay)
    assert.is_string(retries[1].reason)
    server.fault { kind = "reset_before", method = "POST" }
    assert(client.contact_infos:create(id, help.phone()))
    assert.equal("read-back", retries[2].reason)
    assert.equal("read-back", retries[3].reason)
    assert.equal(2, retries[3].attempt)
    assert.equal("post-again", retries[4].reason)
    assert.equal(4, #retries)
  end)

  it("hear of retries in tasks, too", function()
    local retries = 0
    local client <close> = help.client(server, {
      on_retry = function() retries = retries + 1 end, random = function() return 0 end,
    })
    server.fault { kind = "status", status = 503, method = "GET", times = 3 }
    for _ = 1, 3 do
      client:spawn(function() assert(client.users:me()) end)
    end
    assert(client:loop())
    assert.equal(3, retries)
  end)

  it("log by level: failures, retries and adoptions, requests only at debug", function()
    local function run(level)
      local lines = {}
      local client <close> = hasty(server, {
        log = function(at, message) lines[#lines + 1] = at .. " " .. message end, log_level = level,
        random = function() return 0 end,
      })
      client.users:get(help.nobody)
      server.fault { kind = "reset_after", method = "POST" }
      client.contact_infos:create(id, help.phone())
      server.fault { kind = "rate_limit", retry_after = 0.01, method = "GET" }
      client.users:me()
      return lines
    end
    local lines = table.concat(run "info", "\n")
    assert.matches("info failed", lines)
    assert.matches("warn failed", lines)
    assert.matches("info retry", lines)
    assert.matches("info adopted", lines)
    assert.matches("warn rate%-limit", lines)
    assert.is_nil(lines:find "debug")
    lines = table.concat(run "debug", "\n")
    assert.matches("debug request", lines)
    assert.matches("debug response", lines)
    for _, line in ipairs(run "warn") do
      assert.matches("^warn ", line)
    end
    assert.same({}, run "error")
  end)

  it("that raise break nothing: they are counted and logged", function()
    local logged = {}
    local client <close> = help.client(server, {
      on_request = function() error "one" end, on_response = function() error "two" end,
      on_retry = function() error "three" end, random = function() return 0 end,
      log = function(level, message, fields) logged[#logged + 1] = { level, message, fields } end,
    })
    server.fault { kind = "status", status = 503 }
    assert(client.users:me())
    assert.equal(3, client:stats().hook_errors)
    local by_hook = {}
    for _, line in ipairs(logged) do
      if line[2] == "hook-failed" then
        by_hook[line[3].hook] = line[3].error
      end
    end
    assert.matches("one", by_hook.on_request)
    assert.matches("two", by_hook.on_response)
    assert.matches("three", by_hook.on_retry)
    local mute <close> = help.client(server, { log = function() error "x" end, log_level = "debug" })
    assert(mute.users:me())
    assert.equal(2, mute:stats().hook_errors)
  end)

  it("may use the client, and close it", function()
    local client, inner
    client = help.client(server, { on_response = function(info)
      if info.path == "/users/me" and not inner then
        inner = true
        inner = client.users:get(id)
      end
    end })
    assert(client.users:me())
    assert.equal(id, inner.id)
    client:close()
    local closing
    closing = help.client(server, { on_request = function() closing:close() end })
    local user, err = closing.users:me()
    assert.is_nil(user)
    assert.equal("closed", err.kind)
    local after
    after = help.client(server, { on_response = function() after:close() end })
    assert(after.users:me())
    assert.is_true(after:is_closed())
    local task_closing
    task_closing = help.client(server, { on_response = function() task_closing:close() end })
    local task = task_closing:spawn(function() return assert(task_closing.users:me()).id end)
    assert.equal(server.me_id, (task:wait()))
  end)

  it("get copies: what they change is not sent", function()
    local client <close> = help.client(server, { on_request = function(info)
      info.headers["authorization"] = "Bearer x"
      info.method, info.path = "DELETE", "/users"
      if info.body then
        info.body.type = "nonsense"
      end
    end })
    assert(client.contact_infos:create(id, help.phone()))
    assert.equal("POST", server.requests()[1].method)
    assert.equal("Bearer " .. server.token, server.requests()[1].headers["authorization"])
  end)

  it("stats tell what has been done", function()
    local client <close> = help.client(server, { random = function() return 0 end, list_lag = 0 })
    assert(client.users:me())
    server.fault { kind = "reset_before", method = "POST" }
    assert(client.contact_infos:create(id, help.phone()))
    client:spawn(function() end)
    local stats = client:stats()
    assert.equal(5, stats.requests)
    assert.equal(2, stats.read_backs)
    assert.equal(1, stats.reposts)
    assert.equal(0, stats.adopted)
    assert.equal(1, stats.tasks)
    assert.equal(0, stats.hook_errors)
    assert.is_true(stats.bytes_sent > 0 and stats.bytes_received > 0)
    assert.is_number(stats.seconds.total)
  end)
end)
