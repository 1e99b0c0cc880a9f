local described = require "support.described"
local http = require "support.http"
local sandbox = require "awork.sandbox"

local GUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"
local TIME = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%d%d%d%d%dZ$"
local NOBODY = "00000000-0000-4000-8000-000000000000"
local PHONE = { type = "phone", subType = "work", value = "+49 30 1234567" }

local function escape(s)
  return (s:gsub("[^%w%-_.~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

describe("the sandbox", function()
  local sb, ask, close

  local function open(options)
    options = options or {}
    if options.rate_limit == nil then options.rate_limit = false end
    sb = assert(sandbox.start(options))
    ask, close = http.client(sb)
    return sb, ask
  end

  after_each(function()
    if close then close() end
    if sb then sb.stop() end
    sb, ask, close = nil, nil, nil
  end)

  local function infos_of(id) return "/users/" .. id .. "/contactinfo" end

  describe("as a handle", function()
    it("says where it is and what it holds", function()
      open()
      assert.equal("http://127.0.0.1:" .. sb.port .. "/api/v1", sb.url)
      assert.equal(sb.origin .. "/api/v1", sb.url)
      assert.equal(3, #sb.user_ids)
      assert.equal(2, #sb.company_ids)
      assert.equal(sb.user_ids[1], sb.me_id)
      assert.truthy(sb.me_id:find(GUID))
      assert.equal("string", type(sb.token))
      assert.is_nil(sb.ca_file)
      assert.equal("awork.sandbox (" .. sb.url .. ")", tostring(sb))
    end)

    it("takes . and : alike", function()
      open()
      sb.fault { kind = "status", status = 418 }
      sb:fault { kind = "status", status = 419 }
      assert.equal(2, #sb.faults())
      assert.equal(2, #sb:faults())
      sb:clear_faults()
      sb.clear_faults()
      assert.same({}, sb:faults())
      assert.same(sb.contact_infos(sb.me_id), sb:contact_infos(sb.me_id))
      sb.set { users = 4 }
      sb:set { users = 5 }
      assert.equal(5, #sb.user_ids)
    end)

    it("stops once, however often it is told, and refuses work afterwards", function()
      open()
      local origin = sb.origin
      sb.stop()
      sb:stop()
      assert.is_nil((http.connect(origin)))
      assert.error_matches(function() sb.requests() end, "stopped")
    end)

    it("stops at the end of its scope", function()
      local origin
      do
        local scoped <close> = assert(sandbox.start())
        origin = scoped.origin
        local c = assert(http.connect(origin))
        c:close()
      end
      assert.is_nil((http.connect(origin)))
    end)

    it("stops when it is garbage", function()
      local origin = assert(sandbox.start()).origin
      collectgarbage()
      collectgarbage()
      assert.is_nil((http.connect(origin)))
    end)

    it("stops while an answer is delayed and another trickles", function()
      open()
      sb.fault { kind = "delay", seconds = 3600 }
      sb.fault { kind = "trickle", seconds = 3600 }
      local conns = {}
      for i = 1, 2 do
        conns[i] = assert(http.connect(sb.origin))
        conns[i]:send(http.format("GET", "/api/v1/me", { Authorization = "Bearer " .. sb.token }))
        for _ = 1, 1000 do
          if #sb.requests() == i then break end
        end
      end
      assert.equal(2, #sb.requests())
      sb.stop()
      for i = 1, 2 do
        local _, why = conns[i]:receive_all()
        assert.not_equal("timeout", why)
        conns[i]:close()
      end
    end)

    it("runs several times in one process, apart from each other", function()
      open()
      local other <close> = assert(sandbox.start { rate_limit = false, users = 7 })
      local ask_other, close_other = http.client(other)
      assert.equal(200, ask("POST", infos_of(sb.me_id), PHONE).status)
      assert.equal("1", ask("GET", infos_of(sb.me_id)).headers["aw-totalitems"])
      assert.equal("0", ask_other("GET", infos_of(other.me_id)).headers["aw-totalitems"])
      assert.equal(7, #other.user_ids)
      close_other()
    end)

    it("is started by several states in threads of their own", function()
      local thread = require "cqueues.thread"
      local threads = {}
      for i = 1, 3 do
        threads[i] = assert(thread.start(function(_, path, cpath)
          package.path, package.cpath = path, cpath
          local support = require "support.http"
          for _ = 1, 2 do
            local own <close> = assert(require "awork.sandbox".start { rate_limit = false })
            local ask_own, close_own = support.client(own)
            for _ = 1, 20 do
              local answer = ask_own("POST", "/users/" .. own.me_id .. "/contactinfo", { type = "phone", value = "1" })
              assert(answer.status == 200)
            end
            assert(#own.contact_infos(own.me_id) == 20)
            close_own()
          end
        end, package.path, package.cpath))
      end
      for i = 1, 3 do assert.same({ true }, { threads[i]:join(30) }) end
    end)

    it("leaves no global and opens twice", function()
      local before = {}
      for name in pairs(_G) do before[name] = true end
      package.loaded["awork.sandbox"], package.loaded["awork.sandbox.core"] = nil, nil
      local again = require "awork.sandbox"
      local second <close> = assert(again.start())
      assert.equal("number", type(second.port))
      for name in pairs(_G) do assert.is_true(before[name], name) end
    end)

    it("refuses wrong options by an error that names them", function()
      assert.error_matches(function() sandbox.start(1) end, "options must be a table")
      assert.error_matches(function() sandbox.start { user = 1 } end, "no option 'user'")
      assert.error_matches(function() sandbox.start { users = -1 } end, "users must be a whole number")
      assert.error_matches(function() sandbox.start { users = { 1 } } end, "list of tables")
      assert.error_matches(function() sandbox.start { port = 70000 } end, "port")
      assert.error_matches(function() sandbox.start { tls = "wild" } end, "tls must be")
      assert.error_matches(function() sandbox.start { rate_limit = { secnd = 1 } } end, "no option 'secnd'")
      assert.error_matches(function() sandbox.start { rate_limit = { window = "open" } } end, "window")
      assert.error_matches(function() sandbox.start { users = print } end, "can't be handed over")
      assert.error_matches(function() sandbox.start { tokens = { { token = "a", user = 9 } } } end, "no user 9")
      local id = "11111111-2222-4333-8444-555555555555"
      assert.error_matches(function() sandbox.start { users = { { id = id }, { id = id } } } end, "two of id")
      open()
      assert.error_matches(function() sb.set { seed = 1 } end, "can't be set at run time")
      assert.error_matches(function() sb.set(1) end, "must be a table")
      assert.error_matches(function() sb.fault { kind = "earthquake" } end, "no fault of kind")
      assert.error_matches(function() sb.fault { kind = "status", stat = 1 } end, "no field 'stat'")
      assert.error_matches(function() sb.fault { kind = "status", path = "[" } end, "no Lua pattern")
      assert.error_matches(function() sb.fault { kind = "cut", how = "gently" } end, "how must be")
      assert.error_matches(function() sb.fault { kind = "raw" } end, "needs data")
      assert.error_matches(function() sb.contact_infos(NOBODY) end, "no user or company")
    end)

    it("returns nil and a message when it can't listen", function()
      open()
      local second, message = sandbox.start { port = sb.port }
      assert.is_nil(second)
      assert.truthy(message:find "can't listen")
      second, message = sandbox.start { host = "not an address" }
      assert.is_nil(second)
      assert.truthy(message:find "IP address")
    end)

    it("listens on ::1 where there is one", function()
      local other <close>, message = sandbox.start { host = "::1" }
      if not other then
        assert.truthy(message:find "can't listen")
        return
      end
      assert.equal("http://[::1]:" .. other.port, other.origin)
      local conn = assert(http.connect(other.origin))
      assert.equal(401, conn:request("GET", "/api/v1/me").status)
      conn:close()
    end)

    it("has a core that checks what it is given", function()
      local core = require "awork.sandbox.core"
      assert.error_matches(function() core.start {} end, "must be strings")
      assert.error_matches(function() core.start { host = "a\0b" } end, "contains a NUL")
      assert.error_matches(function() core.start { port = -1 } end, "must be")
      local server, message = core.start { host = "127.0.0.1", path = "", cpath = "", options = "{}" }
      assert.is_nil(server)
      assert.truthy(message:find "awork.sandbox.server")
      server, message = core.start { host = "127.0.0.1", path = package.path, cpath = package.cpath, options = "{" }
      assert.is_nil(server)
      assert.equal("string", type(message))
    end)

    it("answers its starter in time or not at all", function()
      local core = require "awork.sandbox.core"
      local server <close> = assert(core.start {
        host = "127.0.0.1", path = package.path, cpath = package.cpath, options = "{}",
      })
      for _ = 1, 20 do -- unanswered ones, some of them taken
        local reply, message = server:call('{"command":"state"}', 0)
        assert.is_true(reply ~= nil or message:find "in time" ~= nil)
      end
      assert.equal('{"ok":true,"result":[]}', server:call('{"command":"faults"}', 9.9999999))
      assert.truthy(server:call("{"):find '"ok":false')
      assert.truthy(server:call('{"command":"none"}'):find '"ok":false')
    end)

    it("makes the same people for the same seed", function()
      local a <close> = assert(sandbox.start { users = 50, contact_infos_per_user = 3 })
      local b <close> = assert(sandbox.start { users = 50, contact_infos_per_user = 3 })
      local c <close> = assert(sandbox.start { users = 50, seed = 2 })
      assert.same(a.user_ids, b.user_ids)
      assert.not_same(a.user_ids, c.user_ids)
      local seen = {}
      for _, user in ipairs(a.state().users) do
        assert.is_nil(seen[user.id])
        seen[user.id] = true
        assert.equal(3, #user.userContactInfos)
      end
    end)

    it("holds thousands of users, given or invented", function()
      local total = http.slow and 300 or 5000
      open { users = total, contact_infos_per_user = 2 }
      assert.equal(total, #sb.user_ids)
      local answer = ask("GET", "/users?page=3&pageSize=" .. total // 5)
      assert.equal(total // 5, #answer.json)
      assert.equal(2, #answer.json[total // 5].userContactInfos)
      assert.equal(tostring(total), answer.headers["aw-totalitems"])
      local users = {}
      for i = 1, total do
        local info = { type = "phone", value = tostring(i) }
        users[i] = { firstName = "N" .. i, custom = { badge = i }, contact_infos = { info } }
      end
      sb.set { users = users }
      assert.equal(total, #sb.user_ids)
      answer = ask("GET", "/users/" .. sb.user_ids[total])
      assert.equal("N" .. total, answer.json.firstName)
      assert.equal(total, answer.json.custom.badge)
      assert.equal(tostring(total), answer.json.userContactInfos[1].value)
    end)

    it("goes back to its start on reset", function()
      open { users = 2 }
      ask("POST", infos_of(sb.me_id), PHONE)
      sb.fault { kind = "status", times = math.huge }
      sb.set { users = 9, rate_limit = { second = 1 } }
      local ids = sb.user_ids
      sb.reset()
      assert.equal(2, #sb.user_ids)
      assert.not_same(ids, sb.user_ids)
      assert.same({}, sb.faults())
      assert.same({}, sb.requests())
      for _ = 1, 3 do assert.equal(200, ask("GET", "/me").status) end
    end)
  end)

  describe("contact infos", function()
    before_each(function() open() end)

    it("are created, listed, read, replaced and deleted", function()
      local path = infos_of(sb.user_ids[2])
      local made = ask("POST", path, PHONE)
      assert.equal(200, made.status)
      assert.truthy(made.json.id:find(GUID))
      assert.truthy(made.json.createdOn:find(TIME))
      assert.equal(sb.me_id, made.json.createdBy)
      assert.equal(sb.me_id, made.json.updatedBy)
      assert.equal(http.null, made.json.city)
      assert.is_false(made.json.isAddress)
      assert.is_nil(made.json.isDeleted)

      local list = ask("GET", path)
      assert.same({ made.json }, list.json)
      assert.same(made.json, ask("GET", path .. "/" .. made.json.id).json)
      assert.same(made.json, ask("GET", path .. "/" .. made.json.id:upper()).json)

      local put = ask("PUT", path .. "/" .. made.json.id, { type = "email", value = "a@b.example" })
      assert.equal(200, put.status)
      assert.equal("a@b.example", put.json.value)
      assert.equal(http.null, put.json.subType) -- left out: gone
      assert.equal(made.json.id, put.json.id)
      assert.equal(made.json.createdOn, put.json.createdOn)
      assert.is_true(put.json.updatedOn >= made.json.updatedOn)

      local gone = ask("DELETE", path .. "/" .. made.json.id)
      assert.equal(204, gone.status)
      assert.equal("", gone.body)
      assert.equal(404, ask("GET", path .. "/" .. made.json.id).status)
      assert.equal(404, ask("PUT", path .. "/" .. made.json.id, PHONE).status)
      assert.equal(404, ask("DELETE", path .. "/" .. made.json.id).status)
      assert.equal("[]", ask("GET", path).body)
    end)

    it("of companies too, with their own form", function()
      local path = "/companies/" .. sb.company_ids[1] .. "/contactinfo"
      local made = ask("POST", path, { type = "url", subType = "primary", value = "https://a.example" })
      assert.equal(200, made.status)
      assert.equal(1, #ask("GET", path).json)
      assert.equal(made.json.id, ask("GET", "/companies/" .. sb.company_ids[1]).json.companyContactInfos[1].id)
      assert.equal(200, ask("PUT", path .. "/" .. made.json.id, { type = "custom", label = "x" }).status)
      assert.equal(204, ask("DELETE", path .. "/" .. made.json.id).status)
      for _, wrong in ipairs { {}, { type = "phone" }, { type = "urls", subType = "work" } } do
        assert.equal(400, ask("POST", path, wrong).status)
      end
      assert.equal(405, ask("DELETE", "/companies/" .. sb.company_ids[1]).status)
    end)

    it("keep every character", function()
      local path = infos_of(sb.me_id)
      for _, value in ipairs { "01067", "+4930123456", "quote\" \\ \n\t\0 end", ("🙂"):rep(1000), "Müßig/✓" } do
        local made = ask("POST", path, { type = "custom", label = "l", value = value })
        assert.equal(200, made.status)
        assert.equal(value, made.json.value)
        assert.equal(value, ask("GET", path .. "/" .. made.json.id).json.value)
      end
    end)

    it("change the user's version and copy", function()
      local function user() return ask("GET", "/users/" .. sb.me_id).json end
      local path, before = infos_of(sb.me_id), user()
      local made = ask("POST", path, PHONE).json
      local after = user()
      assert.is_true(after.resourceVersion > before.resourceVersion)
      assert.same({ made }, after.userContactInfos)
      ask("PUT", path .. "/" .. made.id, { type = "phone", value = "1" })
      local put = user()
      assert.is_true(put.resourceVersion > after.resourceVersion)
      assert.equal("1", put.userContactInfos[1].value)
      ask("DELETE", path .. "/" .. made.id)
      assert.is_true(user().resourceVersion > put.resourceVersion)
    end)

    it("refuse what the form does not allow, field by field", function()
      local path = infos_of(sb.me_id)
      local function refused(form, property)
        local answer = ask("POST", path, form)
        assert.equal(400, answer.status)
        assert.equal("validation-failed", answer.json.code)
        assert.equal("string", type(answer.json.description))
        assert.equal("string", type(answer.json.link))
        assert.equal(answer.headers["trace-id"], answer.json.traceId)
        assert.equal(property, answer.json.validationErrors[1].property)
        assert.equal("string", type(answer.json.validationErrors[1].message))
      end
      refused({ phone = "1" }, "phone")
      refused({ value = 1 }, "Value")
      refused({ value = ("é"):rep(1001) }, "Value")
      refused({ zipCode = ("1"):rep(101) }, "ZipCode")
      refused({ isAddress = "yes" }, "IsAddress")
      refused({ isAddress = http.null }, "IsAddress")
      refused({ type = "url" }, "Type")
      refused({ type = "social", subType = "LinkedIn" }, "SubType")
      refused({ type = "address", isAddress = true, zipCode = "1", city = "B", country = "DE" }, "AddressLine1")
    end)

    it("refuse a body that is no JSON object", function()
      local path = infos_of(sb.me_id)
      local json = { ["Content-Type"] = "application/json" }
      for _, body in ipairs { "", "{", "[]", "[1]", "1", "null", '{"value":"\xff"}' } do
        local answer = ask("POST", path, body, json)
        assert.equal(400, answer.status, body)
        assert.equal("invalid-model", answer.json.code)
      end
      assert.equal(415, ask("POST", path, "a=b", { ["Content-Type"] = "application/x-www-form-urlencoded" }).status)
      assert.same({}, sb.contact_infos(sb.me_id))
    end)

    it("refuse a body beyond the limit", function()
      close()
      sb.stop()
      open { body_limit = 1000 }
      local answer = ask("POST", infos_of(sb.me_id), { value = ("x"):rep(990) })
      assert.equal(413, answer.status)
      assert.equal("request-body-too-large", answer.json.code)
      assert.equal(200, ask("POST", infos_of(sb.me_id), { value = ("x"):rep(980) }).status)
    end)

    it("are kept up to max_contact_infos", function()
      close()
      sb.stop()
      open { max_contact_infos = 2 }
      local ids = {}
      for i = 1, 4 do ids[i] = ask("POST", infos_of(sb.me_id), PHONE).json.id end
      local kept = sb.contact_infos(sb.me_id)
      assert.same({ ids[3], ids[4] }, { kept[1].id, kept[2].id })
      assert.equal(404, ask("GET", infos_of(sb.me_id) .. "/" .. ids[1]).status)
    end)
  end)

  describe("users and companies", function()
    before_each(function() open { users = 5, contact_infos_per_user = 1 } end)

    it("are me, with the workspace", function()
      for _, path in ipairs { "/me", "/users/me" } do
        local me = ask("GET", path)
        assert.equal(sb.me_id, me.json.id)
        assert.equal(sb.workspace_id, me.json.workspace.id)
      end
      assert.is_nil(ask("GET", "/users/" .. sb.me_id).json.workspace)
    end)

    it("are listed page by page, contact infos embedded", function()
      local seen = {}
      for page = 1, 3 do
        local answer = ask("GET", "/users?page=" .. page .. "&pageSize=2")
        assert.equal(tostring(page), answer.headers["aw-page"])
        assert.equal("2", answer.headers["aw-pagesize"])
        assert.equal(tostring(#answer.json), answer.headers["aw-items"])
        assert.equal("5", answer.headers["aw-totalitems"])
        for _, user in ipairs(answer.json) do
          seen[#seen + 1] = user.id
          assert.equal(1, #user.userContactInfos)
        end
      end
      assert.same(sb.user_ids, seen)
      local beyond = ask("GET", "/users?page=4&pageSize=2")
      assert.equal("[]", beyond.body)
      assert.equal("0", beyond.headers["aw-items"])
      assert.equal("10", ask("GET", "/users").headers["aw-pagesize"])
      for _, query in ipairs { "pageSize=1001", "pageSize=0", "page=0", "page=x", "pageSize=1.5" } do
        assert.equal("value-out-of-range", ask("GET", "/users?" .. query).json.code)
      end
      assert.equal(2, #ask("GET", "/companies").json)
    end)

    it("take filters and orders", function()
      local filter = escape "firstName eq 'Ada' or startswith(firstName,'C')"
      local answer = ask("GET", "/users?filterby=" .. filter .. "&orderby=" .. escape "firstName desc")
      assert.equal("2", answer.headers["aw-totalitems"])
      assert.equal("Carla", answer.json[1].firstName)
      for _, query in ipairs {
        "filterby=firstName", "filterby=nope+eq+1", "orderby=nope", "orderby=firstName,+lastName",
      } do
        local refused = ask("GET", "/users?" .. query)
        assert.equal(400, refused.status, query)
        assert.equal("invalid-filter-or-order", refused.json.code)
      end
      for _, bytes in ipairs { "%FF", "firstName eq %C3%BC", "%C3", "%00", "%C3%BC eq 'x'" } do
        local refused = ask("GET", "/users?filterby=" .. bytes:gsub(" ", "+"))
        assert.equal(400, refused.status)
        assert.truthy(utf8.len(refused.body))
        assert.equal("invalid-filter-or-order", refused.json.code)
      end
      local infos = infos_of(sb.me_id)
      assert.equal("0", ask("GET", infos .. "?filterby=" .. escape "type eq 'fax'").headers["aw-totalitems"])
      assert.equal("1", ask("GET", infos .. "?filterby=" .. escape "type ne 'fax'").headers["aw-totalitems"])
    end)

    it("see a list anew after each change", function()
      local function total(query) return ask("GET", "/users?pageSize=10" .. (query or "")).headers["aw-totalitems"] end
      assert.equal("5", total())
      assert.equal(204, ask("DELETE", "/users/" .. sb.user_ids[5]).status)
      assert.equal("4", total())
      assert.equal(404, ask("GET", "/users/" .. sb.user_ids[5]).status)
      local archive = "/users/" .. sb.user_ids[4] .. "/setarchived"
      assert.is_true(ask("POST", archive, { isArchived = true }).json.isArchived)
      assert.equal("3", total())
      assert.equal("4", total "&showArchived=true")
      local refused = ask("POST", infos_of(sb.user_ids[4]), PHONE)
      assert.equal(400, refused.status)
      assert.equal("entity-archived", refused.json.code)
      assert.equal(200, ask("POST", archive, { isArchived = false }).status)
      assert.equal("4", total())
      assert.equal(400, ask("POST", archive, {}).status)
    end)

    it("are changed by PUT", function()
      local user = ask("PUT", "/users/" .. sb.user_ids[2], { firstName = "Zoë", birthDate = "1990-01-01T00:00:00Z" })
      assert.equal(200, user.status)
      assert.equal("Zoë", user.json.firstName)
      assert.equal(http.null, user.json.lastName)
      assert.equal("FirstName", ask("PUT", "/users/" .. sb.user_ids[2],
        { firstName = ("x"):rep(1001) }).json.validationErrors[1].property)
      for _, wrong in ipairs {
        "yesterday", "1990-01-01", "1990-01-01T00:00:00", "1990-02-30T00:00:00Z", "1990-01-01T00:00Z",
        "1990-01-01 00:00:00Z", "1998-04-19T00:00:000Z",
      } do
        assert.equal("BirthDate", ask("PUT", "/users/" .. sb.user_ids[2],
          { birthDate = wrong }).json.validationErrors[1].property)
      end
    end)

    it("are activated and deactivated", function()
      local path = "/users/" .. sb.user_ids[2]
      assert.equal(204, ask("POST", path .. "/deactivate").status)
      assert.is_true(ask("GET", path).json.isDeactivated)
      assert.equal(204, ask("POST", path .. "/activate").status)
      assert.is_false(ask("GET", path).json.isDeactivated)
      local summary = ask("POST", path .. "/deactivate?includeSummary=true")
      assert.equal(200, summary.status)
      assert.same({ privateProjectManagersReassignedCount = 0, privateProjectsDeletedCount = 0 }, summary.json)
      assert.equal(405, ask("GET", path .. "/activate").status)
    end)

    it("fill themselves in from an address", function()
      local answer = ask("GET", "/users/autofill/" .. escape "greta.weiss@example.org")
      assert.equal("Greta", answer.json.firstName)
      assert.equal("Weiss", answer.json.lastName)
      assert.equal(204, ask("GET", "/users/autofill/info%40example.org").status)
    end)

    it("answer 404, 405 and OPTIONS in awork's shape", function()
      for _, path in ipairs {
        "/users/" .. NOBODY, infos_of(NOBODY), "/users/nonsense", "/nothing", "/users/" .. sb.me_id .. "/nothing",
        infos_of(sb.me_id) .. "/" .. NOBODY, "/", "/users/" .. sb.me_id .. "/contactinfo/1/2",
      } do
        local answer = ask("GET", path)
        assert.equal(404, answer.status, path)
        assert.equal("not-found", answer.json.code)
      end
      local info = infos_of(sb.me_id) .. "/" .. sb.contact_infos(sb.me_id)[1].id
      for _, path in ipairs { "/users", "/me", infos_of(sb.me_id), info } do
        local answer = ask("PATCH", path)
        assert.equal(405, answer.status, path)
        assert.truthy(answer.headers.allow)
      end
      assert.equal(204, ask("OPTIONS", "/users").status)
      local head = ask("HEAD", "/users")
      assert.equal(200, head.status)
      assert.equal("5", head.headers["aw-totalitems"])
      assert.equal("", head.body)
    end)
  end)

  describe("tokens", function()
    local me, other

    before_each(function()
      open {
        users = 3,
        tokens = {
          { token = "key", admin = true }, { token = "user", user = 2 },
          { token = "reader", user = 2, rights = { "user-master-data:read" } },
          { token = "writer", user = 2, rights = { "user-master-data:write" } },
          { token = "old", admin = true, expires_in = 0 },
        },
      }
      me, other = sb.user_ids[2], sb.user_ids[3]
    end)

    local function as(token, method, path, body)
      return ask(method, path, body, { Authorization = token and "Bearer " .. token })
    end

    it("are needed", function()
      for _, token in ipairs { false, "wrong", "old" } do
        local answer = as(token, "GET", "/users")
        assert.equal(401, answer.status)
        assert.equal("unauthorized", answer.json.code)
      end
      assert.equal(401, ask("GET", "/me", nil, { Authorization = "Basic " .. sb.token }).status)
      assert.equal(200, ask("GET", "/me", nil, { Authorization = "bearer " .. sb.token }).status)
    end)

    it("without a right see their own user alone, with no error", function()
      local answer = as("user", "GET", "/users?pageSize=10")
      assert.equal("1", answer.headers["aw-totalitems"])
      assert.equal(me, answer.json[1].id)
      assert.equal(200, as("user", "POST", infos_of(me), PHONE).status)
      assert.equal(1, #as("user", "GET", infos_of(me)).json)
      assert.equal(401, as("user", "GET", infos_of(other)).status)
      assert.equal(200, as("user", "GET", "/users/" .. other).status) -- any authenticated user
      assert.equal(401, as("user", "POST", infos_of(other), PHONE).status)
      assert.equal(401, as("user", "POST", "/users/" .. me .. "/deactivate").status)
    end)

    it("to read can't write", function()
      assert.equal("5", as("reader", "GET", "/users").headers["aw-totalitems"]) -- with the API users of the two keys
      assert.equal(200, as("reader", "GET", infos_of(other)).status)
      assert.equal(401, as("reader", "POST", infos_of(other), PHONE).status)
      assert.equal(401, as("reader", "PUT", "/users/" .. other, {}).status)
      assert.equal(401, as("reader", "DELETE", "/users/" .. other).status)
      assert.equal(401, as("reader", "POST", "/companies/" .. sb.company_ids[1] .. "/contactinfo", PHONE).status)
      local made = as("writer", "POST", infos_of(other), PHONE)
      assert.equal(200, made.status)
      assert.equal(me, made.json.createdBy)
      assert.equal(401, as("reader", "DELETE", infos_of(other) .. "/" .. made.json.id).status)
    end)

    it("that are an API key act as an API user, who is in the list of users", function()
      local id = as("key", "GET", "/users/me").json.id
      assert.equal(sb.api_user_ids[1], id)
      assert.equal(id, as("key", "GET", "/me").json.id)
      assert.equal(id, as("key", "POST", infos_of(me), PHONE).json.createdBy)
      local api_users = as("key", "GET", "/apiusers").json
      assert.same(sb.api_user_ids, { api_users[1].id, api_users[2].id })
      assert.equal(id, as("key", "GET", "/apiusers/" .. id).json.id)
      assert.equal(404, as("key", "GET", "/apiusers/" .. me).status)
      assert.equal(401, as("reader", "GET", "/apiusers").status)
      local listed = {}
      for _, user in ipairs(as("key", "GET", "/users").json) do listed[user.id] = true end
      assert.is_true(listed[id])
      for _, user_id in ipairs(sb.user_ids) do assert.not_equal(id, user_id) end
    end)

    -- Every endpoint, and what awork's description asks for beyond an admin: "" is nothing but a token.
    it("may do what the endpoint asks for, and nothing else", function()
      local user, company = "/users/" .. other, "/companies/" .. sb.company_ids[1]
      local info = "/" .. as("key", "POST", infos_of(other), PHONE).json.id
      local own = as("key", "POST", company .. "/contactinfo", { type = "custom", label = "x" }).json.id
      local endpoints = {
        { "GET", "/me", "" }, { "GET", "/me/permissions", "" }, { "GET", "/users", "" }, { "GET", "/users/me", "" },
        { "GET", "/users/autofill/a.b%40c.example", "" }, { "GET", user, "" }, { "GET", "/teams", "" },
        { "PUT", user, "user-master-data:write", {} },
        { "POST", user .. "/deactivate", "user-manage-config:write" },
        { "POST", user .. "/activate", "user-manage-config:write" },
        { "POST", user .. "/setarchived", "project-manage-config:write", { isArchived = false } },
        { "GET", user .. "/contactinfo", "user-master-data:read" },
        { "POST", user .. "/contactinfo", "user-master-data:write", PHONE },
        { "GET", user .. "/contactinfo" .. info, "user-master-data:read" },
        { "PUT", user .. "/contactinfo" .. info, "user-master-data:write", PHONE },
        { "DELETE", user .. "/contactinfo" .. info, "user-master-data:write" },
        { "GET", "/companies", "company-master-data:read" }, { "GET", company, "company-master-data:read" },
        { "GET", company .. "/contactinfo", "company-master-data:read" },
        { "POST", company .. "/contactinfo", "company-master-data:write", { type = "custom", label = "x" } },
        { "GET", company .. "/contactinfo/" .. own, "company-master-data:read" },
        { "PUT", company .. "/contactinfo/" .. own, "company-master-data:write", { type = "custom", label = "y" } },
        { "DELETE", company .. "/contactinfo/" .. own, "company-master-data:write" },
        { "GET", "/apiusers", "workspace-manage-config:read" },
        { "DELETE", user, "user-manage-config:delete" },
      }
      local all = {}
      for _, endpoint in ipairs(endpoints) do
        if endpoint[3] ~= "" then all[endpoint[3]] = true end
      end
      for _, endpoint in ipairs(endpoints) do
        local method, path, right, body = table.unpack(endpoint)
        local rest = {}
        for name in pairs(all) do
          if name ~= right then rest[#rest + 1] = name end
        end
        sb.set { tokens = { { token = "all_but_it", user = 2, rights = rest },
          { token = "it", user = 2, rights = right ~= "" and { right } or {} } } }
        if right ~= "" then assert.equal(401, as("all_but_it", method, path, body).status, method .. " " .. path) end
        local status = as("it", method, path, body).status
        assert.is_true(status == 200 or status == 204, method .. " " .. path .. ": " .. status)
      end
    end)

    it("say what they may do", function()
      sb.set { tokens = {
        { token = "guest", user = 2, guest = true, rights = { "user-master-data:write", "user-master-data:read" } },
        { token = "blocked", user = 3, blocked = true }, { token = "key" },
        { token = "weak_key", rights = { "company-master-data:read" }, name = "Importer" },
      } }
      local function permissions(token) return as(token, "GET", "/me/permissions").json.userPermission end
      local guest = permissions "guest"
      assert.equal(me, guest.userId)
      assert.is_false(guest.isAdmin)
      assert.is_true(guest.isGuest)
      assert.is_false(guest.isBlocked)
      assert.truthy(guest.roleId:find(GUID))
      assert.same({ { feature = "user-master-data", accessLevels = { "read", "write" } } }, guest.permissions)
      local admin = permissions(sb.token)
      assert.is_true(admin.isAdmin)
      assert.equal(sb.me_id, admin.userId)
      assert.not_equal(admin.roleId, guest.roleId)
      assert.is_true(permissions "blocked".isBlocked)
      assert.equal(401, as("blocked", "GET", "/users").status)
      assert.equal(200, as("blocked", "GET", "/me").status)
      assert.is_true(permissions "key".isAdmin) -- an API user without a role
      assert.is_false(permissions "weak_key".isAdmin)
      assert.same({ "API user", "Importer" }, { as("key", "GET", "/apiusers").json[1].name,
        as("key", "GET", "/apiusers").json[2].name })
    end)

    it("limited to teams see no one else", function()
      close()
      sb.stop()
      open { users = 4, teams = { { name = "Design", users = { 1, 2 } }, { name = "Support", users = { 2, 3 } } },
        tokens = {
          { token = "mine", user = 1, teams = true, rights = { "user-master-data:read" } },
          { token = "support", user = 1, teams = { "Support" }, rights = { "user-master-data:read" } },
          { token = "poor", user = 1, teams = true },
        } }
      local function seen(token)
        local ids = {}
        for i, user in ipairs(as(token, "GET", "/users").json) do ids[i] = user.id end
        return ids
      end
      assert.same({ sb.user_ids[1], sb.user_ids[2] }, seen "mine")
      assert.same({ sb.user_ids[1], sb.user_ids[2], sb.user_ids[3] }, seen "support")
      assert.same({ sb.user_ids[1] }, seen "poor")
      assert.equal(404, as("mine", "GET", "/users/" .. sb.user_ids[3]).status)
      assert.equal(404, as("mine", "GET", infos_of(sb.user_ids[4])).status)
      assert.equal(200, as("mine", "GET", infos_of(sb.user_ids[2])).status)
      local teams = as("mine", "GET", "/teams?includeUserIds=true").json
      assert.equal(1, #teams)
      assert.equal("Design", teams[1].name)
      assert.equal(2, #teams[1].userIds)
      assert.equal(http.null, teams[1].projectIds)
      assert.equal(404, as("mine", "GET", "/teams/" .. sb.team_ids[2]).status)
      assert.equal(2, #ask("GET", "/teams").json)
      assert.equal("Support", ask("GET", "/teams/" .. sb.team_ids[2]).json.name)
      local names = {}
      for i, team in ipairs(ask("GET", "/users/" .. sb.user_ids[2]).json.teams) do names[i] = team.name end
      assert.same({ "Design", "Support" }, names)
      local filter = escape "teams/any(t: t/name eq 'Support')"
      assert.equal("2", ask("GET", "/users?filterby=" .. filter).headers["aw-totalitems"])
    end)

    it("of a deactivated user are void", function()
      assert.equal(204, ask("POST", "/users/" .. me .. "/deactivate").status)
      local answer = as("user", "GET", "/me")
      assert.equal(401, answer.status)
      assert.equal("deactivated-user", answer.json.code)
    end)

    it("of a deleted user are void", function()
      assert.equal(204, ask("DELETE", "/users/" .. me).status)
      assert.equal(401, as("user", "GET", "/me").status)
    end)

    it("change at run time", function()
      sb.set { tokens = { { token = "new", user = me } } }
      assert.equal(200, as("new", "GET", "/me").status)
      assert.equal(401, as("reader", "GET", "/me").status)
      assert.equal(200, as(sb.token, "GET", "/me").status)
    end)
  end)

  describe("answers as awork's description has them", function()
    local awork = require "awork"
    local function exactly(text) return (require "awork.core".decode(text, 64, true)) end

    -- A request whose answer is of this kind; decoded exactly.
    local function get(kind, method, path, body)
      local answer = ask(method, path, body)
      local value = answer.body ~= "" and exactly(answer.body) or nil
      assert.is_nil(described.problem(kind, value, awork.null))
      return value, answer
    end

    before_each(function()
      open {
        users = { { firstName = "Ada", tags = { "lead", { name = "x", color = "red" } }, teams = { "Design" } },
          { contact_infos = { { type = "phone", value = "1", label = "old" } }, birthDate = "1906-12-09T00:00:00Z" },
          {} },
        contact_infos_per_company = 3, companies = 2, tokens = { { token = "key" } },
      }
    end)

    it("field by field, and no others", function()
      local user, company = "/users/" .. sb.user_ids[2], "/companies/" .. sb.company_ids[1]
      for _ = 1, 2 do
        get("[user]", "GET", "/users?pageSize=100")
        get("user", "GET", user)
        get("[company]", "GET", "/companies")
        get("company", "GET", company)
        get("me", "GET", "/me")
        get("me", "GET", "/users/me")
        get("permissions", "GET", "/me/permissions")
        get("[team]", "GET", "/teams")
        get("[team]", "GET", "/teams?includeUserIds=true&includeProjectIds=true")
        get("team", "GET", "/teams/" .. sb.team_ids[1])
        get("[api_user]", "GET", "/apiusers")
        get("api_user", "GET", "/apiusers/" .. sb.api_user_ids[1])
        get("autofill", "GET", "/users/autofill/a.b%40example.org")
        get("[info]", "GET", user .. "/contactinfo")
        get("[company_info]", "GET", company .. "/contactinfo")
        local id = get("info", "POST", user .. "/contactinfo", PHONE).id
        get("info", "GET", user .. "/contactinfo/" .. id)
        get("info", "PUT", user .. "/contactinfo/" .. id, { value = "2" })
        id = get("company_info", "POST", company .. "/contactinfo", { type = "custom", label = "x" }).id
        get("company_info", "PUT", company .. "/contactinfo/" .. id, { type = "url", subType = "other" })
        get("company_info", "GET", company .. "/contactinfo/" .. id)
        get("user", "PUT", user, { birthDate = "1906-12-09T00:00:00+01:00", title = http.null })
        get("summary", "POST", user .. "/deactivate?includeSummary=true")
        get("extended_user", "POST", user .. "/setarchived", { isArchived = false })
        for _, wrong in ipairs {
          { "GET", "/nothing" }, { "GET", user .. "x" }, { "PUT", "/me" }, { "GET", "/users?filterby=x" },
          { "POST", user .. "/contactinfo", { value = 1 } },
        } do
          get("error", table.unpack(wrong))
        end
        local refused = ask("GET", "/me", nil, { Authorization = false })
        assert.is_nil(described.problem("error", exactly(refused.body), awork.null))
      end
    end)

    it("with more only when told to", function()
      close()
      sb.stop()
      open { users = { { badge = 7 }, {} }, contact_infos_per_company = 1,
        extra_fields = { contact_info = { isDeleted = false }, company = { future = "x" }, user = { seat = 1 } } }
      local users = ask("GET", "/users").json
      assert.equal(7, users[1].badge)
      assert.is_nil(users[2].badge)
      assert.equal(1, users[2].seat)
      local company = ask("GET", "/companies").json[1]
      assert.equal("x", company.future)
      assert.is_false(company.companyContactInfos[1].isDeleted)
      assert.is_false(ask("POST", infos_of(sb.me_id), PHONE).json.isDeleted)
      assert.error_matches(function() sandbox.start { extra_fields = { users = {} } } end, "extra_fields has")
    end)

    it("count versions in ticks, up with every change, each digit of them", function()
      local path, last = "/users/" .. sb.user_ids[2], 0
      for _ = 1, 50 do
        ask("POST", path .. "/contactinfo", PHONE)
        local version = exactly(ask("GET", path).body).resourceVersion
        assert.is_true(version > last)
        assert.equal(1, version % 2) -- which no double beyond 2^53 can hold
        last = version
      end
      assert.equal(last, sb.state().users[2].resourceVersion)
      local filter = escape("resourceVersion eq " .. last .. "L")
      assert.equal("1", ask("GET", "/users?filterby=" .. filter).headers["aw-totalitems"])
    end)

    it("in an order that nobody promised, when told to", function()
      close()
      sb.stop()
      open { users = 50, list_order = "shuffled" }
      local orders = {}
      for i = 1, 2 do
        local ids = {}
        for k, user in ipairs(ask("GET", "/users?pageSize=50").json) do ids[k] = user.id end
        orders[i] = table.concat(ids, " ")
        assert.equal(50, #ids)
      end
      assert.not_equal(orders[1], orders[2])
      assert.equal(ask("GET", "/users?orderby=id").body, ask("GET", "/users?orderby=id").body)
      sb.set { list_order = "created" }
      assert.equal(sb.user_ids[1], ask("GET", "/users").json[1].id)
      assert.error_matches(function() sb.set { list_order = "odd" } end, "list_order must be")
    end)

    it("to filters that know who asks and when", function()
      local function total(filter, token)
        local answer = ask("GET", "/users?filterby=" .. escape(filter), nil,
          { Authorization = "Bearer " .. (token or sb.token) })
        return answer.headers["aw-totalitems"] or answer.json.code
      end
      assert.equal("1", total "id eq me.id")
      assert.equal("1", total("id eq me.id", "key"))
      assert.equal("4", total "id ne null and createdOn ge today-1d")
      assert.equal("0", total "createdOn gt now")
      sb.advance(3600)
      assert.equal("4", total "createdOn lt now")
      assert.equal("1", total "tags/any(t: t/name eq 'lead')")
      assert.equal("3", total "tags/any(t: t/name eq 'lead') eq false")
      assert.equal("1", total "count(tags) gt 1")
      assert.equal("1", total "userContactInfos/any(c: c/label eq 'old')")
      assert.equal("4", total "status/invitationAccepted eq true")
      assert.equal("invalid-filter-or-order", total "status/nothing eq true")
      assert.equal("invalid-filter-or-order", total "status eq true")
    end)
  end)

  describe("OAuth", function()
    local FORM = { ["Content-Type"] = "application/x-www-form-urlencoded", Authorization = false }
    local conn

    before_each(function()
      open { oauth = { client_id = "app", client_secret = "s:cret", refresh_token = "first/+", expires_in = 3600 } }
      conn = assert(http.connect(sb.origin))
    end)
    after_each(function() conn:close() end)

    local function refresh(form, authorization, target)
      return conn:request("POST", target or "/api/v1/accounts/token",
        { ["Content-Type"] = FORM["Content-Type"], Authorization = authorization }, form)
    end
    local BASIC = "Basic YXBwOnM6Y3JldA=="
    local GRANT = "grant_type=refresh_token&refresh_token="

    it("refreshes, and voids the old refresh token at once", function()
      local answer = refresh(GRANT .. escape "first/+", BASIC)
      assert.equal(200, answer.status)
      assert.equal("Bearer", answer.json.token_type)
      assert.equal(3600, answer.json.expires_in)
      assert.equal(200, ask("GET", "/me", nil, { Authorization = "Bearer " .. answer.json.access_token }).status)
      local void = refresh(GRANT .. escape "first/+", BASIC)
      assert.equal(400, void.status)
      assert.equal("invalid_grant", void.json.error)
      local again = refresh(GRANT .. escape(answer.json.refresh_token), BASIC, "/accounts/token")
      assert.equal(200, again.status)
      assert.not_equal(answer.json.access_token, again.json.access_token)
    end)

    it("knows its client by Basic or by the form", function()
      assert.equal(401, refresh(GRANT .. "x", "Basic YXBwOndyb25n").status)
      assert.equal(401, refresh(GRANT .. "x&client_id=app").status)
      assert.equal(401, refresh(GRANT .. "x").status)
      assert.equal(400, refresh(GRANT .. "x&client_id=app&client_secret=s:cret").status)
      assert.equal("unsupported_grant_type", refresh("grant_type=password", BASIC).json.error)
      assert.equal(400, conn:request("POST", "/accounts/token", { Authorization = BASIC }, "x").status)
      assert.equal(405, conn:request("GET", "/accounts/token").status)
    end)

    it("lets a public client do without a secret, and tokens expire", function()
      sb.set { oauth = { client_id = "cli", public = true, refresh_token = "r", expires_in = 100 } }
      assert.equal("cli", sb.oauth.client_id)
      local answer = refresh(GRANT .. "r&client_id=cli")
      assert.equal(200, answer.status)
      local bearer = { Authorization = "Bearer " .. answer.json.access_token }
      assert.equal(200, ask("GET", "/me", nil, bearer).status)
      sb.set { clock_offset = 101 }
      assert.equal(401, ask("GET", "/me", nil, bearer).status)
    end)

    it("can be off", function()
      sb.set { oauth = false }
      assert.equal(404, refresh(GRANT .. "r", BASIC).status)
    end)
  end)

  describe("rate limits", function()
    it("are announced on every answer and shared by all tokens", function()
      open { rate_limit = { second = 1000, minute = 3, minute_seconds = 3600 }, tokens = { { token = "b", user = 2 } } }
      local answer = ask("GET", "/me")
      assert.equal("1000", answer.headers["x-ratelimit-limit-second"])
      assert.equal("3", answer.headers["x-ratelimit-limit-minute"])
      assert.equal("2", answer.headers["x-ratelimit-remaining-minute"])
      assert.equal("3", answer.headers["ratelimit-limit"])
      assert.equal("2", answer.headers["ratelimit-remaining"])
      assert.truthy(tonumber(answer.headers["ratelimit-reset"]) > 3500)
      assert.equal("1", ask("GET", "/me", nil, { Authorization = "Bearer b" }).headers["x-ratelimit-remaining-minute"])
      assert.equal("1", ask("GET", "/me", nil, { Authorization = false }).headers["x-ratelimit-remaining-minute"])
      assert.equal(404, ask("GET", "/none").status)
      local refused = ask("POST", infos_of(sb.me_id), PHONE)
      assert.equal(429, refused.status)
      assert.is_nil(refused.json) -- awork documents no code for it
      assert.equal("0", refused.headers["x-ratelimit-remaining-minute"])
      assert.is_nil(refused.headers["retry-after"])
      assert.same({}, sb.contact_infos(sb.me_id))
      assert.equal(1, sb.stats().refused)
      assert.equal(1, sb.stats().status["429"])
    end)

    it("pass with their window, and say when", function()
      open { rate_limit = { second = 1, minute = false, second_seconds = 0.2, retry_after = true } }
      local refused
      for _ = 1, 1000 do
        local answer = ask("GET", "/me")
        if answer.status == 429 then
          refused = answer
        elseif refused then
          assert.equal(200, answer.status)
          break
        end
      end
      assert.equal("1", refused.headers["retry-after"])
      assert.is_nil(refused.headers["x-ratelimit-limit-minute"])
    end)

    it("change at run time, down to none", function()
      open { rate_limit = { second = 0 } }
      assert.equal(429, ask("GET", "/me").status)
      sb.set { rate_limit = { window = "sliding" } }
      assert.equal("49", ask("GET", "/me").headers["x-ratelimit-remaining-second"])
      sb.set { rate_limit = false }
      assert.is_nil(ask("GET", "/me").headers["ratelimit-limit"])
    end)
  end)

  describe("the log", function()
    it("has each request as it came", function()
      open()
      ask("POST", infos_of(sb.me_id) .. "?a=b%20c&A=2", PHONE, { ["X-Thing"] = "one" })
      ask("GET", "/none")
      local log = sb.requests()
      assert.equal(2, #log)
      local r = log[1]
      assert.equal("POST", r.method)
      assert.equal("/api/v1" .. infos_of(sb.me_id), r.path)
      assert.equal("a=b%20c&A=2", r.query)
      assert.equal("b c", r.args.a)
      assert.equal("one", r.headers["x-thing"])
      assert.equal("Bearer " .. sb.token, r.headers.authorization)
      assert.truthy(r.body:find("+49 30 1234567", 1, true))
      assert.equal(200, r.status)
      assert.equal(404, log[2].status)
      assert.equal(r.connection, log[2].connection)
      assert.is_true(log[2].elapsed >= r.elapsed)
      assert.is_true(math.abs(r.time - os.time()) < 60)
      sb.clear_requests()
      assert.same({}, sb.requests())
    end)

    it("is bounded, and can be off", function()
      open { log = 3 }
      for i = 1, 5 do ask("GET", "/none/" .. i) end
      local log = sb.requests()
      assert.equal(3, #log)
      assert.equal("/api/v1/none/3", log[1].path)
      assert.equal(5, sb.stats().requests)
      sb.set { log = false }
      ask("GET", "/me")
      assert.same({}, sb.requests())
      assert.equal(6, sb.stats().requests)
    end)

    it("keeps bytes that are no text", function()
      open()
      local body = "\0\1\xff\xfe\"\\"
      ask("POST", infos_of(sb.me_id), body, { ["Content-Type"] = "application/json" })
      assert.equal(body, sb.requests()[1].body)
    end)
  end)

  describe("the clock", function()
    it("can be ahead, and Date, createdOn and the log agree", function()
      open { clock_offset = 86400 * 365.5 }
      local answer = ask("POST", infos_of(sb.me_id), PHONE)
      local y, m, d = answer.json.createdOn:match "^(%d+)-(%d+)-(%d+)"
      local there = os.time { year = y, month = m, day = d, hour = 12 }
      assert.is_true(math.abs(there - os.time() - 86400 * 365.5) < 86400)
      assert.truthy(answer.headers.date:find(("%s %%a%%a%%a %s"):format(d, y)))
      assert.is_true(math.abs(sb.requests()[1].time - os.time() - 86400 * 365.5) < 60)
    end)

    it("can be set", function()
      open { now = 1700000000 }
      local answer = ask("GET", "/me")
      assert.truthy(answer.headers.date:find "Nov 2023")
      assert.truthy(answer.json.createdOn:find "^2023%-11%-14T22:13")
    end)
  end)

  describe("TLS", function()
    local context = require "openssl.ssl.context"
    local store = require "openssl.x509.store"

    local function trusting(file)
      local ctx = context.new("TLS", false)
      local trusted = store.new()
      trusted:add(file)
      ctx:setStore(trusted)
      ctx:setVerify(context.VERIFY_PEER)
      return ctx
    end

    it("is verified by the authority made at start, whose file goes away with it", function()
      open { tls = true }
      assert.truthy(sb.url:find "^https://")
      for _, name in ipairs { "localhost", "127.0.0.1" } do
        local conn = assert(http.connect(sb.origin, trusting(sb.ca_file), name))
        assert.equal(200, conn:request("GET", "/api/v1/me", { Authorization = "Bearer " .. sb.token }).status)
        conn:close()
      end
      assert.is_nil((http.connect(sb.origin, trusting(sb.ca_file), "other.example")))
      local file = sb.ca_file
      sb.stop()
      assert.is_nil((io.open(file)))
      assert.is_nil((io.open((file:gsub("/ca.pem$", "")))))
    end)

    for _, flaw in ipairs { "expired", "wrong_host", "self_signed" } do
      it("can be flawed: " .. flaw, function()
        open { tls = flaw }
        assert.is_nil((http.connect(sb.origin, trusting(sb.ca_file), "localhost")))
        local blind = context.new("TLS", false)
        local conn = assert(http.connect(sb.origin, blind))
        assert.equal(401, conn:request("GET", "/api/v1/me").status)
        conn:close()
      end)
    end

    it("takes faults that need no bytes of ours", function()
      open { tls = true }
      assert.error_matches(function() sb.fault { kind = "raw", data = "x" } end, "without TLS")
      local ctx = trusting(sb.ca_file)
      local function once()
        local conn = assert(http.connect(sb.origin, ctx, "localhost"))
        local answer, why = conn:request("GET", "/api/v1/me", { Authorization = "Bearer " .. sb.token })
        conn:close()
        return answer, why
      end
      for _, kind in ipairs { "reset_before", "reset_after", "cut", "cut_request" } do
        for _, how in ipairs { "reset", "close" } do
          sb.fault { kind = kind, how = how }
          local answer, why = once()
          assert.is_nil(answer)
          assert.not_equal("timeout", why)
        end
      end
      sb.fault { kind = "trickle", bytes = 100, seconds = 0.001 }
      assert.equal(200, once().status)
    end)
  end)

  describe("on the wire", function()
    before_each(function() open() end)

    it("keeps a connection for a thousand requests", function()
      for _ = 1, http.slow and 20 or 1000 do ask("GET", "/me") end
      assert.equal(1, sb.stats().connections)
      assert.equal(1, sb.stats().open_connections)
    end)

    it("survives what is no HTTP", function()
      for _, bytes in ipairs {
        "\1\2\3\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nnonsense\r\n\r\n",
        "POST /api/v1/me HTTP/1.1\r\nHost: x\r\nContent-Length: nope\r\n\r\n",
        "GET /" .. ("a"):rep(100000) .. " HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /%zz%/..//%00?%%%=%1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
      } do
        local _, ending = http.exchange(sb.origin, bytes)
        assert.not_equal("timeout", ending, bytes:sub(1, 40))
      end
      assert.equal(200, ask("GET", "/me").status)
      assert.equal(0, sb.stats().failures)
    end)

    it("reads chunked bodies, and asks for them when expected to", function()
      local conn = assert(http.connect(sb.origin))
      conn:send("POST /api/v1" .. infos_of(sb.me_id) .. " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " .. sb.token
        .. "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
      local data = conn:receive()
      assert.truthy(data:find "^HTTP/1.1 100")
      conn:send '6\r\n{"valu\r\n8\r\ne":"abc"\r\n1\r\n}\r\n0\r\n\r\n'
      assert.equal("abc", conn:response().json.value)
      conn:close()
    end)

    it("decodes paths", function()
      assert.equal(200, ask("GET", "/users/" .. sb.me_id:gsub("%-", "%%2D")).status)
      assert.equal(200, ask("GET", "/users/" .. sb.me_id .. "/contactinfo/").status)
    end)

    it("closes idle connections when asked to", function()
      close()
      sb.stop()
      open { idle_timeout = 1 }
      local conn = assert(http.connect(sb.origin))
      assert.equal(401, conn:request("GET", "/api/v1/me").status)
      local _, why = conn:receive()
      assert.equal("closed", why)
      conn:close()
    end)
  end)

  describe("alone", function()
    -- Runs a command that ends by SIGTERM, with `script` in between; both outputs.
    local function run(command, script)
      local out = os.tmpname()
      local pipe = assert(io.popen(([[
        %s >%s 2>&1 & pid=$!
        for i in $(seq 1000); do grep -q CA_FILE %s && break; kill -0 $pid 2>/dev/null || break; sleep 0.01; done
        . %s
        %s
        kill -TERM $pid
        wait $pid; echo "code $?"
      ]]):format(command, out, out, out, script or ":")))
      local said = pipe:read "a"
      pipe:close()
      local file = assert(io.open(out))
      local printed = file:read "a"
      file:close()
      os.remove(out)
      return said, printed
    end

    it("prints what to export and ends by a signal, files removed #process", function()
      local said, printed = run("bin/awork-contacts sandbox --port 0 --users 2 --contact-infos 1 --tls --no-limit "
        .. "--quiet", 'ls "$AWORK_CA_FILE"')
      assert.truthy(printed:find "export AWORK_BASE_URL=https://127.0.0.1:%d+/api/v1\n")
      assert.truthy(printed:find "export AWORK_TOKEN=%S+\n")
      local file = printed:match "AWORK_CA_FILE=(%S+)"
      assert.equal(file .. "\ncode 0\n", said)
      assert.is_nil((io.open(file)))
    end)

    it("needs a place for its certificate #process", function()
      local pipe = assert(io.popen
        "TMPDIR=/nowhere lua5.4 -e 'print(require \"awork.sandbox\".start { tls = true })'")
      assert.truthy(pipe:read("a"):find "^nil\tcan't make a certificate: .*temporary directory\n$")
      pipe:close()
    end)

    it("left running, ends with the state that started it #process", function()
      local pipe = assert(io.popen([[lua5.4 -e '
        local s = require "awork.sandbox"
        kept, thrown = assert(s.start { tls = true }), assert(s.start { users = 100 })
        print(kept.ca_file) thrown = nil']]))
      local file = pipe:read "l"
      assert.is_true(pipe:close())
      assert.is_nil((io.open(file)))
    end)
  end)
end)
