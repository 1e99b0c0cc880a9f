local http = require "support.http"
local sandbox = require "awork.sandbox"
local time = require "awork.time"

local STEP = http.slow and 29 or 1
local PHONE = { type = "phone", subType = "work", value = "+49 30 1234567" }

describe("a fault", function()
  local sb, ask, close, path

  before_each(function()
    sb = assert(sandbox.start { rate_limit = false })
    ask, close = http.client(sb)
    path = "/users/" .. sb.me_id .. "/contactinfo"
  end)

  after_each(function()
    close()
    sb.stop()
  end)

  local function count() return #sb.contact_infos(sb.me_id) end

  -- The bytes of a create.
  local function create_bytes()
    return http.format("POST", "/api/v1" .. path, { Authorization = "Bearer " .. sb.token }, PHONE)
  end

  describe("of kind status", function()
    it("answers in awork's shape, without the effect", function()
      sb.fault { kind = "status" }
      local answer = ask("POST", path, PHONE)
      assert.equal(500, answer.status)
      assert.equal("server-error", answer.json.code)
      assert.equal(answer.headers["trace-id"], answer.json.traceId)
      assert.equal(0, count())
      assert.equal(200, ask("POST", path, PHONE).status)
    end)

    it("answers as told", function()
      sb.fault { kind = "status", status = 409, code = "concurrency-violation", description = "again" }
      local answer = ask("GET", "/me")
      assert.equal(409, answer.status)
      assert.equal("again", answer.json.description)
      sb.fault { kind = "status", status = 400, body = { code = "invalid-model" }, headers = { ["X-A"] = "b" } }
      answer = ask("GET", "/me")
      assert.equal("invalid-model", answer.json.code)
      assert.equal("b", answer.headers["x-a"])
      sb.fault { kind = "status", status = 200, body = "<html>", content_type = "text/html" }
      answer = ask("GET", "/me")
      assert.equal("<html>", answer.body)
      assert.equal("text/html", answer.headers["content-type"])
      sb.fault { kind = "status", status = 204 }
      assert.equal("", ask("GET", "/me").body)
    end)

    it("is the edge's at 403 and a gateway's from 502 to 504", function()
      sb.fault { kind = "status", status = 403 }
      local answer = ask("GET", "/me")
      assert.truthy(answer.headers["x-edge-ref"])
      assert.truthy(answer.headers["trace-id"])
      assert.is_nil(answer.json)
      for status = 502, 504 do
        sb.fault { kind = "status", status = status }
        answer = ask("GET", "/me")
        assert.equal(status, answer.status)
        assert.equal("text/html", answer.headers["content-type"])
      end
      sb.fault { kind = "status", status = 503, code = "server-error" }
      assert.equal("server-error", ask("GET", "/me").json.code)
    end)

    it("may let the request take effect first", function()
      sb.fault { kind = "status", status = 504, effect = true }
      assert.equal(504, ask("POST", path, PHONE).status)
      assert.equal(1, count())
    end)
  end)

  it("of kind rate_limit refuses with or without Retry-After", function()
    sb.fault { kind = "rate_limit" }
    local answer = ask("POST", path, PHONE)
    assert.equal(429, answer.status)
    assert.is_nil(answer.headers["retry-after"])
    assert.equal("0", answer.headers["ratelimit-remaining"])
    assert.equal("0", answer.headers["x-ratelimit-remaining-second"])
    assert.equal(0, count())
    sb.fault { kind = "rate_limit", retry_after = 7, scope = "minute" }
    answer = ask("GET", "/me")
    assert.equal("7", answer.headers["retry-after"])
    assert.equal("7", answer.headers["ratelimit-reset"])
    assert.equal("0", answer.headers["x-ratelimit-remaining-minute"])
    sb.fault { kind = "rate_limit", retry_after = "Wed, 21 Oct 2015 07:28:00 GMT", reset = 2 }
    answer = ask("GET", "/me")
    assert.equal("Wed, 21 Oct 2015 07:28:00 GMT", answer.headers["retry-after"])
    assert.equal("2", answer.headers["ratelimit-reset"])
  end)

  it("of kind delay or trickle holds up nobody else", function()
    sb.fault { kind = "delay", seconds = 3600, method = "POST" }
    sb.fault { kind = "trickle", bytes = 1, seconds = 3600, path = "/users/me$" }
    local slow = {}
    for i, bytes in ipairs {
      create_bytes(), http.format("GET", "/api/v1/users/me", { Authorization = "Bearer " .. sb.token }),
    } do
      slow[i] = assert(http.connect(sb.origin))
      slow[i]:send(bytes)
    end
    local first = slow[2]:receive()
    assert.truthy(first:find "^HTTP/1.1 200")
    for _ = 1, 20 do assert.equal(200, ask("GET", "/me").status) end
    assert.equal(1, count()) -- the delayed one took effect at once
    for i = 1, 2 do slow[i]:close() end
  end)

  it("of kind delay answers in the end", function()
    sb.fault { kind = "delay", seconds = 0.05, times = 2 }
    sb.fault { kind = "status", seconds = 0.05, status = 503 }
    assert.equal(200, ask("POST", path, PHONE).status)
    assert.equal(200, ask("POST", path, PHONE).status)
    assert.equal(503, ask("POST", path, PHONE).status)
    assert.equal(2, count())
  end)

  it("of kind trickle sends everything", function()
    local whole = ask("GET", "/me").body
    sb.fault { kind = "trickle", bytes = 50, seconds = 0.001 }
    assert.equal(whole, ask("GET", "/me").body)
    sb.fault { kind = "trickle", bytes = 100000, seconds = 0 }
    assert.equal(whole, ask("GET", "/me").body)
    sb.set { users = 20 }
    whole = ask("GET", "/users?pageSize=20").body
    assert.is_true(#whole > 5000)
    sb.fault { kind = "trickle", bytes = 5000, seconds = 0.001 }
    assert.equal(whole, ask("GET", "/users?pageSize=20").body)
    assert.equal(1, sb.stats().connections)
  end)

  describe("that breaks the connection", function()
    it("does it before or after the effect, by reset or in order", function()
      for how, ending in pairs { reset = "reset", close = "closed" } do
        sb.set { users = 1 }
        path = "/users/" .. sb.me_id .. "/contactinfo"
        sb.fault { kind = "reset_before", how = how }
        local data, why = http.exchange(sb.origin, create_bytes())
        assert.same({ "", ending, 0 }, { data, why, count() })
        sb.fault { kind = "reset_after", how = how }
        data, why = http.exchange(sb.origin, create_bytes())
        assert.same({ "", ending, 1 }, { data, why, count() })
      end
    end)

    it("resets unless told otherwise", function()
      for _, kind in ipairs { "reset_before", "reset_after", "cut_response", "cut_request" } do
        sb.fault { kind = kind }
        local _, why = http.exchange(sb.origin, create_bytes())
        assert.equal("reset", why, kind)
      end
      sb.fault { kind = "cut" }
      assert.equal("closed", select(2, http.exchange(sb.origin, create_bytes())))
    end)

    it("cuts the body at any byte", function()
      local whole = ask("GET", "/me").body
      for how, ending in pairs { reset = "reset", close = "closed" } do
        for _, n in ipairs { 0, 1, 100, #whole - 1 } do
          sb.fault { kind = "cut", bytes = n, how = how }
          local data, why = http.exchange(sb.origin,
            http.format("GET", "/api/v1/me", { Authorization = "Bearer " .. sb.token }))
          local body = data:match "\r\n\r\n(.*)$"
          assert.equal(whole:sub(1, n), body)
          assert.equal(ending, why)
          assert.truthy(data:find("Content-Length: " .. #whole, 1, true))
        end
      end
      sb.fault { kind = "cut", bytes = #whole }
      assert.equal(whole, ask("GET", "/me").body)
    end)

    it("cuts the response at every byte, after the effect", function()
      sb.fault { kind = "cut_response", bytes = 1e9, method = "POST" }
      local whole, why = http.exchange(sb.origin, create_bytes())
      assert.equal("reset", why)
      assert.truthy(whole:find "^HTTP/1.1 200 OK\r\n.*\r\n\r\n{.*}$")
      local length = sb.faults()[1].length
      assert.equal(#whole, length)
      sb.clear_faults()
      local runs = 0
      for n = 0, length, STEP do
        runs = runs + 1
        sb.fault { kind = "cut_response", bytes = n, how = n % 2 == 0 and "reset" or "close" }
        local data
        data, why = http.exchange(sb.origin, create_bytes())
        assert.equal(n, #data)
        assert.equal(n % 2 == 0 and "reset" or "closed", why)
      end
      assert.equal(runs + 1, count())
    end)

    it("cuts the request at every byte, before any effect", function()
      local bytes, runs = create_bytes(), 0
      for n = 0, #bytes, STEP do
        runs = runs + 1
        local id = sb.fault { kind = "cut_request", bytes = n, method = "POST", path = "/contactinfo$",
          how = n % 2 == 0 and "reset" or "close" }
        local data, why = http.exchange(sb.origin, bytes)
        assert.equal("", data)
        assert.equal(n % 2 == 0 and "reset" or "closed", why)
        assert.equal(1, sb.faults()[1].fired)
        sb.clear_faults(id)
      end
      sb.fault { kind = "cut_request", bytes = 1e6 } -- more than there is: all of it
      assert.same({ "", "reset" }, { http.exchange(sb.origin, bytes) })
      runs = runs + 1
      assert.equal(0, count())
      local log = sb.requests()
      assert.equal(runs, #log)
      assert.equal("cut_request", log[1].fault)
      assert.is_nil(log[1].status)
      assert.equal("0", ask("GET", path).headers["aw-totalitems"])
    end)

    it("cuts a request whose body is still to come", function()
      sb.fault { kind = "cut_request", bytes = 500 }
      local conn = assert(http.connect(sb.origin))
      local head = "POST /api/v1" .. path .. " HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
      conn:send(head .. ("x"):rep(500 - #head - 1))
      assert.equal(200, ask("GET", "/me").status)
      assert.equal(1, #sb.requests() - 1)
      conn:send "x"
      local _, why = conn:receive()
      assert.equal("reset", why)
      conn:close()
    end)

    it("leaves other connections and requests alone", function()
      local conn = assert(http.connect(sb.origin))
      sb.fault { kind = "reset_before", method = "DELETE", times = math.huge }
      for _ = 1, 3 do
        local answer, why = ask("DELETE", path .. "/x")
        assert.is_nil(answer)
        assert.equal("reset", why)
        assert.equal(401, conn:request("GET", "/api/v1/me").status)
      end
      assert.equal(3, sb.faults()[1].fired)
      assert.is_nil(sb.faults()[1].left)
      conn:close()
    end)

    -- A request whose answer is larger than what sockets hold, its answer not read.
    local function ask_for_much()
      sb.set { users = 1000, contact_infos_per_user = http.slow and 5 or 40 }
      local conn = assert(http.connect(sb.origin))
      conn:send(http.format("GET", "/api/v1/users?pageSize=1000", { Authorization = "Bearer " .. sb.token }))
      for _ = 1, 10 do assert.equal(200, ask("GET", "/me").status) end -- not held up meanwhile
      return conn
    end

    it("sends a long answer in full before it breaks", function()
      sb.fault { kind = "cut_response", bytes = 1e9, how = "close", path = "/users$" }
      local conn = ask_for_much()
      local data, why = conn:receive_all()
      assert.equal("closed", why)
      local length = tonumber(data:match "Content%-Length: (%d+)")
      assert.is_true(length > 1000000)
      assert.equal(length, #data:match "\r\n\r\n(.*)$")
      conn:close()
    end)

    it("ends while it writes to one that does not read", function()
      sb.fault { kind = "cut_response", bytes = 1e9, path = "/users$" }
      local conn = ask_for_much()
      sb.stop()
      conn:close()
    end)

    it("gives up on one that is gone", function()
      sb.fault { kind = "cut_response", bytes = 1e9, path = "/users$" }
      ask_for_much():close()
      local open
      for _ = 1, 1000 do
        assert.equal(200, ask("GET", "/me").status)
        open = sb.stats().open_connections
        if open == 1 then break end
      end
      assert.equal(1, open)
    end)
  end)

  it("of kind garbage takes the body's place, after the effect", function()
    sb.fault { kind = "garbage" }
    local answer = ask("POST", path, PHONE)
    assert.equal(200, answer.status)
    assert.is_nil(answer.json)
    assert.equal(1, count())
    sb.fault { kind = "garbage", data = "\xff\0{", content_type = "text/plain", status = 201, effect = false }
    answer = ask("POST", path, PHONE)
    assert.same({ 201, "\xff\0{" }, { answer.status, answer.body })
    assert.equal(1, count())
  end)

  it("of kind redirect points elsewhere", function()
    sb.fault { kind = "redirect" }
    local answer = ask("POST", path, PHONE)
    assert.equal(302, answer.status)
    assert.equal("https://elsewhere.example/", answer.headers.location)
    sb.fault { kind = "redirect", status = 307, location = sb.url }
    answer = ask("POST", path, PHONE)
    assert.same({ 307, sb.url }, { answer.status, answer.headers.location })
    assert.equal(0, count())
  end)

  it("of kind raw sends any bytes", function()
    for how, ending in pairs { reset = "reset", close = "closed" } do
      for _, bytes in ipairs { "", "\0", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", ("x"):rep(300000) } do
        sb.fault { kind = "raw", data = bytes, how = how }
        local data, why = http.exchange(sb.origin, create_bytes())
        if how == "close" or #bytes < 1000 then assert.equal(#bytes, #data) end
        assert.equal(ending, why)
      end
    end
    assert.equal(0, count())
  end)

  it("chooses by method, path, skip, times and order", function()
    sb.fault { kind = "status", status = 501, method = "GET", path = "/me$", skip = 1, times = 2 }
    sb.fault { kind = "status", status = 502, path = "^/api/v1/users" }
    local got = {}
    for i, what in ipairs { "/me", "/users", "/me", "/users/me", "/me", "/me" } do got[i] = ask("GET", what).status end
    assert.same({ 200, 502, 501, 501, 200, 200 }, got)
    local report = sb.faults()
    assert.same({ 2, 0, 1, 0 }, { report[1].fired, report[1].left, report[2].fired, report[2].left })
  end)

  it("comes by chance, the same for the same seed", function()
    local function draw(seed)
      sb.clear_faults()
      sb.fault { kind = "status", probability = 0.3, seed = seed, times = math.huge }
      local got = {}
      for i = 1, http.slow and 30 or 300 do got[i] = ask("GET", "/me").status end
      return got, sb.faults()[1].fired
    end
    local a, fired = draw(1)
    assert.same(a, (draw(1)))
    assert.not_same(a, (draw(2)))
    if not http.slow then assert.is_true(fired > 50 and fired < 130) end
  end)

  it("touches the token URL too, and one who has no token", function()
    sb.fault { kind = "status", status = 500, path = "/accounts/token$" }
    assert.equal(500, ask("POST", "/accounts/token", "a=b", { Authorization = false }).status)
  end)

  it("is not counted as a request when the connection broke before", function()
    sb.set { rate_limit = { second = 1000, minute = 1000 } }
    sb.fault { kind = "reset_before" }
    sb.fault { kind = "status" }
    assert.is_nil((ask("GET", "/me")))
    assert.equal("999", ask("GET", "/me").headers["x-ratelimit-remaining-minute"])
    sb.set { rate_limit = { second = 1000, minute = 1000, window = "sliding" } }
    sb.fault { kind = "reset_before" }
    assert.is_nil((ask("GET", "/me")))
    assert.equal("999", ask("GET", "/me").headers["x-ratelimit-remaining-minute"])
  end)

  it("waits while the limit refuses", function()
    sb.set { rate_limit = { second = 0 } }
    sb.fault { kind = "status", status = 500 }
    assert.equal(429, ask("GET", "/me").status)
    sb.set { rate_limit = false }
    assert.equal(500, ask("GET", "/me").status)
  end)

  it("lets lists lag behind, those of users too, by the server's clock", function()
    local function shown()
      local embedded
      for _, user in ipairs(ask("GET", "/users?pageSize=1000").json) do
        if user.id == sb.me_id then embedded = #user.userContactInfos end
      end
      local list = ask("GET", path)
      assert.equal(embedded, #list.json)
      assert.equal(tostring(embedded), list.headers["aw-totalitems"])
      return embedded
    end
    assert.equal(0, shown())
    sb.fault { kind = "stale", method = "GET", lag = 60, times = math.huge }
    assert.equal(200, ask("POST", path, PHONE).status)
    assert.equal(0, shown())
    sb.advance(61)
    assert.equal(1, shown())
    assert.equal(200, ask("POST", path, PHONE).status)
    assert.equal(1, shown())
    sb.clear_faults()
    assert.equal(2, shown())
    assert.equal(2, count())
    assert.has_error(function() sb.advance "x" end)
  end)

  it("tells the wrong time, or none", function()
    local function created(fault)
      fault.method, fault.kind = "POST", "skew"
      sb.fault(fault)
      local answer = ask("POST", path, PHONE)
      return time.parse_iso(answer.json.createdOn), time.parse_http(answer.headers.date), answer
    end
    local at, date = created { created = -3600.5 }
    assert.is_true(math.abs(date - at - 3600.5) < 30)
    at, date = created { date = 3600 }
    assert.is_true(math.abs(at - date + 3600) < 30)
    assert.is_nil(select(3, created { date = false }).headers.date)
    assert.equal("soon", select(3, created { date = "soon" }).headers.date)
    assert.equal("99999", select(3, created { created = "99999" }).json.createdOn)
    local wrong = { { created = {} }, { date = true }, { created = 1e11 }, { created = false }, { lag = -1 } }
    for _, fault in ipairs(wrong) do
      fault.kind = "skew"
      assert.has_error(function() sb.fault(fault) end)
    end
  end)
end)
