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
