local filter = require("awork").filter
local time = require "awork.time"
local help = require "client_help"
local null = require("awork").null

describe("awork.filter", function()
  it("quotes strings and doubles apostrophes", function()
    assert.equal("'O''Neil'", filter.quote "O'Neil")
    assert.equal("''", filter.quote "")
    assert.equal("''''", filter.quote "'")
  end)

  it("fills placeholders with values by their type", function()
    assert.equal("lastName eq 'O''Neil' and age gt 5 and x eq 1.5 and y eq true and z eq null and w eq null",
      filter("lastName eq ? and age gt ? and x eq ? and y eq ? and z eq ? and w eq ?",
        "O'Neil", 5, 1.5, true, nil, null))
    local id = "123e4567-e89b-12d3-a456-426614174000"
    assert.equal("id eq guid'" .. id .. "'", filter("id eq ?", filter.guid(id)))
    assert.equal("createdOn gt datetime'2024-01-15T09:30:00'", filter("createdOn gt ?", filter.datetime(1705311000)))
    for at, text in pairs {
      [1705311000.5] = "2024-01-15T09:30:00.500", ["2024-01-15T09:30:00+01:00"] = "2024-01-15T08:30:00",
      ["2024-01-15T09:30:00.25Z"] = "2024-01-15T09:30:00.250", ["2024-01-15T00:30+0100"] = "2024-01-14T23:30:00",
      -- awork's own literal, and a date: as they are
      ["2018-04-03T00:00"] = "2018-04-03T00:00", ["2018-04-03T00:00:30"] = "2018-04-03T00:00:30",
      ["2018-04-03 10:00"] = "2018-04-03T10:00", ["2018-04-03"] = "2018-04-03",
      ["2024-02-29t23:59z"] = "2024-02-29T23:59:00",
    } do
      assert.equal("datetime'" .. text .. "'", tostring(filter.datetime(at)))
    end
  end)

  it("leaves a question mark inside a quoted text alone, and one inside a value too", function()
    assert.equal("a eq 'why?' and b eq 'who?'", filter("a eq 'why?' and b eq ?", "who?"))
    assert.equal("a eq 'it''s?' and b eq 1", filter("a eq 'it''s?' and b eq ?", 1))
  end)

  it("raises, at its caller, for what can't be meant", function()
    for _, bad in ipairs {
      function() filter("a eq ?") end,
      function() filter("a eq ?", 1, 2) end,
      function() filter("a eq 'x") end,
      function() filter(5) end,
      function() filter("a eq ?", {}) end,
      function() filter("a eq ?", 0 / 0) end,
      function() filter("a eq ?", "\xff") end,
      function() filter("a eq ?", "a\nb") end,
      function() filter.quote(5) end,
      function() filter.quote "a\0b" end,
      function() filter.guid "x" end,
      function() filter.datetime "yesterday" end,
      function() filter.datetime "2023-02-29" end,
      function() filter.datetime "2018-04-03T00:00' or '1' eq '1" end,
      function() filter.datetime "2018-04-03T24:00" end,
      function() filter.datetime "2018-04-03T00:00+1" end,
      function() filter.datetime "2018-04-03T" end,
      function() filter.datetime(math.huge) end,
    } do
      local ok, message = pcall(bad)
      assert.is_false(ok)
      assert.matches("^spec/filter_spec%.lua:%d+: bad argument", message)
    end
  end)

  it("is understood by the server, apostrophe and all", function()
    local people = { { firstName = "Cora", lastName = "O'Neil" }, { firstName = "Ben" } }
    local server <close> = help.server { users = people }
    local client <close> = help.client(server)
    local list, info = client.users:list { filterby = filter("lastName eq ?", "O'Neil"), orderby = "firstName" }
    assert.equal(1, #list)
    assert.equal("Cora", list[1].firstName)
    assert.equal(1, info.total_items)
    list = client.users:list { filterby = filter("id eq ?", filter.guid(list[1].id)) }
    assert.equal("O'Neil", list[1].lastName)
    local _, err = client.users:list { filterby = "nonsense" }
    assert.equal("invalid-filter-or-order", err.code)
  end)
end)

describe("awork.time", function()
  it("reads date-times as awork writes them", function()
    assert.equal(1705311000, time.parse_iso "2024-01-15T09:30:00Z")
    assert.equal(1705311000, time.parse_iso "2024-01-15T09:30:00")
    assert.equal(1705311000, time.parse_iso "2024-01-15T10:30:00+01:00")
    assert.equal(1705311000, time.parse_iso "2024-01-15T04:00:00-0530")
    assert.is_true(math.abs(time.parse_iso "2024-01-15T09:30:00.1234567Z" - 1705311000.1234567) < 1e-6)
    assert.equal(951782400, time.parse_iso "2000-02-29T00:00:00Z")
    assert.equal(-86400, time.parse_iso "1969-12-31T00:00:00Z")
  end)

  it("knows what is no date-time", function()
    for _, text in ipairs { "", "2024-01-15", "2024-13-01T00:00:00Z", "2023-02-29T00:00:00Z", "2024-01-15T24:00:00Z",
      "2024-01-15T09:30:00X", "2024-1-15T09:30:00Z", "2024-00-15T09:30:00Z", "2024-04-31T09:30:00Z" } do
      assert.is_nil(time.parse_iso(text), text)
    end
    assert.is_nil(time.parse_iso(5))
    assert.is_nil(time.parse_http(nil))
    assert.is_nil(time.parse_http "Tue, 15 Foo 1994 08:12:31 GMT")
    assert.is_nil(time.parse_http "1994-11-15")
  end)

  it("reads the Date header and agrees with the C library on every day of 60 years", function()
    assert.equal(784887151, time.parse_http "Tue, 15 Nov 1994 08:12:31 GMT")
    local effort = tonumber(os.getenv "AWORK_EFFORT") or 1
    for day = 0, 365 * 60, math.tointeger(1 / effort // 1) do
      local at = day * 86400 + 12345
      assert.equal(at, time.parse_http(os.date("!%a, %d %b %Y %H:%M:%S GMT", at)))
      assert.equal(at, time.parse_iso(time.format_iso(at)))
    end
  end)

  it("writes a fraction to the millisecond and carries", function()
    assert.equal("1970-01-01T00:00:01.250Z", time.format_iso(1.25))
    assert.equal("1970-01-01T00:00:02Z", time.format_iso(1.9999))
  end)
end)

describe("numbers in a query", function()
  it("keep all their digits", function()
    local resource = require "awork.resource"
    assert.equal("n eq 0.30000000000000004 and m eq 9007199254740993",
      filter("n eq ? and m eq ?", 0.1 + 0.2, (1 << 53) + 1))
    assert.equal("?n=0.30000000000000004", (resource.query { n = 0.1 + 0.2 }))
    assert.equal("?n=1e%2B20", (resource.query { n = 1e20 }))
  end)
end)
