-- Creates whose answers are lost, of a server whose lists lag behind what it did, or whose clocks differ: never twice.
local help = require "client_help"
local sweep = require "create_sweep"

local PLAIN = (os.getenv "AWORK_CHECK" or "plain") == "plain"

local LAGS = { 0.5, 1, 2, 3, 5, 10, 19.9 }
local EFFECTS = {
  reset = { kind = "reset_after" },
  ["500"] = { kind = "status", status = 500, effect = true },
  ["504"] = { kind = "status", status = 504, effect = true },
  garbage = { kind = "garbage" },
}
local NO_EFFECTS = {
  reset = { kind = "reset_before" },
  ["500"] = { kind = "status", status = 500 },
  ["503"] = { kind = "status", status = 503 },
}
local CREATED = {
  -3, -10, -30, -60, -3600, -43200, 3, 10, 60, 3600, 43200, 1e9, "", "soon", "2026", "0000-00-00T00:00:00Z",
  "0001-01-01T00:00:00", "99999-01-01T00:00:00Z", ("9"):rep(4096), "0001-01-01T00:00:00." .. ("9"):rep(4096) .. "Z",
}
local DATES = {
  -10, -60, -3600, 10, 60, 3600, 1e9, false, "", "soon", "Thu, 01 Jan 1970 00:00:00 GMT",
  "Fri, 31 Dec 9999 23:59:59 GMT", "Sat, 99 Foo 0000 99:99:99 GMT",
}

describe("a create whose answer is lost", function()
  local server, id, client

  setup(function()
    server = help.server { users = 1, max_contact_infos = 12, log = 100 }
    id = server.user_ids[1]
  end)

  teardown(function()
    server.stop()
  end)

  before_each(function()
    server.reset()
    client = sweep.hasty(server, { timeout = 60, retries = 2 })
  end)

  after_each(function()
    client:close()
  end)

  local function check(options, width, where, by, many)
    return sweep.check(server, by or client, id, sweep.wrong(options), width, where, many)
  end

  it("of lists that lag behind is adopted once it shows", function()
    for _, lag in ipairs(LAGS) do
      for name, breaks in pairs(EFFECTS) do
        for width = 1, PLAIN and 3 or 1 do
          for _, many in ipairs { false, true } do
            local where = ("lag %s, %s, %d at once, %s"):format(lag, name, width, many and "rows" or "tasks")
            assert.equal(0, check({ lag = lag, breaks = breaks }, width, where, nil, many), where)
          end
        end
      end
    end
  end)

  it("of lists that lag behind goes again when it is known that it was not done", function()
    for _, lag in ipairs(LAGS) do
      for name, breaks in pairs(NO_EFFECTS) do
        local where = ("lag %s, %s"):format(lag, name)
        assert.equal(0, check({ lag = lag, breaks = breaks }, 1, where), where)
      end
    end
  end)

  it("is in doubt where the time is not enough for the lag", function()
    for _, timeout in ipairs { 0.5, 2, 10, 20, 22, 30 } do
      local brief <close> = sweep.hasty(server, { timeout = timeout, retries = 2 })
      for _, lag in ipairs { 1, 3, 10, 20 } do
        for _, breaks in pairs(EFFECTS) do
          for width = 1, PLAIN and 2 or 1 do
            local where = ("timeout %s, lag %s, %d at once"):format(timeout, lag, width)
            check({ lag = lag, breaks = breaks, times = 2 }, width, where, brief)
          end
        end
      end
    end
  end)

  it("of which one list shows it and the next does not is there once", function()
    for seed = 1, PLAIN and 20 or 3 do
      for _, breaks in pairs(EFFECTS) do
        local faults = sweep.wrong { breaks = breaks, lag = 15, share = 0.7, date = -10 }
        faults[3].seed = seed
        sweep.check(server, client, id, faults, 2, "mixed replicas")
      end
    end
  end)

  it("is there once, whatever createdOn says", function()
    for _, created in ipairs(CREATED) do
      for _, lag in ipairs { 0, 3 } do
        for width = 1, 2 do
          check({ created = created, lag = lag, breaks = "reset_after" }, width,
            ("createdOn %s, lag %s, %d at once"):format(created, lag, width))
        end
      end
    end
  end)

  it("is there once, whatever Date says", function()
    for _, date in ipairs(DATES) do
      for _, share in ipairs { 1, 0.5 } do
        for width = 1, 2 do
          check({ date = date, lag = 1, share = share, breaks = "reset_after" }, width,
            ("Date %s for %s, %d at once"):format(tostring(date), share, width))
        end
      end
    end
  end)

  it("by clocks ten seconds apart is in doubt, by clocks that agree it is adopted", function()
    for created, without in pairs { [-10] = 1, [10] = 1, [-1] = 0, [1] = 0, [0] = 0 } do
      assert.equal(without, (check({ created = created, breaks = "reset_after" }, 1, "createdOn " .. created)), created)
    end
  end)

  it("is there once with hooks as without, in a task as outside, and of a company", function()
    local watched <close> = sweep.hasty(server, { timeout = 60, on_request = function() end })
    local unchecked <close> = sweep.hasty(server, { timeout = 60, validate = false })
    for _, by in ipairs { watched, unchecked } do
      for width = 1, 2 do
        for _, many in ipairs { false, true } do
          assert.equal(0, (check({ lag = 5, breaks = "reset_after" }, width, "lag 5", by, many)))
          check({ created = -10, breaks = "reset_after" }, width, "createdOn -10", by, many)
        end
      end
    end
    for _, fault in ipairs(sweep.wrong { breaks = "reset_after", lag = 5 }) do
      fault.method = fault.method or "POST"
      server.fault(fault)
    end
    local company = server.company_ids[1]
    local info, _, adopted = client.company_contact_infos:create(company, { type = "phone", subType = "central",
      value = "030" })
    assert.equal("030", info.value)
    assert.is_true(adopted)
    assert.equal(1, #server.contact_infos(company))
  end)

  -- What a create comes to after its answer was lost, whatever its list is answered with from then on.
  local function answered(get, options)
    server.reset()
    server.fault { kind = "reset_after", method = "POST" }
    get.method, get.times = "GET", math.huge
    server.fault(get)
    local by <close> = sweep.hasty(server, options or { timeout = 60 })
    local info, err = by.contact_infos:create(id, help.phone())
    server.clear_faults()
    assert.equal(1, #server.contact_infos(id))
    return info, err
  end

  it("is in doubt where lists come from a cache", function()
    local empty = { kind = "status", status = 200, body = "[]", headers = { ["aw-totalitems"] = "0" } }
    for _, case in ipairs {
      { headers = { age = "30" } }, { headers = { age = "soon" } }, { headers = { age = "-1" } },
      { headers = { age = ("9"):rep(400) } }, { date = "Sun, 06 Nov 2050 08:49:37 GMT" }, { date = false },
    } do
      local fault = {}
      for name, value in pairs(empty) do fault[name] = value end
      for name, value in pairs(case) do fault[name] = value end
      local info, err = answered(fault)
      assert.is_nil(info)
      assert.is_true(err.ambiguous)
    end
    local sent = 0
    for _, request in ipairs(server.requests()) do
      if request.method == "GET" then
        sent = sent + 1
        assert.equal("no-cache", request.headers["cache-control"])
      end
    end
    assert.is_true(sent > 1)
  end)

  it("is in doubt where a list is not whole, or none", function()
    for body, headers in pairs {
      ["[]"] = { ["aw-totalitems"] = "1" }, ["{}"] = {}, ["[1]"] = {}, ["[[]]"] = {},
      ['[{"id":7}]'] = { ["aw-totalitems"] = "2" },
      ['{"code":"x"}'] = {}, ["null"] = {}, [" \n {}"] = {}, ['[{"type":"a"}]'] = {}, ['"[]"'] = {},
      ['[{"id":"a"},{"id":"a"}]'] = {},
    } do
      local info, err = answered { kind = "status", status = 200, body = body, headers = headers }
      assert.is_nil(info, body)
      assert.is_true(err.ambiguous, body)
    end
  end)

  it("is in doubt where one that may be it is there", function()
    local phone = { type = "phone", subType = "work", value = "+49 30 77 / 1" }
    local now = require("awork.time").format_iso(os.time())
    local guid = "123e4567-e89b-12d3-a456-426614174000"
    for name, change in pairs {
      ["an id that is none"] = { id = "x" }, ["an id that is a number"] = { id = 7 },
      ["a very long id"] = { id = ("a"):rep(100000) }, ["a number as time"] = { createdOn = 5 },
      ["a list as time"] = { createdOn = { 1 } }, ["no time"] = { createdOn = false },
      ["another case"] = { value = "+49 30 77/1" }, ["no spaces"] = { value = "+4930771" },
      ["a type in capitals"] = { type = "PHONE" }, ["a day ago"] = { createdOn = require("awork.time")
        .format_iso(os.time() - 80000) },
    } do
      server.reset()
      local other = { id = guid, createdOn = now, type = "phone", subType = "work", value = phone.value }
      for field, value in pairs(change) do other[field] = value end
      server.fault { kind = "reset_before", method = "POST" }
      server.fault { kind = "status", status = 200, method = "GET", body = { other }, times = math.huge }
      local info, err = client.contact_infos:create(id, phone)
      assert.is_nil(info, name)
      assert.is_true(err.ambiguous, name)
      assert.equal(0, #server.contact_infos(id))
    end
  end)

  it("is found among many whose pages are shorter than asked for", function()
    server.fault { kind = "reset_before", method = "POST" }
    local first = { { id = "123e4567-e89b-12d3-a456-426614174000", type = "email", value = "a@b.example" } }
    local two = { ["aw-totalitems"] = "2" }
    server.fault { kind = "status", status = 200, method = "GET", body = first, headers = two }
    server.fault { kind = "status", status = 200, method = "GET", times = math.huge, headers = two,
      body = { { id = "223e4567-e89b-12d3-a456-426614174000", type = "phone", subType = "work", value = "1",
        createdOn = require("awork.time").format_iso(os.time()) } } }
    local info, _, adopted = client.contact_infos:create(id, { type = "phone", subType = "work", value = "1" })
    assert.is_true(adopted)
    assert.equal("223e4567-e89b-12d3-a456-426614174000", info.id)
  end)

  it("ends, and is there no more often than it is said, whatever the client's clock does", function()
    local core = require "awork.core"
    local JUMPS, TIMEOUTS = { 1e9, 60, 1e3, 10 }, { 0.5, 5, 30, 60 }
    local KINDS = { "reset_after", "garbage", "reset_before", "cut" }
    for seed = 1, PLAIN and 60 or 8 do
      math.randomseed(seed)
      local at, jump = core.now(), JUMPS[seed % 4 + 1]
      -- Seldom it leaps, in either direction; otherwise it goes on, unevenly.
      local function clock()
        at = at + (math.random() < 0.1 and (math.random() - 0.5) * jump or math.random() * 0.5)
        return at
      end
      local odd <close> = help.client(server, { timeout = TIMEOUTS[seed // 4 % 4 + 1], clock = clock,
        sleep = function() end })
      local faults = { { kind = KINDS[seed // 2 % 4 + 1], times = seed % 3 + 1 } }
      if seed % 2 == 0 then
        faults[2] = { kind = "stale", method = "GET", lag = 2, times = math.huge }
      end
      sweep.check(server, odd, id, faults, 3, "clock of seed " .. seed)
    end
  end)

  it("is told apart from creates whose ids are none, and those are not kept", function()
    local long = ("x"):rep(100000)
    server.fault { kind = "status", status = 200, method = "POST", body = { id = long, type = "phone" }, times = 300 }
    collectgarbage()
    local before = collectgarbage "count"
    for _ = 1, 300 do
      assert.equal(long, client.contact_infos:create(id, help.phone()).id)
    end
    collectgarbage()
    assert.is_true(collectgarbage "count" - before < 5000, collectgarbage "count" - before)
    assert.equal(0, check({ breaks = "reset_after" }, 2, "after ids that are none"))
  end)

  it("gives its error when the client is closed meanwhile", function()
    local at = help.client(server)
    server.fault { kind = "reset_before", method = "POST" }
    local task = at:spawn(function() return at.contact_infos:create(id, help.phone()) end)
    for _ = 1, 10000 do
      at:wait(0.05)
      if at:stats().read_backs > 0 then break end
    end
    at:close()
    local info, err = task:wait()
    assert.is_nil(info)
    assert.is_true(err.ambiguous or err.kind == "closed")
  end)

  it("is not asked about where it is no create: other POSTs are not repeated", function()
    for _, method in ipairs { "POST", "PATCH" } do
      server.clear_requests()
      server.fault { kind = "reset_after", method = method }
      local ok, err = client:request(method, "/users/" .. id .. "/contactinfo", { body = help.phone() })
      assert.is_nil(ok)
      assert.equal("network", err.kind)
      assert.equal(1, #server.requests())
    end
  end)
end)
