-- What a reader does not understand may hold what a plan would delete: with prune or replace, nothing is taken away.
local awork = require "awork"
local format = require "awork.format"
local plan = require "awork.desired.plan"

local ID = "71bb54d8-c34d-4bff-b826-ec6c85e7bb0f"

local function there()
  return { { id = ID, firstName = "Ada", email = "ada@example.com", userContactInfos = {
    { id = "00000000-0000-4000-8000-000000000001", type = "email", subType = "work", value = "ada@example.com" },
    { id = "00000000-0000-4000-8000-000000000002", type = "phone", subType = "work", value = "+49 30 1" },
    { id = "00000000-0000-4000-8000-000000000003", type = "social", subType = "linkedIn", value = "ada" },
  } } }
end

local function planned(text, opts, read)
  return plan.compute(there(), format.csv.read({ text = text, name = nil }, read), opts)
end

local function deletes(p) return p.summary.delete + p.summary.replace end

local GOOD = "E-Mail,Telefon\nada@example.com,+49 30 1\n"
local TYPO = "E-Mail,Telefom\nada@example.com,+49 30 1\n"

describe("a column that is not understood", function()
  it("empties no type: with prune nothing is deleted, and the problem says what to do", function()
    assert.equal(1, deletes(planned(GOOD, { prune = true })))
    local p = planned(TYPO, { prune = true })
    assert.equal(0, deletes(p))
    assert.equal(1, p:exit_code())
    assert.equal(1, #p.problems)
    assert.same({ "unknown", "Telefom" }, { p.problems[1].kind, p.problems[1].source.column })
    assert.matches('ignore_columns = { "Telefom" }', p.problems[1].message, 1, true)
  end)

  it("lets no new value take the place of another one, either", function()
    local text = "E-Mail,Telefon,Telefom\nada@example.com,+49 30 2,x\n"
    local p = planned(text, { replace = true })
    assert.same({ 0, 1 }, { deletes(p), p.summary.create })
    assert.equal(1, #p.problems)
    p = planned(text, { replace = true }, { ignore_columns = { "Telefom" } })
    assert.same({ 1, 0, 0 }, { deletes(p), p.summary.create, #p.problems })
  end)

  it("is no obstacle once it is named as ignored, and no longer warned of", function()
    for _, name in ipairs { "Telefom", "telefom ", "TELEFOM" } do
      local reader = format.csv.read({ text = TYPO }, { ignore_columns = { name } })
      assert.same({}, reader.warnings)
      local p = plan.compute(there(), reader, { prune = true })
      assert.same({ 2, 0 }, { deletes(p), #p.problems })
    end
    assert.equal(2, deletes(planned(TYPO, { prune = true }, { columns = { Telefom = false } })))
  end)

  it("says nothing where nothing would be deleted anyway", function()
    local p = planned(TYPO, {})
    assert.same({ 0, 0 }, { #p.problems, #p.changes })
  end)

  it("holds for people in a list, as load and decode give them", function()
    local p = plan.compute(there(), format.csv.decode(TYPO), { prune = true })
    assert.same({ 0, 1 }, { deletes(p), #p.problems })
  end)

  it("keeps the types that it may hold alone, when these are known", function()
    local person = format.csv.decode("E-Mail\nada@example.com\n")[1]
    person.source.unknown = { { name = "X-TEL", what = "property", types = { "phone" } } }
    local p = plan.compute(there(), { person }, { prune = true })
    assert.equal(1, deletes(p))
    assert.equal("social", p.changes[1].before.type)
    assert.matches("property 'X%-TEL' .* phone", p.problems[1].message)
  end)

  it("keeps addresses alone when it is a part of one that can't be used", function()
    local text = "E-Mail,Telefon,Ort\nada@example.com,+49 30 1,Berlin\n"
    local p = planned(text, { prune = true })
    assert.same({ 1, "social" }, { deletes(p), p.changes[1].before.type })
    assert.matches("no address is deleted or replaced", p.problems[1].message)
  end)

  it("is known by what programs call what is no contact info", function()
    local p = planned("E-Mail,Telefon,Abteilung,Geburtstag,Telefon Assistent,Notfallkontakt Telefon\n"
      .. "ada@example.com,+49 30 1,IT,1.1.,+49 30 3,+49 30 4\n", { prune = true })
    assert.same({ 1, 0 }, { deletes(p), #p.problems })
  end)

  it("is named no obstacle where the caller leaves out one that is understood; its type stays", function()
    local p = planned(GOOD, { prune = true }, { ignore_columns = { "Telefon" } })
    assert.same({ 1, 0, "social" }, { deletes(p), #p.problems, p.changes[1].before.type })
  end)

  it("keeps what one entry would have replaced", function()
    local person = format.csv.decode(TYPO)[1]
    person.contact_infos[2] = { type = "phone", subType = "work", value = "+49 30 2", replace = true }
    local p = plan.compute(there(), { person }, {})
    assert.same({ 0, 1 }, { deletes(p), p.summary.create })
  end)

  it("is a key of JSON, too, which is refused unless it is ignored", function()
    local text = '[{"user":"ada@example.com","notes":"x","contact_infos":[]}]'
    local persons, err = format.json.decode(text)
    assert.same({ "nil", "notes" }, { type(persons), err.property })
    assert.equal(1, #format.json.decode(text, { ignore_columns = { "notes" } }))
  end)

  it("is refused as an option when it is no list of names", function()
    assert.has_error(function() format.csv.read({ text = GOOD }, { ignore_columns = { 1 } }) end)
    assert.has_error(function() format.csv.read({ text = GOOD }, { ignore_columns = "Telefom" }) end)
    assert(awork.types)
  end)
end)
