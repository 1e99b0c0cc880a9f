local cjson = require "cjson"
local core = require "awork.core"

-- As assert.equal; under a sanitizer each of busted's takes milliseconds, and there are thousands here.
local function equal(expected, passed, about)
  if expected ~= passed then assert.equal(expected, passed, about) end
end

describe("core.compact", function()
  it("removes nulls at every level", function()
    assert.same({ b = { c = {} }, d = 1 }, core.compact(cjson.decode '{"a":null,"b":{"c":{"x":null}},"d":1}'))
    assert.is_nil(core.compact(core.null))
  end)

  it("closes the gaps that nulls leave in a list", function()
    local list = core.compact(cjson.decode '[null,1,null,null,{"a":null},null,"x",null]')
    assert.same({ 1, {}, "x" }, list)
    equal(3, #list)
    assert.same({}, core.compact(cjson.decode "[null,null]"))
    assert.same({ { 1 }, {}, { 2 } }, core.compact(cjson.decode "[[null,1],[null],[2,null]]"))
  end)

  it("gives back integers", function()
    local v = core.compact(cjson.decode
      '{"page":3,"rate":0.5,"n":-7,"zero":-0.0,"big":9007199254740991,"bigger":9007199254740992,"e":1e300,"l":[1,2.5]}')
    equal("integer", math.type(v.page))
    equal("float", math.type(v.rate))
    equal(-7, v.n)
    equal("0", tostring(v.zero))
    equal("9007199254740991", tostring(v.big))
    equal("float", math.type(v.bigger))
    equal("float", math.type(v.e))
    assert.same({ "integer", "float" }, { math.type(v.l[1]), math.type(v.l[2]) })
    equal("integer", math.type(core.compact(3.0)))
    equal("float", math.type(core.compact(3.25)))
    local nan = core.compact(0 / 0)
    assert.is_true(nan ~= nan)
    equal(math.huge, core.compact(math.huge))
    equal(-math.huge, core.compact(-math.huge))
  end)

  it("works in place, leaves everything else, and asks no metatable", function()
    local t = setmetatable({ a = core.null, s = "x", b = false, [true] = 2.0, [1.5] = core.null }, {
      __index = function() error "index" end,
      __newindex = function() error "newindex" end,
      __pairs = function() error "pairs" end,
    })
    equal(t, core.compact(t))
    assert.is_nil(rawget(t, "a"))
    assert.is_nil(rawget(t, 1.5))
    equal("x", t.s)
    assert.is_false(t.b)
    equal("integer", math.type(t[true]))
    for _, v in ipairs { "3.0", true, print } do equal(v, core.compact(v)) end
  end)

  it("goes a thousand levels deep and no deeper, and stops at a cycle", function()
    local function nest(depth)
      local t = { core.null, 1.0 }
      for _ = 2, depth do t = { core.null, t } end
      return t
    end
    local t = core.compact(nest(1000))
    local depth = 0
    while type(t) == "table" do
      equal(nil, t[2])
      t, depth = t[1], depth + 1
    end
    equal(1000, depth)
    equal("integer", math.type(t))
    assert.error_matches(function() core.compact(nest(1001)) end, "nested deeper than 1000 levels")
    local cycle = {}
    cycle.a = { cycle }
    assert.error_matches(function() core.compact(cycle) end, "nested deeper")
  end)

  it("does not hang on a list with a far index", function()
    local t = { [1] = core.null, [2 ^ 50] = core.null, [math.maxinteger] = 1 }
    assert.same({ [math.maxinteger] = 1 }, core.compact(t))
  end)

  it("needs an argument", function()
    assert.error_matches(function() core.compact() end, "bad argument #1 to .*value expected")
  end)
end)

describe("core.check_json", function()
  local function refused(v, message, path, depth)
    local ok, got, where = core.check_json(v, depth)
    assert.is_nil(ok)
    assert.matches(message, got)
    equal(path, where)
  end

  it("accepts what arrives as it is", function()
    for _, v in ipairs {
      "x", 1, -1, 0.5, 0.1, 1e300, -2.5e-10, true, false, core.null, {}, { 1, 2, 3 }, { a = { b = { {}, {} } } },
      { core.null, core.null }, 99999999999999, -99999999999999, "", "\0", "M\u{fc}\u{1F600}",
      setmetatable({ a = 1 }, { __index = { method = print } }),
    } do
      assert.same({ true }, { core.check_json(v) })
    end
    assert.same({ true }, { core.check_json(nil) })
  end)

  it("accepts every finite number, and core.encode writes it so that it is read as the same one", function()
    local seed = 7
    local function back(n)
      assert.is_true(core.check_json(n))
      local text = core.encode(n)
      local read = core.decode(text)
      assert.is_true(read == n, text)
      if math.type(n) == "integer" then
        assert.equal("integer", math.type(read))
      end
    end
    for _ = 1, 1000 do
      seed = (seed * 1103515245 + 12345) & 0x7fffffff
      back(seed % 2 == 0 and seed * seed * (seed % 3) or seed / (1 << (seed % 40)))
    end
    for _, n in ipairs {
      math.mininteger, math.maxinteger, (1 << 53) + 1, 0.1 + 0.2, 1 / 3, 5e-324, 2.225073858507201e-308,
      1.7976931348623157e308, 1e15, 1e23, 123456789012345680.0, -0.0,
    } do
      back(n)
    end
    assert.equal("0.1", core.encode(0.1))
    assert.equal("0.30000000000000004", core.encode(0.1 + 0.2))
    assert.equal("9223372036854775807", core.encode(math.maxinteger))
    assert.equal("3", core.encode(3.0))
  end)

  it("refuses what can't be sent, and says where", function()
    refused(print, "a function can't be sent", "")
    refused({ a = print }, "a function can't be sent", "a")
    refused({ { b = { io.stdout } } }, "a userdata can't be sent", "[1].b[1]")
    refused({ coroutine.create(print) }, "a thread can't be sent", "[1]")
    refused({ a = { ["b c"] = 0 / 0 } }, "NaN", 'a["b c"]')
    refused({ [""] = 0 / 0 }, "NaN", '[""]')
    refused({ ["1a"] = 0 / 0 }, "NaN", '["1a"]')
    refused(math.huge, "infinity", "")
    refused(-math.huge, "infinity", "")
    refused({ x = "\xff" }, "not valid UTF%-8", "x")
    refused({ x = { ["\xff"] = 1 } }, "not valid UTF%-8", "x")
  end)

  it("refuses tables that are neither list nor object", function()
    refused({ 1, 2, a = 3 }, "list and of an object", "")
    refused({ x = { 1, nil, 3 } }, "holes", "x")
    refused({ [2] = 1 }, "holes", "")
    refused({ [0] = 1 }, "begin with 1", "")
    refused({ [-1] = 1 }, "begin with 1", "")
    refused({ [1.5] = 1 }, "a key must be", "")
    refused({ [true] = 1 }, "a key must be", "")
    refused({ [{}] = 1 }, "a key must be", "")
    refused({ [core.null] = 1 }, "a key must be", "")
    refused({ [math.maxinteger] = 1 }, "holes", "")
  end)

  it("refuses tables that show more than they hold", function()
    refused({ a = setmetatable({}, { __pairs = pairs }) }, "plain table", "a")
    refused({ a = setmetatable({}, { __index = function() end }) }, "plain table", "a")
    refused({ a = setmetatable({}, { __index = setmetatable({}, { __index = rawget }) }) }, "plain table", "a")
  end)

  it("asks no metatable", function()
    local t = setmetatable({ 1 }, { __len = error, __eq = error, __tostring = error, __name = 3, __metatable = false })
    assert.is_true(core.check_json { t, t })
  end)

  it("refuses cycles, however long, and accepts what is there twice", function()
    local t = {}
    t[1] = t
    refused(t, "contains itself", "[1]")
    local a = { b = { c = {} } }
    a.b.c.d = a
    refused({ a }, "contains itself", "[1].b.c.d")
    local shared = { 1 }
    assert.is_true(core.check_json { shared, { shared } })
  end)

  it("refuses what is nested too deep, without using the C stack", function()
    local top = {}
    local t = top
    for _ = 2, 1000 do t[1] = {} t = t[1] end
    assert.is_true(core.check_json(top))
    t[1] = {}
    local ok, message, path = core.check_json(top)
    assert.is_nil(ok)
    assert.matches("nested deeper than 1000 levels", message)
    assert.is_true(#path <= 512)
    refused({ { {} } }, "nested deeper than 2 levels", "[1][1]", 2)
    refused({}, "nested deeper than 0 levels", "", 0)
    assert.is_true(core.check_json({ { {} } }, 3))
    for _ = 1002, 10000 do t[1] = {} t = t[1] end
    assert.is_true(core.check_json(top, 10000))
  end)

  it("ends, whatever hangs below a table many times", function()
    local row, all = {}, {}
    for i = 1, 1000 do row[i] = true end
    for i = 1, 998 do all[i] = row end -- 1 + 998 * 1001 values
    assert.is_true(core.check_json(all))
    all[999], all[1000] = row, row
    local ok, message = core.check_json(all)
    assert.is_nil(ok)
    assert.matches("a million values", message)
  end)

  it("raises for wrong arguments", function()
    assert.error_matches(function() core.check_json() end, "value expected")
    assert.error_matches(function() core.check_json({}, "deep") end, "number expected")
    assert.error_matches(function() core.check_json({}, 10001) end, "max_depth must be 0 to 10000")
    assert.error_matches(function() core.check_json({}, -1) end, "max_depth must be 0 to 10000")
  end)
end)

describe("strings for a request", function()
  it("knows a GUID", function()
    assert.is_true(core.is_guid "123e4567-e89b-12d3-a456-426614174000")
    assert.is_true(core.is_guid "123E4567-E89B-12D3-A456-42661417400F")
    for _, v in ipairs {
      "", "x", "123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400g",
      "123e4567-e89b-12d3-a456-426614174000\n", "../4567-e89b-12d3-a456-426614174000", 42, true, {}, core.null,
    } do
      assert.is_false(core.is_guid(v))
    end
    assert.is_false(core.is_guid(nil))
    assert.error_matches(function() core.is_guid() end, "value expected")
    assert.equal("\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\x0f",
      core.guid_bytes "123e4567-E89B-12d3-a456-42661417400F")
    assert.is_nil(core.guid_bytes "123e4567-e89b-12d3-a456-42661417400")
  end)

  it("counts UTF-8", function()
    assert.same({ 0, 0 }, { core.utf8 "" })
    assert.same({ 5, 6 }, { core.utf8 "aü€\u{1F600}\0" })
    for text, at in pairs {
      ["\xff"] = 1, ["ab\xc3"] = 3, ["a\xc0\x80"] = 2, ["\xe0\x80\x80"] = 1, ["\xed\xa0\x80"] = 1,
      ["\xf4\x90\x80\x80"] = 1, ["abcdefgh\x80"] = 9,
    } do
      assert.same({ n = 2, nil, at }, table.pack(core.utf8(text)))
    end
    assert.error_matches(function() core.utf8(5) end, "string expected, got number")
  end)

  it("agrees with Lua's utf8 library on random bytes", function()
    local seed = 1
    local function random(n)
      seed = (seed * 1103515245 + 12345) & 0x7fffffff
      return (seed >> 8) % n
    end
    local pieces = { "a", "ü", "€", "\u{1F600}", "\x80", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", " " }
    for _ = 1, 1000 do
      local s = {}
      for i = 1, random(12) do s[i] = pieces[random(#pieces) + 1] end
      local text = table.concat(s)
      local n, at = utf8.len(text)
      local got, units = core.utf8(text)
      equal(n, got)
      if not n then equal(at, units) end
    end
  end)

  it("knows what can be a header's value", function()
    assert.is_true(core.header_safe "Bearer a.b-c_d\t~")
    assert.is_true(core.header_safe "")
    for c = 0, 255 do
      local safe = c == 9 or c >= 32 and c ~= 127
      equal(safe, core.header_safe("a" .. string.char(c)), c)
    end
    assert.error_matches(function() core.header_safe() end, "string expected")
  end)

  it("escapes for a URL", function()
    equal("", core.escape "")
    equal("a-b._~Z9", core.escape "a-b._~Z9")
    equal("a%20b%2Fc%3Fd%3De%26f%25%00%C3%BC", core.escape "a b/c?d=e&f%\0ü")
    for c = 0, 255 do
      local char = string.char(c)
      equal(char:find "^[%w._~-]$" and char or ("%%%02X"):format(c), core.escape(char))
    end
    equal(300000, #core.escape(("/"):rep(100000)))
    assert.error_matches(function() core.escape(1) end, "string expected, got number")
  end)
end)
