-- vCards as programs really write them: what no other reader trips over must not stop ours, and nothing is lost in
-- silence.
local desired = require "awork.desired.plan"
local format = require "awork.format"
local vcard = format.vcard

-- The persons of a text, its errors, and its warnings as "card property: message".
local function read(text, opts)
  local reader = vcard.read({ text = text }, opts)
  local persons, errors, warnings = {}, {}, {}
  for person, err in reader do
    if person then persons[#persons + 1] = person else errors[#errors + 1] = err end
  end
  for i, warning in ipairs(reader.warnings) do
    warnings[i] = ("%s %s: %s"):format(warning.row, warning.property, warning.message)
  end
  return persons, errors, warnings
end

local function card(lines, version)
  return ("BEGIN:VCARD\nVERSION:%s\nEMAIL;TYPE=WORK:ada@example.com\n%s\nEND:VCARD\n"):format(version or "3.0", lines)
end

-- What one card with these lines holds beside its address of mail, as "type/subType value".
local function infos(lines, version)
  local persons, errors, warnings = read(card(lines, version))
  assert.same({}, errors)
  local out = {}
  for i = 2, #persons[1].contact_infos do
    local info = persons[1].contact_infos[i]
    out[#out + 1] = ("%s/%s %s"):format(info.type, info.subType, info.value or info.addressLine1)
  end
  return table.concat(out, ", "), warnings, persons[1]
end

describe("format.vcard, of real programs:", function()
  it("a photo whose base64 is not indented is passed over", function()
    local photo = "/9j/4AAQSkZJRgABAQEAYABgAAD\nN/AABAAAAAAABBCCDDEEFFGGHHI\nTEL+AAAA\nAAAAAAAAAA=="
    for _, head in ipairs {
      "PHOTO;JPEG;ENCODING=BASE64:", "PHOTO;ENCODING=b;TYPE=JPEG:", "photo;encoding=B:", "LOGO;BASE64;PNG:",
      "PHOTO:data:image/jpeg;base64,", "X-MS-CARDPICTURE;ENCODING=BASE64:\n", "item1.PHOTO;BASE64:",
    } do
      for _, tail in ipairs { "", "\n", "\n \n" } do
        assert.equal("phone/mobile +49 170 7", (infos(head .. photo .. tail .. "\nTEL;CELL:+49 170 7", "2.1")))
        assert.equal("phone/mobile +49 170 1", (infos(head .. "\n " .. photo:gsub("\n", "\n ") .. tail
          .. "\nTEL;CELL:+49 170 1", "2.1")))
      end
    end
    local big = ("QUJD"):rep(40000) .. "\n"
    assert.equal("phone/mobile 1", (infos("PHOTO;BASE64:\n" .. big:rep(3) .. "\nTEL;CELL:1", "2.1")))
  end)

  it("the card of an agent, within another, is somebody else's, and what follows is not", function()
    local agent = "BEGIN:VCARD\nVERSION:2.1\nN:Bauer;Bea\nTEL:+49 30 9\n%sEND:VCARD\n"
    local inner = agent:format ""
    for _, head in ipairs { "AGENT:", "AGENT:\n", "agent;x=y: ", "item1.AGENT:" } do
      for _, body in ipairs { inner, agent:format("AGENT:" .. inner), agent:format("AGENT:\n" .. inner) } do
        local text, _, person = infos("N:Albrecht;Ada\n" .. head .. body .. "TEL;WORK:+49 30 1", "2.1")
        assert.same({ "phone/work +49 30 1", "Ada" }, { text, person.firstName })
      end
    end
    local escaped = "AGENT:BEGIN:VCARD\\nTEL:+49 30 9\\nEND:VCARD\\n\n"
    assert.equal("phone/work +49 30 1", (infos(escaped .. "TEL;TYPE=WORK:+49 30 1")))
    local _, warnings = infos "AGENT;VALUE=uri:CID:x"
    assert.matches("hold no contact infos: AGENT", warnings[1])
    -- One that is all in its value opens nothing.
    local persons, errors = read("BEGIN:VCARD\nVERSION:3.0\nAGENT:BEGIN:VCARD\\nEND:VCARD\n" .. card "TEL:1")
    assert.same({ 1, 1 }, { #persons, #errors })
  end)

  it("byte order marks between cards are none of them", function()
    local persons, errors, warnings = read("\xEF\xBB\xBF" .. card "TEL:1" .. "\xEF\xBB\xBF" .. card "TEL:2")
    assert.same({ 2, {}, {} }, { #persons, errors, warnings })
  end)

  it("a NUL byte is its card's, and the others are read", function()
    local persons, errors = read(card "TEL:+49 170\0001" .. card "NOTE:a\0b\nTEL:2")
    assert.same({ 1, 1 }, { #persons, #errors })
    assert.same({ 1, "TEL", 4 }, { errors[1].row, errors[1].property, errors[1].line })
  end)

  it("a semicolon in quoted-printable parts nothing, unless all of them are so", function()
    local function street(value)
      local _, _, person = infos("ADR;WORK;ENCODING=QUOTED-PRINTABLE:" .. value, "2.1")
      local info = person.contact_infos[2]
      return table.concat({ info.addressLine1, info.zipCode, info.city, info.country }, "|")
    end
    assert.equal("Markt 1; Hof A|10115|Berlin|DE", street ";;Markt 1=3B Hof A;Berlin;;10115;DE")
    assert.equal("Markt 1|10115|Berlin|DE", street "=3B=3BMarkt 1=3BBerlin=3B=3B10115=3BDE")
  end)

  it("groups, places and devices are no persons, and said", function()
    local group = "BEGIN:VCARD\nVERSION:4.0\nFN:Team\n%s\nMEMBER:urn:uuid:x\nEND:VCARD\n"
    for line, what in pairs {
      ["KIND:group"] = "a group", ["kind: Group "] = "a group", ["X-ADDRESSBOOKSERVER-KIND:group"] = "a group",
      ["KIND:location"] = "a place", ["KIND:device"] = "a device",
    } do
      local persons, errors, warnings = read(group:format(line) .. card "TEL:1")
      assert.same({ 1, 0 }, { #persons, #errors })
      assert.equal(2, persons[1].source.row)
      assert.equal(("1 nil: the card of %s, not of a person; it is left out"):format(what), warnings[1])
    end
    assert.equal(1, #read(card "KIND:individual"))
  end)

  it("what stands between the cards, before and after them, is said once and passed over", function()
    local two = card "TEL:1" .. "%s" .. card "TEL:2"
    for _, junk in ipairs { "NULL", "NULL\n\n\n", "\26", "--\n--\nx", "Content-Type: text/vcard\n\n", "TEL:5\n" } do
      for _, text in ipairs { two:format(junk:gsub("([^\n])$", "%1\n")), card "TEL:1" .. card "TEL:2" .. junk } do
        local persons, errors, warnings = read(text)
        assert.same({ 2, 0, 1 }, { #persons, #errors, #warnings })
        assert.matches("what is no card is passed over", warnings[1], 1, true)
      end
    end
    local persons, _, warnings = read("ENCODING:UTF-8\n" .. card "TEL:1")
    assert.same({ 1, 1 }, { #persons, #warnings })
    assert.equal(0, #select(3, read("\n\n" .. card "TEL:1" .. "\n\n")))
  end)

  it("white space around a value is none of it, save what is escaped", function()
    assert.equal("phone/work +49 30 1", (infos "TEL;TYPE=WORK: +49 30 1 \t"))
    assert.equal("phone/work +49 30 1", (infos "TEL ;TYPE=WORK:\u{a0}+49 30 1"))
    assert.equal("phone/other \\", (infos "TEL:\f\f\\"))
    assert.equal("phone/other \u{a0}", (infos "TEL:\f\f\\\u{a0}\f"))
    local _, _, person = infos "N: Albrecht ; Ada\\ ;;;\nADR;WORK: ; ; Weg 1 ; Bonn ; ; 53111 ; DE "
    assert.same({ "Albrecht", "Ada " }, { person.lastName, person.firstName })
    local address = person.contact_infos[2]
    assert.same({ "Weg 1", "Bonn", "53111", "DE" },
      { address.addressLine1, address.city, address.zipCode, address.country })
    for _, name in ipairs { " a", "a ", "  a  ", "\u{a0}a\u{a0}", "\\ ", " \\", "a\\", "\n", " ", "\ta\\\\" } do
      local written = assert(vcard.encode { { user = "a@b.de", firstName = name, lastName = "x", contact_infos = {
        { type = "phone", subType = "work", value = name } } } })
      local back = assert(vcard.decode(written))[1]
      assert.same({ name, name }, { back.firstName, back.contact_infos[1].value })
    end
  end)

  it("a property without a colon costs the property, and is said", function()
    local found, warnings, person = infos "TEL;TYPE=WORK\nTEL;TYPE=CELL:1\nwhatever this is\nEMAIL"
    assert.equal("phone/mobile 1", found)
    assert.same({ "1 TEL: no colon: this is not a property; it is left out",
      "1 WHATEVER: no colon: this is not a property; it is left out",
      "1 EMAIL: no colon: this is not a property; it is left out" }, warnings)
    assert.same({ { "phone" }, false, { "email" } }, { person.source.unknown[1].types,
      person.source.unknown[2].types or false, person.source.unknown[3].types })
  end)

  it("what is not understood is said once a file, with what it may hold", function()
    for line, types in pairs {
      ["X-MS-IMADDRESS:a@im.example.com"] = "messenger", ["PHONE.WORK:+49 30 1"] = "phone", ["EMAILS:a@b.de"] = "email",
      ["X-WORK-ADDRESS:Weg 1"] = "address", ["WEBPAGE:x.de"] = "urls", ["X-MASTODON:@a"] = "social", ["FOO:1"] = "nil",
    } do
      local found, warnings, person = infos(line)
      assert.equal("", found)
      assert.matches("not understood; it is left out", warnings[1], 1, true)
      assert.equal(types, person.source.unknown[1].types and table.concat(person.source.unknown[1].types) or "nil")
      assert.equal(1, #select(3, read(card(line):rep(3))))
      assert.equal(0, #select(3, read(card(line), { ignore_columns = { (line:match "^[^:]+"):lower() } })))
    end
    local _, warnings, person = infos "ORG:X\nNOTE:y\nREV:2020\nBDAY:1990-01-01"
    assert.same({ "nil nil: not used, because they hold no contact infos: BDAY, NOTE, ORG, REV" }, warnings)
    assert.is_nil(person.source.unknown)
  end)

  it("nothing that such a property may hold is deleted", function()
    local id = "11111111-1111-4111-8111-111111111111"
    local users = { { id = id, userContactInfos = {
      { id = "22222222-2222-4222-8222-222222222222", type = "email", subType = "work", value = "ada@example.com" },
      { id = "33333333-3333-4333-8333-333333333333", type = "phone", subType = "home", value = "+49 30 9" },
      { id = "44444444-4444-4444-8444-444444444444", type = "urls", subType = "work", value = "https://x.de" } } } }
    local function deleted(line)
      local kinds = {}
      for _, change in ipairs(desired.compute(users, assert(vcard.decode(card(line))), { prune = true }).changes) do
        kinds[#kinds + 1] = change.op == "delete" and change.before.type or nil
      end
      table.sort(kinds)
      return table.concat(kinds, " ")
    end
    assert.equal("phone urls", deleted "NOTE:x")
    assert.equal("urls", deleted "PHONE.WORK:1")
    assert.equal("urls", deleted "TEL;WORK")
    assert.equal("", deleted "FOO:1")
  end)

  it("somebody else's number is left out, by its type or its label", function()
    for _, line in ipairs {
      "TEL;TYPE=assistant:1", "TEL;ASSISTANT:1", "TEL;TYPE=X-EVOLUTION-ASSISTANT:1", "TEL;TYPE=\"work,assistant\":1",
      "i.TEL:1\ni.X-ABLabel:_$!<AssistantPhone>!$_", "i.X-ABLabel:Sekretariat\ni.TEL;TYPE=WORK:1",
      "i.EMAIL:b@x.de\ni.X-ABLabel:Assistentin", "i.TEL:1\ni.X-ABLabel:Notfall (Vater)", "TEL;TYPE=emergency:1",
      "i.ADR:;;Weg 1;Bonn;;53111;DE\ni.X-ABLabel:Eltern", "i.EMAIL:b@x.de\ni.X-ABLabel:Chefin", "TEL;X-Notruf:1",
      "i.TEL:1\ni.X-ABLabel:_$!<Partner>!$_", "i.TEL:1\ni.X-ABLabel:_$!<Child>!$_", "i.TEL:1\ni.X-ABLabel:Tochter",
    } do
      local found, warnings = infos(line)
      assert.equal("", found, line)
      assert.matches("somebody else's", warnings[1], 1, true)
    end
    assert.equal("phone/other 1", (infos "i.TEL:1\ni.X-ABLabel:Pforte"))
    assert.equal("phone/other 1", (infos "i.TEL:1\ni.X-ABLabel:Sonstige"))
  end)

  it("an address that has only its formatted text is said", function()
    for _, line in ipairs {
      'ADR;LABEL="Markt 1\\n10115 Berlin":;;;;;;', "LABEL;WORK:Markt 1\\n10115 Berlin", "ADR;WORK:;;;;;;Germany",
    } do
      local found, warnings, person = infos(line)
      assert.equal("", found)
      assert.matches("an address without its parts", warnings[1], 1, true)
      assert.same({ "address" }, person.source.unknown[1].types)
    end
    assert.equal(0, #select(2, infos "ADR:;;;;;;"))
    assert.equal(0, #select(2, infos "ADR:;;Weg 1;Bonn;;53111;DE\nLABEL:Weg 1"))
  end)

  it("a file of nothing but other things is no vCard", function()
    local persons, errors = read "NULL\nTEL:1\n"
    assert.same({ 0, 1, true }, { #persons, #errors, errors[1].fatal })
    assert.equal(1, errors[1].line)
  end)
end)
