local awork_errors = require "awork.error"
local core = require "awork.core"
local format = require "awork.format"
local people = require "support.people"

local ANNA = { user = "a@x.org", firstName = "Anna", lastName = "Weiß", contact_infos = {
  { type = "phone", subType = "work", value = "+49 30 23125 100" },
  { type = "address", subType = "home", addressLine1 = "Weg 1", zipCode = "01067", city = "Dresden", country = "DE",
    isAddress = true },
} }

local function temporary(content, extension)
  local name = os.tmpname()
  os.remove(name)
  name = name .. extension
  if content then
    local file = assert(io.open(name, "wb"))
    file:write(content)
    file:close()
  end
  finally(function() os.remove(name) end)
  return name
end

local function read_file(name)
  local file = assert(io.open(name, "rb"))
  local content = file:read "a"
  file:close()
  return content
end

describe("format: choosing one", function()
  it("knows a format by the file's name", function()
    for extension, expected in pairs { [".csv"] = "csv", [".CSV"] = "csv", [".tsv"] = "csv", [".txt"] = "csv",
      [".vcf"] = "vcard", [".json"] = "json", [".jsonl"] = "json", [".ndjson"] = "json", [".scim.json"] = "scim" } do
      local name = temporary(nil, extension)
      assert.equal(1, format.write({ ANNA }, name, { format = extension == ".txt" and "csv" or nil }))
      local list, reader = assert(format.load(name))
      assert.equal(expected, reader.format, extension)
      assert.equal(people.key(ANNA, "none"), people.key(list[1], "none"))
      assert.equal(name, list[1].source.file)
    end
  end)

  it("knows a format by its text", function()
    for name, expected in pairs { csv = "csv", tsv = "csv", vcard = "vcard", scim = "scim", json = "json",
      jsonl = "json" } do
      local s = format.encode({ ANNA }, { format = name })
      assert.equal(expected, format.detect(s))
      local file = temporary("\n" .. s, ".dat")
      local handle = assert(io.open(file, "rb"))
      finally(function() handle:close() end)
      for _, source in ipairs { { text = s }, file, handle, people.generator(1).pieces(s) } do
        local list, reader = format.load(source, type(source) == "function" and { format = name } or nil)
        assert.is_table(list, name)
        assert.equal(expected, reader.format)
        assert.equal(people.key(ANNA, "none"), people.key(list[1], "none"))
      end
      assert.equal("file", io.type(handle)) -- the caller's stays open
    end
    local first = true
    assert.equal("a@x.org", format.load(function()
      if first then
        first = false
        return '[{"user":"a@x.org","contact_infos":[]}]'
      end
    end)[1].user)
    assert.equal("json", format.detect '[{"user":"x"}]')
    assert.equal("scim", format.detect '{"Resources":[]}')
    assert.equal("vcard", format.detect "\xFF\xFEB\0E\0G\0I\0N\0:\0V\0C\0A\0R\0D\0")
    assert.equal("csv", format.detect "")
  end)

  it("converts from one to another without holding the list", function()
    local s = format.encode({ ANNA, ANNA }, { format = "vcard" })
    local parts = {}
    local function sink(piece) parts[#parts + 1] = piece end
    assert.equal(2, format.write(format.read { text = s }, sink, { format = "csv" }))
    assert.equal(people.key(ANNA, "type"), people.key(format.load({ text = table.concat(parts) })[2], "type"))
  end)
end)

describe("format: sources and sinks", function()
  it("closes what it opened, at the end, on break and when told to #process", function()
    local name = temporary("E-Mail\na@x.org\nb@x.org\n", ".csv")
    local reader
    reader = format.read(name)
    assert.equal("a@x.org", reader().user)
    reader:close()
    reader:close()
    assert.is_nil(reader())
    do
      local closing <close> = format.read(name)
      reader = closing
    end
    assert.is_nil(reader:next())
    local open = 0
    for _ in io.popen("ls /proc/self/fd 2>/dev/null"):lines() do open = open + 1 end
    for _ = 1, 50 do
      for person in format.read(name) do
        if person.user == "a@x.org" then break end
      end
      pcall(function()
        for person in format.read(name) do error(person.user) end
      end)
      format.load(name, { encoding = "utf-16" })
    end
    local after = 0
    for _ in io.popen("ls /proc/self/fd 2>/dev/null"):lines() do after = after + 1 end
    assert.is_true(after <= open + 2)
  end)

  it("gives the file's own words when it can't be opened, read or written", function()
    for person, err in format.read "/nonexistent/people.csv" do
      assert.is_false(person)
      assert.same({ "file", "not-read", true }, { err.kind, err.code, err.fatal })
      assert.matches("No such file", tostring(err))
    end
    local list, err = format.load "/"
    assert.is_nil(list)
    assert.equal("not-read", err.code)
    local count
    count, err = format.write({ ANNA }, "/nonexistent/people.csv")
    assert.is_nil(count)
    assert.same({ "file", "not-written" }, { err.kind, err.code })
    if io.open("/dev/full", "w") then
      count, err = format.write({ ANNA }, "/dev/full", { format = "csv" })
      assert.is_nil(count)
      assert.matches("No space", err.message)
    end
    list, err = format.csv.load(function() return nil, "line dropped" end)
    assert.is_nil(list)
    assert.matches("line dropped", err.message)
    local sent = false
    list, err = format.csv.load(function()
      if sent then return nil, "line dropped" end
      sent = true
      return "E-Mail,Skype\na@x.org,"
    end)
    assert.is_nil(list)
    assert.matches("line dropped", err.message)
    count, err = format.csv.write({ ANNA }, function() return nil, "full" end)
    assert.is_nil(count)
    assert.matches("full", err.message)
  end)

  it("writes to open files and functions, and says how many", function()
    local name = temporary(nil, ".csv")
    local file = assert(io.open(name, "wb"))
    assert.equal(2, format.csv.write({ ANNA, ANNA }, file))
    assert.equal("file", io.type(file))
    file:close()
    assert.equal(format.csv.encode { ANNA, ANNA }, read_file(name))
    local parts = {}
    assert.equal(1, format.csv.write({ ANNA }, function(piece) parts[#parts + 1] = piece end))
    assert.equal(format.csv.encode { ANNA }, table.concat(parts))
    parts = {}
    for piece in format.chunks({ ANNA }, { format = "csv" }) do parts[#parts + 1] = piece end
    assert.equal(format.csv.encode { ANNA }, table.concat(parts))
    local count, err = format.vcard.write({ ANNA, { user = 7 }, ANNA }, function() end)
    assert.is_nil(count)
    assert.equal(2, err.row)
  end)

  it("passes on what a reader could not read", function()
    local seen = {}
    for piece, err in format.vcard.chunks(format.csv.read { text = "E-Mail,Skype\na@x.org,1\n\"b\"c,\nd@x.org,\n" }) do
      seen[#seen + 1] = piece and "card" or err.row
    end
    assert.same({ "card", 3, "card" }, seen)
  end)

  it("lets an error of the caller's function through", function()
    assert.error_matches(function() format.csv.load(function() error "mine" end) end, "mine")
    assert.error_matches(function() format.csv.load(function() return 7 end) end, "no string but a number")
    assert.error_matches(function() format.csv.write({ ANNA }, function() error "mine" end) end, "mine")
  end)

  it("works in a coroutine, with a source that yields", function()
    local co = coroutine.wrap(function()
      local first = true
      return format.csv.load(function()
        coroutine.yield "wait"
        if not first then return nil end
        first = false
        return "E-Mail\na@x.org\n"
      end)
    end)
    local result
    repeat result = co() until result ~= "wait"
    assert.equal("a@x.org", result[1].user)
    local json = coroutine.wrap(function()
      local ended
      local _, err = format.json.load(function()
        coroutine.yield "wait"
        if ended then return nil end
        ended = true
        return "[]"
      end)
      return err.code
    end)
    repeat result = json() until result ~= "wait"
    assert.equal("empty", result)
  end)
end)

describe("format: errors", function()
  it("collects all of a file's", function()
    local s = "E-Mail,Skype\n" .. ('"x"y,\n'):rep(150) .. "a@x.org,1\n"
    local list, err = format.load({ text = s }, { format = "csv", name = "x.csv" })
    assert.is_nil(list)
    assert.same({ 100, 150, 1 }, { #err.errors, err.count, #err.persons })
    assert.equal(2, err.row)
    assert.matches("x.csv: row 2", tostring(err), 1, true)
    assert.matches("and 149 more", tostring(err), 1, true)
    assert.is_true(awork_errors.is(err) and awork_errors.is(err.errors[1]))
    assert.same({ nil, 150 }, { nil, (select(2, format.collect(format.csv.read { text = s })).count) })
  end)

  it("shows a place so that it steers no terminal", function()
    local person = format.csv.load({ text = "E-Mail;Tel\27[2J\na@x.org;1\n" }, { name = "a\u{202E}\x9B.csv",
      columns = { ["Tel\27[2J"] = "phone:work" } })[1]
    assert.equal([[a\u{202E}\x9B.csv: row 2, column 'Tel\x1B[2J']], format.where(person, 2))
  end)

  it("raises on misuse, in the caller's line", function()
    for _, case in ipairs {
      { function() format.read(7) end, "source must be" },
      { function() format.read("x.csv", 7) end, "options must be" },
      { function() format.read("x.csv", { sep = ";" }) end, "unknown option 'sep'" },
      { function() format.csv.read("x.csv", { encoding = "klingon" }) end, "unknown encoding 'klingon'" },
      { function() format.read("x", { format = "xlsx" }) end, "unknown format 'xlsx'" },
      { function() format.write({}, "x.xlsx") end, "which format" },
      { function() format.encode({}) end, "which format" }, { function() format.csv.encode(7) end, "persons must be" },
      { function() format.csv.write({}, 7) end, "sink must be" },
      { function() format.csv.decode(7) end, "string expected" }, { function() format.detect() end, "string expected" },
      { function() format.csv.read({ text = "E-Mail\n" }, { separator = "#" }) end, "separator" },
      { function() format.csv.encode({}, { separator = ";;" }) end, "separator" },
      { function() format.csv.encode({}, { eol = "x" }) end, "eol" },
      { function() format.csv.encode({}, { columns = { "Telefon" } }) end, "columns%[1%]" },
      { function() format.csv.encode({}, { columns = {} }) end, "at least one" },
      { function() format.csv.encode({}, { columns = 7 }) end, "option 'columns' must be a table" },
      { function() format.csv.encode({}, { bom = 1 }) end, "option 'bom' must be a boolean" },
      { function() format.csv.read({ text = "E-Mail\n" }, { columns = { x = "Telefon" } }) end, "names nothing" },
      { function() format.csv.read({ text = "E-Mail\n" }, { columns = { x = 7 } }) end, "or false" },
      { function() format.vcard.encode({}, { version = "2.1" }) end, "version" },
      { function() format.vcard.read({ text = "" }, { user = 7 }) end, "user" },
      { function() format.scim.read({ text = "" }, { user = 7 }) end, "user" },
      { function() format.json.read({ text = "" }, { user = "x" }) end, "user" },
    } do
      local ok, message = pcall(case[1])
      assert.is_false(ok)
      assert.matches(("format_spec%%.lua:%d: .*"):format(debug.getinfo(case[1], "S").linedefined) .. case[2], message)
    end
    local file = io.tmpfile()
    file:close()
    assert.error_matches(function() format.csv.read(file) end, "closed file")
    assert.error_matches(function() format.csv.write({}, file) end, "closed file")
  end)

  it("leaves _G and the options as they were", function()
    local before = {}
    for key in pairs(_G) do before[key] = true end
    local opts = { encoding = "LATIN1", format = "csv" }
    format.load({ text = "E-Mail\na@x.org" }, opts)
    assert.same({ encoding = "LATIN1", format = "csv" }, opts)
    for key in pairs(_G) do assert.is_true(before[key]) end
  end)
end)

describe("format.from_user", function()
  it("makes a person of a user with embedded contact infos", function()
    local person = format.from_user { id = "u", firstName = "A", userContactInfos = { { id = "i", type = "phone",
      subType = "work", value = "1", isAddress = false, createdOn = "x" }, { type = "address", city = "B" } } }
    assert.same({ user = "u", firstName = "A", contact_infos = { { type = "phone", subType = "work", value = "1" },
      { type = "address", city = "B", isAddress = true } } }, person)
    assert.same({ user = "u", contact_infos = {} }, format.from_user { id = "u" })
  end)
end)

it("a plan takes a reader, and says what could not be read, and where", function()
  local plans = require "awork.desired.plan"
  local id = "123e4567-e89b-12d3-a456-426614174000"
  local users = { { id = id, email = "a@x.org", userContactInfos = {} } }
  local reader = format.csv.read({ text = "E-Mail;Telefon\na@x.org;12345\nb@x.org;4,9E+11\n" }, { name = "hr.csv" })
  local plan = plans.compute(users, reader, {})
  assert.same({ type = "phone", subType = "work", value = "12345" }, plan.changes[2].form)
  assert.equal(1, #plan.problems)
  assert.same({ file = "hr.csv", row = 3, line = 3, column = "Telefon" }, plan.problems[1].source)
end)

describe("examples/data", function()
  local dir = "examples/data/"

  it("is what its generator makes #process", function()
    local copy = os.tmpname()
    os.remove(copy)
    assert(os.execute("mkdir " .. copy))
    finally(function() os.execute("rm -r " .. copy) end)
    local generate = assert(loadfile "tools/gen-people.lua")
    local saved = arg
    _G.arg = { copy } -- luacheck: ignore 122
    local ok, message = pcall(generate)
    _G.arg = saved -- luacheck: ignore 122
    assert(ok, message)
    local count = 0
    for name in io.popen("ls " .. dir):lines() do
      count = count + 1
      assert.equal(read_file(copy .. "/" .. name), read_file(dir .. name), name)
    end
    assert.is_true(count >= 10)
  end)

  local function load(name, opts) return assert(format.load(dir .. name, opts)) end

  it("says the same in German, in English and in windows-1252", function()
    local german, english = load "hr-export-de.csv", load "hr-export-en.csv"
    assert.equal(300, #german)
    for i, person in ipairs(german) do
      assert.equal(people.key(person, "none"), people.key(english[i], "none"))
      for n, info in ipairs(person.contact_infos) do
        assert.is_true(core.validate(info), format.where(person, n))
      end
    end
    local plain = load("hr-export-de-windows-1252.csv", { encoding = "windows-1252" })
    assert.equal(300, #plain)
    assert.equal(german[3].firstName, plain[3].firstName)
    local list, err = format.load(dir .. "hr-export-de-windows-1252.csv")
    assert.is_nil(list)
    assert.equal("encoding", err.code)
  end)

  it("has Personio's and Google's columns", function()
    local personio = load("personio-de.csv", { defaults = { address = "home" } })
    local google = load "google-contacts.csv"
    assert.same({ 300, 300 }, { #personio, #google })
    for _, list in ipairs { personio, google } do
      for _, person in ipairs(list) do
        for n, info in ipairs(person.contact_infos) do
          assert.is_true(core.validate(info), format.where(person, n))
        end
      end
    end
    assert.equal(personio[1].user, google[1].user)
  end)

  it("has the same people as JSON, SCIM and vCard", function()
    local json = load "people.json"
    assert.equal(60, #json)
    for _, name in ipairs { "people.jsonl", "people.scim.json", "people.vcf", "people-4.0.vcf" } do
      local list = load(name)
      assert.equal(60, #list)
      for i, person in ipairs(json) do assert.equal(people.key(person, "none"), people.key(list[i], "none"), name) end
    end
    for i, person in ipairs(load "old-phone.vcf") do
      assert.same({ json[i].user, json[i].firstName, json[i].lastName },
        { person.user, person.firstName, person.lastName })
    end
  end)

  it("has mistakes that are found, each in its row", function()
    local rows = {}
    for person, err in format.read(dir .. "hr-export-with-mistakes.csv") do
      if not person then
        rows[#rows + 1] = ("%d %s"):format(err.row, err.column or err.code)
      else
        for i, info in ipairs(person.contact_infos) do
          local ok, problem = core.validate(info, "user", true)
          if not ok then
            rows[#rows + 1] = format.where(person, i, problem.violations[1].property):match "row (.*)"
          end
        end
      end
    end
    assert.same({ "3 Telefon dienstlich", "4 user", "5, column 'PLZ'", "6 syntax", "7 Telefon dienstlich",
      "8, column 'Land'", "9 syntax", "10, column 'Telefon dienstlich'" }, rows)
  end)
end)
