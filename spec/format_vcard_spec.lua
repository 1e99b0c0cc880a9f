local format = require "awork.format"
local people = require "support.people"
local vcard = format.vcard

local function all(s, opts)
  local persons, errors = {}, {}
  for person, err in vcard.read({ text = s }, opts) do
    if person then persons[#persons + 1] = person else errors[#errors + 1] = err end
  end
  return persons, errors
end

-- The contact infos of one card with these lines.
local function infos(lines, version, opts)
  local persons, errors = all("BEGIN:VCARD\r\nVERSION:" .. (version or "3.0") .. "\r\nFN:X\r\n" .. lines
    .. "\r\nEND:VCARD\r\n", opts or { user = false })
  assert.same({}, errors)
  local out = {}
  for i, info in ipairs(persons[1].contact_infos) do out[i] = people.info_key(info) end
  return out
end

local function value(type, subtype, v) return ("value=%q type=%q subType=%q"):format(v, type, subtype) end

local function card(lines) return "BEGIN:VCARD\nVERSION:3.0\n" .. lines .. "\nEND:VCARD\n" end

describe("format.vcard: reading", function()
  it("understands a telephone's type in all its spellings", function()
    local cases = {
      ["TEL;TYPE=WORK,VOICE"] = "work", ["TEL;WORK;VOICE"] = "work", ["tel;type=work"] = "work",
      ['TEL;TYPE="work,voice"'] = "work", ['TEL;TYPE="voice","work"'] = "work", ["TEL;type=pref;type=WORK"] = "work",
      ["TEL;TYPE=CELL"] = "mobile", ["TEL;CELL"] = "mobile", ["TEL;TYPE=cell,work"] = "mobile",
      ["TEL;type=IPHONE;type=CELL;type=VOICE;type=pref"] = "mobile", ["TEL;TYPE=HOME"] = "home",
      ["TEL;TYPE=WORK,FAX"] = "work Fax", ["TEL;FAX;WORK"] = "work Fax", ["TEL;TYPE=FAX"] = "fax",
      ["TEL;TYPE=HOME,FAX"] = "fax", ["TEL;TYPE=PAGER"] = "other", TEL = "other", ["TEL;TYPE=VOICE"] = "other",
      ["TEL;PREF=1;TYPE=work"] = "work", ["item1.TEL;TYPE=work"] = "work", ["TEL; TYPE = work"] = "work",
    }
    for property, subtype in pairs(cases) do
      assert.same({ value("phone", subtype, "+49 30 1") }, infos(property .. ":+49 30 1"), property)
    end
  end)

  it("understands addresses of mail, places, the web, messengers and networks", function()
    local address = 'type="address" subType=%q addressLine1="Weg 1"%s zipCode="01067" city="Dresden"%s isAddress=true'
    local cases = {
      ["EMAIL;TYPE=INTERNET,WORK:a@x.org"] = value("email", "work", "a@x.org"),
      ["EMAIL;INTERNET;HOME:a@x.org"] = value("email", "private", "a@x.org"),
      ["EMAIL:mailto:a@x.org"] = value("email", "other", "a@x.org"),
      ["EMAIL;VALUE=text:mailto:a@x.org"] = value("email", "other", "mailto:a@x.org"),
      ["TEL;VALUE=uri;TYPE=work:tel:+49-30-1;ext=5"] = value("phone", "work", "+49-30-1 ext. 5"),
      ["ADR;TYPE=WORK:;;Weg 1;Dresden;;01067;Deutschland"] = address:format("work", "", ' country="DE"'),
      ["ADR;HOME:;Hof;Weg 1;Dresden;Sachsen;01067;"] =
        address:format("home", ' addressLine2="Hof"', ' state="Sachsen"'),
      ["ADR:;;Weg 1\\nHof;Dresden;;01067"] = address:format("other", ' addressLine2="Hof"', ""),
      ["ADR:Postfach 7;;Weg 1;Dresden;;01067;"] = address:format("other", ' addressLine2="Postfach 7"', ""),
      ["ADR:Weg 1;;;Dresden;;01067;"] = address:format("other", "", ""),
      ["URL;TYPE=WORK:https://x.example"] = value("urls", "work", "https://x.example"),
      ["URL:https\\://x.example"] = value("urls", "other", "https://x.example"),
      ["IMPP;X-SERVICE-TYPE=Skype;type=HOME:skype:ann"] = value("messenger", "skype", "ann"),
      ["IMPP:skype:ann"] = value("messenger", "skype", "ann"),
      ["IMPP;SERVICE-TYPE=WhatsApp:x-apple:+49"] = value("messenger", "whatsapp", "+49"),
      ["IMPP:xmpp:ann@x.org"] = value("messenger", "other", "xmpp:ann@x.org"),
      ["X-SKYPE-USERNAME:ann"] = value("messenger", "skype", "ann"),
      ["X-JABBER:a@x.org"] = value("messenger", "other", "a@x.org"),
      ["X-SOCIALPROFILE;type=twitter:http://twitter.com/ann"] = value("social", "twitter", "http://twitter.com/ann"),
      ["X-SOCIALPROFILE;type=linkedin;x-user=ann:x-apple:ann"] = value("social", "linkedIn", "ann"),
      ["X-SOCIALPROFILE;type=xing;x-user=ann:"] = value("social", "xing", "ann"),
      ["X-SOCIALPROFILE;type=mastodon:https://m.example/@a"] = value("social", "other", "https://m.example/@a"),
      ["SOCIALPROFILE;SERVICE-TYPE=GitHub:https://x.example/a"] = value("urls", "gitHub", "https://x.example/a"),
      ["X-TWITTER:ann"] = value("social", "twitter", "ann"),
    }
    for line, expected in pairs(cases) do assert.same({ expected }, infos(line), line) end
  end)

  it("takes nothing for an address that says nothing but a country", function()
    assert.same({}, infos "ADR;WORK:;;;;;;Deutschland\r\nTEL:\r\nADR:;;;;;;\r\nPHOTO;VALUE=uri:x\r\nURL:")
  end)

  it("reads the labels of groups, in whatever order", function()
    assert.same({ value("phone", "work", "1"), value("phone", "other", "2"), value("email", "private", "a@x.org"),
      'type="address" subType="other" addressLine1="Weg" city="Bern" country="CH" isAddress=true' }, infos(
      "item1.X-ABLabel:_$!<Work>!$_\r\nitem1.TEL:1\r\nitem2.TEL;type=pref:2\r\nitem2.X-ABLabel:Ferienhaus\r\n"
      .. "item3.EMAIL:a@x.org\r\nITEM3.X-ABLABEL:privat\r\nitem4.ADR:;;Weg;Bern;;;\r\nitem4.X-ABADR:ch"))
  end)

  it("unfolds lines, also within a character, and removes escapes", function()
    assert.same({ value("phone", "other", "0123456789") }, infos "TEL:01234\r\n 5678\r\n\t9")
    assert.same({ value("messenger", "other", "Übergrößen") },
      infos "X-JABBER:\xC3\r\n \x9Cbergr\xC3\xB6\xC3\r\n \x9Fen")
    assert.same({ value("messenger", "other", "a,b;c\\n\nd\n\\") }, infos "X-JABBER:a\\,b\\;c\\\\n\\nd\\N\\\\")
  end)

  it("reads quoted-printable with soft breaks and character sets, as old phones write it", function()
    local persons = all("BEGIN:VCARD\r\nVERSION:2.1\r\n"
      .. "N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCl=\r\nler;J=C3=\r\n=BCrgen\r\n"
      .. "TEL;CELL:1\r\nEMAIL;WORK;QUOTED-PRINTABLE:a=40x.org\r\n"
      .. "ADR;WORK;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:;;Stra=DFe 1=0D=0AHof;K=F6ln;;50667;\r\n"
      .. "X-SKYPE;CHARSET=windows-1252:\x80\r\nEND:VCARD\r\n")
    local person = persons[1]
    assert.same({ "Jürgen", "Müller", "a@x.org" }, { person.firstName, person.lastName, person.user })
    assert.equal('type="address" subType="work" addressLine1="Straße 1" addressLine2="Hof" zipCode="50667" city="Köln" '
      .. "isAddress=true", people.info_key(person.contact_infos[3]))
    assert.equal("€", person.contact_infos[4].value)
    -- A soft break before the end of the card is none.
    assert.same({ value("phone", "other", "1=") }, infos("TEL;ENCODING=QUOTED-PRINTABLE:1=", "2.1"))
  end)

  it("reads whole files in another encoding when named, and says so when not", function()
    assert.same({ value("messenger", "other", "ö€") }, infos("X-JABBER:\xF6\x80", "2.1",
      { encoding = "latin1", user = false }))
    assert.same({ value("messenger", "other", "ö") }, infos("X-JABBER;CHARSET=UTF-8:\xC3\xB6", "2.1",
      { encoding = "latin1", user = false }))
    local _, errors = all(card "FN:X\nX-JABBER:\xF6" .. card "EMAIL:a@x.org\nX-JABBER;CHARSET=KOI8-R:\xF6")
    assert.same({ "encoding", 1, 4, "X-JABBER" },
      { errors[1].code, errors[1].row, errors[1].line, errors[1].property })
    assert.matches("KOI8-R", errors[2].message, 1, true)
    _, errors = all "\xFF\xFEB\0E\0"
    assert.matches("utf%-16le", errors[1].message)
    _, errors = all(card "EMAIL:a@x.org\nX-JABBER;ENCODING=QUOTED-PRINTABLE:=00")
    assert.equal("encoding", errors[1].code)
  end)

  it("takes who it is from what we wrote, the address for work, or what is named", function()
    local function user(lines, opts)
      local persons, errors = all(card(lines), opts)
      return persons[1] and persons[1].user or errors[1].code
    end
    assert.equal("u-1", user "X-AWORK-USER:u-1\nEMAIL;WORK:a@x.org")
    assert.equal("a@x.org", user "EMAIL;HOME:b@x.org\nEMAIL;WORK:a@x.org")
    assert.equal("a@x.org", user "EMAIL:a@x.org")
    assert.equal("user", user "EMAIL:a@x.org\nEMAIL:b@x.org")
    assert.equal("123e4567-e89b-12d3-a456-426614174000",
      user("UID:urn:uuid:123e4567-e89b-12d3-a456-426614174000", { user = "uid" }))
    assert.equal("b@x.org", user("EMAIL;HOME:b@x.org\nEMAIL;WORK:a@x.org", { user = "email:private" }))
    assert.equal("x", user("NICKNAME:x", { user = "nickname" }))
    assert.equal("user", user("EMAIL:b@x.org", { user = "UID" }))
  end)

  it("reads names, also from FN alone", function()
    local function names(lines)
      local person = all(card(lines), { user = false })[1]
      return { person.firstName, person.lastName }
    end
    assert.same({ "Anna", "W;ß" }, names "N:W\\;ß;Anna;Lena;Dr.;\nFN:x")
    assert.same({ "Anna Lena", "Weiß" }, names "N:;;;;\nFN:Anna Lena Weiß")
    assert.same({}, names "FN:a@x.org")
  end)

  it("keeps the rest if asked to", function()
    local person = all(card "EMAIL:a@x.org\nORG:Beispiel;IT\nNOTE:a\\nb\nNOTE:c", { extra = true })[1]
    assert.same({ ORG = "Beispiel;IT", NOTE = "a\nb" }, person.extra)
  end)

  it("says where each contact info stands", function()
    local persons = all("\n" .. card "EMAIL:a@x.org" .. card "EMAIL:b@x.org\nTEL:\n 1", { name = "p.vcf" })
    assert.equal("p.vcf: card 2 (line 6), TEL (line 9)", format.where(persons[2], 2, "value"))
  end)

  it("skips photos of any size, an agent's card, and what it does not know", function()
    local s = card("EMAIL:a@x.org\nPHOTO;ENCODING=b:" .. ("A"):rep(300000) .. "\n" .. ("B"):rep(70)
      .. "\nKEY;ENCODING=b:" .. ("\n CCCC"):rep(50000) .. "\nAGENT:\nBEGIN:VCARD\nVERSION:2.1\nTEL:2\nEND:VCARD\n"
      .. "X-FOO;X=\"a:b\":c\nTEL:1")
    local persons, errors = all(s)
    assert.same({}, errors)
    assert.equal(2, #persons[1].contact_infos)
    assert.equal("1", persons[1].contact_infos[2].value)
  end)

  it("goes on after a broken card", function()
    local persons, errors = all(card "TEL +49" .. "BEGIN:VCARD\nTEL:1\n" .. card "EMAIL:a@x.org" .. card "VERSION:5.0"
      .. card("EMAIL:b@x.org\nTEL:" .. ("1"):rep(70000)) .. card "X-AWORK-INFO:x" .. card(("TEL:1\n"):rep(3000))
      .. card "EMAIL:c@x.org" .. "BEGIN:VCARD\nTEL:1\n")
    assert.same({ "a@x.org", "c@x.org" }, { persons[1].user, persons[2].user })
    local seen = {}
    for i, err in ipairs(errors) do seen[i] = ("%s %d %s"):format(err.code, err.row, err.line) end
    assert.same({ "user 1 1", "syntax 2 5", "syntax 4 13", "limit 5 18", "syntax 6 22", "limit 7 2025",
      "syntax 9 3032" }, seen)
    assert.is_true(errors[7].fatal)
  end)

  it("says what is no vCard", function()
    for _, s in ipairs { "hello", "TEL:1", "END:VCARD", "BEGIN:VCALENDAR\nEND:VCALENDAR", "{}" } do
      local persons, errors = all(s)
      assert.equal(0, #persons)
      assert.same({ "syntax", true }, { errors[1].code, errors[1].fatal })
      assert.is_nil(errors[2])
    end
    assert.same({}, (all "\r\n\r\n"))
  end)
end)

describe("format.vcard: writing", function()
  local anna = { user = "123E4567-e89b-12d3-a456-426614174000", firstName = "Anna", lastName = "Weiß, geb. Groß",
    contact_infos = {
      { type = "phone", subType = "work Fax", value = "+49 30; 1" },
      { type = "email", subType = "work", value = "a@x.org" },
      { type = "address", subType = "home", addressLine1 = "Weg 1", city = "Bonn", country = "DE", isAddress = true },
      { type = "social", subType = "linkedIn", value = "https://x.example/a,b;c" },
      { type = "messenger", subType = "skype", value = "anna" }, { type = "custom", label = "Raum", value = "1" },
    } }

  it("writes 3.0", function()
    assert.equal("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:urn:uuid:123e4567-e89b-12d3-a456-426614174000\r\n"
      .. "X-AWORK-USER:123E4567-e89b-12d3-a456-426614174000\r\nN:Weiß\\, geb. Groß;Anna;;;\r\n"
      .. "FN:Anna Weiß\\, geb. Groß\r\n"
      .. "TEL;TYPE=WORK,FAX:+49 30\\; 1\r\nEMAIL;TYPE=WORK:a@x.org\r\nADR;TYPE=HOME:;;Weg 1;Bonn;;;DE\r\n"
      .. "X-SOCIALPROFILE;TYPE=linkedin:https://x.example/a,b;c\r\nIMPP;X-SERVICE-TYPE=Skype:skype:anna\r\n"
      .. 'X-AWORK-INFO:{"label":"Raum"\\,"type":"custom"\\,"value":"1"}\r\nEND:VCARD\r\n',
      (vcard.encode { anna }:gsub('{"[^}]+}', '{"label":"Raum"\\,"type":"custom"\\,"value":"1"}')))
  end)

  it("writes 4.0", function()
    local s = vcard.encode({ anna }, { version = "4.0" })
    assert.matches('TEL;TYPE="work,fax":', s, 1, true)
    assert.matches("SOCIALPROFILE;SERVICE-TYPE=LinkedIn:https://x.example/a,b;c\r\n", s, 1, true)
    assert.matches("IMPP;SERVICE-TYPE=Skype:skype:anna\r\n", s, 1, true)
  end)

  it("folds at 75 octets, never within a character", function()
    local s = vcard.encode { { user = "a@x.org", lastName = ("ä😀x"):rep(100), contact_infos = {} } }
    for line in s:gmatch "([^\r\n]*)\r\n" do
      assert.is_true(#line <= 75)
      assert.is_truthy(utf8.len(line))
    end
    assert.equal(("ä😀x"):rep(100), vcard.decode(s)[1].lastName)
  end)

  it("says who can't be written", function()
    local s, err = vcard.encode { { user = "a@x.org", lastName = "\1" } }
    assert.is_nil(s)
    assert.same({ "unrepresentable", 1 }, { err.code, err.row })
  end)

  for _, version in ipairs { "3.0", "4.0" } do
    it("comes back as it was, random files of " .. version, function()
      local G = people.generator(version:byte())
      local function clean(s) return s and s:gsub("[\1\127\r]", "") .. "." end
      for _ = 1, people.cases(1100) do
        local list = {}
        for i = 1, G.int(3) do
          list[i] = G.person(true)
          list[i].firstName, list[i].lastName = clean(list[i].firstName), clean(list[i].lastName)
        end
        local back = assert(vcard.decode(assert(vcard.encode(list, { version = version }))))
        assert.equal(#list, #back)
        for i, person in ipairs(list) do assert.equal(people.key(person, "all"), people.key(back[i], "all")) end
      end
    end)
  end

  it("reads the same whatever the pieces", function()
    local G = people.generator(5)
    for _ = 1, people.cases(300) do
      local s = vcard.encode { G.person(), G.person() }
      if s then
        s = s:gsub("\r\n", G.pick { "\r\n", "\n", "\r" })
        local whole, pieces = vcard.decode(s), {}
        for person, err in vcard.read(G.pieces(s)) do pieces[#pieces + 1] = person or err end
        if whole then
          assert.equal(#whole, #pieces)
          for i, person in ipairs(whole) do assert.equal(people.key(person, "all"), people.key(pieces[i], "all")) end
        end
      end
    end
  end)
end)

describe("format.vcard: hostile input", function()
  it("never raises and always ends, damaged files", function()
    local G = people.generator(77)
    for _ = 1, people.cases(2000) do
      local s = vcard.encode { G.person(), G.person() } or card "EMAIL:a@x.org"
      local count = 0
      for person, err in vcard.read({ text = G.damage(s) }, { encoding = G.chance(20) and "latin1" or nil }) do
        count = count + 1
        assert.is_true(count < 100)
        if not person then
          assert.equal("format", err.kind)
          assert.is_truthy(utf8.len(err.description), err.description)
        end
      end
    end
  end)

  it("takes constant memory for lines and cards without an end", function()
    for _, piece in ipairs { "A", "TEL:1\n", "\n ", "=\n", "X;" } do
      local sent = 0
      collectgarbage()
      collectgarbage()
      local before, peak = collectgarbage "count", 0
      for _ in vcard.read(function()
        sent = sent + 1
        if sent % 4 == 0 then
          collectgarbage() -- how far behind it is depends on how large the whole heap is
          peak = math.max(peak, collectgarbage "count" - before)
        end
        if sent == 1 then return "BEGIN:VCARD\nEMAIL;ENCODING=QUOTED-PRINTABLE:" end
        return sent < people.size(24) + 4 and piece:rep(65536 // #piece) or nil
      end) do end -- luacheck: ignore 542
      assert.is_true(peak < 6144, ("%q: %.0f KiB"):format(piece, peak))
    end
  end)

  it("takes time in proportion to the length", function()
    local function steps(s) return people.steps(function() vcard.decode(s) end) end
    for _, make in ipairs {
      function(n) return card("EMAIL:a@x.org"):rep(n // 4) end,
      function(n) return card("EMAIL:a@x.org" .. ("\n x"):rep(n)) end,
      function(n) return card("EMAIL;ENCODING=QUOTED-PRINTABLE:a@x.org" .. ("=\nx"):rep(n)) end,
      function(n) return card("EMAIL" .. (";TYPE=WORK"):rep(n) .. ":a@x.org") end,
      function(n) return card("ADR:" .. (";"):rep(n)) end,
      function(n) return card("NOTE:" .. ("\n x"):rep(n)) end,
      function(n) return card("a.X-ABLABEL:" .. ("work "):rep(n // 2) .. ("\na.TEL:1"):rep(n // 12)) end,
      function(n) return card(("AGENT:\nBEGIN:VCARD\n"):rep(n)) end,
    } do
      assert.is_true(steps(make(people.size(20000))) <= 40 * steps(make(people.size(2000))) + 20)
    end
  end)
end)
