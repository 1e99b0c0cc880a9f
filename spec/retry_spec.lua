local awork = require "awork"
local help = require "client_help"
local sweep = require "create_sweep"

local hasty = sweep.hasty

-- Under a checker a sample of the sweep will do.
local PLAIN = (os.getenv "AWORK_CHECK" or "plain") == "plain"

describe("a create", function()
  local server, id

  setup(function()
    server = help.server { users = 3, max_contact_infos = 12 }
    id = server.user_ids[1]
  end)

  teardown(function()
    server.stop()
  end)

  before_each(function()
    server.reset()
  end)

  local function posts()
    local n = 0
    for _, request in ipairs(server.requests()) do
      if request.method == "POST" then
        n = n + 1
      end
    end
    return n
  end

  it("whose answer is lost is read back and adopted", function()
    for _, fault in ipairs {
      { kind = "reset_after" }, { kind = "cut", bytes = 20 }, { kind = "cut_response", bytes = 0 },
      { kind = "status", status = 500, effect = true }, { kind = "status", status = 504, effect = true },
      { kind = "garbage" }, { kind = "garbage", data = "" }, { kind = "garbage", data = "5" },
    } do
      server.reset()
      local client <close> = hasty(server)
      fault.method = "POST"
      server.fault(fault)
      local phone = help.phone()
      local info, err, adopted = client.contact_infos:create(id, phone)
      assert.is_nil(err)
      assert.is_true(adopted)
      assert.equal(phone.value, info.value)
      assert.equal(1, posts())
      assert.equal(1, help.count(server, id, phone.value))
      assert.equal(1, client:stats().adopted)
      assert.equal(1, client:stats().read_backs)
    end
  end)

  it("that had no effect is posted again, after it was read back", function()
    local client <close> = hasty(server)
    for _, fault in ipairs {
      { kind = "reset_before" }, { kind = "cut_request", bytes = 400 }, { kind = "status", status = 500 },
      { kind = "status", status = 502 }, { kind = "status", status = 503 },
    } do
      server.reset()
      fault.method = "POST"
      server.fault(fault)
      local phone = help.phone()
      local info, err, adopted = client.contact_infos:create(id, phone)
      assert.is_nil(err)
      assert.is_nil(adopted)
      assert.equal(phone.value, info.value)
      assert.equal(1, help.count(server, id, phone.value))
    end
  end)

  it("that is refused is not repeated", function()
    local client <close> = hasty(server)
    for _, status in ipairs { 400, 403, 404, 409 } do
      server.fault { kind = "status", status = status, method = "POST" }
      local info, err = client.contact_infos:create(id, help.phone())
      assert.is_nil(info)
      assert.equal(status, err.status)
      assert.is_nil(err.ambiguous)
    end
    assert.equal(4, #server.requests())
  end)

  it("that is answered 429 waits and goes again: it had no effect", function()
    local client <close> = hasty(server)
    server.fault { kind = "rate_limit", retry_after = 1, method = "POST" }
    local phone = help.phone()
    assert(client.contact_infos:create(id, phone))
    assert.equal(2, #server.requests())
    assert.equal(1, help.count(server, id, phone.value))
    local hurried <close> = hasty(server, { max_wait = 1 })
    server.fault { kind = "rate_limit", retry_after = 100, method = "POST" }
    local info, err = hurried.contact_infos:create(id, phone)
    assert.is_nil(info)
    assert.equal("rate_limit", err.kind)
    assert.is_number(err.retry_at)
    assert.is_nil(err.ambiguous)
  end)

  it("that fails to the end says so; what it may have done is ambiguous", function()
    local client <close> = hasty(server, { retries = 1, timeout = 60 })
    server.fault { kind = "status", status = 500, method = "POST", times = 2 }
    local info, err = client.contact_infos:create(id, help.phone())
    assert.is_nil(info)
    assert.equal(500, err.status)
    -- The application has answered, and it is not there: nothing is in doubt.
    assert.is_nil(err.ambiguous)
    assert.is_true(err.retryable)
    for _, fault in ipairs { { kind = "reset_before" }, { kind = "status", status = 504 } } do
      server.reset()
      fault.method, fault.times = "POST", 2
      server.fault(fault)
      info, err = client.contact_infos:create(id, help.phone())
      assert.is_nil(info)
      assert.is_true(err.ambiguous)
      assert.is_false(err.retryable)
      assert.matches("list /users/" .. id:gsub("%-", "%%-") .. "/contactinfo", tostring(err))
    end
  end)

  it("that can't be read back is ambiguous", function()
    local client <close> = hasty(server, { retries = 1 })
    server.fault { kind = "reset_after", method = "POST" }
    server.fault { kind = "status", status = 400, method = "GET", body = { code = "invalid-operation" } }
    local info, err = client.contact_infos:create(id, help.phone())
    assert.is_nil(info)
    assert.is_true(err.ambiguous)
    assert.equal("network", err.kind)
    assert.equal(400, err.read_back.status)
  end)

  it("that was answered with success and can't be found is ambiguous, never posted again", function()
    local client <close> = hasty(server)
    server.fault { kind = "garbage", method = "POST", effect = false }
    local info, err = client.contact_infos:create(id, help.phone())
    assert.is_nil(info)
    assert.is_true(err.ambiguous)
    assert.equal("protocol", err.kind)
    assert.equal(1, posts())
  end)

  it("finds it beyond the first page", function()
    local big <close> = help.server { users = 1 }
    local client <close> = hasty(big)
    local owner = big.user_ids[1]
    local report = client.contact_infos:create_many(function()
      local n = #big.user_ids
      return n > 0 and big.done ~= 1005 and { user_id = owner, info = { type = "phone", value = "99999" } } or nil
    end, { on_progress = function(done) big.done = done + 7 > 1004 and 1005 or done end })
    assert.is_true(report.created >= 998)
    big.fault { kind = "reset_after", method = "POST" }
    local info, err, adopted = client.contact_infos:create(owner, { type = "phone", value = "11111" })
    assert.is_nil(err)
    assert.is_true(adopted)
    assert.equal("11111", info.value)
  end)

  it("never adopts what was there before, by whatever clock the server goes", function()
    for _, offset in ipairs { 0, 3600, -86400 * 365 } do
      server.reset()
      server.set { clock_offset = offset - 2 * 86400 }
      local other <close> = help.client(server)
      local phone = help.phone()
      local old = assert(other.contact_infos:create(id, phone))
      server.set { clock_offset = offset }
      local client <close> = hasty(server)
      server.fault { kind = "reset_before", method = "POST" }
      local info, err, adopted = client.contact_infos:create(id, phone)
      assert.is_nil(err)
      assert.is_nil(adopted)
      assert.not_equal(old.id, info.id)
      assert.equal(2, help.count(server, id, phone.value))
      server.fault { kind = "reset_after", method = "POST" }
      info, err, adopted = client.contact_infos:create(id, phone)
      assert.is_nil(err)
      assert.is_true(adopted)
      assert.not_equal(old.id, info.id)
      assert.equal(3, help.count(server, id, phone.value))
    end
  end)

  it("never adopts what another create of this client returned", function()
    local client <close> = hasty(server)
    local phone = help.phone()
    for i = 1, 300 do
      local info = assert(client.contact_infos:create(id, phone))
      if i == 1 or i % 100 == 0 then
        server.fault { kind = "reset_before", method = "POST" }
        local again, _, adopted = client.contact_infos:create(id, phone)
        assert.is_nil(adopted)
        assert.not_equal(info.id, again.id)
      end
    end
  end)

  it("does not adopt one that differs in a field that was sent", function()
    local client <close> = hasty(server)
    local other <close> = help.client(server)
    local phone = help.phone()
    assert(other.contact_infos:create(id, { type = "phone", subType = "home", value = phone.value }))
    server.fault { kind = "reset_before", method = "POST" }
    local _, _, adopted = client.contact_infos:create(id, phone)
    assert.is_nil(adopted)
  end)

  it("with retry = false neither repeats nor reads back", function()
    local client <close> = hasty(server)
    server.fault { kind = "reset_after", method = "POST" }
    local info, err = client.contact_infos:create(id, help.phone(), { retry = false })
    assert.is_nil(info)
    assert.is_true(err.ambiguous)
    assert.equal(1, #server.requests())
    server.fault { kind = "status", status = 400, method = "POST" }
    info, err = client.contact_infos:create(id, help.phone(), { retry = false })
    assert.is_nil(info)
    assert.is_nil(err.ambiguous)
    assert(client.contact_infos:create(id, help.phone(), { retry = false, timeout = 5 }))
  end)

  it("with retry = 0 reads back once and posts no second time", function()
    local client <close> = hasty(server)
    server.fault { kind = "reset_before", method = "POST" }
    local info, err = client.contact_infos:create(id, help.phone(), { retry = 0 })
    assert.is_nil(info)
    assert.is_true(err.ambiguous)
    assert.equal(1, posts())
  end)

  it("keeps time for reading back within its timeout", function()
    local client <close> = help.client(server)
    server.fault { kind = "delay", seconds = 3, method = "POST" }
    local phone = help.phone()
    local begun = require("awork.core").now()
    local info, err = client.contact_infos:create(id, phone, { timeout = 1 })
    assert.is_true(require("awork.core").now() - begun < 2.5)
    if info then
      assert.equal(phone.value, info.value)
    else
      assert.is_true(err.ambiguous)
      assert.equal("timeout", err.kind)
    end
    assert.equal(1, posts())
  end)

  it("waits while another one of that owner is in doubt, for no longer than its timeout", function()
    local client <close> = help.client(server, { random = function() return 0 end })
    server.fault { kind = "reset_after", method = "POST" }
    server.fault { kind = "delay", seconds = 2, method = "GET" }
    local first = client:spawn(function() return client.contact_infos:create(id, help.phone()) end)
    local second, third
    client:spawn(function()
      client:sleep(0.05)
      second = table.pack(client.contact_infos:create(id, help.phone(), { timeout = 0.2 }))
    end)
    client:spawn(function()
      client:sleep(0.05)
      third = table.pack(client.contact_infos:create(server.user_ids[2], help.phone()))
    end)
    for _ = 1, 1000 do
      if second and third then
        break
      end
      client:wait(0.1)
    end
    assert.is_nil(second[1])
    assert.equal("timeout", second[2].kind)
    assert.is_nil(second[2].ambiguous)
    assert.is_table(third[1])
    first:cancel()
    assert(client.contact_infos:create(id, help.phone()))
  end)

  it("cancelled while it is in doubt leaves the way free for others", function()
    local client <close> = help.client(server)
    server.fault { kind = "reset_after", method = "POST" }
    local doubtful = client:spawn(function() return client.contact_infos:create(id, help.phone()) end)
    for _ = 1, 1000 do
      client:wait(0.01)
      if client:stats().failures > 0 then
        break
      end
    end
    local waiting = client:spawn(function() return client.contact_infos:create(id, help.phone()) end)
    client:step()
    doubtful:cancel()
    assert.is_table((waiting:wait()))
  end)

  describe("whose time is up", function()
    -- A client whose clock jumps by 1000 seconds when `when` says so.
    local function jumping(when, options)
      local jumped = 0
      local function look(info)
        if when(info) then
          jumped = jumped + 1000
        end
      end
      local merged = { on_response = look, on_retry = look }
      for name, value in pairs(options or {}) do
        merged[name] = value
      end
      local client = hasty(server, merged)
      local session = help.session(client)
      local clock = session.clock
      session.clock = function() return clock() + jumped end
      return client
    end

    for name, when in pairs {
      ["before the read-back"] = function(info) return info.error ~= nil end,
      ["in the read-back"] = function(info) return info.reason == "read-back" end,
      ["before the repetition"] = function(info) return info.reason == "post-again" end,
    } do
      it(name .. " is ambiguous", function()
        local client <close> = jumping(when)
        server.fault { kind = "reset_before", method = "POST" }
        local info, err = client.contact_infos:create(id, help.phone())
        assert.is_nil(info)
        assert.is_true(err.ambiguous)
        assert.equal("network", err.kind)
        assert.equal(1, posts())
      end)
    end

    it("while it waits for another's answer is ambiguous", function()
      local client <close> = jumping(function(info) return info.error ~= nil end)
      server.fault { kind = "reset_before", method = "POST" }
      server.fault { kind = "delay", seconds = 0.2, method = "POST" }
      local first = client:spawn(function() return client.contact_infos:create(id, help.phone()) end)
      local second = client:spawn(function() return client.contact_infos:create(id, help.phone()) end)
      client:loop()
      local made = 0
      for _, task in ipairs { first, second } do
        local info, err = task:wait()
        if info then
          made = made + 1
        else
          assert.is_true(err.ambiguous)
        end
      end
      assert.equal(1, made)
    end)
  end)

  it("whose repetition is refused is ambiguous if the first request may still be at work", function()
    local client <close> = hasty(server)
    for first, ambiguous in pairs { reset_before = true, status = false } do
      server.reset()
      server.fault { kind = first, method = "POST" }
      server.fault { kind = "status", status = 400, method = "POST", body = { code = "invalid-operation" } }
      local info, err = client.contact_infos:create(id, help.phone())
      assert.is_nil(info)
      assert.equal("invalid-operation", err.code)
      assert.equal(ambiguous, err.ambiguous or false)
    end
  end)

  it("is not adopted, and not repeated, where the server tells no time", function()
    local client <close> = hasty(server)
    local phone = help.phone()
    phone.id = "123e4567-e89b-12d3-a456-426614174000"
    server.fault { kind = "reset_after", method = "POST" }
    server.fault { kind = "status", status = 200, method = "GET", body = { phone }, times = math.huge }
    local info, err = client.contact_infos:create(id, { type = "phone", subType = "work", value = phone.value })
    assert.is_nil(info)
    assert.is_true(err.ambiguous)
    assert.equal(1, posts())
  end)

  it("that blocks waits for one of a task that is in doubt, and drives it", function()
    local client <close> = help.client(server, { random = function() return 0 end })
    server.fault { kind = "reset_after", method = "POST" }
    local task = client:spawn(function() return client.contact_infos:create(id, help.phone()) end)
    for _ = 1, 1000 do
      client:wait(0.01)
      if client:stats().failures > 0 then
        break
      end
    end
    client:step()
    assert(client.contact_infos:create(id, help.phone()))
    assert.is_true(task:done())
    assert.is_table((task:wait()))
  end)

  it("in a task without a token, or with retry = false, gives its error", function()
    local token = server.token
    local client <close> = hasty(server, { token = function() return token end })
    server.fault { kind = "reset_after", method = "POST" }
    local task = client:spawn(function() return client.contact_infos:create(id, help.phone(), { retry = false }) end)
    local info, err = task:wait()
    assert.is_nil(info)
    assert.is_true(err.ambiguous)
    token = nil
    task = client:spawn(function() return client.contact_infos:create(id, help.phone()) end)
    info, err = task:wait()
    assert.is_nil(info)
    assert.equal("token-unavailable", err.code)
    info, err = client.contact_infos:create(id, help.phone())
    assert.is_nil(info)
    assert.equal("token-unavailable", err.code)
  end)

  it("is not repeated without end in an outage: the quota of retries holds for it", function()
    local client <close> = hasty(server, { retries = 1 })
    server.fault { kind = "reset_before", method = "POST", times = math.huge }
    for _ = 1, 200 do
      assert.is_nil((client.contact_infos:create(id, help.phone())))
    end
    local reposts = client:stats().reposts
    assert.is_true(reposts >= 90 and reposts <= 100, reposts)
  end)

  describe("swept over", function()
    local function check(client, ...)
      return sweep.check(server, client, id, ...)
    end

    it("every byte of request and response, alone and beside identical ones: none lost, none twice", function()
      server.set { log = false }
      local client = hasty(server, { timeout = 300, retries = 3, list_lag = 0 })
      assert.equal(0, check(client, {}, 3, "no fault"))
      local runs, without = 0, 0
      local rounds = PLAIN and 6 or 1
      for round = 1, rounds do
        for byte = 0, 640, PLAIN and 1 or 40 do
          if byte % 20 == 0 then
            -- So much trouble drains the quota of retries.
            client:close()
            client = hasty(server, { timeout = 300, retries = 3, list_lag = 0 })
          end
          for _, kind in ipairs { "cut_request", "cut_response" } do
            local width = round == 1 and 1 or round % 3 + 1
            local how = (byte + round) % 2 == 0 and "reset" or "close"
            local faults = { { kind = kind, bytes = byte, how = how, skip = width > 1 and byte % width or 0 } }
            if round > 3 then
              -- A second one, for the repetition or for another of the identical ones.
              faults[2] = { kind = byte % 3 == 0 and "reset_after" or "reset_before" }
            end
            without = without + check(client, faults, width, ("%s at %d, %d at once"):format(kind, byte, width))
            runs = runs + width
          end
        end
      end
      client:close()
      assert.equal(0, without)
      assert.is_true(not PLAIN or runs >= 10000, ("%d runs"):format(runs))
    end)

    it("answers that can't be read, beside identical ones that were lost", function()
      server.set { log = false }
      local client <close> = hasty(server, { timeout = 300, retries = 3, list_lag = 0 })
      for skip = 0, 3 do
        for _, other in ipairs { "reset_before", "reset_after", "garbage" } do
          assert.equal(0, check(client, { { kind = "garbage", skip = skip }, { kind = other, times = 2 } }, 4,
            ("garbage after %d, %s"):format(skip, other)))
        end
      end
    end)

    it("every status and every moment", function()
      server.set { log = false }
      local client <close> = hasty(server, { timeout = 300, retries = 3, list_lag = 0 })
      for _, status in ipairs { 408, 429, 500, 501, 502, 503, 504 } do
        for _, effect in ipairs { true, false } do
          for width = 1, 4 do
            for times = 1, width do
              check(client, { { kind = "status", status = status, effect = effect and status ~= 429, times = times } },
                width, ("status %d, effect %s, %d of %d"):format(status, effect, times, width))
            end
          end
        end
      end
    end)
  end)
end)

describe("retries", function()
  it("of reads, replacements and deletions are made without a word", function()
    local server <close> = help.server()
    local client <close> = hasty(server)
    local id = server.user_ids[1]
    local info = assert(client.contact_infos:create(id, help.phone()))
    for _, fault in ipairs { { kind = "reset_before" }, { kind = "status", status = 503 }, { kind = "reset_after" } } do
      for _, call in ipairs {
        function() return client.contact_infos:get(id, info.id) end,
        function() return client.contact_infos:update(id, info.id, help.phone()) end,
        function() return client.contact_infos:patch(id, info.id, { value = "12345" }) end,
        function() return client.users:list() end,
      } do
        server.fault(fault)
        assert(call())
      end
    end
    server.fault { kind = "reset_after", method = "DELETE" }
    assert.is_true(client.contact_infos:delete(id, info.id))
    assert.is_true(client:stats().retries >= 13)
  end)

  it("end after `retries`, and are none with retry = false", function()
    local server <close> = help.server()
    local client <close> = hasty(server, { retries = 3 })
    server.fault { kind = "status", status = 503, times = math.huge }
    local list, err = client.users:list()
    assert.is_nil(list)
    assert.equal(503, err.status)
    assert.equal(4, err.attempts)
    assert.equal(4, #server.requests())
    client:request("GET", "/users/me", { retry = false })
    assert.equal(5, #server.requests())
    assert.is_false(awork.is_error(server))
  end)
end)
