local awork = require "awork"
local cjson = require "cjson"
local help = require "client_help"
local sandbox = require "awork.sandbox"

for _, owner in ipairs { "user", "company" } do
  describe("contact infos of a " .. owner, function()
    local server, client, infos, id, phone

    setup(function()
      server = help.server()
      client = help.client(server)
      infos = owner == "user" and client.contact_infos or client.company_contact_infos
    end)

    teardown(function()
      client:close()
      server.stop()
    end)

    before_each(function()
      server.reset()
      id = owner == "user" and server.user_ids[1] or server.company_ids[1]
      phone = { type = "phone", subType = owner == "user" and "work" or "central", value = "+49 30 1234567" }
    end)

    local base = owner == "user" and "/users/" or "/companies/"

    it("are created, read, listed, replaced and deleted", function()
      local created, err, adopted = infos:create(id, phone)
      assert.is_nil(err)
      assert.is_nil(adopted)
      assert.is_true(#created.id == 36)
      assert.equal("+49 30 1234567", created.value)
      assert.is_nil(created.label)
      assert.same(created, infos:get(id, created.id))
      local list, info = infos:list(id)
      assert.same({ created }, list)
      assert.same({ page = 1, page_size = 1000, items = 1, total_items = 1 }, info)
      local updated = assert(infos:update(id, created.id, { type = "custom", label = "Bike", value = "red" }))
      assert.equal("custom", updated.type)
      assert.equal(created.id, updated.id)
      assert.is_nil(updated.subType)
      assert.is_true(infos:delete(id, created.id))
      assert.same({}, (infos:list(id)))
      local gone
      gone, err = infos:get(id, created.id)
      assert.is_nil(gone)
      assert.equal(404, err.status)
      assert.equal("not-found", err.code)
      gone, err = infos:delete(id, created.id)
      assert.is_nil(gone)
      assert.equal(404, err.status)
      assert.same({
        "POST " .. base .. id .. "/contactinfo",
        "GET " .. base .. id .. "/contactinfo/" .. created.id,
        "GET " .. base .. id .. "/contactinfo?page=1&pageSize=1000",
        "PUT " .. base .. id .. "/contactinfo/" .. created.id,
        "DELETE " .. base .. id .. "/contactinfo/" .. created.id,
        "GET " .. base .. id .. "/contactinfo?page=1&pageSize=1000",
        "GET " .. base .. id .. "/contactinfo/" .. created.id,
        "DELETE " .. base .. id .. "/contactinfo/" .. created.id,
      }, help.log(server))
    end)

    it("keep their values to the last byte", function()
      for _, value in ipairs {
        "+4930123456", "01067", "12345678901234567890", ("\u{1F600}"):rep(500), "a\"b\\c/d", "\u{4e2d}\u{6587}",
      } do
        local created = assert(infos:create(id, { type = "custom", label = "x", value = value }))
        assert.equal(value, created.value)
        assert.equal(value, infos:get(id, created.id).value)
      end
    end)

    it("are addresses without being told so", function()
      local address = {
        type = "address", subType = owner == "user" and "work" or "central", addressLine1 = "Torstrasse 140",
        addressLine2 = "Hof A", zipCode = "10119", city = "Berlin", country = "DE",
      }
      local created = assert(infos:create(id, address))
      assert.is_true(created.isAddress)
      assert.is_nil(address.isAddress)
    end)

    it("are refused before anything is sent", function()
      local created, err = infos:create(id, { type = "phone", subType = "Work", value = "1", zip = "x" })
      assert.is_nil(created)
      assert.equal("validation-failed", err.code)
      assert.equal("validation", err.kind)
      assert.is_true(#err.violations >= 2)
      created, err = infos:update(id, help.nobody, { type = "nonsense" })
      assert.is_nil(created)
      assert.equal("validation-failed", err.code)
      assert.same({}, help.log(server))
    end)

    it("are refused alike by the server when the client does not check", function()
      local lax <close> = help.client(server, { validate = false })
      local these = owner == "user" and lax.contact_infos or lax.company_contact_infos
      local created, err = these:create(id, { type = "phone", subType = "Work", value = "1" })
      assert.is_nil(created)
      assert.equal("validation", err.kind)
      assert.equal("validation-failed", err.code)
      assert.equal(400, err.status)
      assert.equal("server", err.violations[1].rule)
      assert.is_string(err.validationErrors[1].property)
      assert.equal(1, #server.requests())
      created, err = these:create(id, { value = print })
      assert.is_nil(created)
      assert.equal("validation-failed", err.code)
      assert.equal("value", err.violations[1].property)
      assert(these:create(id, { type = "phone", subType = phone.subType, value = "1", label = awork.null }))
    end)

    it("are refused for a warning by a strict client", function()
      local stern <close> = help.client(server, { strict = true })
      local these = owner == "user" and stern.contact_infos or stern.company_contact_infos
      local _, err = these:create(id, { type = "email", subType = "other", value = "nobody" })
      assert.equal("email-format", err.violations[1].rule)
      assert(infos:create(id, { type = "email", subType = "other", value = "nobody" }))
    end)

    it("belong to an id that is a GUID", function()
      for _, bad in ipairs {
        "", "me", help.nobody .. "/", "../x", (help.nobody:gsub("%-", "")), "a\r\nb", "{" .. help.nobody .. "}",
      } do
        for _, call in ipairs {
          function() return infos:create(bad, phone) end,
          function() return infos:list(bad) end,
          function() return infos:get(id, bad) end,
          function() return infos:update(bad, id, phone) end,
          function() return infos:patch(id, bad, phone) end,
          function() return infos:delete(id, bad) end,
        } do
          local value, err = call()
          assert.is_nil(value)
          assert.equal("invalid-id", err.code)
          assert.equal("validation", err.kind)
          assert.equal("guid", err.violations[1].rule)
        end
        local steps = 0
        for info, err in infos:each(bad) do
          steps = steps + 1
          assert.is_false(info)
          assert.equal("invalid-id", err.code)
        end
        assert.equal(1, steps)
      end
      assert.same({}, help.log(server))
    end)

    it("of nobody are not found", function()
      for _, call in ipairs {
        function() return infos:create(help.nobody, phone) end,
        function() return infos:list(help.nobody) end,
        function() return infos:get(help.nobody, help.nobody) end,
        function() return infos:update(help.nobody, help.nobody, phone) end,
        function() return infos:patch(help.nobody, help.nobody, phone) end,
        function() return infos:delete(help.nobody, help.nobody) end,
      } do
        local value, err = call()
        assert.is_nil(value)
        assert.equal(404, err.status)
        assert.is_false(err.retryable)
      end
    end)

    it("raise, at the caller, for arguments of a wrong type", function()
      for _, bad in ipairs {
        function() infos:create(nil, phone) end, function() infos:create(5, phone) end, function() infos:create(id) end,
        function() infos:create(id, "phone") end, function() infos:create(id, phone, 5) end,
        function() infos:create(id, phone, { timeot = 1 }) end, function() infos:create(id, phone, { timeout = 0 }) end,
        function() infos:create(id, phone, { retry = true }) end, function() infos:list() end,
        function() infos:list(id, { page = "1" }) end, function() infos:list(id, { page_size = 1 }) end,
        function() infos:list(id, { pageSize = 1.5 }) end, function() infos:list(id, { filterby = 5 }) end,
        function() infos:list(id, { timeout = -1 }) end, function() infos:list(id, 5) end,
        function() infos:each(5) end, function() infos:each(id, { x = 1 }) end, function() infos:get(id) end,
        function() infos:get(id, id, { x = 1 }) end, function() infos:update(id, id) end,
        function() infos:update(id, id, {}, 5) end, function() infos:patch(id, id, 5) end,
        function() infos:patch(id, id, {}, 5) end, function() infos:delete(id, {}) end,
        function() infos:delete(id, id, 5) end, function() infos:create_many() end,
        function() infos:create_many({}, 5) end, function() infos:create_many({}, { concurrency = 0 }) end,
        function() infos:create_many({}, { on_progres = print }) end,
        function() infos:create_many({}, { on_progress = 5 }) end,
        function() infos:create_many({}, { retry = true }) end,
      } do
        local ok, message = pcall(bad)
        assert.is_false(ok)
        assert.matches("^spec/contact_infos_spec%.lua:%d+: bad argument #%d to '[%a_]+'", message)
      end
    end)

    it("survive hostile tables", function()
      local raising = setmetatable({}, { __index = function() error "no" end, __pairs = function() error "no" end })
      local ok, created = pcall(infos.create, infos, id, raising)
      assert.is_true(not ok or created == nil or type(created) == "table")
      local cyclic = { type = "phone" }
      cyclic.value = cyclic
      local value, err = infos:create(id, cyclic)
      assert.is_nil(value)
      assert.equal("type", err.violations[1].rule)
    end)

    describe("update", function()
      it("sends the whole model: what is not given is cleared", function()
        local created = assert(infos:create(id, phone))
        assert(infos:update(id, created.id, { type = "email", subType = "other", value = "a@b.de" }))
        local body = cjson.decode(server.requests()[2].body)
        local names = 0
        for _ in pairs(body) do
          names = names + 1
        end
        assert.equal(#awork.fields(), names)
        assert.equal(cjson.null, body.label)
        assert.is_false(body.isAddress)
      end)

      it("does not take what was read, with its id and times", function()
        local created = assert(infos:create(id, phone))
        local value, err = infos:update(id, created.id, created)
        assert.is_nil(value)
        assert.equal("unknown-field", err.violations[1].rule)
      end)
    end)

    describe("patch", function()
      it("changes what is given and keeps the rest", function()
        local created = assert(infos:create(id, { type = "custom", label = "Bike", value = "red" }))
        local patched = assert(infos:patch(id, created.id, { value = "blue" }))
        assert.equal("Bike", patched.label)
        assert.equal("blue", patched.value)
        local body = cjson.decode(server.requests()[3].body)
        assert.is_nil(body.id)
        assert.is_nil(body.createdOn)
      end)

      it("judges what it changes, not what was stored before the rules", function()
        local stored = {
          { type = "phone", subType = "Work", value = "1", label = "Desk" }, { type = "phone", value = 4930123 },
          { type = "social", subType = "mastodon", value = "@a@b.de" }, { type = "fax", subType = "x", value = "1" },
          { type = "address", subType = "Home", city = "Bonn", isAddress = true }, { subType = "work", value = "1" },
        }
        for _, old in ipairs(stored) do
          local old_server <close> = sandbox.start { users = { { contact_infos = { old } } } }
          local strict <close> = help.client(old_server, { strict = true })
          local user = old_server.user_ids[1]
          local info = old_server.contact_infos(user)[1]
          local patched = assert(strict.contact_infos:patch(user, info.id, { label = "Desk 2" }))
          assert.equal("Desk 2", patched.label)
          for name, value in pairs(old) do
            assert.equal(name == "label" and "Desk 2" or name == "value" and tostring(value) or value, patched[name])
          end
          -- The same for an update that knows what is there; without it the whole is judged.
          local form = { type = old.type, subType = old.subType, value = old.value, label = "x", city = old.city,
            isAddress = old.isAddress }
          assert.is_nil((strict.contact_infos:update(user, info.id, form)))
          form.value = patched.value
          assert(strict.contact_infos:update(user, info.id, form, { before = patched }))
          -- What contradicts the change is its own.
          local _, err = strict.contact_infos:patch(user, info.id,
            { type = "email", subType = "Private", value = "a@b.de" })
          assert.equal("validation-failed", err.code)
        end
      end)

      it("clears a field by awork.null", function()
        local created = assert(infos:create(id, phone))
        local patched = assert(infos:patch(id, created.id, { value = awork.null }))
        assert.is_nil(patched.value)
        assert.equal("phone", patched.type)
      end)

      it("follows a change of the type", function()
        local created = assert(infos:create(id, { type = "address", subType = "other", addressLine1 = "a",
          zipCode = "1", city = "b", country = "DE" }))
        local none = awork.null
        local patched = assert(infos:patch(id, created.id, {
          type = "phone", value = "123", addressLine1 = none, zipCode = none, city = none, country = none,
        }))
        assert.is_false(patched.isAddress)
        patched = assert(infos:patch(id, created.id, {
          type = "address", value = none, addressLine1 = "a", zipCode = "1", city = "b", country = "DE",
        }))
        assert.is_true(patched.isAddress)
      end)

      it("validates the merged model", function()
        local created = assert(infos:create(id, phone))
        local value, err = infos:patch(id, created.id, { type = owner == "user" and "social" or "url" })
        assert.is_nil(value)
        assert.equal("subType", err.violations[1].property)
        value, err = infos:patch(id, created.id, { colour = "red" })
        assert.is_nil(value)
        assert.equal("unknown-field", err.violations[1].rule)
        value, err = infos:patch(id, created.id, { colour = awork.null })
        assert.is_nil(value)
        assert.equal("unknown-field", err.violations[1].rule)
        assert.equal("+49 30 1234567", infos:get(id, created.id).value)
      end)
    end)

    describe("list and each", function()
      local function fill(n)
        for i = 1, n do
          assert(infos:create(id, { type = "custom", label = "n", value = ("%04d"):format(i) }))
        end
      end

      it("page, order and filter", function()
        fill(5)
        local list, info = infos:list(id, { page = 2, pageSize = 2, orderby = "value desc" })
        assert.equal("0003", list[1].value)
        assert.equal("0002", list[2].value)
        assert.same({ page = 2, page_size = 2, items = 2, total_items = 5 }, info)
        list, info = infos:list(id, { filterby = awork.filter("value eq ?", "0004") })
        assert.equal(1, #list)
        assert.equal(1, info.total_items)
        local none, err = infos:list(id, { orderby = "nonsense!" })
        assert.is_nil(none)
        assert.equal("invalid-filter-or-order", err.code)
      end)

      it("know what a page can be", function()
        for _, options in ipairs { { page = 0 }, { pageSize = 0 }, { pageSize = 1001 } } do
          local list, err = infos:list(id, options)
          assert.is_nil(list)
          assert.equal("invalid-page", err.code)
        end
      end)

      it("go over all pages", function()
        fill(7)
        server.clear_requests()
        local values = {}
        for info, page in infos:each(id, { pageSize = 3, orderby = "value" }) do
          values[#values + 1] = info.value
          assert.equal(7, page.total_items)
        end
        assert.same({ "0001", "0002", "0003", "0004", "0005", "0006", "0007" }, values)
        assert.equal(3, #server.requests())
      end)

      it("ask once for what is on one page, and for nothing too", function()
        for _ in infos:each(id) do
          error "there is none"
        end
        fill(2)
        server.clear_requests()
        local n = 0
        for _ in infos:each(id) do
          n = n + 1
        end
        assert.equal(2, n)
        assert.equal(1, #server.requests())
      end)

      it("give false and the error when a page in the middle can't be had, and end", function()
        fill(4)
        server.fault { kind = "status", status = 400, body = { code = "invalid-operation", description = "no" },
          method = "GET", skip = 1 }
        local seen, failed = 0, nil
        local iterate = infos:each(id, { pageSize = 2 })
        for info, err in iterate do
          if info then
            seen = seen + 1
          else
            assert.is_nil(failed)
            failed = err
          end
        end
        assert.equal(2, seen)
        assert.equal("invalid-operation", failed.code)
        assert.is_nil(iterate())
      end)

      it("do not believe a server that turns in circles", function()
        fill(2)
        server.fault { kind = "status", status = 200, body = '[{"id":"x"},{"id":"y"}]', method = "GET", times = 3,
          headers = { ["aw-page"] = "1", ["aw-pagesize"] = "2", ["aw-totalitems"] = "100" } }
        local failed
        for info, err in infos:each(id, { pageSize = 2 }) do
          if not info then
            failed = err
          end
        end
        assert.equal("unexpected-answer", failed.code)
        server.clear_faults()
        server.fault { kind = "garbage", data = "{\"not\":\"a list\"}", method = "GET" }
        assert.equal("unexpected-answer", select(2, infos:list(id)).code)
      end)

      it("do not repeat the token that a server echoes", function()
        local token = server.token
        for _, body in ipairs { '"%s"', "%s", '{"x":"%s"}', ("x "):rep(90) .. "%s" } do
          server.fault { kind = "garbage", data = body:format(token), method = "GET" }
          local _, err = infos:list(id)
          assert.equal("protocol", err.kind)
          for _, text in next, err do
            assert.is_nil(tostring(text):find(token:sub(1, 8), 1, true))
          end
          assert.is_nil(tostring(err):find(token:sub(1, 8), 1, true))
        end
      end)

      it("do not repeat half of it, where the text of an error is cut", function()
        local token = server.token
        for before = 150, 205, 5 do
          server.fault { kind = "status", status = 400, body = ("y"):rep(before) .. token, content_type = "text/plain" }
          local _, err = infos:list(id)
          assert.equal(400, err.status)
          assert.is_nil(tostring(err):find(token:sub(1, 8), 1, true))
        end
      end)

      it("raise when the client is closed in the middle", function()
        fill(2)
        local other = help.client(server)
        local these = owner == "user" and other.contact_infos or other.company_contact_infos
        local iterate = these:each(id, { pageSize = 1 })
        iterate()
        other:close()
        assert.has_error(iterate, "awork: the client is closed")
      end)
    end)
  end)
end
