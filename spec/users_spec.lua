local awork = require "awork"
local cjson = require "cjson"
local help = require "client_help"

describe("users and companies", function()
  local server, client, id

  setup(function()
    server = help.server { users = 5, companies = 3, contact_infos_per_user = 2, contact_infos_per_company = 1 }
    client = help.client(server)
    id = server.user_ids[2]
  end)

  teardown(function()
    client:close()
    server.stop()
  end)

  before_each(function()
    server.reset()
  end)

  it("tell who the token belongs to", function()
    local me = assert(client.users:me())
    assert.equal(server.me_id, me.id)
    assert.is_table(me.workspace)
  end)

  it("are listed with their contact infos", function()
    local list, info = client.users:list { pageSize = 2, page = 3, orderby = "firstName" }
    assert.equal(1, #list)
    assert.same({ page = 3, page_size = 2, items = 1, total_items = 5 }, info)
    assert.equal(2, #list[1].userContactInfos)
    list, info = client.companies:list()
    assert.equal(3, #list)
    assert.equal(3, info.total_items)
    assert.equal(1, #list[1].companyContactInfos)
  end)

  it("are gone over a page at a time", function()
    local n = 0
    for user in client.users:each { pageSize = 2 } do
      assert.is_string(user.id)
      n = n + 1
    end
    assert.equal(5, n)
    assert.equal(3, #server.requests())
    n = 0
    for company in client.companies:each { pageSize = 1 } do
      assert.is_string(company.id)
      n = n + 1
    end
    assert.equal(3, n)
  end)

  it("are listed with the archived ones if asked", function()
    assert(client.users:set_archived(id, true))
    assert.equal(4, #client.users:list())
    assert.equal(5, #client.users:list { showArchived = true })
    assert.equal("GET /users?page=1&pageSize=1000&showArchived=true", help.log(server)[3])
    assert(client.users:set_archived(id, false))
    assert.equal(5, #client.users:list())
  end)

  it("give false and an error where a list can't be had", function()
    for _, resource in ipairs { client.users, client.companies } do
      for _, options in ipairs { { pageSize = 1001 }, { orderby = "nonsense!" } } do
        local failed
        for item, err in resource:each(options) do
          assert.is_false(item)
          failed = err
        end
        assert.is_true(awork.is_error(failed))
        local list, err = resource:list(options)
        assert.is_nil(list)
        assert.is_true(awork.is_error(err))
      end
    end
  end)

  it("are read one at a time", function()
    local user = assert(client.users:get(id))
    assert.equal(id, user.id)
    assert.equal("integer", math.type(user.resourceVersion))
    local company = assert(client.companies:get(server.company_ids[1]))
    assert.equal(server.company_ids[1], company.id)
    for _, resource in ipairs { client.users, client.companies } do
      local value, err = resource:get(help.nobody)
      assert.is_nil(value)
      assert.equal(404, err.status)
      value, err = resource:get "me"
      assert.is_nil(value)
      assert.equal("invalid-id", err.code)
    end
  end)

  it("are changed", function()
    local birth = "1984-05-23T00:00:00+14:00"
    assert(client.users:update(id, { firstName = "Ann", lastName = ("\u{1F600}"):rep(1000), birthDate = birth }))
    assert.equal("Ann", client.users:get(id).firstName)
    assert(client.users:update(id, { title = awork.null, firstName = "Bo" }))
    assert.equal(cjson.null, cjson.decode(server.requests()[3].body).title)
  end)

  it("have a birth date with an offset, and a hint where it lacks one", function()
    for birth, right in pairs {
      ["1984-05-23"] = "1984-05-23T00:00:00Z", ["1984-05-23T07:30:00"] = "1984-05-23T07:30:00Z",
      ["1984-05-23T07:30"] = "1984-05-23T07:30:00Z", ["1984-05-23 07:30:00.5z"] = "1984-05-23T07:30:00.5Z",
      ["1984-05-23T07:30:00+0200"] = "1984-05-23T07:30:00+02:00", ["23.05.1984"] = false, ["1984-02-30"] = false,
      ["1998-04-19T00:00:000Z"] = false, [""] = false, [("9"):rep(100000)] = false,
      ["1984-05-23T07:30:00+99:00"] = false, ["1984-05-23T07:30:00-14:01"] = false,
      ["1984-05-23T07:30:00+01:60"] = false,
      ["0000-05-23T07:30:00Z"] = false, ["1984-06-30T23:59:60Z"] = false,
    } do
      local user, err = client.users:update(id, { birthDate = birth })
      assert.is_nil(user)
      assert.equal("date-time", err.violations[1].rule)
      assert.equal(right or nil, err.violations[1].suggestion)
      assert.equal(right and ('did you mean "%s"?'):format(right), err.violations[1].hint or false)
      assert.matches(right or "with an offset or Z", tostring(err), 1, true)
      assert.is_true(#tostring(err) < 4096)
      if right then
        assert(client.users:update(id, { birthDate = right }))
      end
    end
  end)

  it("are checked before they are changed", function()
    local user, err = client.users:update(id, {
      firstName = ("x"):rep(1001), title = 5, gender = "\xff", birthDate = "yesterday", mail = "a@b.de",
      language = ("\u{e4}"):rep(26), position = ("p"):rep(1000),
    })
    assert.is_nil(user)
    assert.equal("validation-failed", err.code)
    assert.equal("validation", err.kind)
    local rules = {}
    for i, violation in ipairs(err.violations) do
      rules[violation.property] = violation.rule
      assert.equal(violation.message, err.validationErrors[i].message)
    end
    assert.same({
      firstName = "length", title = "type", gender = "utf8", birthDate = "date-time", mail = "unknown-field",
      language = "length",
    }, rules)
    assert.equal(1000, err.violations[2].limit)
    assert.equal(1001, err.violations[2].got)
    assert.same({}, help.log(server))
    local lax <close> = help.client(server, { validate = false })
    user, err = lax.users:update(id, { gender = ("x"):rep(26) })
    assert.is_nil(user)
    assert.equal(400, err.status)
    user, err = lax.users:update(id, { gender = print })
    assert.is_nil(user)
    assert.equal("gender", err.violations[1].property)
  end)

  it("are deactivated and activated", function()
    assert.is_true((client.users:deactivate(id)))
    assert.is_true(client.users:get(id).isDeactivated)
    assert.is_true((client.users:activate(id)))
    assert.is_false(client.users:get(id).isDeactivated)
    assert.is_table((client.users:deactivate(id, { include_summary = true })))
    assert.equal("POST /users/" .. id .. "/deactivate?includeSummary=true", help.log(server)[5])
  end)

  it("are deactivated again after a lost answer: that does no harm", function()
    local patient <close> = help.client(server, { random = function() return 0 end })
    server.fault { kind = "reset_after", method = "POST", path = "deactivate" }
    assert.is_true((patient.users:deactivate(id)))
    assert.equal(2, #server.requests())
  end)

  it("are deleted, also if the answer is lost", function()
    assert.is_true(client.users:delete(server.user_ids[3]))
    local gone, err = client.users:delete(server.user_ids[3])
    assert.is_nil(gone)
    assert.equal(404, err.status)
    local patient <close> = help.client(server, { random = function() return 0 end })
    server.fault { kind = "reset_after", method = "DELETE" }
    assert.is_true(patient.users:delete(server.user_ids[4]))
  end)

  it("are guessed from an email address", function()
    local guess = assert(client.users:autofill "ada.lovelace@example.com")
    assert.is_table(guess)
    server.fault { kind = "status", status = 204, body = "", path = "autofill" }
    assert.same({}, (client.users:autofill "x+y@example.com"))
    assert.equal("GET /users/autofill/x%2By%40example.com", help.log(server)[2])
    for _, email in ipairs { "", "nobody", "a@b/c", "a b@c.de", "a\r\n@b.de", "\xff@b.de", "a@b@c" } do
      local value, err = client.users:autofill(email)
      assert.is_nil(value)
      assert.equal("invalid-email", err.code)
    end
    for _, body in ipairs { "false", "7", '"x"' } do
      server.fault { kind = "garbage", data = body, path = "autofill" }
      local value, err = client.users:autofill "a@b.de"
      assert.is_nil(value)
      assert.same({ "protocol", "unexpected-answer" }, { err.kind, err.code })
      server.fault { kind = "garbage", data = body, path = "setarchived" }
      assert.is_true(client.users:set_archived(id, true))
    end
    server.fault { kind = "status", status = 403, path = "autofill" }
    local value, err = client.users:autofill "a@b.de"
    assert.is_nil(value)
    assert.equal(403, err.status)
    assert.is_nil((client.users:activate(help.nobody)))
    assert.is_nil((client.users:set_archived(help.nobody, true)))
    assert.is_nil((client.users:deactivate "me"))
  end)

  it("raise, at the caller, for arguments of a wrong type", function()
    for _, bad in ipairs {
      function() client.users:get() end, function() client.users:list(5) end,
      function() client.users:list { x = 1 } end,
      function() client.users:list { showArchived = 1 } end, function() client.users:each "x" end,
      function() client.users:update(id) end, function() client.users:update(id, "x") end,
      function() client.users:delete(5) end, function() client.users:activate {} end,
      function() client.users:deactivate(id, 5) end, function() client.users:deactivate(id, { summary = true }) end,
      function() client.users:deactivate(id, { include_summary = 1 }) end,
      function() client.users:set_archived(id) end, function() client.users:set_archived(id, "yes") end,
      function() client.users:autofill(5) end, function() client.companies:get() end,
      function() client.companies:list { showArchived = true } end, function() client.companies:each(5) end,
    } do
      local ok, message = pcall(bad)
      assert.is_false(ok)
      assert.matches("^spec/users_spec%.lua:%d+: bad argument #%d to '[%a_]+'", message)
    end
  end)
end)
