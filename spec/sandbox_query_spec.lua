local query = require "awork.sandbox.query"

local FIELDS = {
  firstname = "firstName", lastname = "lastName", age = "age", isarchived = "isArchived", createdon = "createdOn",
  id = "id", note = "note", secret = false, big = "big",
  tags = { name = "tags", list = true, fields = { name = "name", weight = "weight" } },
  place = { name = "place", fields = { town = "town", zip = { name = "zip", fields = { code = "code" } } } },
  status = { name = "status", fields = { isready = "isReady" } },
}
local PEOPLE = {
  { firstName = "Neil", lastName = "O'Brien", age = 30, isArchived = false, createdOn = "2024-01-15T09:30:00.5000000Z",
    id = "aaaaaaaa-0000-4000-8000-000000000001", place = { town = "Berlin", zip = { code = "10119" } },
    tags = { { name = "a", weight = 1 }, { name = "b", weight = 2 } }, status = { isReady = true } },
  { firstName = "Ada", lastName = "Zuse", age = 41, isArchived = true, createdOn = "2024-01-15T09:30:00Z",
    id = "aaaaaaaa-0000-4000-8000-000000000002", note = "x", tags = { { name = "b", weight = 3 } },
    status = { isReady = false }, big = 637825154598057901 },
  { firstName = "ada", age = -5, isArchived = false, createdOn = "2023-12-31T23:59:59.9999999Z",
    id = "aaaaaaaa-0000-4000-8000-000000000003", tags = {} },
}
-- Wednesday, 2024-01-17T10:00:00.0000005
local ENV = { sec = 1705485600, ticks = 5, me = "AAAAAAAA-0000-4000-8000-000000000002" }
local RECORDS = {}
for i, person in ipairs(PEOPLE) do RECORDS[i] = { seq = i, data = person } end

describe("filterby", function()
  local function places(text)
    local condition, message = query.filter(text, FIELDS, ENV)
    if not condition then return nil, message end
    local selected, why = query.select(RECORDS, condition)
    if not selected then return nil, why end
    local out = {}
    for i, record in ipairs(selected) do out[i] = record.seq end
    return table.concat(out, " ")
  end

  for text, expected in pairs {
    ["firstName eq 'Neil'"] = "1", ["FIRSTNAME EQ 'Neil'"] = "1", ["firstName ne 'Neil'"] = "2 3",
    ["'Neil' eq firstName"] = "1", ["lastName eq 'O''Brien'"] = "1", ["lastName eq null"] = "3",
    ["lastName ne null"] = "1 2", ["age gt 30"] = "2", ["age ge 30"] = "1 2", ["age lt 30"] = "3",
    ["age le 30"] = "1 3",
    ["age eq -5"] = "3", ["age lt 30.5"] = "1 3", ["note gt 'a'"] = "2", ["isArchived"] = "2",
    ["not isArchived"] = "1 3", ["isArchived eq true"] = "2", ["isArchived eq false"] = "1 3",
    ["not (age gt 30 or age lt 0)"] = "1", ["not age gt 30 and not age lt 0"] = "1",
    ["age gt 30 or age lt 0 and firstName eq 'Neil'"] = "2", ["(age gt 30 or age lt 0) and firstName eq 'ada'"] = "3",
    ["startswith(firstName,'A')"] = "2", ["startswith(tolower(firstName),'a')"] = "2 3",
    ["endswith(firstName, 'a') eq true"] = "2 3", ["substringof('us', lastName)"] = "2",
    ["substringof('%', lastName)"] = "", ["toupper(firstName) eq 'ADA'"] = "2 3", ["endswith(firstName,'')"] = "1 2 3",
    ["tolower(lastName) eq null"] = "3", ["startswith(lastName,'O') eq false"] = "2 3",
    ["id eq guid'AAAAAAAA-0000-4000-8000-000000000002'"] = "2",
    ["createdOn ge datetime'2024-01-15T09:30:00Z'"] = "1 2", ["createdOn gt datetime'2024-01-15T09:30:00'"] = "1",
    ["createdOn lt datetime'2024-01-01'"] = "3", ["createdOn eq datetime'2024-01-15T09:30'"] = "2",
    ["datetime'2024-01-15T09:30:00.5' eq createdOn"] = "1", ["firstName in ('Neil', 'Ada')"] = "1 2",
    ["age in (30)"] = "1", ["place/town eq 'Berlin'"] = "1", ["place/zip/code eq '10119'"] = "1",
    ["Place/ZIP/Code eq null"] = "2 3", ["  firstName   eq   'ada'  "] = "3", ["(((age eq 30)))"] = "1",
    ["tags/any(t: t/name eq 'b')"] = "1 2", ["tags/any(t:t/name eq 'a') eq false"] = "2 3",
    ["not tags/any(t: t/name eq 'b')"] = "3", ["tags/any()"] = "1 2", ["TAGS/ANY(X: X/NAME eq 'a')"] = "1",
    ["tags/any(t: t/name eq 'b' and t/weight gt 2) or age eq -5"] = "2 3",
    ["tags/any(t: t/weight gt 1 and firstName eq 'Neil')"] = "1", ["tags/any(t: not (t/name eq 'b'))"] = "1",
    ["tags/any(t: tags/any(u: u/weight gt 1 and t/name eq 'a'))"] = "1",
    ["count(tags) gt 1"] = "1", ["count(tags) eq 0"] = "3", ["tags/count() eq 1"] = "2", ["1 le count(tags)"] = "1 2",
    ["status/isReady"] = "1", ["status/isReady eq false"] = "2", ["Status/ISREADY eq null"] = "3",
    ["id eq me.id"] = "2", ["me.id ne id"] = "1 3",
    ["id in (guid'aaaaaaaa-0000-4000-8000-000000000001', me.id)"] = "1 2",
    ["age not in (30, 41)"] = "3", ["lastName in ('x', null)"] = "3", ["age in (30L, 0x29)"] = "1 2",
    ["age eq 30L"] = "1", ["age lt 30.5M"] = "1 3", ["age eq 41.0f"] = "2", ["age eq 0x1E"] = "1",
    ["big eq 637825154598057901L"] = "2", ["big eq 637825154598057902L"] = "", ["big gt 637825154598057900"] = "2",
    ["createdOn lt now"] = "1 2 3", ["createdOn gt today-2d"] = "1 2", ["createdOn ge today-1d"] = "",
    ["createdOn lt today+5d"] = "1 2 3", ["createdOn ge sow"] = "1 2", ["createdOn ge SOW-7d"] = "1 2",
    ["createdOn lt som"] = "3", ["createdOn le eom"] = "1 2 3", ["createdOn gt eow-7d"] = "1 2",
    ["createdOn le eom-31d"] = "3", ["createdOn ge datetime'2024-01-15T09:30'"] = "1 2",
    ["(age eq 30) eq false"] = "2 3", ["(age eq 30 or age eq 41) and not (age eq 41)"] = "1",
    ["substringof('RIE', toupper(lastName))"] = "1", ["substringof('''', lastName)"] = "1",
    [("age eq 30 or "):rep(2000) .. "age eq 41"] = "1 2", [("age eq 30 and "):rep(2000) .. "age eq 30"] = "1",
  } do
    it("reads " .. text:sub(1, 80), function() assert.equal(expected, (assert(places(text)))) end)
  end

  for _, text in ipairs {
    "isArchived gt false", "startswith(firstName,'A') le true",
    "tags/any(t: t/nothing eq 1)", "tags/any(name eq 'a')", "tags/any(t t/name eq 'a')",
    "tags/any", "tags/any(t:)", "tags/all(t: t/name eq 'a')", "tags/name eq 'a'", "count(age) gt 1", "count() gt 1",
    "count(tags)", "status eq true", "status/none eq true", "status/isReady/x eq 1", "secret eq 1", "t/name eq 'a'",
    "age eq 30X", "age eq 0xZZ", "age eq 30LL", "age ge 3e1", "createdOn gt today-30", "createdOn gt today-30h",
    "createdOn gt today-9999999d", "createdOn gt today-999999d", "createdOn gt datetime'2024-02-30'",
    "createdOn gt datetime'2024-01-01T24:00'", "age not eq 1", "me eq 1", "place//town eq 'x'",
    "firstName in ('a' 'b')", "place eq null",
    "place/town/deeper eq null", "firstName/x eq null", "age in ('x')", "(age eq 30", "age eq 30) eq false",
    "firstName", "firstName eq", "eq 'x'", "firstName eq 'x", "firstName is 'x'", "nope eq 1", "tags eq 1",
    "tags/any(t: t eq 'x')", "firstName eq 'x' and", "(firstName eq 'x'", "firstName eq 'x')", "length(firstName) gt 3",
    "age eq '30'", "firstName gt 1", "firstName eq true", "startswith(age,'3')", "tolower(age) eq '3'",
    "startswith(firstName)", "id eq guid'x'", "createdOn gt datetime'yesterday'",
    "createdOn gt datetime'2024-01-01T00:00:00+02:00'",
    "firstName in 'x'", "firstName in ()", "age eq 1;2", "age eq -", "age eq 1 2", "(", "\"x\" eq 1", "!age",
    ("("):rep(200) .. "isArchived" .. (")"):rep(200), ("not "):rep(200) .. "isArchived",
    ("tolower("):rep(200) .. "firstName" .. (")"):rep(200) .. " eq 'x'",
  } do
    it("refuses " .. text:sub(1, 60), function()
      local result, message = places(text)
      assert.is_nil(result)
      assert.equal("string", type(message))
    end)
  end

  it("looks at each field once, however many values it may have", function()
    local reads = 0
    local function person(i)
      return setmetatable({}, { __index = function(_, name)
        reads = reads + 1
        return name == "id" and ("aaaaaaaa-0000-4000-8000-%012d"):format(i) or nil
      end })
    end
    local people, ids = {}, {}
    for i = 1, 1000 do
      people[i] = { seq = i, data = person(i) }
      if i % 2 == 0 then ids[#ids + 1] = ("guid'AAAAAAAA-0000-4000-8000-%012d'"):format(i) end
    end
    local condition = assert(query.filter("id in (" .. table.concat(ids, ",") .. ")", FIELDS))
    assert.equal(500, #query.select(people, condition))
    assert.equal(1000, reads)
  end)

  it("lets faults of the program through", function()
    local condition = query.filter("age eq 1", FIELDS)
    assert.has_error(function() query.select({ {} }, condition) end)
  end)
end)

describe("orderby", function()
  local function order(text)
    local less, message = query.order(text, FIELDS)
    if not less then return nil, message end
    local records = table.move(RECORDS, 1, #RECORDS, 1, {})
    table.sort(records, less)
    local out = {}
    for i, record in ipairs(records) do out[i] = record.seq end
    return table.concat(out, " ")
  end

  for text, expected in pairs {
    ["age"] = "3 1 2", ["age desc"] = "2 1 3", ["AGE ASC"] = "3 1 2", ["firstName"] = "2 1 3", ["lastName"] = "3 1 2",
    ["lastName desc"] = "2 1 3", ["isArchived,age"] = "3 1 2", ["isArchived desc,age desc"] = "2 1 3",
    ["note,age desc"] = "1 3 2", ["place/town"] = "2 3 1",
  } do
    it("reads " .. text, function() assert.equal(expected, (assert(order(text)))) end)
  end

  for _, text in ipairs { "", ",", "age,", ",age", "age,,age", "age, firstName", "nope", "tags", "age up", "a b c" } do
    it("refuses '" .. text .. "'", function()
      local result, message = order(text)
      assert.is_nil(result)
      assert.equal("string", type(message))
    end)
  end
end)

describe("a date-time", function()
  for text, expected in pairs {
    ["2024-01-15T09:30:00Z"] = "2024-01-15T09:30:00.0000000",
    ["2024-01-01T00:30:00+01:00"] = "2023-12-31T23:30:00.0000000",
    ["2024-02-28T23:30:00.5-01:00"] = "2024-02-29T00:30:00.5000000",
    ["0001-01-01T00:00:00Z"] = "0001-01-01T00:00:00.0000000",
    ["2024-01-15T09:30:00.12345678Z"] = "2024-01-15T09:30:00.1234567",
  } do
    it("is " .. text, function() assert.equal(expected, query.time(text, true)) end)
  end

  for _, text in ipairs {
    "2024-01-15", "2024-01-15T09:30:00", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-00T00:00:00Z",
    "2024-01-01T00:60:00Z", "2024-01-01T00:00:60Z", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00+1:00", "x", "",
    "1998-04-19T00:00:000Z", "2024-01-01T00:00:00Zx", "0000-01-01T00:00:00Z",
  } do
    it("is not " .. text, function() assert.is_nil(query.time(text, true)) end)
  end
end)

describe("a query string", function()
  it("is decoded, the first of a name counts", function()
    assert.same({ a = "1", b = "x y", c = "", ["d e"] = "&" }, query.parse "a=1&B=x+y&c&d%20e=%26&a=2&&")
  end)
end)
