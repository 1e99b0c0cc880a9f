local awork = require "awork"
local help = require "client_help"

describe("awork.oauth", function()
  local server, now

  before_each(function()
    server = help.server { oauth = { client_id = "app", client_secret = "s3cret/+=", expires_in = 3600 } }
    now = 1000000
  end)

  after_each(function()
    server.stop()
  end)

  local function source(options)
    local merged = {
      client_id = server.oauth.client_id, client_secret = server.oauth.client_secret,
      refresh_token = server.oauth.refresh_token, clock = function() return now end,
    }
    for name, value in pairs(options or {}) do
      merged[name] = value or nil
    end
    return awork.oauth(merged)
  end

  local function refreshes()
    local n = 0
    for _, request in ipairs(server.requests()) do
      if request.path:find "/accounts/token$" then
        n = n + 1
      end
    end
    return n
  end

  it("gets a token when it has none, and keeps it", function()
    local stored = {}
    local client <close> = help.client(server, {
      token = source { on_refresh = function(token, info)
        stored[#stored + 1] = token
        assert.is_string(info.access_token)
        assert.equal(now + 3600, info.expires_at)
      end },
    })
    assert(client.users:me())
    assert(client.users:me())
    assert.equal(1, refreshes())
    assert.equal(1, #stored)
    assert.not_equal(server.oauth.refresh_token, stored[1])
    local request = server.requests()[1]
    assert.equal("grant_type=refresh_token&refresh_token=" .. server.oauth.refresh_token, request.body)
    assert.equal("application/x-www-form-urlencoded", request.headers["content-type"])
    assert.equal("Basic YXBwOnMzY3JldC8rPQ==", request.headers["authorization"])
  end)

  it("of a public client sends its id in the form", function()
    server.stop()
    server = help.server { oauth = { client_id = "app", public = true } }
    local client <close> = help.client(server, { token = source { client_secret = false } })
    assert(client.users:me())
    local request = server.requests()[1]
    assert.matches("&client_id=app$", request.body)
    assert.is_nil(request.headers["authorization"])
  end)

  it("refreshes before the token expires, with the new refresh token", function()
    local stored
    local client <close> = help.client(server, { token = source { on_refresh = function(token) stored = token end } })
    assert(client.users:me())
    local first = stored
    now = now + 3600 - 61
    assert(client.users:me())
    assert.equal(1, refreshes())
    now = now + 2
    assert(client.users:me())
    assert.equal(2, refreshes())
    assert.not_equal(first, stored)
    assert.equal("grant_type=refresh_token&refresh_token=" .. first, server.requests()[4].body)
  end)

  it("uses an access token that it was given, until that is refused: then it refreshes once", function()
    local client <close> = help.client(server, { token = source { access_token = "old" } })
    assert(client.users:me())
    assert.same({ "GET /users/me", "POST /accounts/token", "GET /users/me" }, help.log(server))
    server.fault { kind = "status", status = 401, path = "/users/me", body = {} }
    local user, err = client.users:me()
    assert.is_nil(user)
    assert.equal(401, err.status)
    assert.equal(1, refreshes())
    now = now + 61
    server.fault { kind = "status", status = 401, path = "/users/me", body = {} }
    assert(client.users:me())
    assert.equal(2, refreshes())
  end)

  it("does not use an access token that has expired", function()
    local client <close> = help.client(server, { token = source { access_token = server.token, expires_at = now } })
    assert(client.users:me())
    assert.equal(1, refreshes())
    local other <close> = help.client(server, {
      token = source { access_token = server.token, expires_at = now + 1000, refresh_token = "unused" },
    })
    assert(other.users:me())
    assert.equal(1, refreshes())
  end)

  it("repeats a POST that was refused for its token: it had no effect", function()
    local client <close> = help.client(server, { token = source { access_token = "old" } })
    assert(client.contact_infos:create(server.user_ids[1], { type = "phone", subType = "work", value = "12345" }))
    assert.equal(1, #server.contact_infos(server.user_ids[1]))
  end)

  it("refreshes once for all tasks that need it", function()
    local stored = 0
    local client <close> = help.client(server, {
      token = source { access_token = "old", on_refresh = function() stored = stored + 1 end },
    })
    server.fault { kind = "delay", seconds = 0.05, path = "/accounts/token" }
    local tasks = {}
    for i = 1, 20 do
      tasks[i] = client:spawn(function() return client.users:me() end)
    end
    assert(client:loop())
    for _, task in ipairs(tasks) do
      assert.equal(server.me_id, assert(task:wait()).id)
    end
    assert.equal(1, refreshes())
    assert.equal(1, stored)
  end)

  it("refreshes once for a plain call while tasks wait for the same", function()
    local client <close> = help.client(server, { token = source() })
    server.fault { kind = "delay", seconds = 0.05, path = "/accounts/token" }
    local task = client:spawn(function() return client.users:me() end)
    client:step()
    assert(client.users:me())
    assert(task:wait())
    assert.equal(1, refreshes())
  end)

  it("goes on though the task that needed it is cancelled: a refresh voids the old token", function()
    local stored
    local client <close> = help.client(server, { token = source { on_refresh = function(token) stored = token end } })
    local task = client:spawn(function() client.users:me() end)
    client:step()
    task:cancel()
    client:loop()
    assert.is_string(stored)
    assert(client.users:me())
    assert.equal(1, refreshes())
  end)

  it("is shared by two clients", function()
    local shared = source()
    local one <close> = help.client(server, { token = shared })
    local two <close> = help.client(server, { token = shared })
    server.fault { kind = "delay", seconds = 0.05, path = "/accounts/token" }
    local task = one:spawn(function() return one.users:me() end)
    one:step()
    assert(two.users:me())
    assert(task:wait())
    assert.equal(1, refreshes())
    now = now + 5000
    one:spawn(function() one.users:me() end)
    one:step()
    one:close()
    -- The refresh ended with the client that was at it; the other one makes its own, or learns that the token is void.
    local user, err = two.users:me()
    assert.is_true(user ~= nil or err.code == "invalid_grant")
  end)

  it("does not lose the new refresh token when on_refresh raises", function()
    local fail, stored = true, {}
    local client <close> = help.client(server, {
      token = source { on_refresh = function(token)
        stored[#stored + 1] = token
        if fail then
          error("disk full at " .. token)
        end
      end },
    })
    local user, err = client.users:me()
    assert.is_nil(user)
    assert.equal("callback", err.kind)
    assert.equal("on-refresh-failed", err.code)
    assert.matches("disk full", tostring(err))
    assert.is_nil(tostring(err):find(stored[1], 1, true))
    fail = false
    assert(client.users:me())
    assert.equal(1, refreshes())
    assert.equal(stored[1], stored[2])
    assert.equal(2, #stored)
  end)

  it("takes false, or nil and a message, from on_refresh as a failure", function()
    for _, answer in ipairs { { false }, { nil, "no disk" } } do
      local client <close> = help.client(server, {
        token = source { on_refresh = function() return table.unpack(answer, 1, 2) end },
      })
      local user, err = client.users:me()
      assert.is_nil(user)
      assert.equal("on-refresh-failed", err.code)
      server.reset()
    end
  end)

  it("says so when on_refresh uses the client whose token it is to store", function()
    local client, inner
    client = help.client(server, { token = source { on_refresh = function()
      inner = table.pack(client.users:me())
    end } })
    assert(client.users:me())
    assert.is_nil(inner[1])
    assert.equal("token-unavailable", inner[2].code)
    client:close()
  end)

  it("tells a void refresh token and a wrong secret from other failures", function()
    local client <close> = help.client(server, { token = source { refresh_token = "void" } })
    local user, err = client.users:me()
    assert.is_nil(user)
    assert.equal("invalid_grant", err.code)
    assert.equal(400, err.status)
    assert.matches("authorize again", tostring(err))
    local wrong <close> = help.client(server, { token = source { client_secret = "guess" } })
    user, err = wrong.users:me()
    assert.is_nil(user)
    assert.equal("invalid_client", err.code)
    assert.is_nil(tostring(err):find("guess", 1, true))
    local lost <close> = help.client(server, { token = source { token_url = "http://127.0.0.1:1/token" }, retries = 0 })
    user, err = lost.users:me()
    assert.is_nil(user)
    assert.equal("network", err.kind)
  end)

  it("shows nothing of what it sent, in whatever spelling it comes back", function()
    local basic = "YXBwOnMzY3JldC8rPQ=="
    server.fault { kind = "status", status = 400, path = "/accounts/token", body = {
      error = "odd", error_description = "Basic " .. basic .. " s3cret/+= re/fresh re%2Ffresh",
    } }
    local client <close> = help.client(server, { token = source { refresh_token = "re/fresh" } })
    local _, err = client.users:me()
    assert.equal("odd", err.code)
    assert.equal("Basic [secret] [secret] [secret] [secret]", err.description)
  end)

  it("asks once more when the answer is lost before the effect", function()
    server.fault { kind = "reset_before", path = "/accounts/token", times = 1 }
    local client <close> = help.client(server, { token = source() })
    assert(client.users:me())
  end)

  describe("with a function for refresh_token", function()
    it("lives beside another process that uses the same store", function()
      local store = server.oauth.refresh_token
      local function process()
        return help.client(server, { token = source {
          refresh_token = function() return store end, on_refresh = function(token) store = token end,
        } })
      end
      local a <close> = process()
      local b <close> = process()
      for _ = 1, 3 do
        assert(a.users:me())
        assert(b.users:me())
        now = now + 3600
      end
      -- But for the first, each refresh had a token that the other had used up, and the store's was good.
      assert.is_true(refreshes() > 6)
      local c <close> = process()
      assert(c.users:me())
    end)

    it("waits for the other process to store what it got", function()
      local store, asked = server.oauth.refresh_token, 0
      local mine <close> = help.client(server, { token = source { refresh_token = function()
        asked = asked + 1
        return asked <= 2 and server.oauth.refresh_token or store
      end } })
      local other <close> = help.client(server, { token = source { on_refresh = function(token) store = token end } })
      assert(other.users:me())
      assert(mine.users:me())
      assert.equal(3, asked)
      assert.equal(3, refreshes())
    end)

    it("asks once more, not for ever, and says what is wrong", function()
      local asked = 0
      local client <close> = help.client(server, { token = source { refresh_token = function()
        asked = asked + 1
        return "void" .. math.min(asked, 2)
      end } })
      local user, err = client.users:me()
      assert.is_nil(user)
      assert.equal("invalid_grant", err.code)
      assert.equal(2, asked)
      assert.equal(2, refreshes())
      assert.is_nil(tostring(err):find("void2", 1, true))
      for _, given in ipairs { { nil, "no disk" }, { "" }, { "a\r\nb" }, { 5 }, { ("x"):rep(9000) } } do
        local other <close> = help.client(server, { token = source { refresh_token = function()
          return given[1], given[2]
        end } })
        user, err = other.users:me()
        assert.is_nil(user)
        assert.equal("token-unavailable", err.code)
      end
      local raising <close> = help.client(server, { token = source { refresh_token = function() error "locked" end } })
      user, err = raising.users:me()
      assert.is_nil(user)
      assert.equal("callback", err.kind)
      assert.matches("locked", tostring(err))
    end)
  end)

  it("refreshes once for a 401, though its clock was set back", function()
    local client <close> = help.client(server, { token = source() })
    assert(client.users:me())
    for _, change in ipairs { -3600, 3600, -7200, 10 } do
      now = now + change
      local before = refreshes()
      server.fault { kind = "status", status = 401, path = "/users/me", body = {} }
      assert(client.users:me())
      assert.is_true(refreshes() >= before + 1 and refreshes() <= before + 2)
      now = now + 61
    end
    -- One that a refusal got and that is refused as well lacks a permission: there is no end to it otherwise.
    server.fault { kind = "status", status = 401, path = "/users/me", body = {}, times = math.huge }
    local before = refreshes()
    for _ = 1, 5 do
      assert.equal(401, select(2, client.users:me()).status)
    end
    assert.equal(before + 1, refreshes())
  end)

  it("goes on when its clock gives no time", function()
    for _, wrong in ipairs { "noon", 0 / 0, false } do
      local client <close> = help.client(server, { token = source { clock = function() return wrong end } })
      assert(client.users:me())
      assert(client.users:me())
      assert.equal(1, refreshes())
      server.reset()
    end
    local client <close> = help.client(server, { token = source { clock = function() error "no clock" end } })
    assert(client.users:me())
  end)

  it("takes a lifetime that is none for one that is not known", function()
    for _, lifetime in ipairs { 0, -1, "soon", "0x10", 1e300, { 1 }, true, "" } do
      server.fault { kind = "status", status = 200, path = "/accounts/token",
        body = { access_token = server.token, expires_in = lifetime, refresh_token = "next" } }
      local expires = "not called"
      local client <close> = help.client(server, { token = source { on_refresh = function(_, more)
        expires = more.expires_at
      end } })
      assert(client.users:me())
      assert(client.users:me())
      assert.equal(1, refreshes())
      assert.equal(lifetime == "0x10" and now + 16 or nil, expires)
      server.reset()
    end
  end)

  it("gives an error for an access token that can't be sent", function()
    for _, token in ipairs { ("x"):rep(70000), "", "a b", "Bearer x", false } do
      server.fault { kind = "status", status = 200, path = "/accounts/token",
        body = { access_token = token, expires_in = 3600, refresh_token = { "next" } } }
      local client <close> = help.client(server, { token = source() })
      local user, err = client.users:me()
      assert.is_nil(user)
      assert.equal("invalid-token-response", err.code)
      assert.is_true(#tostring(err) < 500)
      server.reset()
    end
    -- One that was stored is as good as refused.
    local client <close> = help.client(server, { token = source { access_token = ("x"):rep(70000) } })
    assert(client.users:me())
    assert.equal(1, refreshes())
    assert.has_error(function() source { token_url = "localhost/token" } end)
  end)

  it("says so when the answer holds no token", function()
    for _, body in ipairs { {}, { access_token = 5 }, { access_token = "a\r\nb" }, "[]", "no json", "\"x\"" } do
      server.fault { kind = "status", status = 200, body = body, path = "/accounts/token" }
      local client <close> = help.client(server, { token = source() })
      local user, err = client.users:me()
      assert.is_nil(user)
      assert.equal("invalid-token-response", err.code)
      assert.equal("protocol", err.kind)
      server.reset()
    end
  end)

  it("keeps a refresh token that came without a usable access token", function()
    server.fault { kind = "status", status = 200, path = "/accounts/token", body = { refresh_token = "next" } }
    local stored
    local client <close> = help.client(server, { token = source { on_refresh = function(token) stored = token end } })
    client.users:me()
    assert.equal("next", stored)
    client.users:me()
    assert.equal("grant_type=refresh_token&refresh_token=next", server.requests()[2].body)
  end)

  it("shows no secret", function()
    local made = source { access_token = "acc3ss" }
    assert.equal("awork.oauth", tostring(made))
    for name, value in pairs(made) do
      assert.is_string(name)
      assert.is_function(value)
    end
  end)

  it("raises, at the caller, for wrong options", function()
    for _, options in ipairs {
      {}, { client_id = "x" }, { refresh_token = "x" }, { client_id = 5, refresh_token = "x" },
      { client_id = "x", refresh_token = "y", secret = "z" }, { client_id = "x", refresh_token = "" },
      { client_id = "x", refresh_token = "a\r\nb" }, { client_id = "x", refresh_token = "y", on_refresh = "z" },
    } do
      local ok, message = pcall(function() awork.oauth(options) end)
      assert.is_false(ok)
      assert.matches("^spec/oauth_spec%.lua:%d+: bad argument #1 to 'oauth'", message)
    end
    assert.has_error(function() awork.oauth() end)
  end)
end)
