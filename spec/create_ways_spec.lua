-- A create goes a short way through the core when nobody looks on, and a long one by its parts when there are hooks:
-- what comes of it is the same.
local core = require "awork.core"
local help = require "client_help"

describe("creates", function()
  local server, id

  setup(function()
    server = help.server { companies = 1 }
    id = server.user_ids[1]
  end)
  teardown(function()
    server.stop()
  end)

  -- How a create is made: blocking, in a task, as a row of create_many.
  local MANNERS = {
    blocking = function(client, owner_id, info)
      return client.contact_infos:create(owner_id, info)
    end,
    task = function(client, owner_id, info)
      local task = client:spawn(function()
        return client.contact_infos:create(owner_id, info)
      end)
      return task:wait()
    end,
    row = function(client, owner_id, info)
      local report, err = client.contact_infos:create_many({ { user_id = owner_id, info = info } })
      if not report then
        return nil, err
      end
      local result = report.results[1]
      return result.info, result.err, result.adopted
    end,
  }

  -- What came of it, in a form that can be compared.
  local function outcome(made, err, adopted)
    if made then
      made.id, made.createdOn, made.updatedOn, made.value = #made.id, nil, nil, nil
      return { made = made, adopted = adopted }
    end
    local violations = {}
    for i, violation in ipairs(err.violations or {}) do
      violations[i] = violation.property .. " " .. violation.rule
    end
    return { code = err.code, kind = err.kind, status = err.status, ambiguous = err.ambiguous,
      path = err.path, method = err.method, violations = violations }
  end

  local function answer(content_type, body)
    return { kind = "status", status = 200, body = body, content_type = content_type, effect = true }
  end

  local CASES = {
    ["that are right"] = {},
    ["of an address"] = { info = { type = "address", subType = "work", addressLine1 = "Weg 1", zipCode = "1",
      city = "B", country = "DE" } },
    ["of nobody"] = { owner = help.nobody },
    ["for what is no id"] = { owner = "x/../y" },
    ["that are not valid"] = { info = { type = "phone", subtype = "work", value = "" } },
    ["with nothing in it"] = { info = {} },
    ["refused"] = { fault = { kind = "status", status = 400, code = "validation-failed" } },
    ["without permission"] = { fault = { kind = "status", status = 403, code = "forbidden" } },
    ["with an empty answer"] = { fault = answer("application/json", "") },
    ["answered with null"] = { fault = answer("application/json", "null") },
    ["answered with a text"] = { fault = answer("application/json", '"yes"') },
    ["answered with no JSON"] = { fault = answer("text/html", "<p>") },
    ["answered in another encoding"] = { fault = answer("application/json; charset=latin1", "{}") },
    ["answered with half a JSON"] = { fault = answer("application/json", '{"id":"') },
    ["answered with an object without id"] = { fault = answer("application/json;charset=UTF-8", '{"type":"phone"}'),
      no_id = true },
    ["answered with 201"] = { fault = { kind = "status", status = 201, effect = true,
      body = { id = help.nobody, type = "phone" } } },
    ["broken after the effect"] = { fault = { kind = "reset_after", method = "POST" } },
    ["broken before the effect"] = { fault = { kind = "reset_before", method = "POST" } },
    ["failed after the effect"] = { fault = { kind = "status", status = 500, effect = true, method = "POST" } },
    ["failed before the effect"] = { fault = { kind = "status", status = 500, method = "POST" } },
  }

  for name, case in pairs(CASES) do
    it(name .. " come to the same, whichever way", function()
      local seen
      for _, hooks in ipairs { {}, { on_request = function() end } } do
        hooks.random, hooks.list_lag = function() return 0 end, 0
        for manner, create in pairs(MANNERS) do
          server.reset()
          if case.fault then
            server.fault(case.fault)
          end
          local client <close> = help.client(server, hooks)
          local info = {}
          for field, value in pairs(case.info or help.phone()) do
            info[field] = value
          end
          local before = #server.contact_infos(id)
          local made, err, adopted = create(client, case.owner or id, info)
          if case.no_id then
            assert.same({ type = "phone" }, made)
          else
            local now = outcome(made, err, adopted)
            now.count = #server.contact_infos(id) - before
            seen = seen or now
            assert.same(seen, now, manner)
          end
        end
      end
    end)
  end

  it("of a company go to the company", function()
    local client <close> = help.client(server)
    local company = server.company_ids[1]
    local made = assert(client.company_contact_infos:create(company, { type = "url", subType = "primary",
      value = "https://example.org" }))
    assert.equal(made.id, server.contact_infos(company)[1].id)
    local report = client.company_contact_infos:create_many { { company_id = company,
      info = { type = "url", subType = "primary", value = "https://example.com" } } }
    assert.is_true(report.ok, tostring(report.results[1].err))
  end)

  it("of which the caller changes the table meanwhile are told apart by what was sent", function()
    server.reset()
    server.fault { kind = "reset_after", method = "POST" }
    local client <close> = help.client(server)
    local row = { user_id = id, info = help.phone() }
    local value = row.info.value
    local task = client:spawn(function()
      return client.contact_infos:create_many({ row })
    end)
    for _ = 1, 1000 do
      client:step()
      if client:stats().in_flight > 0 then break end
    end
    row.info.value, row.user_id = "changed", help.nobody
    local report = task:wait()
    assert.is_true(report.results[1].adopted)
    assert.equal(value, report.results[1].info.value)
    assert.equal(1, help.count(server, id, value))
  end)

  it("whose token is refused go again with another", function()
    server.reset()
    local tokens = { "wrong", server.token }
    for manner, create in pairs(MANNERS) do
      local n = 0
      local client <close> = help.client(server, { token = function()
        n = n + 1
        return tokens[n] or server.token
      end })
      local info = help.phone()
      assert(create(client, id, info))
      assert.equal(1, help.count(server, id, info.value), manner)
    end
  end)

  it("of a client that its token function closes are an error", function()
    for manner, create in pairs(MANNERS) do
      local client
      client = help.client(server, { token = function()
        client:close()
        return server.token
      end })
      local made, err = create(client, id, help.phone())
      assert.is_nil(made)
      assert.equal("closed", err.kind, manner)
    end
  end)

  it("without a token say so", function()
    for _, create in pairs(MANNERS) do
      local client <close> = help.client(server, { token = function() return nil, "locked" end })
      local _, err = create(client, id, help.phone())
      assert.equal("token-unavailable", err.code)
    end
  end)

  it("whose token is far too long are an error, and are not sent", function()
    server.reset()
    for manner, create in pairs(MANNERS) do
      for _, hooks in ipairs { {}, { on_request = function() end } } do
        hooks.token = function() return ("x"):rep(70000) end
        local client <close> = help.client(server, hooks)
        local made, err = create(client, id, help.phone())
        assert.is_nil(made)
        assert.equal("token-invalid", err.code, manner)
        assert.is_true(#tostring(err) < 1000)
      end
    end
    assert.equal(0, #server.requests())
  end)

  it("with a clock that itself creates are each sent as they were", function()
    server.reset()
    local client, inside
    local nested = help.phone()
    client = help.client(server, { clock = function()
      if client and not inside then
        inside = true
        assert(client.contact_infos:list(id))
        assert(client.contact_infos:create(id, nested))
        inside = false
      end
      return core.now()
    end })
    local info = help.phone()
    assert.equal(info.value, assert(client.contact_infos:create(id, info)).value)
    assert.equal(1, help.count(server, id, info.value))
    assert.is_true(help.count(server, id, nested.value) > 0)
    client:close()
  end)

  describe("of the core", function()
    local function template(more)
      local options = { owner = "user", id_name = "user_id", prefix = server.url .. "/users/", suffix = "/contactinfo",
        headers = { ["content-type"] = "application/json" }, strict = false, max_depth = 8 }
      for name, value in pairs(more or {}) do options[name] = value end
      return core.template(options)
    end

    local engine
    before_each(function()
      server.reset()
      engine = assert(core.engine { rate = false, base_url = server.url })
      core.set_token(engine, server.token)
    end)
    after_each(function() engine:close() end)

    it("are validated, sent and read", function()
      local info = help.phone()
      local number, body = engine:create(template(), id, info)
      assert.equal("integer", math.type(number))
      assert.equal(core.form_json(info), body)
      local ok, made = engine:finish(number)
      assert.is_true(ok)
      assert.equal(info.value, made.value)
      number = engine:create(template(), { user_id = id, info = info }, nil, 5, 0)
      assert.equal(info.value, select(2, engine:finish(number)).value)
    end)

    it("are not sent when something is wrong with them", function()
      local t = template()
      local none, err = engine:create(t, id, { type = "phon" })
      assert.is_nil(none)
      assert.equal("validation-failed", err.code)
      local odd = setmetatable({}, { __index = function() error "hostile" end })
      for _, arguments in ipairs { { "no id", {} }, { 7, {} }, { id }, { id, "text" }, { id, odd }, { {} }, { odd },
        { { user_id = id } }, { { user_id = 1, info = {} } }, { { user_id = id, info = odd } } } do
        assert.equal(0, select("#", engine:create(t, arguments[1], arguments[2])))
      end
      assert.has_error(function() engine:create({}, id, {}) end)
      assert.has_error(function() engine:create(engine, id, {}) end)
      assert.has_error(function() core.engine { base_url = server.url }:create(t, id, help.phone()) end)
      assert.has_error(function() core.set_token(engine, "a\r\nb") end)
      assert.has_error(function() engine.create(t, t, id, help.phone()) end)
      assert.equal(0, #server.requests())
    end)

    it("have templates that are checked", function()
      for _, more in ipairs { { owner = 1 }, { prefix = false }, { headers = 1 }, { headers = { 1 } },
        { max_depth = "x" }, { headers = { a = {} } } } do
        assert.has_error(function() template(more) end)
      end
      local many = {}
      for i = 1, 65 do many["x-" .. i] = "1" end
      assert.has_error(function() template { headers = many } end)
      assert.is_nil(template { prefix = server.url .. "/" .. ("x"):rep(1000) })
    end)

    it("keep what a template is made of", function()
      local headers = { ["content-type"] = "application/json", ["x-spec"] = ("y"):rep(60) }
      local t = template { headers = headers, prefix = server.url .. ("/users/"):rep(1) }
      headers["x-spec"], headers["content-type"] = nil, nil
      collectgarbage()
      collectgarbage()
      assert.is_true((engine:finish(engine:create(t, id, help.phone()))))
      assert.equal(("y"):rep(60), server.requests()[1].headers["x-spec"])
    end)

    it("are waited for by their number alone", function()
      assert.has_error(function() engine:finish(12345) end)
      assert.has_error(function() engine:finish("x") end)
      local number = engine:create(template(), id, help.phone())
      engine:cancel(number)
      assert.has_error(function() engine:finish(number) end)
    end)
  end)

  it("with an URL too long for the short way go the long one", function()
    local client <close> = help.client(server, { base_url = server.url .. "/" .. ("x"):rep(960) })
    local _, err = client.contact_infos:create(id, help.phone())
    assert.equal(404, err.status)
  end)
end)
