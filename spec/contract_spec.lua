local core = require "awork.core"

local function names(list, key)
  local out = {}
  for i, item in ipairs(list) do out[i] = item[key] end
  return out
end

describe("the contract", function()
  -- Written out here once more, by hand, from awork's documentation: the table in C must say the same.
  local USER = {
    { "phone", "work", "mobile", "home", "work Fax", "fax", "other" },
    { "email", "work", "private", "other" },
    { "address", "work", "home", "other" },
    { "messenger", "skype", "whatsapp", "other" },
    { "social", "facebook", "twitter", "xing", "linkedIn", "instagram", "pinterest", "other" },
    { "urls", "work", "private", "gitHub", "other" },
    { "custom" },
  }
  local COMPANY = {
    { "phone", "central", "other" },
    { "email", "central", "invoice", "other" },
    { "address", "central", "invoice", "other" },
    { "url", "primary", "other" },
    { "custom" },
  }

  local function flat(types)
    local out = {}
    for i, type in ipairs(types) do out[i] = { type.type, table.unpack(type.subtypes) } end
    return out
  end

  it("lists the types and subtypes of users and companies", function()
    assert.same(USER, flat(core.types()))
    assert.same(USER, flat(core.types "user"))
    assert.same(COMPANY, flat(core.types "company"))
  end)

  it("says how a type uses its subtype", function()
    assert.same({ "optional", "optional", "optional", "optional", "optional", "optional", "any" },
      names(core.types(), "subtype"))
    assert.same({ "required", "required", "required", "required", "none" }, names(core.types "company", "subtype"))
  end)

  it("raises for an owner that is none", function()
    assert.error_matches(function() core.types "users" end, 'bad argument #1 to .*owner must be "user" or "company"')
    assert.error_matches(function() core.types(1) end, "bad argument #1 to .*string expected, got number")
    assert.error_matches(function() core.types {} end, "string expected, got table")
  end)

  it("lists the fields with their limits", function()
    local limits = {}
    for i, field in ipairs(core.fields()) do
      limits[i] = { field.name, field.type, field.max_length }
      assert.is_string(field.doc)
    end
    assert.same({
      { "label", "string", 1000 }, { "value", "string", 1000 }, { "type", "string", 25 }, { "subType", "string", 25 },
      { "addressLine1", "string", 1000 }, { "addressLine2", "string", 100 }, { "zipCode", "string", 100 },
      { "city", "string", 100 }, { "state", "string", 100 }, { "country", "string", 100 }, { "isAddress", "boolean" },
    }, limits)
  end)

  it("lists the countries, sorted, without what is only reserved", function()
    local codes = core.countries()
    assert.equal(249, #codes)
    local set = {}
    for i, code in ipairs(codes) do
      assert.matches("^%u%u$", code)
      assert.is_true(i == 1 or codes[i - 1] < code)
      set[code] = true
    end
    for code in ("DE AT CH US GB FR XK UK EU AN CS ZZ"):gmatch "%a+" do
      assert.equal(not ("XK UK EU AN CS ZZ"):find(code), set[code] == true, code)
    end
  end)

  it("finds the country that a person means", function()
    for text, code in pairs {
      DE = "DE", de = "DE", DEU = "DE", Germany = "DE", Deutschland = "DE", D = "DE", Germny = "DE", ["276"] = "DE",
      ["Österreich"] = "AT", oesterreich = "AT", osterreich = "AT", Schweiz = "CH", Suisse = "CH",
      UK = "GB", ["Great Britain"] = "GB", ["Großbritannien"] = "GB", England = "GB",
      USA = "US", ["U.S.A."] = "US", ["Vereinigte Staaten"] = "US", ["Czech Republic"] = "CZ", Holland = "NL",
      ["Bundesrepublik Deutschland"] = "DE", ["Republic of Korea"] = "KR", ["Südkorea"] = "KR", Russia = "RU",
    } do
      assert.equal(code, (core.country_code(text)), text)
    end
    assert.same({ "DE", "Germany" }, { core.country_code "Deutschland" })
    for _, text in ipairs { "", " ", "XX", "Atlantis", "Virgin Islands", "\xff", ("x"):rep(1000) } do
      assert.equal(0, select("#", core.country_code(text)), text)
    end
    assert.error_matches(function() core.country_code(276) end, "string expected, got number")
    assert.error_matches(function() core.country_code() end, "string expected, got no value")
  end)

  it("finds every country by its code in any case", function()
    for _, code in ipairs(core.countries()) do
      assert.equal(code, (core.country_code(code)))
      assert.equal(code, (core.country_code(code:lower())))
      local _, name = core.country_code(code)
      assert.equal(code, (core.country_code(name)), name)
    end
  end)

  it("lists the rules, violations before warnings", function()
    local violations, warnings = {}, {}
    for _, rule in ipairs(core.rules()) do
      assert.is_string(rule.doc)
      local list = rule.kind == "violation" and violations or warnings
      list[#list + 1] = rule.rule
    end
    assert.same({ "type", "utf8", "length", "required", "possible-values", "country", "inconsistent", "unknown-field" },
      violations)
    assert.same({ "no-value", "no-label", "email-format", "phone-format", "url-format", "zip-format", "not-an-address",
      "utf16-length", "white-space", "control-character" }, warnings)
  end)

  it("knows the everyday names of countries, and what is none", function()
    for name, code in pairs {
      Russland = "RU", ["Elfenbeinküste"] = "CI", ["Côte d’Ivoire"] = "CI", Moldawien = "MD",
      ["Republik Moldau"] = "MD",
      ["Färöer"] = "FO", Salomonen = "SB", Kaimaninseln = "KY", ["Weißrussland"] = "BY", ["St. Lucia"] = "LC",
      ["Bosnien und Herzegowina"] = "BA", ["Bosnien & Herzegowina"] = "BA", Hongkong = "HK", ["U.S.A."] = "US",
      Swasiland = "SZ", Kapverden = "CV", GER = "DE", SUI = "CH", NA = "NA", Namibia = "NA",
      -- The same country twice.
      ["DE - Deutschland"] = "DE", ["Germany (DE)"] = "DE", ["Deutschland / Germany"] = "DE", ["D-Deutschland"] = "DE",
      ["Guinea-Bissau"] = "GW", ["Schweiz (CH)"] = "CH", ["[AT] Austria"] = "AT",
    } do
      assert.equal(code, core.country_code(name), name)
    end
    for _, name in ipairs { "n/a", "N/A", "n.a.", "N.A.", "n a", "-", "k.A.", "DE/AT", "Germany (AT)", "()",
      "Atlantis" } do
      assert.is_nil((core.country_code(name)), name)
    end
  end)

  it("knows every documented error code", function()
    local codes = core.error_codes()
    local n = 0
    for code in ([[workspaceid-missing not-found entity-archived duplication-violation database-commit
      concurrency-violation date-dependency date-out-of-range value-out-of-range invalid-operation invalid-model
      validation-failed server-error already-exist-error invalid-filter-or-order illegal-property-transition
      unauthorized invalid-batch-operation deactivated-user request-body-too-large insufficient-subscription-level
      insufficient-seats]]):gmatch "[%a-]+" do
      n = n + 1
      assert.is_string(codes[code].advice, code)
      assert.is_boolean(codes[code].retryable, code)
      codes[code] = nil
    end
    assert.equal(22, n)
    assert.is_nil(next(codes))
  end)

  it("gives fresh tables, so that nobody can change another's", function()
    for _, name in ipairs { "types", "fields", "countries", "rules", "error_codes" } do
      local first = core[name]()
      local key = next(first)
      first[key] = nil
      assert.not_nil(core[name]()[key], name)
    end
    core.types()[1].subtypes[1] = "x"
    assert.equal("work", core.types()[1].subtypes[1])
  end)
end)
