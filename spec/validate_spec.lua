local cjson = require "cjson"
local core = require "awork.core"

-- As assert.equal; there are many thousand comparisons here, and under a sanitizer each of busted's takes milliseconds.
local function equal(expected, passed, about)
  if expected ~= passed then assert.equal(expected, passed, about) end
end

-- A valid value for each type, and the fields that an address needs.
local VALUES = {
  phone = "+49 30 1234567", email = "neil@example.com", urls = "https://example.com", url = "https://example.com",
}

local function form(type, subtype, more)
  local info = { type = type, subType = subtype, value = VALUES[type] or "x" }
  if type == "address" then
    info = { type = type, subType = subtype, addressLine1 = "Torstrasse 140", zipCode = "10119", city = "Berlin",
      country = "DE" }
  elseif type == "custom" then
    info.label = "Radio"
  end
  for k, v in pairs(more or {}) do info[k] = v end
  return info
end

local function rules(list)
  local out = {}
  for i, v in ipairs(list or {}) do out[i] = v.property .. ":" .. v.rule end
  return table.concat(out, " ")
end

-- The violations and the warnings, each as "property:rule property:rule".
local function check(info, owner, strict)
  local ok, more = core.validate(info, owner, strict)
  if ok then return "", rules(more) end
  return rules(more.violations), rules(more.warnings)
end

local function violation(info, owner)
  local ok, err = core.validate(info, owner)
  equal(nil, ok)
  equal(1, #err.violations, rules(err.violations))
  return err.violations[1]
end

local function warning(info, owner)
  local ok, warnings = core.validate(info, owner)
  equal(true, ok)
  equal(1, #(warnings or {}), rules(warnings))
  return warnings[1]
end

local function is_valid(info, owner)
  local ok, more = core.validate(info, owner)
  if not ok then error(more.description, 2) end
  equal(nil, more)
end

describe("a valid contact info", function()
  it("gives true and nothing else", function()
    equal(1, select("#", core.validate(form("phone", "work"))))
    equal(1, select("#", core.validate(form("phone", "central"), "company")))
    equal(1, select("#", core.validate(form("phone", "work"), nil, nil)))
    equal(1, select("#", core.validate(form("phone", "work"), "user", true)))
  end)

  it("may lack everything, for a user", function()
    assert.same({ "", "value:no-value" }, { check {} })
  end)

  it("may hold null wherever it may hold nothing", function()
    local info = form("phone", "work")
    for _, field in ipairs(core.fields()) do
      if info[field.name] == nil then info[field.name] = core.null end
    end
    is_valid(info)
    equal(core.null, cjson.null)
  end)

  it("is the example of awork's documentation", function()
    local info = cjson.decode [[{"label":null,"value":null,"type":"address","subType":"work",
      "addressLine1":"Torstrasse 140","addressLine2":"Hof A","zipCode":"10119","city":"Berlin","state":null,
      "country":"DE","isAddress":true}]]
    is_valid(info)
  end)

  it("keeps its values exactly", function()
    for _, value in ipairs { "+4930123456", "01067", "12345678901234567890", ("\u{1F600}"):rep(500), "0x10", "1e5" } do
      local info = core.contact_info { type = "messenger", value = value }
      equal(value, info.value)
    end
    equal(("\u{1F600}"):rep(1000), core.contact_info({ value = ("\u{1F600}"):rep(1000) }).value)
  end)
end)

describe("the matrix", function()
  local all = {}
  for _, owner in ipairs { "user", "company" } do
    for _, type in ipairs(core.types(owner)) do
      for _, subtype in ipairs(type.subtypes) do all[subtype] = true end
    end
  end

  local function neighbours(word)
    local out = { word .. " ", " " .. word, word .. "\0", word .. "x", word:sub(1, -2), word:sub(2), "" }
    for i = 1, #word do
      local c = word:sub(i, i)
      local flipped = c:lower() == c and c:upper() or c:lower()
      if flipped ~= c then out[#out + 1] = word:sub(1, i - 1) .. flipped .. word:sub(i + 1) end
    end
    return out
  end

  for _, owner in ipairs { "user", "company" } do
    for _, type in ipairs(core.types(owner)) do
      local name = type.type
      describe(owner .. " " .. name, function()
        it("has its subtypes", function()
          for _, subtype in ipairs(type.subtypes) do is_valid(form(name, subtype), owner) end
        end)

        it("has no other", function()
          local own = {}
          for _, subtype in ipairs(type.subtypes) do own[subtype] = true end
          for subtype in pairs(all) do
            if not own[subtype] then
              local expected = type.subtype == "any" and "" or "subType:possible-values"
              equal(expected, (check(form(name, subtype), owner)), subtype)
            end
          end
          for subtype in pairs(own) do
            for _, neighbour in ipairs(neighbours(subtype)) do
              local expected = neighbour == "" and type.subtype == "required" and "subType:required"
                or "subType:possible-values"
              equal(expected, (check(form(name, neighbour), owner)), neighbour)
            end
          end
        end)

        it("knows a subtype in other spellings", function()
          for _, subtype in ipairs(type.subtypes) do
            for _, spelling in ipairs { subtype:upper(), subtype:gsub(" ", ""):upper(), " " .. subtype:upper() .. " ",
              (subtype:gsub("%u", " %0"):lower() .. "_") } do
              if spelling ~= subtype then
                local v = violation(form(name, spelling), owner)
                equal(subtype, v.suggestion, spelling)
                equal(('did you mean "%s"?'):format(subtype), v.hint)
              end
            end
          end
        end)

        it("needs a subtype, or not", function()
          local expected = type.subtype == "required" and "subType:required" or ""
          equal(expected, (check(form(name), owner)))
        end)

        it("is written just so", function()
          for _, neighbour in ipairs(neighbours(name)) do
            if not (owner == "user" and neighbour == "url") then
              local violations = check(form(name, type.subtypes[1], { type = neighbour }), owner)
              local expected = neighbour == "" and owner == "company" and "^type:required" or "type:possible%-values"
              assert.matches(expected, violations, neighbour)
            end
          end
          equal(name, violation(form(name, type.subtypes[1], { type = name:upper() }), owner).suggestion)
        end)

        it("is the other owner's business if only that one has it", function()
          local theirs = owner == "user" and "company" or "user"
          local common
          for _, other in ipairs(core.types(theirs)) do common = common or other.type == name end
          if not common then
            assert.matches("type:possible%-values", (check(form(name, type.subtypes[1]), theirs)))
          end
        end)
      end)
    end
  end

  it("takes any subtype of legal length for a user's custom, none for a company's", function()
    is_valid(form("custom", "anything at all"))
    is_valid(form("custom", ""))
    is_valid(form("custom", ("\u{20ac}"):rep(25)))
    equal("subType:length", (check(form("custom", ("x"):rep(26)))))
    equal("subType:possible-values", (check(form("custom", "other"), "company")))
    assert.matches("has no subtype", violation(form("custom", "other"), "company").message)
    is_valid(form("custom"), "company")
  end)
end)

describe("length", function()
  local letters = { "a", "ü", "€", "\u{1F600}" }
  for _, field in ipairs(core.fields()) do
    if field.max_length then
      it("of " .. field.name .. " is counted in code points", function()
        for bytes, letter in ipairs(letters) do
          for n = field.max_length - 1, field.max_length + 1 do
            local info = form("custom", "x")
            info[field.name] = letter:rep(n)
            local ok, more = core.validate(info)
            local list = {}
            for _, v in ipairs(ok and (more or {}) or more.violations) do list[v.property .. ":" .. v.rule] = v end
            for _, v in ipairs(not ok and more.warnings or {}) do list[v.property .. ":" .. v.rule] = v end
            local long = list[field.name .. ":length"]
            local units = list[field.name .. ":utf16-length"]
            equal(n > field.max_length, long ~= nil, letter)
            if long then
              assert.same({ field.max_length, n }, { long.limit, long.got })
              assert.matches(("has %d characters; at most %d"):format(n, field.max_length), long.message)
            end
            equal(bytes == 4 and n <= field.max_length, units ~= nil)
            if units then assert.same({ field.max_length, 2 * n }, { units.limit, units.got }) end
          end
        end
      end)
    end
  end

  it("is a warning in UTF-16 units", function()
    local w = warning { type = "messenger", value = ("x"):rep(998) .. "\u{1F600}\u{1F600}" }
    assert.same({ "value", "utf16-length", 1000, 1002 }, { w.property, w.rule, w.limit, w.got })
    is_valid { type = "messenger", value = ("x"):rep(998) .. "\u{1F600}" }
  end)
end)

describe("a value of the wrong type", function()
  it("is a violation for every field and every type", function()
    local others = { 1, 0.5, {}, print, coroutine.create(print), io.stdout }
    for _, field in ipairs(core.fields()) do
      for _, value in ipairs(others) do
        local _, err = core.validate { [field.name] = value }
        local v
        for _, item in ipairs(err.violations) do
          if item.property == field.name then v = item end
        end
        equal("type", v.rule)
        equal(("'%s' must be a %s, not a %s"):format(field.name, field.type, type(value)), v.message)
        equal(type(value) == "number" and value or type(value), v.got)
      end
      local wrong = { [field.name] = field.type == "boolean" and "x" or true }
      assert.matches(field.name .. ":type", (check(wrong)))
    end
  end)

  it("is never converted, and the hint is to quote a number", function()
    local v = violation { type = "phone", value = 4930123456 }
    assert.same({ "value", "type", 4930123456, "4930123456" }, { v.property, v.rule, v.got, v.suggestion })
    equal('quote it, with any leading zero or plus: "4930123456"', v.hint)
    equal("4930123456", violation({ type = "phone", value = 4930123456.0 }).suggestion)
    equal("-1", violation({ type = "phone", value = -1 }).suggestion)
    equal(tostring(math.mininteger), violation({ type = "phone", value = math.mininteger }).suggestion)
    for _, number in ipairs { 0.5, 1e300, math.huge, -math.huge } do
      v = violation { type = "phone", value = number }
      equal("quote it, with any leading zero or plus", v.hint)
      assert.is_nil(v.suggestion)
      equal(number, v.got)
    end
    v = violation { type = "phone", value = 0 / 0 }
    assert.is_true(v.got ~= v.got)
    assert.is_nil(violation({ type = 5 }).hint)
  end)

  it("hints at true without quotes", function()
    for value, hint in pairs { ["true"] = "true", ["false"] = "false", [1] = "true", [0] = "false" } do
      local v = violation(form("address", "work", { isAddress = value }))
      assert.same({ "isAddress", "type", ("write %s, without quotes"):format(hint) }, { v.property, v.rule, v.hint })
    end
    assert.is_nil(violation(form("address", "work", { isAddress = "yes" })).hint)
    assert.is_nil(violation(form("address", "work", { isAddress = 2 })).hint)
  end)
end)

describe("text that is no UTF-8", function()
  it("is refused, with the place", function()
    for text, at in pairs {
      ["\xff"] = 1, ["a\xc3"] = 2, ["\xc0\xaf"] = 1, ["\xe0\x80\xaf"] = 1, ["\xed\xa0\x80"] = 1,
      ["\xed\xbf\xbf"] = 1, ["\xf0\x80\x80\x80"] = 1, ["\xf4\x90\x80\x80"] = 1, ["\xf8\x88\x80\x80\x80"] = 1,
      ["abc\x80"] = 4, ["\xe2\x82"] = 1, ["\u{1F600}\xf0\x9f\x98"] = 5,
    } do
      local v = violation { type = "messenger", value = text }
      equal("utf8", v.rule)
      assert.matches("at byte " .. at .. " %(0x%x%x%)", v.message:lower())
      assert.is_string(v.hint)
      assert.not_nil(utf8.len(v.got))
      assert.not_nil(utf8.len(v.message))
    end
    for _, field in ipairs(core.fields()) do
      if field.max_length then assert.matches(field.name .. ":utf8", (check { [field.name] = "x\xfcy" })) end
    end
  end)

  it("has a hint that fits", function()
    assert.matches("Latin%-1", violation({ type = "messenger", value = "M\xfcller" }).hint)
    assert.matches("cut in the middle", violation({ type = "messenger", value = ("€"):rep(3):sub(1, -2) }).hint)
    assert.matches("surrogate", violation({ type = "messenger", value = "\xed\xa0\xbd\xed\xb8\x80" }).hint)
    equal("M\\xFCller", violation({ type = "messenger", value = "M\xfcller" }).got)
  end)
end)

describe("type and subtype", function()
  it("need each other as the contract says", function()
    local v = violation { subType = "work", value = "x" }
    assert.same({ "subType", "inconsistent", "set type as well" }, { v.property, v.rule, v.hint })
    v = violation { subType = "Skype", value = "x" }
    equal('"skype" is a subtype of "messenger": set it as type', v.hint)
    equal("type:required subType:inconsistent", (check({ subType = "x", value = "x" }, "company")))
    equal("type:required", (check({ value = "x" }, "company")))
    assert.matches("one of phone, email, address, url, custom", violation({ value = "x" }, "company").hint)
    v = violation(form("email"), "company")
    assert.same({ "subType", "required", "one of central, invoice, other" }, { v.property, v.rule, v.hint })
    equal("subType:required", (check(form("email", "  "), "company")))
    equal("type:required", (check(form("email", "  ", { type = " " }), "company"):match "^%S+"))
  end)

  it("have hints a person needs", function()
    for _, case in ipairs {
      { "url", "work", "urls", "users have 'urls'; 'url' is a company's" },
      { "Phone", "work", "phone" }, { "phnoe", "work", "phone" }, { "telephone", "work", "phone" },
      { "e-mail", "work", "email" }, { "mail", "work", "email" }, { "adress", "work", "address" },
      { "addr", "work", "address" }, { "socials", "xing", "social" }, { "website", "work", "urls" },
      { "URLS", "work", "urls" }, { "Url", "work", "urls" },
    } do
      local info = form("urls", case[2], { type = case[1] })
      info.addressLine1, info.zipCode, info.city, info.country = "x", "1", "x", "DE"
      local _, err = core.validate(info)
      local v = err.violations[1]
      assert.same({ "type", case[3] }, { v.property, v.suggestion }, case[1])
      equal(case[4] or ('did you mean "%s"?'):format(case[3]), v.hint)
    end
    local v = violation(form("urls", "primary", {}), "company")
    assert.same({ "type", "url", "companies have 'url'; 'urls' is a user's" }, { v.property, v.suggestion, v.hint })
    v = violation({ type = "messenger", subType = "skype", value = "x" }, "company")
    assert.same({ "type", "companies have none; 'messenger' is a user's" }, { v.property, v.hint })
    v = violation { type = "mobile", value = "110" }
    assert.same({ "phone", '"mobile" is a subtype of "phone"' }, { v.suggestion, v.hint })
    assert.is_nil(violation({ type = "work", value = "x" }).hint)
    assert.is_nil(violation({ type = "zzz", value = "x" }).hint)
    assert.is_nil(violation({ type = "", value = "x" }).hint)
    assert.is_nil(violation({ type = ("phone"):rep(5), value = "x" }).hint)

    for _, case in ipairs {
      { "social", "LinkedIn", "linkedIn" }, { "social", "linkedin", "linkedIn" }, { "social", "insta", "instagram" },
      { "social", "x", "twitter" }, { "social", "facebok", "facebook" },
      { "phone", "mobil", "mobile" }, { "phone", "moblie", "mobile" }, { "phone", "Handy", "mobile" },
      { "phone", "cell", "mobile" }, { "phone", "workfax", "work Fax" }, { "phone", "work fax", "work Fax" },
      { "phone", "work-fax", "work Fax" }, { "phone", "private", "home" }, { "phone", "office", "work" },
      { "email", "home", "private" }, { "email", "privat", "private" }, { "urls", "GitHub", "gitHub" },
      { "urls", "github", "gitHub" }, { "messenger", "WhatsApp", "whatsapp" }, { "address", "geschäftlich", "work" },
    } do
      v = violation(form(case[1], case[2]))
      assert.same({ "subType", "possible-values", case[3], case[2] }, { v.property, v.rule, v.suggestion, v.got })
      equal(('did you mean "%s"?'):format(case[3]), v.hint)
    end
    equal('"skype" is a subtype of "messenger"', violation(form("phone", "Skype")).hint)
    equal('"central" is a company\'s', violation(form("phone", "central")).hint)
    equal('"private" is a user\'s', violation(form("email", "private"), "company").hint)
    equal("invoice", violation(form("email", "billing"), "company").suggestion)
    assert.is_nil(violation(form("phone", "nonsense")).hint)
  end)

  it("are both reported when both are wrong in an obvious way", function()
    equal("type:possible-values subType:possible-values", (check(form("Phone", "Mobile"))))
    equal("type:possible-values subType:required", (check(form("Phone"), "company")))
    equal("type:possible-values", (check(form("nonsense", "nonsense"))))
  end)

  it("name what is possible", function()
    equal([['subType' can't be "x" for a user's "email"; possible: work, private, other]],
      violation(form("email", "x")).message)
    equal([['type' can't be "x" for a company; possible: phone, email, address, url, custom]],
      violation(form("x", "x"), "company").message)
  end)
end)

describe("a label", function()
  it("is allowed with any type, and without one", function()
    for _, owner in ipairs { "user", "company" } do
      for _, type in ipairs(core.types(owner)) do
        local info = form(type.type, type.subtypes[1], { label = "x" })
        is_valid(info, owner)
        info.label = ""
        equal(owner == "user" and type.type == "custom" and "label:required" or "", (check(info, owner)))
      end
    end
    is_valid { label = "x", value = "x" }
  end)

  it("is required for a user's custom, and missed in a company's", function()
    equal("label:required", (check { type = "custom", value = "x" }))
    equal("label:required", (check { type = "custom", value = "x", label = core.null }))
    assert.matches("only white space", violation({ type = "custom", value = "x", label = " \u{a0}" }).message)
    assert.same({ "", "label:no-label" }, { check({ type = "custom", value = "x" }, "company") })
    assert.same({ "", "label:no-label" }, { check({ type = "custom", value = "x", label = "" }, "company") })
  end)
end)

describe("a change of what is there", function()
  local function refused(info, before, owner, strict)
    local ok, more = core.validate(info, owner, strict, before)
    if ok then return "", more end
    return rules(more.violations), more.warnings
  end

  it("is judged by what it changes", function()
    local before = { id = "x", createdOn = "2015", type = "social", subType = "mastodon", value = "@a@b.de" }
    local violations, warnings = refused({ type = "social", subType = "mastodon", value = "@b@b.de" }, before)
    equal("", violations)
    equal("subType:possible-values", rules(warnings))
    equal(true, warnings[1].unchanged)
    equal("subType:possible-values", (refused({ type = "social", subType = "Mastodon", value = "@a@b.de" }, before)))
    equal("", (refused({ type = "social", subType = "other", value = "@a@b.de" }, before)))
  end)

  it("is judged by what it makes contradictory", function()
    local before = { type = "phone", subType = "Work", value = "030 1" }
    equal("subType:possible-values", (refused({ type = "email", subType = "Work", value = "a@b.de" }, before)))
    equal("label:required", (refused({ type = "custom", subType = "Work", value = "030 1" }, before)))
    equal("subType:required", (refused({ type = "url", value = "https://x.de" }, { type = "custom", value = "x" },
      "company")))
    before = { type = "address", city = "Berlin" }
    equal("", (refused({ type = "address", city = "Bonn" }, before)))
    equal("city:required", (refused({ type = "address", city = core.null }, before)))
  end)

  it("that is strict is not refused for what was there", function()
    local before = { type = "phone", subType = "work", value = " ext. " }
    equal("", (refused({ type = "phone", subType = "work", value = " ext. ", label = "x" }, before, "user", true)))
    equal("value:phone-format value:white-space",
      (refused({ type = "phone", subType = "work", value = " ext " }, before, "user", true)))
  end)

  it("leaves what was stored as it is, whatever rule it breaks", function()
    local stored = {
      { type = "phon", value = "1" }, { type = "phone", subType = ("x"):rep(26), value = "1" },
      { type = "address", isAddress = false, city = "Bonn" }, { isAddress = true }, { subType = "work", value = "1" },
      { type = "custom", value = "1" }, { type = "phone", value = ("1"):rep(1001) },
      { type = "address", addressLine1 = "x", zipCode = "1", city = "x", country = "Deutschland" },
      { type = "phone", value = 123 },
    }
    for _, before in ipairs(stored) do
      equal(nil, (core.validate(before)))
      equal("", (refused(before, before)))
      local body = core.form_json(before, "user", false, true, before)
      local sent = cjson.decode(body)
      for name, value in pairs(before) do
        equal(name == "value" and tostring(value) or value, sent[name])
      end
    end
  end)

  it("takes a table, and reads only the form's fields of it", function()
    assert.error_matches(function() core.validate({}, "user", false, "x") end, "table expected")
    assert.error_matches(function() core.form_json({}, "user", false, false, 1) end, "table expected")
    is_valid(form("phone", "work"))
    equal(true, (core.validate(form("phone", "work"), "user", nil, { unknown = {}, [1] = 2, value = core.null })))
  end)
end)

describe("an address", function()
  local needed = { "addressLine1", "zipCode", "city", "country" }

  it("needs four fields, by its type and by isAddress", function()
    for _, field in ipairs(needed) do
      for _, nothing in ipairs { core.null, "", " ", "\u{a0}\t", false } do
        local info = form("address", "work")
        info[field] = nothing or nil
        local v = violation(info)
        assert.same({ field, "required" }, { v.property, v.rule })
        assert.matches("is required for an address", v.message)
        if nothing and nothing ~= core.null then equal(nothing, v.got) end
      end
    end
    equal("addressLine1:required zipCode:required city:required country:required",
      (check { type = "address" }))
    equal("addressLine1:required zipCode:required city:required country:required isAddress:inconsistent",
      (check { isAddress = true }))
    is_valid(form("address", "work", { addressLine2 = "", state = "" }))
  end)

  it("has its type and isAddress together", function()
    is_valid(form("address", "work", { isAddress = true }))
    is_valid(form("address", "work", { isAddress = core.null }))
    local v = violation(form("address", "work", { isAddress = false }))
    assert.same({ "isAddress", "inconsistent", false }, { v.property, v.rule, v.got })
    equal("leave isAddress out, or make it true", v.hint)
    local info = form("address", "work", { isAddress = true })
    info.type, info.subType = nil, nil
    v = violation(info)
    assert.same({ "isAddress", "inconsistent", true }, { v.property, v.rule, v.got })
    info.type = "phone"
    info.value = "110"
    equal("isAddress:inconsistent", (check(info)))
    is_valid(form("phone", "work", { isAddress = false }))
    equal("type:possible-values", (check(form("address", "work", { isAddress = true, type = "Address" }))))
  end)

  it("may carry a value, which nobody looks at", function()
    is_valid(form("address", "work", { value = "x" }))
    is_valid(form("address", "work", { value = "" }))
  end)

  it("has fields that are lost on anything else", function()
    for _, field in ipairs { "addressLine1", "addressLine2", "zipCode", "city", "state", "country" } do
      local info = form("phone", "work", { [field] = "DE" })
      local w = warning(info)
      assert.same({ field, "not-an-address", 'set type = "address", or leave it out' }, { w.property, w.rule, w.hint })
      info[field] = field == "country" and core.null or ""
      is_valid(info)
    end
    assert.same({ "", "value:no-value city:not-an-address" }, { check { city = "Berlin" } })
  end)

  it("has an assigned country code in upper case", function()
    for _, code in ipairs(core.countries()) do
      is_valid(form("address", "work", { country = code, zipCode = "101190" }))
    end
    for _, code in ipairs { "XX", "UK", "EU", "D", "DEU", "de", "De", "dE", "DE ", " DE", "D\0", "276", "Ä" } do
      local v = violation(form("address", "work", { country = code }))
      assert.same({ "country", "country", code }, { v.property, v.rule, v.got })
    end
    equal("country:country", (check(form("phone", "work", { country = "" }))))
  end)

  it("has hints for the country", function()
    for text, code in pairs {
      Germany = "DE", Deutschland = "DE", DEU = "DE", de = "DE", germany = "DE", [" DE "] = "DE", Germny = "DE",
      ["Österreich"] = "AT", ["United States of America"] = "US", UK = "GB",
    } do
      local v = violation(form("address", "work", { country = text }))
      equal(code, v.suggestion)
      assert.matches('did you mean "' .. code .. '" %(.+%)%?', v.hint)
    end
    equal('did you mean "DE" (Germany)?', violation(form("address", "work", { country = "DEU" })).hint)
    assert.is_nil(violation(form("address", "work", { country = "Atlantis" })).hint)
  end)
end)

describe("an unknown field", function()
  it("has a hint at the right one", function()
    for name, right in pairs {
      subtype = "subType", SubType = "subType", sub_type = "subType", subTpye = "subType", Type = "type",
      TYPE = "type", zip = "zipCode", plz = "zipCode", PLZ = "zipCode", postcode = "zipCode", zip_code = "zipCode",
      zipcode = "zipCode", address1 = "addressLine1", address_line_1 = "addressLine1", street = "addressLine1",
      ["Straße"] = "addressLine1", address_line2 = "addressLine2", town = "city", Ort = "city", citty = "city",
      region = "state", countryCode = "country", land = "country", is_address = "isAddress", isadress = "isAddress",
      val = "value", phone = "value", email = "value", name = "label", lable = "label",
    } do
      local v = violation(form("phone", "work", { [name] = "x" }))
      assert.same({ name, "unknown-field", right, "did you mean " .. right .. "?" },
        { v.property, v.rule, v.suggestion, v.hint }, name)
      equal(("'%s' is no field of a contact info"):format(name), v.message)
    end
    equal("did you mean subType?", violation(form("phone", nil, { subtype = "work" })).hint)
  end)

  it("has none where nothing is near", function()
    for _, name in ipairs { "foo", "", "x", " ", "nonsense", "\xff", ("a"):rep(500), "\0" } do
      assert.is_nil(violation(form("phone", "work", { [name] = "x" })).hint)
    end
  end)

  it("may be one that awork sets", function()
    for _, name in ipairs { "id", "createdOn", "createdBy", "updatedOn", "updatedBy", "isDeleted" } do
      local v = violation(form("phone", "work", { [name] = "x" }))
      assert.same({ name, "awork sets it; leave it out" }, { v.property, v.hint })
      assert.is_nil(v.suggestion)
    end
  end)

  it("is one whatever it holds, and whatever key it has", function()
    equal("foo:unknown-field", (check(form("phone", "work", { foo = core.null }))))
    for key, name in pairs {
      [1] = "[1]", [-5] = "[-5]", [0.5] = "[0.5]", [true] = "[boolean]", [print] = "[function]",
      [io.stdout] = "[userdata]",
      [core.null] = "[userdata]", [setmetatable({}, { __tostring = error, __name = "x" })] = "[table]",
    } do
      local v = violation(form("phone", "work", { [key] = "x" }))
      assert.same({ name, "unknown-field" }, { v.property, v.rule })
      assert.is_nil(v.hint)
    end
  end)

  it("is reported as often as there are some, sorted, after the fields", function()
    local info = form("Phone", "Work", { zeta = 1, alpha = 1, beta = 1, Beta = 1, alphabet = 1 })
    equal("type:possible-values subType:possible-values Beta:unknown-field alpha:unknown-field "
      .. "alphabet:unknown-field beta:unknown-field zeta:unknown-field", (check(info)))
    for i = 1, 2000 do info["f" .. i] = i end
    local _, err = core.validate(info)
    equal(2007, #err.violations)
    equal(2007, #err.validationErrors)
    for i = 4, #err.violations do assert(err.violations[i - 1].property < err.violations[i].property) end
    assert.matches("; and 2002 more$", err.description)
    assert.is_true(#err.description <= 2048)
  end)

  it("is cut and escaped in words, and so is its name", function()
    local v = violation(form("phone", "work", { ["a\nb\xff" .. ("x"):rep(1000)] = 1 }))
    assert.matches("^a\\nb\\xFFx+…$", v.property)
    assert.is_true(#v.message < 100)
    assert.not_nil(utf8.len(v.property))
  end)
end)

describe("a warning", function()
  local function warned(rule, type, subtype, values)
    for _, value in ipairs(values) do
      local w = warning(form(type, subtype, { value = value }))
      assert.same({ "value", rule }, { w.property, w.rule }, value)
      equal(value, w.got)
    end
  end

  it("is for an email without a plausible local@domain", function()
    warned("email-format", "email", "work", { "neil", "neil@", "@example.com", "neil@localhost", "a@b@c.de", "a b@c.de",
      "a@.de", "a@b..de", "a@b.", "a@b.de; c@d.de", ("a"):rep(65) .. "@b.de" })
    for _, value in ipairs { "a@b.de", "o'neil+x@sub.example.co.uk", "ü@müller.de", "a@[10.0.0.1]" } do
      is_valid(form("email", "work", { value = value }))
    end
    equal("neil@a.de", warning(form("email", "work", { value = "Neil <neil@a.de>" })).suggestion)
    equal('did you mean "neil@a.de"?', warning(form("email", "work", { value = "mailto:neil@a.de" })).hint)
    assert.is_nil(warning(form("email", "work", { value = "Neil <neil>" })).hint)
    assert.is_nil(warning(form("email", "work", { value = "Neil <neil@a.de" })).hint)
  end)

  it("names what no email address has", function()
    for value, what in pairs {
      ["\u{200e}ada@example.com"] = "U+200E", ["ada@exam\u{ad}ple.com"] = "U+00AD", ["„ada@example.com“"] = "U+201E",
      ["ada@example.com;"] = "U+003B ;", ["'ada@example.com'"] = "U+0027 '", ["<ada@example.com>"] = "U+003C <",
      ['"ada@example.com"'] = 'U+0022 "',
    } do
      local _, found = core.validate(form("email", "work", { value = value }))
      equal("email-format", found[1].rule)
      assert.matches("does not look like an email address, for it has " .. what .. ": ", found[1].message, 1, true)
    end
  end)

  it("is for two phone numbers in one, and for more digits than a number has", function()
    warned("phone-format", "phone", "work", { "030 1234567; 030 7654321", "+49 30 1234567 / +49 170 7654321",
      "030 1234567, 0170 1234567", "12345678901234567" })
    assert.matches("more than one phone number", warning(form("phone", "work", { value = "030 1; 030 2" })).message)
    for _, value in ipairs { "030/1234567", "+49 (0)30 1234567", "030 1234567, 12", "0049 (0) 30 12345678901" } do
      is_valid(form("phone", "work", { value = value }))
    end
  end)

  it("is for a postal code that has lost its leading zero", function()
    local w = warning(form("address", "work", { zipCode = "1067" }))
    assert.same({ "zipCode", "zip-format", "01067", 'did you mean "01067"?' },
      { w.property, w.rule, w.suggestion, w.hint })
    assert.matches("fewer digits than the 5", w.message, 1, true)
    assert.equal("is a leading zero lost?", warning(form("address", "work", { zipCode = "107" })).hint)
    for country, zip in pairs { NO = "150", US = "2139", FR = "1000", RO = "10011", AU = "800" } do
      equal("zip-format", warning(form("address", "work", { zipCode = zip, country = country })).rule)
    end
    for country, zip in pairs { AT = "1010", CH = "8001", DE = "01067", US = "02139-1234", NL = "1012 AB", GB = "EC1A",
      LU = "1009", PL = "00-001" } do
      is_valid(form("address", "work", { zipCode = zip, country = country }))
    end
  end)

  it("is for a URL whose scheme runs code", function()
    warned("url-format", "urls", "work", { "javascript://example.com/%0aalert(1)", "JAVASCRIPT:alert(1)",
      "data:text/html,x", "vbscript://x" })
    warned("url-format", "social", "other", { "javascript:alert(1)", "data://x" })
    assert.matches("a scheme that runs code", warning(form("urls", "work", { value = "javascript://x" })).message)
    is_valid(form("social", "other", { value = "javascript" }))
  end)

  it("is for a phone with letters or under three digits", function()
    warned("phone-format", "phone", "work", { "12", "+", "--", "0800 FLOWERS", "030 123 ext. 4", "ü123", "tel:110",
      "491707654321.0", "+493012345670,00", "01.02.2024", "2024-02-01",
      "'030 1234567", '="+49 30 1234567"', "<030 1234567>", "030@1234567", "\u{201c}030 1234567\u{201d}" })
    for _, value in ipairs {
      "110", "+49 (30) 123-45/67", "+4930123456", "01067", "01.23.45.67.00", "22.33.4455", "030\u{a0}123",
      "\u{ff11}\u{ff11}\u{ff10}",
    } do
      is_valid(form("phone", "work", { value = value }))
    end
    equal("+4930123", warning(form("phone", "work", { value = "tel:+4930123" })).suggestion)
  end)

  it("is for a URL without a scheme or a host", function()
    warned("url-format", "urls", "work", { "example.com", "www.example.com/x", "https://", "https:///x",
      "//example.com", "mailto:a@b.de", "https:example.com", "https://exa mple.com",
      "http://http://example.com", "https://exa<mple.com", 'https://"example.com"', "https://example..com",
      "https://example.com\\@evil.example" })
    for _, value in ipairs { "https://example.com", "HTTP://a.b:80/c?d#e", "ftp://localhost",
      "https://[2001:db8::1]:8443/",
      "https://müller.de", "https://user:p-w@example.com", "https://example.com/a..b|c" } do
      is_valid(form("urls", "work", { value = value }))
      is_valid(form("url", "primary", { value = value }), "company")
    end
    local w = warning(form("urls", "work", { value = "example.com/x" }))
    assert.same({ "https://example.com/x", 'did you mean "https://example.com/x"?' }, { w.suggestion, w.hint })
    assert.is_nil(warning(form("urls", "work", { value = "nothing" })).hint)
    assert.is_nil(warning(form("urls", "work", { value = "a." .. ("x"):rep(200) })).hint)
  end)

  it("is for what has no value and is no address", function()
    for _, value in ipairs { core.null, "", false } do
      local info = form("social", "xing")
      info.value = value or nil
      local w = warning(info)
      assert.same({ "value", "no-value" }, { w.property, w.rule })
    end
    assert.same({ "", "value:no-value value:white-space" }, { check(form("social", "xing", { value = " " })) })
  end)

  it("is for white space at the ends", function()
    for _, value in ipairs { " x", "x ", "\u{a0}x", "x\u{3000}" } do
      local w = warning(form("social", "xing", { value = value }))
      assert.same({ "value", "white-space", "x", "remove it" }, { w.property, w.rule, w.suggestion, w.hint })
    end
    is_valid(form("social", "xing", { value = "a b\u{a0}c" }))
    for value, point in pairs { ["\u{feff}x"] = "FEFF", ["x\u{200b}"] = "200B" } do
      local _, found = core.validate(form("social", "xing", { value = value }))
      equal("value:white-space value:control-character", rules(found))
      assert.matches("white space, U+" .. point .. ": ", found[1].message, 1, true)
    end
    assert.matches("white space, U+00A0: ", warning(form("social", "xing", { value = " \u{a0}x" })).message, 1, true)
    assert.same({ "", "city:white-space" }, { check(form("address", "work", { city = "Berlin " })) })
    assert.is_nil(warning(form("social", "xing", { value = (" x"):rep(400) })).suggestion)
  end)

  it("is for a control character or NUL", function()
    for text, point in pairs {
      ["a\0b"] = "0000", ["a\nb"] = "000A", ["a\x7fb"] = "007F", ["a\u{85}b"] = "0085", ["\u{202a}ab\u{202c}"] = "202A",
      ["a\u{200e}b"] = "200E", ["a\u{ad}b"] = "00AD", ["a\u{2028}b"] = "2028",
    } do
      local w = warning(form("social", "xing", { value = text }))
      assert.same({ "value", "control-character" }, { w.property, w.rule })
      assert.matches("U%+" .. point, w.message)
    end
    assert.same({ "", "value:white-space value:control-character" },
      { check(form("social", "xing", { value = "x\n" })) })
  end)

  it("becomes a violation when strict", function()
    local info = form("phone", "work", { value = "12 ", city = "x" })
    assert.same({ "", "value:phone-format value:white-space city:not-an-address" }, { check(info) })
    assert.same({ "value:phone-format value:white-space city:not-an-address", "" }, { check(info, "user", true) })
    assert.same({ "", "value:phone-format value:white-space city:not-an-address" }, { check(info, "user", false) })
    info.subType = "x"
    assert.same({ "value:phone-format value:white-space subType:possible-values city:not-an-address", "" },
      { check(info, nil, true) })
    local _, err = core.validate(info, nil, true)
    assert.is_nil(err.warnings)
    assert.is_nil(core.contact_info(form("phone", "work", { value = "12" }), "user", true))
  end)

  it("comes with an error as well", function()
    local _, err = core.validate(form("phone", "x", { value = "12" }))
    equal("value:phone-format", rules(err.warnings))
    equal("subType:possible-values", rules(err.violations))
    _, err = core.validate(form("phone", "x"))
    assert.is_nil(err.warnings)
  end)
end)

describe("the error", function()
  it("has awork's shape and ours", function()
    local subtype = [['subType' can't be "mobil" for a user's "phone"; ]]
      .. "possible: work, mobile, home, work Fax, fax, other"
    local ok, err = core.validate { type = "phone", subType = "mobil", value = 4930123456 }
    assert.is_nil(ok)
    equal(core.error_metatable, getmetatable(err))
    assert.same({
      kind = "validation",
      code = "validation-failed",
      retryable = false,
      description = [['value' must be a string, not a number (quote it, with any leading zero or plus: "4930123456"); ]]
        .. subtype .. [[ (did you mean "mobile"?)]],
      violations = {
        {
          property = "value", rule = "type", message = "'value' must be a string, not a number",
          hint = 'quote it, with any leading zero or plus: "4930123456"', suggestion = "4930123456", got = 4930123456,
        },
        {
          property = "subType", rule = "possible-values", got = "mobil", suggestion = "mobile",
          message = subtype, hint = 'did you mean "mobile"?',
        },
      },
      validationErrors = {
        { property = "value", message = "'value' must be a string, not a number" },
        { property = "subType", message = subtype },
      },
    }, setmetatable(err, nil))
  end)

  it("has a description of one line, whatever was in the text", function()
    local _, err = core.validate { type = "a\nb\r\0\u{202e}\u{2028}", ["x\ny"] = 1 }
    assert.is_nil(err.description:find "%c")
    assert.is_nil(err.description:find("\u{202e}", 1, true))
    assert.is_nil(err.description:find("\u{2028}", 1, true))
  end)

  it("has a `got` that is cut at a character's border", function()
    local v = violation { type = "x" .. ("\u{1F600}"):rep(24), value = "x" }
    equal(v.got, "x" .. ("\u{1F600}"):rep(24))
    local w = warning { type = "email", subType = "work", value = ("€"):rep(500) }
    equal(("€"):rep(100), w.got)
  end)

  it("can be sent as JSON", function()
    local _, err = core.validate { type = "\xff", value = "\xff", foo = 1, [("\xff"):rep(3)] = 2, city = "a\0b" }
    assert.same({ true }, { core.check_json(setmetatable(err, nil)) })
  end)
end)

describe("core.contact_info", function()
  it("copies what would be sent", function()
    local info = form("phone", "work", { label = core.null, city = core.null, isAddress = false })
    local copy, warnings = core.contact_info(info)
    assert.same({ type = "phone", subType = "work", value = VALUES.phone, isAddress = false }, copy)
    assert.is_nil(warnings)
    assert.not_equal(info, copy)
    assert.is_nil(getmetatable(copy))
    equal(core.null, info.label)
    equal(1, select("#", core.contact_info(info)))
  end)

  it("sets isAddress for an address, and nowhere else", function()
    local info = form("address", "central", { state = core.null })
    local copy = core.contact_info(info, "company")
    assert.is_true(copy.isAddress)
    copy.isAddress = nil
    info.state = nil
    assert.same(info, copy)
    assert.is_nil(info.isAddress)
    assert.is_nil(core.contact_info(form("phone", "work")).isAddress)
  end)

  it("gives warnings beside the copy", function()
    local copy, warnings = core.contact_info(form("phone", "work", { value = "12" }))
    equal("12", copy.value)
    equal("value:phone-format", rules(warnings))
  end)

  it("gives nil and the error of core.validate", function()
    local info = form("phone", "mobil", { zip = 1 })
    local copy, err = core.contact_info(info)
    assert.is_nil(copy)
    assert.same(select(2, core.validate(info)), err)
  end)

  it("drops methods and metatables of a class", function()
    local class = { greet = function() end }
    class.__index = class
    local copy = core.contact_info(setmetatable(form("phone", "work"), class))
    assert.same(form("phone", "work"), copy)
    assert.is_nil(getmetatable(copy))
  end)
end)

describe("wrong arguments", function()
  for _, name in ipairs { "validate", "contact_info" } do
    local fn = core[name]
    it("raise in " .. name, function()
      for _, info in ipairs { 1, "x", true, print, core.null } do
        assert.error_matches(function() fn(info) end, "bad argument #1 to .*table expected, got " )
      end
      assert.error_matches(function() fn() end, "bad argument #1 to .*table expected, got no value")
      assert.error_matches(function() fn(nil) end, "table expected, got nil")
      assert.error_matches(function() fn({}, "users") end, 'bad argument #2 to .*owner must be "user" or "company"')
      assert.error_matches(function() fn({}, "") end, "owner must be")
      assert.error_matches(function() fn({}, 1) end, "bad argument #2 to .*string expected, got number")
      assert.error_matches(function() fn({}, {}) end, "string expected, got table")
      assert.error_matches(function() fn({}, "user", "yes") end, "bad argument #3 to .*boolean expected, got string")
      assert.error_matches(function() fn({}, "user", 1) end, "boolean expected, got number")
    end)

    it("are proxies in " .. name .. ", whose fields would go unseen", function()
      local info = form("phone", "work")
      for _, mt in ipairs {
        { __pairs = function() return next, info end }, { __index = function(_, k) return info[k] end },
        { __index = info }, { __index = setmetatable({}, { __index = info }) },
        { __index = setmetatable({}, { __index = function(_, k) return info[k] end }) }, { __index = io.stdout },
      } do
        assert.error_matches(function() fn(setmetatable({}, mt)) end, "bad argument #1 to .*a plain table is needed")
      end
    end)
  end

  it("are not metatables that raise, for none is asked", function()
    local function raise() error "asked" end
    local info = setmetatable(form("phone", "work"), {
      __newindex = raise, __len = raise, __eq = raise, __tostring = raise, __call = raise, __close = raise,
      __concat = raise, __metatable = false, __name = "x", __index = { method = raise },
    })
    is_valid(info)
    local loop = {}
    loop.__index = loop
    is_valid(setmetatable(form("phone", "work"), setmetatable(loop, loop)))
  end)

  it("may be more than are looked at", function()
    local more = {}
    for i = 1, 30 do more[i] = "x" end
    local _, err = core.validate({ value = 1 }, "user", false, nil, table.unpack(more))
    equal("value:type", rules(err.violations))
    local info = form("phone", "work")
    assert.same(info, core.contact_info(info, "user", false, nil, table.unpack(more)))
  end)
end)

describe("whatever comes", function()
  -- Under a sanitizer or valgrind a round takes twenty times as long.
  local rounds = (os.getenv "AWORK_CHECK" or "plain") == "plain" and 5000 or 100
  local seed = 20260801
  local function random(n)
    seed = (seed * 6364136223846793005 + 1442695040888963407)
    return (seed >> 33) % n + 1
  end
  local cyclic = {}
  cyclic.self = cyclic
  local keys = { "subtype", "zip", "foo", "id", 1, 2, 0.5, true, print, cyclic, "", "\xff", ("k"):rep(300) }
  for _, field in ipairs(core.fields()) do keys[#keys + 1] = field.name end
  local values = {
    1, 0, -1, 0.5, 0 / 0, math.huge, math.mininteger, true, false, core.null, {}, cyclic, print, io.stdout,
    coroutine.create(print), "", " ", "\xff", "x\0y", "a\n", ("x"):rep(26), ("ü"):rep(101), ("\u{1F600}"):rep(501),
    ("x"):rep(100000), "phone", "Phone", "email", "address", "url", "urls", "custom", "messenger", "work", "mobil",
    "workfax", "central", "DE", "de", "Germany", "a@b.de", "mailto:a@b.de", "example.com", "https://a.b", "tel:110",
  }

  local function any()
    local info = {}
    for _ = 1, random(12) do info[keys[random(#keys)]] = values[random(#values)] end
    return info
  end

  -- What must be so for every table there is.
  local function look(info)
    local owner = random(2) == 1 and "user" or "company"
    local strict = random(3) == 1
    local ok, more = core.validate(info, owner, strict)
    local copy, again = core.contact_info(info, owner, strict)
    local lists = ok and { more } or { more.violations, more.warnings }
    if ok then
      assert(type(copy) == "table" and (more == nil) == (again == nil))
      assert(core.validate(copy, owner, strict))
    else
      assert(copy == nil and more.description == again.description and #more.violations > 0)
      assert(#more.violations == #more.validationErrors)
      assert(utf8.len(more.description) and not more.description:find "%c")
    end
    for _, list in pairs(lists) do
      for _, v in ipairs(list) do
        assert(type(v.property) == "string" and type(v.rule) == "string")
        assert(utf8.len(v.message) and not v.message:find "%c" and #v.message < 512)
        assert(v.hint == nil or utf8.len(v.hint) and #v.hint < 512)
        assert(type(v.got) ~= "string" or utf8.len(v.got) and utf8.len(v.got) <= 400)
        assert((v.limit == nil) or (v.got > v.limit))
      end
    end
  end

  it("it never crashes and always says the same", function()
    for _ = 1, rounds do look(any()) end
  end)

  it("it leaves the table alone", function()
    for _ = 1, rounds // 10 do
      local info = any()
      local before = {}
      for k, v in next, info do before[k] = v end
      core.validate(info)
      core.contact_info(info)
      for k, v in next, info do
        assert(rawequal(before[k], v) or v ~= v)
        before[k] = nil
      end
      assert.is_nil(next(before))
    end
  end)

  it("the collector may run at any time", function()
    local mode = collectgarbage "generational"
    for _ = 1, rounds // 10 do look(any()) end
    collectgarbage("incremental", 1, 1000)
    for _ = 1, rounds // 100 do look(any()) end
    collectgarbage("incremental", 200, 100)
    collectgarbage(mode)
  end)

  it("a finaliser may change the table meanwhile", function()
    local info, at_work
    local sprung = 0 -- how often it happened while the core was at work
    local function trap()
      setmetatable({}, { __gc = function()
        if not at_work then return end
        sprung = sprung + 1
        for _, field in ipairs(core.fields()) do info[field.name] = nil end
        for i = 1, 20 do info["f" .. i] = nil end
      end })
    end
    local mode = collectgarbage("generational", 1, 100)
    local round = 0
    while sprung < rounds // 20 and round < 100000 do
      round = round + 1
      -- Strings that nothing but the table holds.
      info = {}
      for _, field in ipairs(core.fields()) do
        info[field.name] = field.name .. ("\xff"):rep(round % 7 + 40) .. round
      end
      for i = 1, 20 do info["f" .. i] = i end
      trap()
      at_work = true
      local ok, err = pcall(round % 2 == 0 and core.validate or core.contact_info, info)
      at_work = false
      assert(ok or tostring(err):find "next", err)
    end
    collectgarbage("generational", 20, 100)
    collectgarbage(mode)
    assert(sprung >= rounds // 20, sprung .. " times")
  end)

  it("a valid one costs no memory", function()
    local info, company = form("phone", "work"), form("address", "invoice")
    core.validate(info)
    collectgarbage()
    collectgarbage "stop"
    local before = collectgarbage "count"
    for _ = 1, 1000 do
      core.validate(info)
      core.validate(company, "company", true)
    end
    local after = collectgarbage "count"
    collectgarbage "restart"
    equal(before, after)
  end)

  it("coroutines are as good as the main thread", function()
    local info = form("phone", "mobil")
    local co = coroutine.wrap(function()
      local _, err = core.validate(info)
      coroutine.yield(rules(err.violations))
      return core.contact_info(form("phone", "work")).value
    end)
    equal("subType:possible-values", co())
    equal(VALUES.phone, co())
  end)
end)
