-- core.engine: the binding of the HTTP engine. The engine itself has test/c/test_engine.c.
local core = require "awork.core"
local sandbox = require "awork.sandbox"

describe("core.engine", function()
  local server, tls

  setup(function()
    server = assert(sandbox.start { users = 3, rate_limit = false })
    tls = assert(sandbox.start { users = 1, rate_limit = false, tls = true })
  end)
  teardown(function()
    server.stop()
    tls.stop()
  end)
  before_each(function()
    server.clear_faults()
    server.clear_requests()
    server.set { rate_limit = false }
  end)

  -- Engines of a test are closed when it ends, also when it fails.
  local engines = {}
  local function new(options)
    local merged = { rate = false }
    for name, value in pairs(options or {}) do merged[name] = value end
    local engine = assert(core.engine(merged))
    engines[#engines + 1] = engine
    return engine
  end
  after_each(function()
    for i = #engines, 1, -1 do
      engines[i]:close()
      engines[i] = nil
    end
  end)

  local function get(path, more)
    local req = { method = "GET", url = server.url .. (path or "/users/me"), token = server.token }
    for name, value in pairs(more or {}) do req[name] = value end
    return req
  end

  -- Waits, with a bound, until n results came: a map from id to result.
  local function collect(engine, n)
    local results, count = {}, 0
    for _ = 1, 10000 do
      for id, result in engine.next, engine do
        assert.is_nil(results[id])
        results[id], count = result, count + 1
      end
      if count >= n then break end
      engine:wait(1)
    end
    assert.equal(n, count)
    return results
  end

  -- Waits until n results lie there unread.
  local function wait_for(engine, n)
    for _ = 1, 10000 do
      if engine:step() >= n then return end
      engine:wait(0.01)
    end
    error "they never came"
  end

  describe("results", function()
    it("carry status, headers, body and timings of a response", function()
      local result = new():run(get())
      assert.equal(200, result.status)
      assert.matches("^application/json", result.headers["content-type"])
      assert.matches('"firstName"', result.body)
      assert.equal(server.url .. "/users/me", result.url)
      assert.equal("1.1", result.http_version)
      assert.equal(1, result.attempts)
      assert.is_true(result.sent)
      assert.is_false(result.retried)
      assert.is_false(result.retryable)
      assert.is_nil(result.kind)
      for _, phase in ipairs { "queue", "wait", "connect", "tls", "first_byte", "total" } do
        assert.equal("float", math.type(result.timings[phase]), phase)
      end
    end)

    it("join the values of repeated headers, cookies by line", function()
      server.fault { kind = "raw", data = "HTTP/1.1 200 OK\r\nX-List: a\r\nContent-Length: 0\r\nx-list: b\r\n"
        .. "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Empty:\r\nX-List: c\r\nConnection: close\r\n\r\n" }
      local headers = new():run(get()).headers
      assert.equal("a, b, c", headers["x-list"])
      assert.equal("a=1\nb=2", headers["set-cookie"])
      assert.equal("", headers["x-empty"])
    end)

    it("carry kind, code and message of a failure", function()
      local result = new { retries = 0 }:run { method = "POST", url = "http://127.0.0.1:1/x", body = "{}" }
      assert.equal("network", result.kind)
      assert.equal("connect", result.code)
      assert.equal("string", type(result.message))
      assert.is_nil(result.status)
      assert.is_nil(result.headers)
      assert.is_false(result.sent)
      assert.is_true(result.retryable)
      assert.equal(1, result.attempts)
    end)

    it("are binary safe", function()
      local bytes = {}
      for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
      local body = table.concat(bytes)
      local head = "HTTP/1.1 200 OK\r\nContent-Length: 256\r\nConnection: close\r\n\r\n"
      server.fault { kind = "raw", data = head .. body }
      assert.equal(body, new():run(get()).body)
    end)

    it("come once each, to whoever asks", function()
      local engine, ids = new(), {}
      for _ = 1, 40 do ids[engine:submit(get())] = true end
      for id, result in pairs(collect(engine, 40)) do
        assert.is_true(ids[id])
        assert.equal(200, result.status)
      end
      assert.is_nil(engine:next())
      for _ = 1, 100 do -- a slow step may have stopped before its end
        if not engine:timeout() then break end
        engine:wait(0.1)
      end
      assert.is_nil(engine:timeout())
    end)

    it("wait unread while run goes on without spinning", function()
      local engine = new()
      local id = engine:submit(get())
      wait_for(engine, 1)
      server.fault { kind = "delay", seconds = 0.3 }
      local cpu = os.clock()
      assert.equal(200, engine:run(get()).status)
      assert.is_true(os.clock() - cpu < 0.2)
      assert.equal(id, (engine:next()))
    end)
  end)

  describe("requests", function()
    it("are refused with a reason, and never show the token", function()
      local engine = new()
      local function refuses(pattern, more)
        local ok, message = pcall(engine.submit, engine, get(nil, more))
        assert.is_false(ok)
        assert.matches(pattern, message)
        assert.not_matches("s3cret", message)
        ok = pcall(engine.run, engine, get(nil, more))
        assert.is_false(ok)
      end
      refuses("method", { method = "BREW" })
      refuses("method", { method = 1 })
      refuses("url", { url = "ftp://x/" })
      refuses("url", { url = false })
      refuses("loopback", { url = "http://example.com/" })
      refuses("url", { url = "https://user:pw@example.com/" })
      refuses("token", { token = "s3cret\r\nX: y" })
      refuses("token", { token = 42 })
      refuses("header", { headers = { ["X-A"] = "a\r\nX-B: b" } })
      refuses("header", { headers = { ["X A"] = "a" } })
      refuses("header", { headers = { ["Content-Length"] = "1" } })
      refuses("header", { headers = { "positional" } })
      refuses("header", { headers = { x = 1 } })
      refuses("headers", { headers = "x" })
      refuses("body", { body = {} })
      refuses("body", { body = "a GET has none" })
      refuses("timeout", { timeout = 0 })
      refuses("timeout", { timeout = 0 / 0 })
      refuses("timeout", { timeout = "soon" })
      refuses("start_within", { start_within = 0 })
      refuses("start_within", { start_within = "soon" })
      refuses("retry", { retry = -1 })
      refuses("retry", { retry = 1.5 })
      refuses("retry", { retry = "yes" })
      local many = {}
      for i = 1, 65 do many["X-" .. i] = "y" end
      refuses("headers", { headers = many })
      assert.has_error(function() engine:submit() end)
      assert.has_error(function() engine:submit "GET" end)
      assert.equal(0, #server.requests())
      assert.equal(0, engine:stats().requests)
    end)

    it("reach loopback hosts without a proxy, and others by it, in whatever order", function()
      local decoy <close> = sandbox.start {}
      local engine = new {
        proxy = decoy.url:match "^http://[^/]+", no_proxy = "", allow_http = true, max_connections = 1, retries = 0,
      }
      local port = server.url:match ":(%d+)"
      for i, host in ipairs { "127.0.0.1", "localhost", "127.0.0.1" } do
        local url = server.url:gsub("^http://[^/]+", "http://" .. host .. ":" .. port)
        assert.equal(200, engine:run(get(nil, { url = url .. "/users/me" })).status, host)
        assert.equal(i - 1, #decoy.requests())
        engine:run { method = "GET", url = "http://elsewhere.invalid/" .. i }
        assert.equal(i, #decoy.requests())
      end
    end)

    it("with the engine's token go below base_url alone", function()
      local engine = new { base_url = server.url .. "/" }
      local function me(url)
        return engine:run { method = "GET", url = url or server.url .. "/users/me", auth = true }
      end
      assert.error_matches(me, "no token")
      local first = core.set_token(engine, "wrong")
      assert.equal(first, core.set_token(engine, "wrong"))
      local refused = me()
      assert.equal(401, refused.status)
      assert.equal(first, refused.token)
      assert.is_true(core.set_token(engine, server.token) > first)
      assert.equal(200, me().status)
      local origin, path = server.url:match "^(http://[^/]+)(.*)$"
      for _, url in ipairs {
        origin .. "/", server.url .. "x/users", "http://127.0.0.1:1" .. path,
        "https://api.awork.com/api/v1/users", (server.url:gsub("127%.0%.0%.1", "localhost")) .. "/users/me",
      } do
        local ok, message = pcall(me, url)
        assert.is_false(ok, url)
        assert.matches("base_url", message)
      end
      assert.error_matches(function()
        engine:run { method = "GET", url = server.url, auth = true, headers = { Authorization = "Bearer x" } }
      end, "header")
      assert.has_error(function() new():run { method = "GET", url = server.url, auth = true } end)
      assert.has_error(function() core.set_token(engine, ("x"):rep(70000)) end)
      assert.is_nil((core.engine { base_url = "http://127.0.0.999" }))
    end)

    it("that are too large are no one's mistake", function()
      local engine = new()
      local result = engine:run(get("/" .. ("x"):rep(70000)))
      assert.equal("protocol", result.kind)
      assert.equal("request-too-large", result.code)
      assert.is_false(result.sent)
      local id, refused = engine:submit(get(nil, { headers = { x = ("y"):rep(70000) } }))
      assert.is_nil(id)
      assert.equal("request-too-large", refused.code)
    end)

    it("take plain http elsewhere only when asked to", function()
      local result = new { allow_http = true, retries = 0, connect_timeout = 1 }
        :run { method = "GET", url = "http://no.such.host.invalid/" }
      assert.equal("network", result.kind)
      assert.is_false(result.sent)
    end)

    it("send method, token, headers and body as they are", function()
      local engine = new()
      for _, method in ipairs { "POST", "PUT", "PATCH", "DELETE" } do
        server.clear_requests()
        engine:run(get("/anything", { method = method, body = "{\"a\":\"b\"}", headers = { ["X-Mine"] = "yes" } }))
        local request = server.requests()[1]
        assert.equal(method, request.method)
        assert.equal("{\"a\":\"b\"}", request.body)
        assert.equal("yes", request.headers["x-mine"])
        assert.equal("application/json", request.headers["content-type"])
        assert.is_nil(request.headers.expect)
      end
      assert.equal(401, engine:run(get(nil, { token = "wrong" })).status)
    end)

    it("go where each says, whatever the connection's last one said", function()
      local other = assert(sandbox.start { users = 1, rate_limit = false })
      finally(function() other.stop() end)
      local engine = new { max_connections = 1 }
      local base = server.url:match "^(http://[^/]+)"
      local asked = { "/v1/a", "/v1/b?x=1&y=%2F", "/v1/c", "/v1/./d", "/v1/e/../f", "/v1/g", "/v1/%41%2e", "", "?q=1",
        "/v1/h#i", "/v1/j", "/" }
      local got = { "/v1/a", "/v1/b?x=1&y=%2F", "/v1/c", "/v1/d", "/v1/f", "/v1/g", "/v1/%41%2e", "/", "/?q=1", "/v1/h",
        "/v1/j", "/" }
      for i, target in ipairs(asked) do
        assert.equal(404, engine:run(get(nil, { url = base .. target })).status, target)
        if i % 3 == 0 then
          local away = engine:run { method = "GET", url = other.url .. "/users/me", token = other.token }
          assert.equal(200, away.status)
        end
      end
      for i, request in ipairs(server.requests()) do
        assert.equal(got[i], request.target or request.path)
      end
      assert.equal(#got, #server.requests())
    end)

    it("that have no readable host or port are an error, not a fault of memory", function()
      local engine = new()
      for _, url in ipairs { "http://127.0.0.1:99999/a", "https://[::1/a", "https://a:b/" } do
        local ok, result = pcall(engine.run, engine, get(nil, { url = url }))
        assert(ok or tostring(result):find("url", 1, true), tostring(result))
        if ok then
          assert.same({ "protocol", "url", false }, { result.kind, result.code, result.sent })
          assert.equal(404, engine:run(get("/nothing")).status)
        end
      end
    end)

    it("carry each header once, the caller's own in place of ours", function()
      local engine = new()
      engine:run(get(nil, { headers = { ["User-Agent"] = "mine/2", ["accept-encoding"] = "identity" } }))
      engine:run(get(nil, { headers = { ["user-agent"] = "mine/3" } }))
      new { user_agent = "" }:run(get())
      local requests = server.requests()
      assert.same({ "mine/2", "identity" },
        { requests[1].headers["user-agent"], requests[1].headers["accept-encoding"] })
      assert.same({ "mine/3", "gzip, deflate" },
        { requests[2].headers["user-agent"], requests[2].headers["accept-encoding"] })
      assert.is_nil(requests[3].headers["user-agent"])
    end)

    it("of a thousand in a row use one connection", function()
      local engine = new()
      for _ = 1, 1000 do
        assert(engine:run(get()).status == 200)
      end
      assert.equal(1, engine:stats().connections)
    end)

    it("of a table with metamethods that raise leave nothing behind", function()
      local engine = new()
      local req = setmetatable({}, { __index = function(_, key)
        if key == "headers" then error "no headers today" end
        return get()[key]
      end })
      assert.error_matches(function() engine:submit(req) end, "no headers today")
      assert.equal(0, engine:stats().requests)
      local closing = setmetatable({}, { __index = function(_, key)
        if key == "headers" then engine:close() end
        return get()[key]
      end })
      assert.error_matches(function() engine:submit(closing) end, "closed")
    end)
  end)

  describe("retries", function()
    it("repeat what is safe, within the count", function()
      local engine = new { random = function() return 0 end }
      server.fault { kind = "status", status = 503, times = 2 }
      local result = engine:run(get())
      assert.equal(200, result.status)
      assert.equal(3, result.attempts)
      server.fault { kind = "status", status = 503, times = 3 }
      assert.equal(503, engine:run(get()).status)
    end)

    it("follow the request's own word", function()
      local engine = new { random = function() return 0 end }
      local function attempts(more)
        server.clear_faults()
        server.fault { kind = "status", status = 503, times = math.huge }
        return engine:run(get(nil, more)).attempts
      end
      assert.equal(3, attempts {})
      assert.equal(3, attempts { retry = true })
      assert.equal(1, attempts { retry = false })
      assert.equal(1, attempts { retry = 0 })
      assert.equal(5, attempts { retry = 4 })
      assert.equal(1, attempts { safe = false })
      assert.equal(1, attempts { method = "POST" })
      assert.equal(1, attempts { method = "PATCH" })
      assert.equal(3, attempts { method = "POST", safe = true })
      assert.equal(3, attempts { method = "PUT" })
      assert.equal(3, attempts { method = "DELETE" })
    end)

    it("never send a POST twice that may have been read", function()
      local engine = new()
      assert.equal(200, engine:run(get()).status) -- the connection to be reused
      server.clear_requests()
      server.fault { kind = "reset_after", method = "POST" }
      local result = engine:run(get("/users/" .. server.user_ids[1] .. "/contactinfo",
        { method = "POST", body = '{"type":"phone","subType":"work","value":"1"}' }))
      assert.equal("network", result.kind)
      assert.is_true(result.sent)
      assert.is_true(result.retryable)
      assert.equal(1, #server.requests())
    end)
  end)

  describe("time", function()
    -- A clock that moves when someone sleeps.
    local function virtual()
      local clock = { now = 5000, slept = {} }
      clock.options = {
        rate = false, retries = 2,
        clock = function() return clock.now end,
        random = function() return 0.5 end,
        sleep = function(seconds)
          clock.slept[#clock.slept + 1] = seconds
          clock.now = clock.now + seconds
        end,
      }
      return clock
    end

    it("is the caller's when he gives one", function()
      local clock = virtual()
      local engine = new(clock.options)
      server.fault { kind = "status", status = 503, times = 2 }
      assert.equal(200, engine:run(get()).status)
      assert.same({ 0.25, 0.5 }, clock.slept) -- half of 0.5 and of 1
    end)

    it("passes for a 429 before anything is sent again", function()
      local clock = virtual()
      local engine = new(clock.options)
      server.fault { kind = "rate_limit", retry_after = 30 }
      local result = engine:run(get(nil, { method = "POST", safe = false }))
      assert.equal(2, result.attempts)
      assert.is_nil(result.kind)
      assert.is_true(clock.now - 5000 >= 30)
      assert.is_true(result.timings.wait >= 30)
    end)

    it("is not waited for when max_wait forbids it", function()
      local clock = virtual()
      clock.options.max_wait = 20
      local engine = new(clock.options)
      server.fault { kind = "rate_limit", retry_after = 30 }
      local result = engine:run(get())
      assert.equal("rate_limit", result.kind)
      assert.equal("rate-limit", result.code)
      assert.equal(429, result.status)
      assert.equal("string", type(result.body))
      assert.equal("table", type(result.headers))
      assert.is_false(result.sent)
      assert.is_true(math.abs(result.retry_at - os.time() - 30) < 5)
      assert.same({}, clock.slept)
      result = engine:run(get()) -- known to be too long
      assert.equal("rate_limit", result.kind)
      assert.is_nil(result.status)
      assert.equal(0, result.attempts)
      clock.now = clock.now + 30
      assert.equal(200, engine:run(get()).status)
    end)

    it("is not waited for longer than start_within, by a request that would come too late", function()
      local clock = virtual()
      clock.options.rate = { second = 4, minute = 10 }
      local engine = new(clock.options)
      for _ = 1, 4 do
        assert.equal(200, engine:run(get(nil, { start_within = 0.1 })).status)
      end
      server.clear_requests()
      local result = engine:run(get(nil, { start_within = 0.1 }))
      assert.equal("rate_limit", result.kind)
      assert.is_false(result.sent)
      assert.matches("too late", result.message, 1, true)
      assert.same({}, clock.slept)
      assert.equal(0, #server.requests())
      assert.equal(200, engine:run(get(nil, { start_within = 5 })).status)
      -- One that stood behind others when the limit opened is late, though nothing would hold it now.
      local first, late = engine:submit(get()), engine:submit(get(nil, { start_within = 5 }))
      clock.now = clock.now + 6
      assert.equal(200, engine:finish(first).status)
      assert.equal("rate_limit", engine:finish(late).kind)
      -- A 429 is waited for as long as there is time.
      clock.now = clock.now + 120
      server.fault { kind = "rate_limit", retry_after = 2, times = 2 }
      assert.equal(200, engine:run(get(nil, { start_within = 10, retry = 0 })).status)
      server.fault { kind = "rate_limit", retry_after = 30 }
      result = engine:run(get(nil, { start_within = 10, retry = 0 }))
      assert.equal("rate_limit", result.kind)
      assert.is_false(result.sent)
    end)

    it("keeps to the engine's own limit", function()
      local clock = virtual()
      clock.options.rate = { second = 4, minute = 10 }
      local engine = new(clock.options)
      local times = {}
      for i = 1, 12 do
        assert.equal(200, engine:run(get()).status)
        times[i] = clock.now - 5000
      end
      assert.equal(0, times[4])
      assert.is_true(times[5] > 1 and times[5] < 1.1)
      assert.is_true(times[10] > 2 and times[10] < 2.1)
      assert.is_true(times[11] > 60 and times[11] < 60.1)
    end)

    it("goes on by its own clock when the caller's runs backwards, jumps back or gives no number", function()
      local clocks = {
        backwards = function(n) return -n end,
        ["an hour back"] = function(n) return core.now() - (n > 3 and 3600 or 0) end,
        ["to and fro"] = function(n) return core.now() - n % 3 * 3600 end,
        none = function() return nil end,
        text = function() return "noon" end,
        ["no number"] = function() return 0 / 0 end,
        ["without end"] = function() return math.huge end,
        before = function() return -math.huge end,
        ["a table"] = function() return {} end,
      }
      for name, say in pairs(clocks) do
        local n = 0
        local engine = new { retries = 1, rate = { second = 50 }, random = function() return 0 end, clock = function()
          n = n + 1
          return n == 1 and core.now() or say(n)
        end }
        assert.equal(200, engine:run(get()).status, name)
        server.fault { kind = "status", status = 503, times = 1 }
        assert.equal(200, engine:run(get()).status, name)
        server.fault { kind = "delay", seconds = 600, times = 2 }
        assert.equal("timeout", engine:run(get(nil, { timeout = 0.05 })).kind, name)
        server.clear_faults()
        local id, last = engine:sleep(0.02), engine:now()
        assert.is_number(engine:finish(id).slept, name)
        for _ = 1, 100 do
          local now = engine:now()
          assert.is_true(now >= last, name)
          last = now
        end
        engine:close()
        assert.is_true(engine:now() >= last, name)
      end
      for _, wrong in ipairs { 0 / 0, math.huge, "noon", {} } do
        assert.error_matches(function() new { clock = function() return wrong end } end, "clock")
      end
    end)

    it("draws a number itself when the caller's random gives none", function()
      for _, wrong in ipairs { 0 / 0, 1, -1, math.huge, "x", {} } do
        local engine = new { retries = 1, random = function() return wrong end }
        server.fault { kind = "status", status = 503, times = 1 }
        assert.equal(200, engine:run(get()).status)
        engine:close()
      end
    end)

    it("stops with an error of the caller's clock, without a trace of the request", function()
      local broken = false
      local engine = new { clock = function()
        if broken then error "out of order" end
        return 1
      end }
      local calls = 0
      local counting = new { clock = function()
        calls = calls + 1
        if calls == 4 then error "out of order" end
        return 1
      end }
      broken = true
      assert.error_matches(function() engine:run(get()) end, "out of order")
      assert.error_matches(function() engine:wait(1) end, "out of order")
      assert.error_matches(function() counting:run(get()) end, "out of order")
      broken = false
      assert.is_nil(engine:timeout())
      assert.equal(0, engine:stats().queued + engine:stats().in_flight)
      assert.equal(0, counting:stats().queued + counting:stats().in_flight)
      assert.has_error(function() new { clock = function() return "noon" end } end)
    end)
  end)

  describe("a loop of one's own", function()
    it("steps without blocking and sleeps as told", function()
      local engine = new()
      server.fault { kind = "delay", seconds = 0.2 }
      local id = engine:submit(get())
      local steps, watched, hang = 0, 0, core.now() + 60
      while engine:step() == 0 and core.now() < hang do
        steps = steps + 1
        watched = math.max(watched, #engine:sockets())
      end
      assert.is_true(steps > 10)
      assert.is_true(watched >= 2) -- the connection's and the wakeup's
      assert.equal(id, (engine:next()))
    end)

    it("names sockets to watch and a time to wait", function()
      local engine = new()
      for _, socket in ipairs(engine:sockets()) do
        assert.equal("integer", math.type(socket.fd))
        assert.is_true(socket.read)
        assert.is_false(socket.write)
      end
      assert.is_nil(engine:timeout())
      engine:sleep(100)
      assert.is_true(engine:timeout() > 90)
      engine:submit(get())
      assert.equal(0, engine:timeout())
      wait_for(engine, 1)
      assert.equal(0, engine:timeout()) -- a result waits
      engine:next()
      assert.is_true(engine:timeout() > 90)
    end)

    it("has timers that finish like requests", function()
      local engine = new()
      local late, soon = engine:sleep(0.02), engine:sleep(0)
      local results = collect(engine, 2)
      assert.same({ slept = 0 }, results[soon])
      assert.same({ slept = 0.02 }, results[late])
      assert.has_error(function() engine:sleep(-1) end)
      assert.has_error(function() engine:sleep "a while" end)
    end)

    it("does not block where nothing is to wait for", function()
      local engine = new()
      assert.equal(0, engine:wait(0))
      assert.equal(0, engine:wait(0.01))
      assert.has_error(function() engine:wait(-1) end)
    end)

    it("cancels", function()
      local engine = new { max_connections = 1 }
      server.fault { kind = "delay", seconds = 0.3, times = 1 }
      local active, queued, timer = engine:submit(get()), engine:submit(get()), engine:sleep(50)
      engine:step()
      assert.is_true(engine:cancel(active))
      assert.is_true(engine:cancel(timer))
      assert.is_false(engine:cancel(active))
      assert.is_false(engine:cancel(0))
      assert.equal(200, collect(engine, 1)[queued].status)
      assert.equal(2, engine:stats().cancelled)
    end)
  end)

  describe("events", function()
    it("tell of attempts, responses, retries and pauses", function()
      local engine = new { events = true, random = function() return 0 end }
      server.fault { kind = "status", status = 503, times = 1 }
      assert.equal(200, engine:run(get()).status)
      local kinds = {}
      for i, event in ipairs(engine:events()) do
        kinds[i] = event.event
        assert.equal("GET", event.method)
        assert.equal(server.url .. "/users/me", event.url)
        assert.equal("integer", math.type(event.id))
        assert.equal("float", math.type(event.time))
      end
      assert.same({ "attempt", "response", "retry", "attempt", "response" }, kinds)
      assert.is_nil(engine:events())
      server.fault { kind = "rate_limit", retry_after = 40 }
      engine:run(get(nil, { retry = false }))
      local pause = engine:events()[3]
      assert.equal("pause", pause.event)
      assert.is_true(pause.delay >= 40)
    end)

    it("are not kept unless asked for, and never without end", function()
      local engine = new()
      engine:run(get())
      assert.is_nil(engine:events())
      engine = new { events = true }
      for _ = 1, 520 do engine:run(get()) end
      assert.equal(16, engine:stats().events_lost)
      assert.equal(1024, #engine:events())
    end)
  end)

  it("counts", function()
    local engine = new { random = function() return 0 end }
    server.fault { kind = "status", status = 500, times = 1 }
    engine:run(get())
    engine:run { method = "GET", url = "http://127.0.0.1:1/", retry = false }
    local stats = engine:stats()
    assert.equal(2, stats.requests)
    assert.equal(3, stats.attempts)
    assert.equal(2, stats.responses)
    assert.equal(1, stats.retries)
    assert.equal(1, stats.failures)
    assert.equal(1, stats.connections)
    assert.is_true(stats.bytes_sent > 100 and stats.bytes_received > 500)
    for _, phase in ipairs { "queue", "connect", "tls", "first_byte", "total" } do
      assert.equal("float", math.type(stats.seconds[phase]), phase)
    end
  end)

  describe("over TLS", function()
    local function me() return { method = "GET", url = tls.url .. "/users/me", token = tls.token } end

    it("verifies the certificate", function()
      local result = new { connect_timeout = 60 }:run(me()) -- the system's certificates take long to read
      assert.equal("tls", result.kind)
      assert.equal("certificate", result.code)
      assert.is_false(result.retryable)
      assert.is_false(result.sent)
      assert.equal(1, result.attempts)
    end)

    it("trusts the CA it is given", function()
      local engine = new { ca_file = tls.ca_file }
      local result = engine:run(me())
      assert.equal(200, result.status)
      assert.is_true(result.timings.tls > 0)
      assert.equal(200, engine:run(me()).status)
      assert.equal(1, engine:stats().connections)
    end)

    it("says so when that CA is no file", function()
      local result = new { ca_file = "/no/such/file.pem" }:run(me())
      assert.equal("tls", result.kind)
      assert.equal("ca-file", result.code)
    end)

    it("takes no plain text for TLS", function()
      local url = server.url:gsub("^http:", "https:") .. "/users/me"
      local result = new { retries = 0 }:run { method = "GET", url = url }
      assert.equal("tls", result.kind)
      assert.is_false(result.sent)
    end)
  end)

  describe("proxies", function()
    it("are used for other hosts, never for this machine", function()
      local engine = new { proxy = "http://127.0.0.1:1", retries = 0 }
      assert.equal(200, engine:run(get()).status)
      local result = engine:run { method = "GET", url = "https://api.awork.invalid/" }
      assert.equal("network", result.kind)
      assert.matches("127%.0%.0%.1", result.message)
    end)

    it("of no_proxy's hosts are none", function()
      local engine = new { proxy = "http://127.0.0.1:1", no_proxy = "api.awork.invalid", retries = 0 }
      local result = engine:run { method = "GET", url = "https://api.awork.invalid/" }
      assert.equal("resolve", result.code)
    end)
  end)

  describe("its end", function()
    it("comes once, however often it is asked for", function()
      local engine = new()
      engine:submit(get())
      engine:step()
      assert.matches("^awork.engine %(0x", tostring(engine))
      engine:close()
      engine:close()
      assert.equal("awork.engine (closed)", tostring(engine))
      for _, method in ipairs { "step", "next", "timeout", "sockets", "stats", "events", "wait" } do
        assert.error_matches(function() engine[method](engine) end, "closed")
      end
      assert.error_matches(function() engine:run(get()) end, "closed")
      assert.error_matches(function() engine:submit(get()) end, "closed")
      assert.error_matches(function() engine:sleep(1) end, "closed")
      assert.error_matches(function() engine:cancel(1) end, "closed")
    end)

    it("is the end of a scope, too", function()
      local kept
      do
        local engine <close> = new()
        kept = engine
        engine:submit(get())
      end
      assert.error_matches(function() kept:step() end, "closed")
    end)

    it("is the collector's when nobody keeps it", function()
      server.fault { kind = "delay", seconds = 5, times = 3 }
      for _ = 1, 3 do
        local engine = assert(core.engine { rate = false })
        engine:submit(get())
        engine:sleep(10)
        engine:step()
      end
      collectgarbage()
      collectgarbage()
    end)

    it("waits for a result that is being read", function()
      -- A collector that runs at every chance, and finalizers that do to the engine what they can.
      for _, act in ipairs { "close", "next", "step", "events", "cancel", "run" } do
        local engine = new { events = true }
        local ids = {}
        for i = 1, 8 do ids[i] = engine:submit(get()) end
        wait_for(engine, 8)
        local function finalizer()
          setmetatable({}, { __gc = function()
            if act == "cancel" then
              for i = 1, 8 do pcall(engine.cancel, engine, ids[i]) end
            elseif act == "run" then
              pcall(engine.run, engine, get())
            else
              pcall(engine[act], engine)
            end
          end })
        end
        collectgarbage("stop")
        for _ = 1, 50 do finalizer() end
        collectgarbage("setpause", 0)
        collectgarbage("setstepmul", 1000)
        collectgarbage("restart")
        for _ = 1, 8 do
          for _ = 1, 20 do finalizer() end
          local ok, id, result = pcall(engine.next, engine)
          if ok and id then assert.equal(200, result.status) end
        end
        collectgarbage("setpause", 200)
        collectgarbage("setstepmul", 100)
        collectgarbage()
        engine:close()
      end
    end)

    it("does not take the metatable with it", function()
      assert.equal("awork.engine", getmetatable(new()))
      assert.has_error(function() setmetatable(new(), {}) end)
    end)
  end)

  describe("options", function()
    it("are checked", function()
      local function refuses(name, value, pattern)
        assert.error_matches(function() core.engine { [name] = value } end, pattern or name)
      end
      for _, name in ipairs { "connect_timeout", "timeout", "attempt_timeout" } do
        refuses(name, 0)
        refuses(name, -1)
        refuses(name, 0 / 0)
        refuses(name, "soon")
      end
      refuses("max_wait", -1)
      refuses("max_connections", 0)
      refuses("max_connections", 1.5)
      refuses("max_body", 0)
      refuses("max_header", 1)
      refuses("retries", -1)
      refuses("retries", 1000)
      refuses("reserve", 1)
      refuses("reserve", -0.1)
      refuses("rate", true)
      refuses("rate", 50)
      refuses("rate", { second = 0 }, "second")
      refuses("rate", { minute = 1.5 }, "minute")
      refuses("allow_http", "yes")
      refuses("http2", 1)
      refuses("events", 1)
      refuses("ca_file", 1)
      refuses("ca_file", "a\0b")
      refuses("user_agent", "a\r\nb")
      refuses("proxy", true)
      refuses("clock", 1)
      refuses("seed", "x")
      assert.has_error(function() core.engine "fast" end)
    end)

    it("may all be absent", function()
      assert(core.engine()):close()
      assert(core.engine {}):close()
      assert(core.engine { timeout = math.huge, max_wait = math.huge, connect_timeout = math.huge }):close()
    end)

    it("bound body and headers", function()
      local engine = new { max_body = 100, max_header = 300 }
      assert.equal("body-too-large", engine:run(get()).code)
      server.fault { kind = "raw", data = "HTTP/1.1 200 OK\r\nX: " .. ("y"):rep(400) .. "\r\n\r\n" }
      assert.equal("headers-too-large", engine:run(get()).code)
    end)

    it("name the client", function()
      new { user_agent = "tester/1" }:run(get())
      new():run(get())
      local requests = server.requests()
      assert.equal("tester/1", requests[1].headers["user-agent"])
      assert.matches("^awork%-lua/%d", requests[2].headers["user-agent"])
    end)
  end)

  it("runs in a coroutine, in several at once", function()
    local engine = new()
    local done = 0
    for _ = 1, 5 do
      coroutine.wrap(function()
        assert.equal(200, engine:run(get()).status)
        done = done + 1
      end)()
    end
    assert.equal(5, done)
  end)

  it("tells the versions", function()
    assert.matches("^%d+%.%d+%.%d+$", core.version.awork)
    assert.matches("^%d+%.%d+", core.version.curl)
    assert.equal("string", type(core.version.ssl))
    assert.equal("boolean", type(core.version.http2))
  end)
end)
