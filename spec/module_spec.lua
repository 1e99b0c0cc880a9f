local function names_of(t)
  local names = {}
  for name in pairs(t) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

describe("require \"awork\"", function()
  it("exports these names and no others", function()
    assert.same({
      "_VERSION", "client", "contact_info", "countries", "country_code", "error_codes", "fields", "filter", "is_error",
      "load_plan", "null", "oauth", "rules", "types", "undo", "undo_plan", "validate", "version",
    }, names_of(require "awork"))
  end)

  it("leaves _G and the metatables of strings and functions untouched", function()
    local before, strings = {}, getmetatable("").__index
    for name, value in pairs(_G) do
      before[name] = value
    end
    for name in pairs(package.loaded) do
      if name:find "^awork" then
        package.loaded[name] = nil
      end
    end
    require "awork"
    for name, value in pairs(_G) do
      assert.equal(before[name], value, name)
    end
    assert.equal(strings, getmetatable("").__index)
    assert.is_nil(getmetatable(print))
  end)

  it("may be loaded twice in one state: errors of both are told by both", function()
    local first = require "awork"
    for name in pairs(package.loaded) do
      if name:find "^awork" then
        package.loaded[name] = nil
      end
    end
    local second = require "awork"
    assert.not_equal(first, second)
    local _, err = first.validate({ type = "phon" })
    assert.is_true(second.is_error(err))
    _, err = second.client {}
    assert.is_true(first.is_error(err))
    assert.matches("^awork: ", tostring(err))
  end)

  it("tells its version and libcurl's", function()
    local awork = require "awork"
    assert.matches("^%d+%.%d+", awork._VERSION)
    assert.matches("^%d+%.%d+", awork.version.curl)
  end)

  it("does not share lua-cjson's settings with the host", function()
    local cjson = require "cjson"
    cjson.decode_max_depth(3)
    cjson.encode_number_precision(5)
    local json = require("awork.json").codec(10)
    assert.same({ { { { {} } } } }, json.decode "[[[[[]]]]]")
    assert.equal("0.123456789", json.encode { 0.123456789 }:match "%[(.*)%]")
    assert.equal(3, cjson.decode_max_depth())
    assert.has_error(function() cjson.decode "[[[[[]]]]]" end)
    cjson.decode_max_depth(1000)
    cjson.encode_number_precision(14)
  end)
end)

describe("awork.json", function()
  local json = require("awork.json").codec(8)

  it("keeps what contact infos hold, byte for byte", function()
    local odd = "a\"b\\c/\u{7f}"
    for _, text in ipairs { "+4930123456", "01067", "12345678901234567890", ("\u{1F600}"):rep(1000), odd } do
      assert.same({ value = text }, json.decode(json.encode { value = text }))
    end
  end)

  it("gives whole numbers as integers and drops nulls", function()
    local value = json.decode '{"a":3,"b":2.5,"c":null,"d":[1,2]}'
    assert.equal("integer", math.type(value.a))
    assert.equal(2.5, value.b)
    assert.is_nil(value.c)
    assert.same({ 1, 2 }, value.d)
    assert.is_nil(json.decode "null")
    assert.is_nil(select(2, json.decode "null"))
  end)

  it("takes a byte order mark", function()
    assert.same({ a = 1 }, json.decode "\xEF\xBB\xBF{\"a\":1}")
  end)

  it("says what can't be read", function()
    for text, code in pairs {
      ["{\"a\":"] = "invalid-json", ["<html>"] = "invalid-json", ["[NaN]"] = "invalid-json", [" "] = "empty-body",
      ["[[[[[[[[[1]]]]]]]]]"] = "too-deep", ["\"\xff\""] = "invalid-encoding", ["{} x"] = "invalid-json",
    } do
      local value, got = json.decode(text)
      assert.is_nil(value)
      assert.equal(code, got, text)
    end
  end)

  it("says what can't be sent, and where", function()
    local loop = {}
    loop.again = loop
    for _, value in ipairs { { a = { b = print } }, { 0 / 0 }, loop, { 1, x = 2 }, { [1.5] = 1 }, { "\xff" } } do
      local text, message = json.encode(value)
      assert.is_nil(text)
      assert.is_string(message)
    end
    assert.equal("a.b", select(3, json.encode { a = { b = print } }))
  end)
end)
