local cjson = require "cjson"
local format = require "awork.format"
local people = require "support.people"
local scim = format.scim

local function all(s, opts)
  local persons, errors = {}, {}
  local reader = scim.read({ text = s }, opts)
  for person, err in reader do
    if person then persons[#persons + 1] = person else errors[#errors + 1] = err end
  end
  return persons, errors, reader
end

local function infos(fields)
  local persons, errors = all('{"userName":"a@x.org",' .. fields .. "}")
  assert.same({}, errors)
  local out = {}
  for i, info in ipairs(persons[1].contact_infos) do out[i] = people.info_key(info) end
  return out
end

local function value(type, subtype, v) return ("value=%q type=%q subType=%q"):format(v, type, subtype) end

-- After the full user of RFC 7643, section 8.2, with what contact infos have no place for.
local BARBARA = [[{
  "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
  "id": "2819c223-7f76-453a-919d-413861904646", "externalId": "701984", "userName": "bjensen@example.com",
  "name": { "formatted": "Ms. Barbara J Jensen, III", "familyName": "Jensen", "givenName": "Barbara" },
  "displayName": "Babs Jensen", "profileUrl": "https://login.example.com/bjensen",
  "emails": [ { "value": "babs@jensen.example", "type": "home" },
              { "value": "bjensen@example.com", "type": "work", "primary": true } ],
  "addresses": [ { "type": "work", "streetAddress": "100 Universal City Plaza", "locality": "Hollywood", "region": "CA",
                   "postalCode": "91608", "country": "US", "formatted": "100 …\nHollywood", "primary": true },
                 { "type": "home", "formatted": "somewhere" } ],
  "phoneNumbers": [ { "value": "tel:+1-201-555-0123", "type": "work" }, { "value": "555-0100", "type": "mobile" },
                    { "value": "555-0101", "type": "pager" }, { "value": "555-0102" } ],
  "ims": [ { "value": "someaimhandle", "type": "aim" }, { "value": "babs", "type": "skype" } ],
  "photos": [ { "value": "https://photos.example.com/1", "type": "photo" } ], "active": true, "password": null,
  "groups": [ { "value": "e9e3", "display": "Tour Guides" } ], "meta": { "resourceType": "User" }
}]]

describe("format.scim: reading", function()
  it("reads a user of the core schema", function()
    local person = all(BARBARA)[1]
    assert.same({ "bjensen@example.com", "Barbara", "Jensen", true },
      { person.user, person.firstName, person.lastName, person.active })
    local out = {}
    for i, info in ipairs(person.contact_infos) do out[i] = people.info_key(info) end
    assert.same({
      value("email", "work", "bjensen@example.com"), value("email", "private", "babs@jensen.example"),
      value("phone", "work", "+1-201-555-0123"), value("phone", "mobile", "555-0100"),
      value("phone", "other", "555-0101"), value("phone", "other", "555-0102"),
      'type="address" subType="work" addressLine1="100 Universal City Plaza" zipCode="91608" city="Hollywood" '
        .. 'state="CA" country="US" isAddress=true',
      value("messenger", "other", "someaimhandle"), value("messenger", "skype", "babs"),
      value("urls", "other", "https://login.example.com/bjensen"),
    }, out)
    assert.equal("item 1, phoneNumbers[2]", format.where(person, 4, "value"))
    assert.equal("item 1, emails[2]", format.where(person, 1, "value"))
  end)

  it("reads a ListResponse, a list, one a line; names in any case", function()
    local list = '{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":2,"%s":['
      .. BARBARA .. "," .. BARBARA .. '],"startIndex":1}'
    local loud = BARBARA:gsub('"(%a+)":', function(name) return '"' .. name:upper() .. '":' end)
    for _, s in ipairs { list:format "Resources", list:format "resources", "[" .. BARBARA .. "," .. BARBARA .. "]",
      BARBARA .. BARBARA, loud .. BARBARA } do
      local persons, errors, reader = all(s)
      assert.same({}, errors)
      assert.matches("addresses[2]", reader.warnings[1].property, 1, true)
      assert.matches("hold no contact infos: externalId, groups", reader.warnings[3].message, 1, true)
      assert.is_nil(reader.warnings[4])
      assert.equal(2, #persons)
      assert.equal(people.key(persons[1], "all"), people.key(persons[2], "all"))
    end
  end)

  it("refuses a list without anybody: a failed export must not pass for nothing to do", function()
    for _, s in ipairs { '{"totalResults":0,"Resources":[]}', '{"Resources":[],"totalResults":300}', "[]" } do
      local persons, errors = all(s)
      assert.same({ 0, 1, "empty" }, { #persons, #errors, errors[1].code })
    end
  end)

  it("a value that is none of SCIM's is said, never lost", function()
    local function first(attribute)
      local persons, errors, reader = all('{"userName":"b@x.org",' .. attribute .. "}")
      return errors[1] and errors[1].property .. ": " .. errors[1].message
        or reader.warnings[1] and reader.warnings[1].property .. ": " .. reader.warnings[1].message, persons[1]
    end
    local address = '"addresses":[{"type":"work","streetAddress":"Markt 1","locality":"Berlin",%s}]'
    local zip = address:format '"postalCode":10115'
    assert.equal("addresses[1].postalCode: must be a string, not a number", (first(zip)))
    assert.equal("addresses[1].region: must be a string, not a table", (first(address:format '"region":{"a":1}')))
    assert.equal("addresses[1].country: must be a string, not a boolean", (first(address:format '"country":true')))
    assert.equal("phoneNumbers[1]: must be an object", (first '"phoneNumbers":[["+49 30 1"]]'))
    assert.equal("profileUrl: must be a string, not a number", (first '"profileUrl":7'))
    local said, person = first '"phoneNumbers":[{"type":"mobile","number":"+49 170 1"}]'
    assert.equal("phoneNumbers[1]: has no 'value'; it is left out", said)
    assert.same({ "phone" }, person.source.unknown[1].types)
    for _, entry in ipairs { '{"type":"work"}', '{"value":"","type":"work","primary":true}', '{"value":null}' } do
      assert.is_nil((first('"phoneNumbers":[' .. entry .. "]")))
    end
  end)

  it("says that a page is not all there is", function()
    local _, _, reader = all('{"Resources":[' .. BARBARA .. '],"totalResults":300}')
    assert.matches("300 users", reader.warnings[3].message)
    _, _, reader = all('{"totalResults":300,"Resources":[]}')
    assert.matches("300 users", reader.warnings[1].message)
    for _, total in ipairs { "1.5", "1e300", '"300"', "null", "[300]" } do
      local persons
      persons, _, reader = all('{"Resources":[' .. BARBARA .. '],"totalResults":' .. total .. "}")
      assert.same({ 1, 2 }, { #persons, #reader.warnings })
    end
  end)

  it("maps types, and what says none", function()
    assert.same({ value("phone", "home", "1"), value("phone", "fax", "2"), value("phone", "work Fax", "3"),
      value("phone", "other", "4") }, infos('"phoneNumbers":[{"value":"1","type":"Home"},{"value":"2","type":"fax"},'
      .. '{"value":"3","type":"fax","display":"work Fax"},{"value":"4","type":"satellite"},{"value":""},{"type":"work"}'
      .. "]"))
    assert.same({ 'type="address" subType="other" addressLine1="Weg 1" addressLine2="Hof" country="DE" '
      .. "isAddress=true" },
      infos '"addresses":[{"streetAddress":"Weg 1\\r\\nHof","country":"Deutschland"},{"country":"DE"}]')
  end)

  it("takes who it is from userName, the address for work, or the attribute that is named", function()
    local function user(fields, opts)
      local persons, errors = all("{" .. fields .. "}", opts)
      return persons[1] and persons[1].user or errors[1].property
    end
    local emails = '"emails":[{"value":"w@x.org","type":"work"},{"value":"h@x.org"}]'
    assert.equal("a@x.org", user('"userName":"a@x.org",' .. emails))
    assert.equal("w@x.org", user('"userName":"adam",' .. emails))
    assert.equal("userName", user '"userName":"adam"')
    assert.equal("123e4567-e89b-12d3-a456-426614174000", user '"userName":"123e4567-e89b-12d3-a456-426614174000"')
    assert.equal("701984", user('"externalId":"701984",' .. emails, { user = "externalID" }))
    assert.equal("externalId", user(emails, { user = "externalId" }))
    assert.is_nil(all("{}", { user = false })[1].user)
  end)

  it("reads what Entra and Okta write in their own ways, or says that it does not", function()
    local function read(fields)
      local persons, errors, reader = all('{"userName":"a@x.org",' .. fields .. "}")
      local out = {}
      for i, info in ipairs(persons[1] and persons[1].contact_infos or {}) do
        out[i] = ("%s/%s %s"):format(info.type, info.subType, info.value or info.addressLine1)
      end
      local place = errors[1] or reader.warnings[1]
      return table.concat(out, ", "), place and place.property, persons[1], errors[1]
    end
    -- A single object, a simple value, a list of simple values.
    for fields, expected in pairs {
      ['"phoneNumbers":{"value":"1","type":"work"}'] = "phone/work 1", ['"emails":"b@x.org"'] = "email/other b@x.org",
      ['"emails":["b@x.org","c@x.org"]'] = "email/other b@x.org, email/other c@x.org",
      ['"ims":{"value":"anna","type":"skype"}'] = "messenger/skype anna",
      ['"addresses":{"type":"work","streetAddress":"Weg 1","locality":"Bonn"}'] = "address/work Weg 1",
      ['"emails":[{"value":"b@x.org"},{"value":"c@x.org","primary":"True"}]'] =
        "email/other c@x.org, email/other b@x.org",
      ['"emails":[{"value":"b@x.org","type":"secondary"}],"phoneNumbers":[],"ims":{}'] = "email/other b@x.org",
      -- Paths of a typed entry.
      ['"phoneNumbers[type eq \\"mobile\\"].value":"1","phoneNumbers[type eq \\"work\\"].value":"2"'] =
        "phone/mobile 1, phone/work 2",
      ['"addresses[type eq \\"work\\"].streetAddress":"Weg 1","addresses[type eq \\"work\\"].locality":"Bonn"'] =
        "address/work Weg 1",
    } do
      local found, problem = read(fields)
      assert.equal(expected, found)
      assert.is_nil(problem)
    end
    -- Refused or left out, and said where.
    for fields, property in pairs {
      ['"emails":{"work":{"value":"a@b.de"}}'] = "emails", ['"emails":true'] = "emails",
      ['"addresses":[{"formatted":"Markt 1, 10115 Berlin"}]'] = "addresses[1]",
      ['"addresses":"Markt 1"'] = "addresses[1]",
      ['"addresses":{"formatted":"Markt 1"}'] = "addresses[1]", ['"addresses":[{"country":"DE"}]'] = "addresses[1]",
      ['"phoneNumbers":[{"value":"1","type":"assistant"}]'] = "phoneNumbers[1]",
      ['"phoneNumbers":[{"value":["1","2"]}]'] = "phoneNumbers[1].value", ['"mobile":"1"'] = "mobile",
      ['"phoneNumbers[type sw \\"w\\"].value":"1"'] = 'phoneNumbers[type sw "w"].value',
      ['"urn:example:1.0:User":{"phone":"1"}'] = "urn:example:1.0:User",
    } do
      local found, problem, person, err = read(fields)
      assert.equal("", found)
      assert.equal(property, problem)
      assert.is_true(err ~= nil or person.source.unknown[1].name == property)
    end
    for text, active in pairs { ['"False"'] = false, ['"true"'] = true, ['"TRUE"'] = true, ["false"] = false } do
      local _, problem, person = read('"active":' .. text)
      assert.same({ active, nil }, { person.active, problem })
    end
    for _, text in ipairs { '"inactive"', "1", '""', "[]" } do
      local _, problem, person = read('"active":' .. text)
      assert.same({ "active" }, { problem, person.active })
    end
    local _, _, person = read '"name.givenName":"Ada","name.familyName":"Albrecht"'
    assert.same({ "Ada", "Albrecht" }, { person.firstName, person.lastName })
    _, _, person = read '"name":"Ada Albrecht"'
    assert.same({ "Ada", "Albrecht" }, { person.firstName, person.lastName })
  end)

  it("names the item of what is wrong, and each attribute that is not understood once", function()
    local _, errors, reader = all('[{"userName":"a@x.org","mobile":"1","title":"x"},'
      .. '{"userName":"b@x.org","mobile":"2"},{"emails":5}]')
    assert.same({ 3, "item" }, { errors[1].row, errors[1].unit })
    assert.matches("^item 3 %(line 1%), emails: must be a list", errors[1].description)
    assert.same({ "mobile", 1 }, { reader.warnings[1].property, reader.warnings[1].row })
    assert.matches("title$", reader.warnings[2].message)
    assert.is_nil(reader.warnings[3])
    _, _, reader = all('[{"userName":"a@x.org","mobile":"1","title":"x"}]', { ignore_columns = { "Mobile", "title" } })
    assert.same({}, reader.warnings)
  end)

  it("says what is wrong, and goes on with the next", function()
    for s, property in pairs {
      ["7"] = false, ["[1]"] = false, ['{"emails":7}'] = "emails", ['{"emails":[7]}'] = "emails[1]",
      ['{"phoneNumbers":[{"value":7}]}'] = "phoneNumbers[1].value", ["{}"] = "userName",
      ['{"urn:awork:params:scim:schemas:extension:contactinfos:2.0:User":{"contactInfos":[7]}}'] = "contactInfos[1]",
    } do
      local persons, errors = all('{"Resources":[' .. s .. ",\n" .. BARBARA .. "]}")
      assert.equal(1, #persons, s)
      assert.same({ "type", 1, property or nil }, { errors[1].code, errors[1].row, errors[1].property })
    end
    for _, s in ipairs { '{"Resources":[', '{"Resources":[' .. BARBARA, '{"Resources":[' .. BARBARA .. "]",
      '{"Resources":[' .. BARBARA .. '],"a"}', "{7:1}", '{"a" 1}', '{"a":' } do
      local _, errors = all(s)
      assert.equal(true, errors[#errors].fatal, s)
    end
  end)
end)

describe("format.scim: writing", function()
  it("writes a ListResponse that a provider can read", function()
    local anna = { user = "123e4567-e89b-12d3-a456-426614174000", firstName = "Anna", active = false, contact_infos = {
      { type = "phone", subType = "work Fax", value = "1" }, { type = "email", subType = "private", value = "a@x.org" },
      { type = "address", subType = "home", addressLine1 = "Weg", addressLine2 = "Hof", city = "Bonn" },
      { type = "messenger", subType = "skype", value = "anna" },
      { type = "urls", subType = "other", value = "https://a" },
      { type = "urls", subType = "other", value = "https://b" }, { type = "social", subType = "xing", value = "x" },
    } }
    local s = scim.encode { anna, { user = "b@x.org" } }
    local value_of = cjson.decode(s)
    local extension = "urn:awork:params:scim:schemas:extension:contactinfos:2.0:User"
    assert.same({ "urn:ietf:params:scim:api:messages:2.0:ListResponse" }, value_of.schemas)
    assert.same({ 2, 1, 2 }, { value_of.totalResults, value_of.startIndex, value_of.itemsPerPage })
    assert.same({
      schemas = { "urn:ietf:params:scim:schemas:core:2.0:User", extension }, id = anna.user, userName = anna.user,
      name = { givenName = "Anna" }, active = false, emails = { { value = "a@x.org", type = "home", primary = true } },
      phoneNumbers = { { value = "1", type = "fax", display = "work Fax" } },
      addresses = { { streetAddress = "Weg\nHof", locality = "Bonn", type = "home" } },
      ims = { { value = "anna", type = "skype" } }, profileUrl = "https://a",
      [extension] = { contactInfos = { { type = "urls", subType = "other", value = "https://b" },
        { type = "social", subType = "xing", value = "x" } } },
    }, value_of.Resources[1])
    assert.same({ schemas = { "urn:ietf:params:scim:schemas:core:2.0:User" }, userName = "b@x.org" },
      value_of.Resources[2])
    assert.equal(0, cjson.decode(scim.encode {}).totalResults)
  end)

  it("says who can't be written", function()
    local s, err = scim.encode { { contact_infos = {} } }
    assert.is_nil(s)
    assert.same({ "unrepresentable", 1 }, { err.code, err.row })
  end)

  for _, lines in ipairs { false, true } do
    it(("comes back as it was, random files (%s)"):format(lines and "lines" or "ListResponse"), function()
      local G = people.generator(lines and 21 or 22)
      for _ = 1, people.cases(1100) do
        local list = {}
        for i = 1, G.int(3) do list[i] = G.person(true) end
        local s = assert(scim.encode(list, { lines = lines }))
        local back = {}
        for person, err in scim.read(G.pieces(s)) do
          assert(person, err and err.description)
          back[#back + 1] = person
        end
        assert.equal(#list, #back)
        for i, person in ipairs(list) do assert.equal(people.key(person, "none"), people.key(back[i], "none")) end
      end
    end)
  end

  it("names a key that is no UTF-8 in text that is", function()
    local _, err = scim.decode '{"na\xffme" 1}'
    assert.equal("syntax", err.code)
    assert.is_truthy(utf8.len(err.message), err.message)
  end)

  it("bounds what stands beside the list, before it and behind it", function()
    local much = (',"k":"' .. ("x"):rep(1000) .. '"'):rep(3000)
    local person = '"Resources":[{"userName":"a@b.de","emails":[{"value":"a@b.de"}]}]'
    for _, text in ipairs { "{" .. person .. much .. "}", "{" .. much:sub(2) .. "," .. person .. "}" } do
      local reader, code = scim.read { text = text }, nil
      for _ = 1, 3 do
        local _, err = reader:next()
        code = code or err and err.code
      end
      assert.equal("limit", code)
    end
  end)
end)
