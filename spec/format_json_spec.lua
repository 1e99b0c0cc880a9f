local awork_null = require "awork.core".null
local format = require "awork.format"
local people = require "support.people"
local json = format.json

local function all(s, opts)
  local persons, errors = {}, {}
  for person, err in json.read({ text = s }, opts) do
    if person then persons[#persons + 1] = person else errors[#errors + 1] = err end
  end
  return persons, errors
end

local ANNA = '{"user":"a@x.org","contact_infos":[{"type":"phone","subType":"work","value":"+49 30\\/1"}]}'

describe("format.json: reading", function()
  it("takes a list, one a line, and both in turn", function()
    for _, s in ipairs {
      "[" .. ANNA .. "," .. ANNA .. "]", ANNA .. "\n" .. ANNA .. "\n", ANNA .. ANNA, " [ " .. ANNA .. " ]\r\n" .. ANNA,
      "[]" .. ANNA .. "[" .. ANNA .. "]", ANNA:gsub("[,:%[%]{}]", "\n%0\n") .. ANNA,
      "\xEF\xBB\xBF[" .. ANNA .. "," .. ANNA .. "]",
    } do
      local persons, errors = all(s)
      assert.same({}, errors)
      assert.equal(2, #persons)
      assert.equal("+49 30/1", persons[1].contact_infos[1].value)
    end
  end)

  it("refuses a list without anybody: a failed export must not pass for nothing to do", function()
    for _, s in ipairs { "[]", " [ ] ", "[]\n[]", " \n", "\xEF\xBB\xBF" } do
      local persons, errors = all(s)
      assert.same({ 0, 1, "empty", true }, { #persons, #errors, errors[1].code, errors[1].fatal })
    end
  end)

  it("reads the lines of JSON lines that are right, whatever is on the others", function()
    for bad, code in pairs {
      ["not JSON"] = "syntax", ['{"user":"b@x.org"'] = "syntax", ['{"user":"b@x.org,"contact_infos":[]}'] = "syntax",
      ['"text"'] = "syntax", ['{"user":"b@x.org","contact_infos":[}'] = "syntax", [('{"a":'):rep(99)] = "limit",
      ['{"user":"b\0@x.org","contact_infos":[]}'] = "syntax", ["\0"] = "syntax",
    } do
      local persons, errors = all(ANNA .. "\n" .. bad .. "\n" .. ANNA .. "\n\n" .. ANNA .. "\n")
      assert.same({ 3, 1, code, 2 }, { #persons, #errors, errors[1] and errors[1].code, errors[1] and errors[1].line },
        bad)
      assert.same({ 3, 5 }, { persons[2].source.line, persons[3].source.line }, bad)
    end
    local persons, errors = all(ANNA .. "\nnot JSON\n" .. ANNA .. '\n{"user":"b@x')
    assert.same({ 2, 2, 4, true }, { #persons, #errors, errors[2].line, errors[2].fatal })
  end)

  it("gives up on a text that goes wrong on line after line", function()
    local _, errors = all(('{"a\n'):rep(5000))
    assert.is_true(#errors <= 101)
    assert.is_true(errors[#errors].fatal)
  end)

  it("refuses a name that stands twice in an object: one of its values would be lost", function()
    for text, name in pairs {
      ['{"user":"a@x.org","user":"b@x.org","contact_infos":[]}'] = "user",
      ['{"user":"a@x.org","contact_infos":[{"type":"phone","value":"1"},{"value":"2","type":"phone","value":"3"}]}'] =
        "value",
      ['{"user":"a@x.org","contact_infos":[{"value":null,"\\u0076alue":"3"}]}'] = "value",
    } do
      local persons, errors = all("[" .. text .. "," .. ANNA .. "]")
      assert.same({ 1, 1 }, { #persons, #errors })
      assert.equal("'" .. name .. "' stands twice in one object", errors[1].message)
      assert.equal(1, errors[1].row)
    end
    local tricky = [[{"user":"a@x.org","extra":{"a":{},"b:\"c\":":"\\","d":[{"a":1},{"a":2}]},]]
      .. [["contact_infos":[{"value":"\"value\":\"1\",{[","label":null}]}]]
    local persons, errors = all(tricky)
    assert.same({ 1, {} }, { #persons, errors })
  end)

  it("is what a file's name says, unless its text is SCIM", function()
    local path = os.tmpname() .. ".json"
    local file = assert(io.open(path, "w"))
    file:write "null"
    file:close()
    local persons, err = format.load(path)
    os.remove(path)
    os.remove((path:gsub("%.json$", "")))
    assert.is_nil(persons)
    assert.matches("not JSON of people", err.message)
  end)

  it("says where each stands", function()
    local persons = all("[\n" .. ANNA .. ",\n\n" .. ANNA .. "]", { name = "p.json" })
    assert.same({ 2, 4 }, { persons[2].source.row, persons[2].source.line })
    assert.equal("p.json: item 2 (line 4), contact_infos[1].value", format.where(persons[2], 1, "value"))
  end)

  it("keeps null in a contact info, and what a plan reads beside the form", function()
    local person = all('{"company":"ACME","firstName":null,"contact_infos":[{"value":null,"absent":true,"id":"x"}]}')[1]
    assert.equal("ACME", person.company)
    assert.is_nil(person.firstName)
    assert.same({ value = awork_null, absent = true, id = "x" }, person.contact_infos[1])
  end)

  it("takes users as the API lists them, and the address for work for a key", function()
    local person = all('[{"id":"u-1","firstName":"A","lastName":null,"isArchived":false,"userContactInfos":[{"id":"i",'
      .. '"type":"address","subType":"home","city":"Bonn","label":null,"isAddress":true,"createdOn":"2024"}]}]')[1]
    assert.same({ user = "u-1", firstName = "A", contact_infos = { { type = "address", subType = "home", city = "Bonn",
      isAddress = true } } }, { user = person.user, firstName = person.firstName, lastName = person.lastName,
      contact_infos = person.contact_infos })
    person = all('{"contact_infos":[{"type":"email","subType":"work","value":"a@x.org"}]}')[1]
    assert.equal("a@x.org", person.user)
  end)

  it("says what is wrong with an item, and goes on with the next", function()
    local cases = {
      { '{"user":7,"contact_infos":[]}', "user", "quote it" }, { "7", nil, "must be an object" },
      { "[1]", nil, "must be an object" }, { "null", nil, "must be an object" }, { "true", nil, "must be an object" },
      { '"x"', nil, "must be an object" }, { '{"user":"x"}', "contact_infos", "is missing" },
      { '{"user":"x","contact_infos":{"a":1}}', "contact_infos", "must be a list" },
      { '{"user":"x","contact_infos":"a"}', "contact_infos", "must be a list" },
      { '{"user":"x","contact_infos":[[]]}', nil, nil },
      { '{"user":"x","contact_infos":[[1]]}', "contact_infos[1]", "object" },
      { '{"user":"x","contactInfos":[]}', "contactInfos", "did you mean contact_infos" },
      { '{"contact_infos":[]}', "user", "is missing" },
      { '{"id":"x","userContactInfos":[1]}', "userContactInfos[1]", "object" },
      { '{"user":"x","contact_infos":[],}', nil, "not JSON" }, { "{x}", nil, "not JSON" }, { "nan", nil, "not JSON" },
      { '{"user":"\xFF","contact_infos":[]}', nil, "utf-8", "encoding" },
    }
    for _, case in ipairs(cases) do
      local persons, errors = all("[" .. case[1] .. ",\n" .. ANNA .. "]")
      if case[3] then
        assert.equal(1, #persons, case[1])
        assert.equal(1, #errors, case[1])
        assert.equal("format", errors[1].kind)
        assert.equal(case[2], errors[1].property, case[1])
        assert.matches(case[3], errors[1].message, 1, true)
        assert.equal(1, errors[1].row)
        assert.equal(2, persons[1].source.row)
      else
        assert.equal(2, #persons, case[1])
      end
    end
  end)

  it("says where the text stops being JSON, and ends there", function()
    local deep = ("["):rep(70) .. ("]"):rep(70)
    for s, message in pairs {
      ["hello"] = "neither", ["[" .. ANNA] = "cut off", ["[" .. ANNA .. ","] = "value", ["[" .. ANNA .. ",]"] = "comma",
      ["[" .. ANNA .. " " .. ANNA .. "]"] = "comma", ['{"user":"x'] = "cut off", ['{"user":"x"'] = "cut off",
      ["[" .. ANNA .. ":" .. ANNA .. "]"] = "comma", ["[" .. deep .. "]"] = "deep", ["]"] = "neither",
      ["[" .. ANNA .. "}"] = "comma", ['["' .. ("x"):rep(2000000) .. '"]'] = "bytes",
    } do
      local _, errors = all(s)
      assert.equal(1, #errors, s:sub(1, 80))
      assert.is_true(errors[1].fatal)
      assert.matches(message, errors[1].message, 1, true)
    end
  end)
end)

describe("format.json: writing", function()
  it("has one person a line, and the fields in the same order every time", function()
    local list = {
      { lastName = "B", user = "a@x.org",
        contact_infos = { { value = "1/2", subType = "work", type = "phone", id = "i" } } },
      { company = "c", contact_infos = {}, source = { row = 1 } },
    }
    assert.equal('[\n{"user":"a@x.org","lastName":"B","contact_infos":[{"value":"1/2","type":"phone","subType":"work",'
      .. '"id":"i"}]},\n{"company":"c","contact_infos":[]}\n]\n', json.encode(list))
    assert.equal('{"company":"c","contact_infos":[]}\n', json.encode({ list[2] }, { lines = true }))
    assert.equal("[]\n", json.encode {})
    assert.equal("", json.encode({}, { lines = true }))
  end)

  it("says what can't be written", function()
    for _, person in ipairs { { user = "a", extra = { print } }, { user = "a", [1] = 2 },
      { user = "a", contact_infos = { { type = "phone", [1] = 2 } } },
      { user = "a", contact_infos = { { x = 0 / 0 } } } } do
      local s, err = json.encode { person }
      assert.is_nil(s)
      assert.equal("unrepresentable", err.code)
    end
  end)

  for _, lines in ipairs { false, true } do
    it(("comes back as it was, random files (%s)"):format(lines and "lines" or "list"), function()
      local G = people.generator(lines and 11 or 12)
      for _ = 1, people.cases(1100) do
        local list = {}
        for i = 1, G.int(3) do list[i] = G.person(true) end
        local s = assert(json.encode(list, { lines = lines }))
        local back = {}
        for person, err in json.read(G.pieces(s)) do
          assert(person, err and err.description)
          back[#back + 1] = person
        end
        assert.equal(#list, #back)
        for i, person in ipairs(list) do assert.equal(people.key(person, "all"), people.key(back[i], "all")) end
        assert.equal(s, json.encode(back, { lines = lines }))
      end
    end)
  end

  it("keeps absent, null and ids", function()
    local info = { type = "phone", subType = "work", value = awork_null, absent = true, id = "i" }
    local list = { { user = "u", active = false, extra = { a = "b" }, contact_infos = { info } } }
    local back = json.decode(json.encode(list))[1]
    assert.same(info, back.contact_infos[1])
    assert.same({ a = "b" }, back.extra)
    assert.is_false(back.active)
  end)
end)

describe("format.json: hostile input", function()
  it("never raises and always ends, damaged files", function()
    local G = people.generator(4321)
    for i = 1, people.cases(2000) do
      local scim = i % 2 == 0
      local s = (scim and format.scim or json).encode({ G.person(true), G.person() })
      local count = 0
      for person, err in (scim and format.scim or json).read { text = G.damage(s) } do
        count = count + 1
        assert.is_true(count < 100)
        if not person then
          assert.equal("format", err.kind)
          assert.is_truthy(utf8.len(err.description), err.description)
        end
      end
    end
  end)

  it("takes constant memory for a list of any length", function()
    local sent, total = 0, people.size(20000)
    collectgarbage()
    collectgarbage()
    local before, peak, count = collectgarbage "count", 0, 0
    for person in json.read(function()
      sent = sent + 1
      if sent == 1 then return "[" .. ANNA end
      if sent > total then return sent == total + 1 and "]" or nil end
      return "," .. ANNA
    end) do
      assert(person)
      count = count + 1
      if count % 2000 == 0 then -- what is in use, whatever the collector's pace
        collectgarbage()
        peak = math.max(peak, collectgarbage "count" - before)
      end
    end
    assert.equal(total, count)
    assert.is_true(peak < 4096, ("%.0f KiB"):format(peak))
  end)

  it("takes time in proportion to the length", function()
    local function steps(s) return people.steps(function() json.decode(s) end) end
    for _, make in ipairs {
      function(n) return "[" .. (ANNA .. ","):rep(n // 4) .. ANNA .. "]" end,
      function(n) return '["' .. ("\\\\"):rep(n) .. '"]' end,
      function(n) return '[{"a":"' .. ("{"):rep(n) end,
      function(n) return "[" .. ("[],"):rep(n) .. "1]" end,
      function(n) return ("[]\n"):rep(n) end,
      function(n) return "[" .. ("1"):rep(n) .. "]" end,
    } do
      assert.is_true(steps(make(people.size(20000))) <= 40 * steps(make(people.size(2000))) + 20)
    end
  end)
end)
