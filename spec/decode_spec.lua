local cjson = require "cjson"
local core = require "awork.core"

-- A value as lua-cjson and core.compact make it: what decode must give.
local function slow(text)
  local ok, value = pcall(cjson.decode, text)
  if ok then
    return core.compact(value)
  end
end

describe("core.decode", function()
  it("reads what lua-cjson reads, without nulls and with whole numbers as integers", function()
    for _, text in ipairs {
      "{}", "[]", "5", "-0", "1.5", "-1.5e3", "1E2", "true", "false", "\"\"", "\"a\"", "[1,2,3]", "[[],{},[[]]]",
      " { \"a\" : [ 1 , \"b\" , { \"c\" : false } ] }\n", "{\"a\":null,\"b\":1}", "[null,1,null,2]",
      "{\"a\":{\"b\":null}}",
      "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0041\\u00e4\\u4e2d\\ud83d\\ude00\"", "\"\u{e4}\u{4e2d}\u{1F600}\"",
      "\"\\u0000x\"", "9007199254740991", "1e15", "0.1", "[" .. ("1,"):rep(999) .. "1]",
    } do
      local value = core.decode(text)
      assert.same(slow(text), value, text)
      if type(value) == "number" and value == math.floor(value) then
        assert.equal("integer", math.type(value), text)
      end
    end
    assert.equal(123456789012345678, core.decode "123456789012345678")
    assert.equal(9223372036854775807, core.decode "9223372036854775807")
    assert.equal("float", math.type(core.decode "92233720368547758070"))
    assert.equal("float", math.type(core.decode "1e300"))
  end)

  it("gives nil alone for null", function()
    assert.equal(1, select("#", core.decode "null"))
    assert.is_nil((core.decode " null "))
  end)

  it("reads random documents as lua-cjson does", function()
    local seed = 42
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed // 65536 % n + 1
    end
    local texts = { "", "a", "\u{e4}\"\\\n", "+49 30", ("x"):rep(100), "\u{1F600}\t", "12345678", "1234567\"" }
    local function make(depth)
      local kind = random(depth > 0 and 7 or 5)
      if kind == 1 then
        return texts[random(#texts)]
      elseif kind == 2 then
        return random(100000) - 50000
      elseif kind == 3 then
        return random(1000) / 8
      elseif kind == 4 then
        return random(2) == 1
      elseif kind == 5 then
        return cjson.null
      end
      local value = {}
      for i = 1, random(80) - 1 do
        value[kind == 6 and i or "k" .. i] = make(depth - 1)
      end
      return value
    end
    for _ = 1, 300 do
      local text = cjson.encode { make(3) }
      assert.same(slow(text), (core.decode(text)))
    end
  end)

  it("keeps the last of equal keys", function()
    assert.same({ a = 2 }, (core.decode '{"a":1,"a":2}'))
    local many = {}
    for i = 1, 100 do
      many[i] = ('"k%d":%d'):format(i % 50, i)
    end
    assert.equal(100, core.decode("{" .. table.concat(many, ",") .. "}").k0)
  end)

  it("replaces halves of surrogate pairs", function()
    assert.equal("\u{FFFD}x", core.decode [["\ud800x"]])
    assert.equal("\u{FFFD}", core.decode [["\udc00"]])
    assert.equal("\u{FFFD}A", core.decode [["\ud800\u0041"]])
    assert.equal("\u{FFFD}\u{1F600}", core.decode [["\ud83d\ud83d\ude00"]])
  end)

  it("refuses what is no JSON", function()
    for _, text in ipairs {
      "{", "[", "\"", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "[1", "[1,", "[1,]", "{,}", "{\"a\":1,}", "[,1]",
      "{a:1}", "{1:2}", "'a'", "tru", "nul", "falsey", "NaN", "Infinity", "-", "01", "1.", ".5", "1e", "1e+", "+1",
      "0x10", "- 1", "1 2", "[] []", "{}x", "\"\n\"", "\"\t\"", "\"\0\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\",
      "\"\\u", "]", "}", "[1}", "{\"a\"]", "//", "/**/1",
      "\0", "1\0", "[1\0]", "\"a\"\"b\"", "{\"a\" 1}", "{\"a\":1 \"b\":2}",
      ("1"):rep(500), "\"12345678", "\"1234567\\",
    } do
      local value, code, message = core.decode(text)
      assert.is_nil(value, text)
      assert.equal("invalid-json", code, text)
      assert.is_string(message)
    end
    assert.matches("cut off", select(3, core.decode "[1,"))
    assert.matches("from byte 3 on", select(3, core.decode "[1}"))
  end)

  it("refuses what is no UTF-8", function()
    for _, bytes in ipairs { "\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe4", "\xe4\xb8" } do
      for _, frame in ipairs { "\"%s\"", "%s", "[\"12345678%s\"]", "{\"%s\":1}" } do
        local text = frame:format(bytes)
        assert.equal("invalid-encoding", select(2, core.decode(text)))
      end
    end
  end)

  it("takes a byte order mark, and knows emptiness", function()
    assert.equal(1, core.decode "\xEF\xBB\xBF1")
    for _, text in ipairs { "", " ", "\n\t\r ", "\xEF\xBB\xBF", "\xEF\xBB\xBF " } do
      assert.equal("empty-body", select(2, core.decode(text)))
    end
  end)

  it("bounds the nesting", function()
    local function nested(n, open, close)
      return open:rep(n) .. "1" .. close:rep(n)
    end
    assert.is_table((core.decode(nested(64, "[", "]"))))
    assert.equal("too-deep", select(2, core.decode(nested(65, "[", "]"))))
    assert.equal("too-deep", select(2, core.decode(nested(3, "{\"a\":", "}"), 2)))
    assert.is_table((core.decode(nested(1000, "[", "]"), 1000)))
    assert.equal("too-deep", select(2, core.decode(("["):rep(100000), 1000)))
    assert.is_table((core.decode("[" .. ("[],"):rep(5000) .. "[[]]]", 3)))
    assert.has_error(function() core.decode("1", 0) end)
    assert.has_error(function() core.decode("1", 1001) end)
    assert.has_error(function() core.decode(nil) end)
  end)

  it("survives every cut and every changed byte of an answer", function()
    local text = '[{"id":"497305c5","value":"+49 \\"30\\" \u{e4}","n":[1,2.5,null],"x":{"y":true}}]'
    for i = 0, #text - 1 do
      assert.is_nil((core.decode(text:sub(1, i))))
    end
    for i = 1, #text do
      for _, byte in ipairs { "\0", "\"", "\\", "{", "]", ",", "\xff", "1", " " } do
        local value, code = core.decode(text:sub(1, i - 1) .. byte .. text:sub(i + 1))
        assert.is_true(type(value) == "table" or type(code) == "string")
      end
    end
  end)
end)

describe("core.decode in turns", function()
  -- Decodes in a coroutine that yields in each turn. Gives what core.decode does, and how many turns there were.
  local function in_turns(text, ...)
    local turns, max_depth, nulls, max_values = 0, ...
    local co = coroutine.wrap(function()
      return true, core.decode(text, max_depth, nulls, max_values, function()
        turns = turns + 1
        coroutine.yield()
      end)
    end)
    local results
    repeat
      results = table.pack(co())
      if turns % 7 == 3 then
        collectgarbage()
      end
    until results[1]
    return turns, table.unpack(results, 2, results.n)
  end

  local function compare(text, ...)
    local turns, value, code, message = in_turns(text, ...)
    local expected, expected_code, expected_message = core.decode(text, ...)
    assert.same(expected, value)
    assert.equal(expected_code, code)
    assert.equal(expected_message, message)
    return turns
  end

  local SAMPLE = [[{"a b":[1,-2.5e3,true,false,null,"x\"\\\u00e4\ud83d\ude00 ]] .. "\u{e4}\u{1F600}\u{20AC}"
    .. [[",{}, [ ] ],"k\n":{"y":null,"z": null , "w" : "q"}}]]

  it("gives the same wherever a turn ends", function()
    for shift = 0, #SAMPLE + 2 do
      local text = (" "):rep(4096 - shift) .. SAMPLE .. (" "):rep(5000)
      assert.is_true(compare(text) >= 2)
      compare(text, 64, true)
    end
  end)

  it("gives the same also when a turn ends inside a long string with escapes", function()
    for shift = 0, 40 do
      local inside = ("z"):rep(4096 - shift) .. [[\ud83d\ude00\u00e4\"\\\ud800x\n]] .. "\u{1F600}"
      compare('["' .. inside .. inside .. ('\\t'):rep(3000) .. '",{"' .. inside .. '":1}]')
    end
  end)

  it("finds the same fault wherever a turn ends", function()
    for _, bad in ipairs { "\xff", "\xe4\xb8", '"\\x"', "tru", "1.", "{\"a\"}", "[1 2]", "\"\n\"", "]", "\"abc" } do
      for shift = 0, 12 do
        compare("[" .. (" "):rep(4096 - shift) .. bad)
        compare("[" .. (" "):rep(4096 - shift) .. bad .. (","):rep(70000 - shift) .. "\u{20AC}\xe2\x82")
        compare("[" .. (" "):rep(4096 - shift) .. bad .. (","):rep(65536 - shift) .. ("\u{20AC}"):rep(5))
      end
    end
    compare(("["):rep(5000), 1000)
    compare((" "):rep(9000))
  end)

  it("takes turns in everything that can be long", function()
    local n = 1 << 20
    for name, text in pairs {
      space = (" "):rep(n) .. "1", string = '"' .. ("a"):rep(n) .. '"', wide = '"' .. ("\u{e4}"):rep(n // 2) .. '"',
      escapes = '"' .. ("\\n"):rep(n // 2) .. '"', list = "[" .. ("0,"):rep(n // 2) .. "0]",
      tables = "[" .. ("[],"):rep(n // 3) .. "0]", key = '{"' .. ("k"):rep(n) .. '":1}',
      cut = "[" .. ("0,"):rep(n // 2), junk = "[1,x" .. ("x"):rep(n),
    } do
      local turns = in_turns(text)
      -- What follows a fault is only looked through, 64 KiB a turn; a string with escapes is gone over twice.
      assert.is_true(turns >= (name == "junk" and n // 65536 or n // 4096 - 1) and turns <= n // 2048 + 2, name)
    end
  end)

  it("works where nobody can yield, and hands on what the function raises", function()
    local text = "[" .. ("0,"):rep(5000) .. "0]"
    local calls = 0
    assert.equal(5001, #core.decode(text, 64, false, nil, function()
      calls = calls + 1
    end))
    assert.is_true(calls >= 2)
    assert.error_matches(function()
      core.decode(text, 64, false, nil, function()
        error "enough"
      end)
    end, "enough")
    assert.has_error(function()
      core.decode(text, 64, false, nil, "breathe")
    end)
  end)

  it("leaves nothing behind when it is given up", function()
    local text = "[" .. ('{"a":[1,2]},'):rep(3000) .. "0]"
    for i = 1, 5 do
      local co = coroutine.create(function()
        core.decode(text, 64, false, nil, coroutine.yield)
      end)
      for _ = 1, i do
        assert.is_true(coroutine.resume(co))
      end
      assert.is_true(coroutine.close(co))
    end
    collectgarbage()
  end)
end)

describe("max_values", function()
  it("counts what an answer becomes: a table is four, a string two, all else one", function()
    for text, values in pairs {
      ["1"] = 1, ['"x"'] = 2, ["null"] = 1, ["[]"] = 4, ["{}"] = 4, ["[1,2]"] = 6, ['{"a":1}'] = 6, ['{"a":null}'] = 6,
      ['{"a":{"b":[true,"x\\n"]}}'] = 17,
    } do
      assert.is_nil((select(2, core.decode(text, 64, false, values))), text)
      if values > 1 then
        local value, code, message = core.decode(text, 64, false, values - 1)
        assert.is_nil(value)
        assert.equal("too-many-values", code)
        assert.matches("max_values = " .. values - 1, message, 1, true)
      end
    end
    assert.has_error(function() core.decode("1", 64, false, 0) end)
    assert.is_table((core.decode("[" .. ("[],"):rep(100000) .. "0]")))
  end)

  it("is two million unless something else is said, for whoever decodes; false lifts it", function()
    local most = "[" .. ("0,"):rep(core.max_values - 5) .. "0]"
    local more = "[" .. ("0,"):rep(core.max_values - 4) .. "0]"
    local codec = require "awork.json".codec
    assert.equal(2000000, core.max_values)
    for _, decode in ipairs { core.decode, codec(64).decode, codec(64, core.max_values).decode } do
      assert.equal(core.max_values - 4, #decode(most))
      assert.equal("too-many-values", select(2, decode(more)))
    end
    assert.equal(core.max_values - 3, #core.decode(more, 64, false, false))
    assert.equal(core.max_values - 3, #codec(64, false).decode(more))
    assert.has_error(function() core.decode("1", 64, false, true) end)
  end)

  it("keeps small: 16 MiB of text, a few KiB of gzip, can become 500 MiB of tables", function()
    local limit = 2000000
    local size = 16 * 1024 * 1024
    local function numbered(format, from)
      local parts = {}
      for i = 1, 1100000 do
        parts[i] = format:format(from + i)
      end
      return table.concat(parts, ",")
    end
    for name, text in pairs {
      tables = "[" .. ("[],"):rep(size // 3 - 8) .. "0]", objects = "[" .. ('{"a":{}},'):rep(size // 9 - 8) .. "0]",
      lists = "[" .. ("[0],"):rep(size // 4 - 8) .. "0]", pairs = "[" .. ('{"a":0},'):rep(size // 8 - 8) .. "0]",
      numbers = "[" .. ("0,"):rep(size // 2 - 8) .. "0]", keys = "{" .. numbered('"%d":0', 1000000) .. "}",
      strings = "[" .. numbered('"%d"', 1000000) .. "," .. numbered('"%d"', 3000000) .. "]",
      long = "[" .. numbered('"' .. ("x"):rep(16) .. '%d"', 1000000) .. "]",
    } do
      collectgarbage()
      local before, most = collectgarbage "count", 0
      local _, code = core.decode(text, 64, false, limit, function()
        most = math.max(most, collectgarbage "count" - before)
      end)
      assert.equal("too-many-values", code, name)
      assert.is_true(most < 100 * 1024, name .. ": " .. most)
    end
  end)
end)

describe("core.form_json", function()
  it("writes what core.contact_info gives", function()
    for _, info in ipairs {
      {}, { type = "phone", subType = "work", value = "+49 30 \"1\" \\ / \u{e4}\u{1F600}\t\n\0\127" },
      { type = "custom", label = ("\u{1F600}"):rep(1000), value = ("\1"):rep(1000) },
      { type = "address", addressLine1 = "a", zipCode = "1", city = "b", country = "DE", state = cjson.null },
      { type = "phone", isAddress = false },
    } do
      local text = assert(core.form_json(info, "user", false))
      assert.same(core.contact_info(info, "user", false), (core.decode(text)))
      assert.is_true(not text:find "%c")
    end
    assert.equal("{}", core.form_json({}, "user", false))
  end)

  it("writes the whole model when asked", function()
    local model = cjson.decode(core.form_json({ type = "phone", value = "123" }, "user", false, true))
    for _, field in ipairs(core.fields()) do
      assert.is_not_nil(model[field.name])
    end
    assert.is_false(model.isAddress)
    assert.equal(cjson.null, model.label)
    assert.equal("123", model.value)
    local address = { type = "address", addressLine1 = "a", zipCode = "1", city = "b", country = "DE" }
    model = cjson.decode(core.form_json(address, "user", false, true))
    assert.is_true(model.isAddress)
  end)

  it("refuses what the validator refuses", function()
    local text, err = core.form_json({ type = "phon" }, "user", false)
    assert.is_nil(text)
    assert.equal("validation-failed", err.code)
    assert.is_nil((core.form_json({ type = "email", value = "x" }, "user", true)))
    assert.has_error(function() core.form_json("x") end)
  end)
end)
